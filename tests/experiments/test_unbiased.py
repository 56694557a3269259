"""The stored noise, balancing and losses: slices again, and what is certain about their order."""

import json

import numpy as np
import pytest

from experiments.unbiased import run as experiment
from rnncore import tasks


@pytest.fixture(scope="module")
def result():
    return json.loads(experiment.RESULT.read_text(encoding="utf-8"))


def test_the_stored_run_is_whole(result):
    assert result["seed"] == experiment.SEED
    assert list(result) == ["seed", *experiment.PARTS]
    for part, settings in experiment.SETTINGS.items():
        assert result[part]["settings"] == settings
    over = result["noise"]["over_time"]
    for runs in over.values():
        assert list(runs) == [str(gain) for gain in experiment.NOISE["gains"]]
        assert all(len(seeds) == experiment.NOISE["seeds"] for seeds in runs.values())
    assert list(result["balancing"]["curves"]) == list(experiment.BALANCERS)
    assert list(result["short"]["loss"]) == list(experiment.SHORT_LEARNERS)


@pytest.mark.parametrize(("place", "gain"), [(0, 0.3), (4, 1.0), (8, 1.6)])
def test_noise_again(result, place, gain):
    """The first twenty steps of one seed; the runs are not chaotic for so long."""
    assert experiment.NOISE["gains"][place] == gain
    times = [t for t in experiment.NOISE["times"] if t <= 20]
    found, _ = experiment.relative_variance(experiment.NOISE["units"], gain, 100, seed=place)
    for name, values in found.items():
        stored = result["noise"]["over_time"][name][str(gain)][place][: len(times)]
        np.testing.assert_allclose(values[np.array(times) - 1], stored, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [4, 16])
def test_noise_of_sizes_again(result, size):
    steps, gain = experiment.NOISE["steps_of_sizes"], experiment.NOISE["gain_of_sizes"]
    for seed in (0, 7):
        found, _ = experiment.relative_variance(size, gain, steps, seed)
        for name, values in found.items():
            stored = result["noise"]["over_size"][name][str(size)][seed]
            assert values[-1] == pytest.approx(stored, rel=1e-4)


def test_the_first_noise_is_known(result):
    """N - 1 for UORO, none for KF-RTRL, whose immediate influence is one product."""
    over, n = result["noise"]["over_time"], experiment.NOISE["units"]
    for gain in map(str, experiment.NOISE["gains"]):
        np.testing.assert_allclose(np.array(over["UORO"][gain])[:, 0], n - 1, rtol=0.1)
        np.testing.assert_allclose(np.array(over["KF-RTRL"][gain])[:, 0], 0, atol=1e-6)


def test_kronecker_factors_save_the_number_of_units(result):
    by_size = result["noise"]["over_size"]
    for size in experiment.NOISE["sizes"]:
        one, other = (np.array(by_size[name][str(size)]) + 1 for name in ("UORO", "KF-RTRL"))
        np.testing.assert_allclose(one / other, size, rtol=0.3)


def test_the_noisiest_network_neither_forgets_nor_explodes(result):
    over = result["noise"]["over_time"]
    growth = np.array([np.median(runs) for runs in over["growth"].values()])
    assert growth[0] < -1 and growth[-1] > 0.1
    for name in ("UORO", "KF-RTRL"):
        last = np.array([np.median(np.array(runs)[:, -1]) for runs in over[name].values()])
        assert abs(growth[np.argmax(last)]) < 0.05
        assert last.max() > 2 * max(last[0], last[-1])


@pytest.mark.parametrize("name", ["RTRL", "UORO", "truncated BPTT, 12 steps"])
def test_balancing_again(result, name):
    stored = result["balancing"]["curves"][name][0]
    again = experiment.balance(name, 0, experiment.BALANCING["rate"], steps=500)
    np.testing.assert_allclose(again, stored[: len(again)], rtol=1e-4)


def test_who_balances(result):
    ends = {k: np.array(v)[:, -1] for k, v in result["balancing"]["curves"].items()}
    assert ends["truncated BPTT, 12 steps"][0] > 5
    for name in ("RTRL", "UORO", "ARTBP", "truncated BPTT, 26 steps"):
        assert (ends[name] < 0.01).all()
    assert len(ends["UORO"]) == experiment.BALANCING["seeds"]


def test_noise_costs_rate(result):
    ends = result["balancing"]["ends"]
    arrived = {
        name: [sum(x is not None and x < 0.1 for x in runs) for runs in by_rate.values()]
        for name, by_rate in ends.items()
    }
    assert arrived["RTRL"] == [1, 1, 1, 1]
    assert arrived["UORO"][0] < 5 and arrived["UORO"][1:] == [experiment.BALANCING["seeds"]] * 3


def test_a_loss_again(result):
    short = experiment.SHORT
    assert result["short"]["baselines"]["both"] == tasks.lagged_add_baseline((0, 1)).cross_entropy
    for name, rate in (("UORO", 0.01), ("truncated BPTT, 1 step", 0.1)):
        stored = result["short"]["loss"][name][str(rate)]
        assert len(stored) == short["seeds"]
        assert experiment.final_loss(name, 3, rate) == pytest.approx(stored[3], abs=1e-5)


def test_at_short_lags_noise_does_not_pay(result):
    loss = {name: experiment.best(runs)[1] for name, runs in result["short"]["loss"].items()}
    order = ["truncated BPTT, 3 steps", "truncated BPTT, 1 step", "UORO", "forward gradient"]
    assert [loss[name] for name in order] == sorted(loss[name] for name in order)
    assert loss["KF-RTRL"] < loss["UORO"]
