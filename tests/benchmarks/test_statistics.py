"""Quartiles, geometric means and fitted exponents, against what is known of them."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from benchmarks import statistics
from benchmarks.statistics import Fit, exponent, geometric_mean, median, spread

SIZES = [32, 64, 128, 256]


def test_quartiles_of_known_numbers() -> None:
    assert spread([9.0, 1.0, 5.0, 3.0, 7.0]) == (3.0, 5.0, 7.0)
    assert median([4.0, 1.0, 2.0, 100.0]) == 3.0  # one slow round does not count


def test_a_geometric_mean_treats_a_ratio_and_its_inverse_alike() -> None:
    ratios = [2.0, 3.0, 0.7]
    mean = geometric_mean(ratios)
    assert mean == pytest.approx((2 * 3 * 0.7) ** (1 / 3), rel=1e-14)
    assert geometric_mean(1 / r for r in ratios) == pytest.approx(1 / mean, rel=1e-14)


@pytest.mark.parametrize("bad", [[], [1.0, 0.0], [1.0, -2.0], [np.nan], [np.inf]])
def test_what_is_no_time_is_refused(bad: list[float]) -> None:
    for function in (spread, geometric_mean):
        with pytest.raises(ValueError, match="positive finite"):
            function(bad)


@pytest.mark.parametrize("true", [0.0, 0.5, 1.0, 2.0, 3.0, 4.0])
def test_the_fit_recovers_a_known_exponent_under_noise(true: float) -> None:
    noise = np.random.default_rng(3).lognormal(0.0, 0.05, len(SIZES))
    costs = [2e-7 * n**true * factor for n, factor in zip(SIZES, noise, strict=True)]
    found = Fit(exponent(SIZES, costs), true, 0.3)
    assert found.exponent == pytest.approx(true, abs=0.1) and found.holds


@pytest.mark.parametrize("off", [0.4, -0.4])
def test_an_exponent_that_is_off_by_0_4_is_flagged(off: float) -> None:
    costs = [1e-6 * n ** (2 + off) for n in SIZES]
    assert not Fit(exponent(SIZES, costs), 2.0, 0.3).holds


def test_what_the_calls_cost_is_taken_off_first() -> None:
    costs = [5e-5 + 1e-9 * n**2 for n in SIZES]
    assert exponent(SIZES, costs) < 1.0
    assert exponent(SIZES, costs, base=5e-5) == pytest.approx(2.0, rel=1e-9)


def test_a_fit_needs_two_sizes_and_costs_above_the_base() -> None:
    with pytest.raises(ValueError, match="at least two"):
        exponent([8, 8], [1.0, 1.0])
    with pytest.raises(ValueError, match="at least two"):
        exponent([8, 16, 32], [1.0, 2.0])
    with pytest.raises(ValueError, match="positive"):
        exponent([8, 16], [1.0, 2.0], base=1.5)


def test_the_examples_of_the_docstrings_hold() -> None:
    failed, attempted = doctest.testmod(statistics)
    assert failed == 0 and attempted >= 3
