"""The stored averages: a slice again, and what is certain about the order of things."""

import json

import numpy as np
import pytest

from experiments.averaged_alignment import run as experiment
from experiments.gradient_alignment import run as base

BIASED = ("truncated BPTT, 3 steps", "SnAp-1", "e-prop", "RFLO, random e-prop")


@pytest.fixture(scope="module")
def result():
    return json.loads(experiment.RESULT.read_text(encoding="utf-8"))


def cosines(result, step, name):
    """(seeds, number of M)."""
    return np.array(result["path"][str(step)][name]["cosine"])


def test_the_stored_run_is_whole(result):
    assert {key: result[key] for key in experiment.settings()} == experiment.settings()
    assert list(result["path"]) == [str(step) for step in experiment.CHECKPOINTS]
    for learners in result["path"].values():
        assert tuple(learners) == experiment.LEARNERS
    assert tuple(result["own_end"]) == experiment.AT_OWN_END
    assert {len(ratios) for ratios in result["shrunk"].values()} == {experiment.SEEDS}
    for learners in (*result["path"].values(), result["own_end"]):
        for found in learners.values():
            shape = (experiment.SEEDS, len(experiment.AVERAGED))
            assert np.shape(found["cosine"]) == shape and np.abs(found["cosine"]).max() <= 1 + 1e-9
            assert {len(found[key]) for key in ("norm", "near", "far")} == {experiment.SEEDS}
    assert base.RATES[0] == 0.03 and experiment.SEEDS >= 5


def test_a_slice_agrees_with_the_stored_numbers(result):
    """One seed after 1000 steps: a biased learner and one that draws."""
    seed, step = 0, experiment.CHECKPOINTS[0]
    _, feedback = base.start(base.network("dense"), seed)
    params = experiment.path(seed, last=step)[step]
    place = experiment.Place(params, seed, f"step {step}")
    assert place.shrunk == pytest.approx(result["shrunk"][str(step)][seed], rel=1e-4)
    for name in ("e-prop", "ARTBP"):
        again = place.measure(name, feedback)
        for key, stored in result["path"][str(step)][name].items():
            assert again[key] == pytest.approx(stored[seed], abs=1e-4), (name, key)


@pytest.mark.parametrize("step", experiment.CHECKPOINTS)
def test_averaging_helps_what_is_right_on_average_and_nothing_else(result, step):
    for name in ("ARTBP", "KF-RTRL", "UORO", "forward gradient"):
        found = cosines(result, step, name)[:, 1:]
        assert (np.diff(found, axis=1) > 0).all(), name
    for name in BIASED:
        found = cosines(result, step, name)
        assert np.abs(found[:, 3] - found[:, 1]).max() < 0.1, name
    exact = cosines(result, step, "RTRL")
    np.testing.assert_allclose(exact, 1, atol=1e-9)


@pytest.mark.parametrize("step", experiment.CHECKPOINTS)
def test_the_mean_of_an_unbiased_learner_has_both_parts(result, step):
    for name in ("RTRL", "ARTBP", "KF-RTRL"):
        found = result["path"][str(step)][name]
        for key in ("norm", "near", "far"):
            assert np.mean(found[key]) == pytest.approx(1, abs=0.15), (name, key)
    for name in ("SnAp-1", "e-prop"):
        assert np.mean(result["path"][str(step)][name]["far"]) < 0.3


def test_means_and_groups(result):
    rows = np.arange(12.0).reshape(6, 2)
    np.testing.assert_array_equal(experiment.averaged(rows, 3), [[2, 3], [8, 9]])
    params, _ = base.start(base.network("dense"), 0)
    one = experiment.windows(params, 0, "a", 1)
    eight = experiment.windows(params, 0, "a", 8)
    assert (len(one), len(eight)) == (1_024, 128)
    np.testing.assert_array_equal(one[9].inputs[:, 0], eight[1].inputs[:, 1])
    np.testing.assert_array_equal(one[9].initial_state[0], eight[1].initial_state[1])
