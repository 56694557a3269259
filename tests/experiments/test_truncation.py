"""The stored runs of chapter 8: some of them again, and what is certain about their outcome."""

import json

import numpy as np
import pytest

from experiments.truncation import run as experiment
from rnncore.learners import TruncatedBPTT
from rnncore.tasks import recall
from rnncore.verify import relative_error

WAYS = {"one lag": False, "all lags up to it": True}


@pytest.fixture(scope="module")
def result():
    return json.loads(experiment.RESULT.read_text(encoding="utf-8"))


def solved(runs):
    return sum(run["error"] == 0 for run in runs)


def test_the_stored_run_is_whole(result):
    assert result["settings"] == experiment.settings()
    for way in WAYS:
        assert list(result[way]) == [str(lag) for lag in experiment.LAGS]
        for lag, of_lag in result[way].items():
            assert list(of_lag) == [str(k2) for k2 in experiment.windows(int(lag))]
            assert {len(runs) for runs in of_lag.values()} == {experiment.RECALL["seeds"]}
    pairs = [f"{k1},{k2}" for k1, k2 in experiment.PAIRS]
    assert list(result["steps until solved"]) == pairs
    assert {len(v) for v in result["steps until solved"].values()} == {experiment.GRID["seeds"]}


@pytest.mark.parametrize(
    ("way", "lag", "k2", "seed"),
    [("all lags up to it", 20, 1, 0), ("all lags up to it", 10, 11, 3), ("one lag", 5, 6, 1)],
)
def test_a_run_of_recall_agrees_with_the_stored_one(result, way, lag, k2, seed):
    again = experiment.recall_run(lag, k2, WAYS[way], seed)
    assert again == pytest.approx(result[way][str(lag)][str(k2)][seed], abs=2e-3)


def test_a_run_of_the_grid_agrees_with_the_stored_one(result):
    assert experiment.grid_run(1, 5, 4) == result["steps until solved"]["1,5"][4]


@pytest.mark.parametrize("k2", [1, 3, 9])
def test_one_loss_at_the_end_makes_a_window_the_tail(k2):
    rng = np.random.default_rng(0)
    net = experiment.network(3, 5)
    params, batch = net.init_params(rng), recall(rng, 9, 4, lag=8)
    tail = experiment.tail_gradient(net, params, batch, k2).grads
    whole = TruncatedBPTT(net, 1, k2).gradient(params, batch).grads
    assert relative_error(tail.flat(), whole.flat()) < 1e-12
    still = experiment.tail_gradient(net, params, batch, 0).grads
    assert still.select("cell.").norm() == 0 < still.select("readout.").norm()
    assert relative_error(still["readout.V"], tail["readout.V"]) < 1e-12


def test_beyond_the_window(result):
    """Asked at all lags, every seed learns the longest by a window of one step."""
    for lag in ("5", "10", "20"):
        counts = {k2: solved(runs) for k2, runs in result["all lags up to it"][lag].items()}
        assert counts.pop("0") == 0
        assert set(counts.values()) == {experiment.RECALL["seeds"]}
    assert solved(result["one lag"]["20"]["1"]) == 0 < 5 < solved(result["one lag"]["20"]["21"])
    far = [run["far"] for run in result["all lags up to it"]["20"]["1"]]
    assert max(far) == 0


def test_what_must_be_computed_needs_the_window(result):
    """Delayed XOR, delay 4: never by a window of 4 steps, always by one of 5."""
    steps = result["steps until solved"]
    for pair in ("1,1", "1,2", "1,3", "1,4", "4,4"):
        assert steps[pair] == [None] * experiment.GRID["seeds"]
    for k2 in (5, 6, 8, 16, 32):
        assert None not in steps[f"1,{k2}"]
    medians = [np.median(steps[pair]) for pair in ("1,32", "4,32", "16,32")]
    assert medians == sorted(medians) and medians[-1] > 2 * medians[0]
