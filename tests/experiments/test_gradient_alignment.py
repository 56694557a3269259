"""The stored cosines and losses: a short slice again, and what is certain about their order."""

import json

import numpy as np
import pytest

from experiments.gradient_alignment import run as experiment
from rnncore import tasks
from rnncore.learners import SnAp

SLICE = {
    "dense": ["RTRL", "truncated BPTT, 3 steps", "SnAp-1", "e-prop", "DNI", "KF-RTRL", "UORO"],
    "sparse": ["RTRL", "SnAp-1", "SnAp-2"],
}


@pytest.fixture(scope="module")
def result():
    return json.loads(experiment.RESULT.read_text(encoding="utf-8"))


def mean(result, kind, name):
    """The mean cosine over seeds and checkpoints."""
    return np.mean(result["cosine"][kind][name])


def test_the_stored_run_is_whole(result):
    assert {key: result[key] for key in experiment.settings()} == experiment.settings()
    for kind in experiment.ALIGNED:
        assert list(result["cosine"][kind]) == experiment.ALIGNED[kind]
        assert list(result["loss"][kind]) == experiment.TRAINED[kind]
        for runs in result["cosine"][kind].values():
            assert np.shape(runs) == (experiment.SEEDS, len(experiment.CHECKPOINTS))
            assert np.abs(runs).max() <= 1 + 1e-12
        for rates in result["loss"][kind].values():
            assert list(rates) == [str(rate) for rate in experiment.RATES]
            assert {len(losses) for losses in rates.values()} == {experiment.SEEDS}
    assert experiment.SEEDS >= 5 and experiment.UNITS == 32


@pytest.mark.parametrize("kind", SLICE)
def test_a_short_slice_agrees_with_the_stored_cosines(result, kind):
    again = experiment.align(kind, 0, SLICE[kind], last=100)
    for name, cosines in again.items():
        stored = result["cosine"][kind][name][0][:2]
        assert cosines == pytest.approx(stored, abs=1e-6), name


def test_a_trained_network_agrees_with_the_stored_loss(result):
    """One of the cheap learners, all steps; rounding may grow in so long a training."""
    rate = experiment.RATES[1]
    loss = experiment.final_loss("dense", "e-prop", 0, rate)
    assert loss == pytest.approx(result["loss"]["dense"]["e-prop"][str(rate)][0], abs=1e-3)


@pytest.mark.parametrize("kind", experiment.ALIGNED)
def test_the_exact_gradient_has_cosine_one_and_no_other_has(result, kind):
    for name, runs in result["cosine"][kind].items():
        exact = name == "RTRL"
        assert (np.abs(np.array(runs) - 1).max() < 1e-12) == exact, name


def test_snap_is_nearer_the_more_steps_it_follows(result):
    means = [mean(result, "sparse", f"SnAp-{n}") for n in (1, 2, 3)]
    assert means == sorted(means) and means[0] < means[2]
    every = [np.array(result["cosine"]["sparse"][f"SnAp-{n}"]) for n in (1, 2, 3)]
    assert np.mean(every[1] >= every[0]) > 0.9
    saturation = {kind: SnAp(experiment.network(kind)).saturation for kind in ("dense", "sparse")}
    assert saturation["dense"] == 2 < 3 < saturation["sparse"]


@pytest.mark.parametrize("kind", experiment.ALIGNED)
def test_a_longer_window_is_nearer(result, kind):
    means = [mean(result, kind, f"truncated BPTT, {n} steps") for n in (3, 7, 11)]
    assert means == sorted(means) and means[-1] > 0.9


@pytest.mark.parametrize("kind", experiment.ALIGNED)
def test_of_the_noisy_ones_less_noise_is_nearer(result, kind):
    """A sign that matters a step, 32 of them, and a direction among a thousand parameters."""
    means = [mean(result, kind, name) for name in ("forward gradient", "UORO", "KF-RTRL")]
    assert means == sorted(means)
    # Along a random direction of P signs the cosine is about 1 / sqrt(P).
    assert 0 < means[0] < 0.1


@pytest.mark.parametrize("kind", experiment.ALIGNED)
def test_with_its_own_read_out_e_prop_points_better_than_with_a_random_one(result, kind):
    own, random = (mean(result, kind, name) for name in ("e-prop", "RFLO, random e-prop"))
    assert own > random


def test_what_the_exact_gradient_learns_local_rules_do_not(result):
    """Below the first baseline the network remembers ten steps."""
    both, first = (result["baselines"][key] for key in ("both", "first"))
    assert both == tasks.lagged_add_baseline((0, 1)).cross_entropy
    loss = {name: experiment.best(v)[1] for name, v in result["loss"]["dense"].items()}
    assert both < loss["RTRL"] < first < loss["forward gradient"]
    assert loss["RTRL"] < loss["SnAp-1"] and loss["RTRL"] < loss["e-prop"]
    assert loss["RTRL"] <= min(loss.values()) + 0.005
    assert min(loss.values()) > both - 0.002


def test_the_better_aligned_need_not_learn_better(result):
    """What the paper concludes: a noisy gradient that is right on average beats a cut one.

    KF-RTRL's cosine is half that of a window of 3 steps, which sees neither dependency.
    """
    noisy, cut = "KF-RTRL", "truncated BPTT, 3 steps"
    assert mean(result, "dense", noisy) < 0.7 * mean(result, "dense", cut)
    losses = {name: result["loss"]["dense"][name] for name in (noisy, cut)}
    one, other = (losses[name][experiment.best(losses[name])[0]] for name in (noisy, cut))
    assert all(a < b for a, b in zip(one, other, strict=True))


def test_windows_start_where_the_network_would_be(result):
    net = experiment.network("dense")
    params, _ = experiment.start(net, 0)
    one, other = (experiment.windows(net, params, 0, 0)[3] for _ in range(2))
    np.testing.assert_array_equal(one.inputs, other.inputs)
    assert one.mask is None and one.steps == experiment.WINDOW
    assert np.abs(one.initial_state).max() > 0.1
    assert experiment.cosine(np.array([1.0, 2.0]), np.array([-2.0, -4.0])) == pytest.approx(-1)
    assert experiment.cosine(np.zeros(2), np.ones(2)) == 0
    heard = experiment.network("sparse").cell.mask["U"]
    np.testing.assert_array_equal(heard.sum(axis=1), experiment.HEARD)
