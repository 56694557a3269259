"""The stored latches: one trained again, and what is certain about all of them."""

import json

import numpy as np
import pytest

from experiments.latch import run as experiment
from rnncore import Batch, tasks


@pytest.fixture(scope="module")
def result():
    return json.loads(experiment.RESULT.read_text(encoding="utf-8"))


def test_the_stored_run_is_whole(result):
    assert {key: result[key] for key in experiment.settings()} == experiment.settings()
    for kind in ("recurrent", "window"):
        assert len(result[kind]) == experiment.SEEDS
        assert np.shape([run["errors"] for run in result[kind]])[1] == len(experiment.LAGS)


@pytest.mark.parametrize(("kind", "window"), [("recurrent", 1), ("window", experiment.WINDOW)])
def test_training_again_gives_the_stored_numbers(result, kind, window):
    again, stored = experiment.run(window, 0), result[kind][0]
    assert again["errors"] == pytest.approx(stored["errors"], abs=0.011)
    if kind == "recurrent":
        assert again["params"] == pytest.approx(stored["params"], rel=1e-6)


def test_every_latch_holds_its_bit_for_a_thousand_steps(result):
    assert np.max([run["errors"] for run in result["recurrent"]]) == 0


def test_the_stored_parameters_are_those_of_a_latch(result):
    """The errors of all latches at lag 100, from the stored parameters."""
    net = experiment.network()
    start = net.init_params(np.random.default_rng(0))
    for seed, run in enumerate(result["recurrent"]):
        params = start.unflatten(np.array(run["params"]))
        errors = experiment.errors_at_lags(net, params, seed)
        assert errors == run["errors"]


def test_a_window_forgets_what_leaves_it(result):
    errors = np.array([run["errors"] for run in result["window"]])
    inside = np.array(experiment.LAGS) < experiment.WINDOW
    assert errors[:, inside].max() < 0.05
    assert errors[:, ~inside].min() > 0.35


def test_the_control_is_feed_forward(rng):
    """Its answer depends on nothing but the last inputs."""
    net = experiment.network(experiment.WINDOW)
    params = net.init_params(rng)
    batch = tasks.latch(rng, 12, 3, noise=0.2)
    changed = batch.inputs.copy()
    changed[: -experiment.WINDOW] += 1.0
    seen, other = (
        net.forward(params, Batch(tasks.windowed(x, experiment.WINDOW))).outputs[-1]
        for x in (batch.inputs, changed)
    )
    np.testing.assert_array_equal(seen, other)
