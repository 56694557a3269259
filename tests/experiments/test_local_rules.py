"""The stored runs of the local rules: a slice again, and what chapter 10 reads of them."""

import json

import numpy as np
import pytest

from experiments.local_rules import run as experiment


@pytest.fixture(scope="module")
def result():
    return json.loads(experiment.RESULT.read_text(encoding="utf-8"))


def test_the_stored_run_is_whole(result):
    assert {key: result[key] for key in experiment.settings()} == experiment.settings()
    assert list(result["recall"]) == [str(lag) for lag in experiment.LAGS]
    for found in result["recall"].values():
        assert list(found) == list(experiment.RECALL)
        for runs in found.values():
            assert len(runs) == experiment.SEEDS
            for run in runs:
                assert (run["updates"] is None) == (run["errors"] > 0)
    assert tuple(result["wave"]) == experiment.WAVE
    for runs in result["wave"].values():
        assert np.shape(runs["loss"]) == (experiment.SEEDS, experiment.ROUNDS)
        assert np.shape(runs["turned"]) == (experiment.SEEDS, experiment.ROUNDS + 1)
    assert experiment.SEEDS >= 5


@pytest.mark.parametrize("name", ["LSTM, BPTT", "LSTM, e-prop", "tanh, BPTT"])
def test_a_recall_run_agrees_with_the_stored_one(result, name):
    stored = result["recall"]["5"][name][0]
    assert experiment.recall(name, 5, 0) == stored and stored["updates"] <= 200


@pytest.mark.parametrize("name", experiment.WAVE)
def test_the_first_round_of_the_wave_agrees_with_the_stored_one(result, name):
    again = experiment.learn_wave(name, 1, rounds=1)
    for key, values in again.items():
        stored = result["wave"][name][key][1][: len(values)]
        assert values == pytest.approx(stored, abs=2e-6), key


def solved(result, lag, name):
    return sum(run["updates"] is not None for run in result["recall"][str(lag)][name])


def test_a_local_rule_bridges_what_the_cell_keeps(result):
    for rule in ("BPTT", "SnAp-1", "e-prop", "random e-prop"):
        assert solved(result, 20, f"LSTM, {rule}") == experiment.SEEDS
    assert solved(result, 20, "LSTM, truncated BPTT, 5 steps") < experiment.SEEDS
    assert solved(result, 5, "tanh, e-prop") == 0 < solved(result, 5, "tanh, BPTT")


def test_adaptive_feedback_meets_the_read_out(result):
    assert min(run[-1] for run in result["wave"]["adaptive e-prop"]["turned"]) > 0.98
    assert min(run[-1] for run in result["wave"]["RFLO"]["turned"]) > 0


def test_the_wave_has_the_steps_and_the_cosine_is_one():
    assert experiment.wave().shape == (experiment.STEPS, 1, 1)
    a = np.array([[1.0, -2.0]])
    assert experiment.cosine(a, 3 * a) == pytest.approx(1)
