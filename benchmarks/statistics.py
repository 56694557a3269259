"""Medians, geometric means and fitted exponents."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Spread(NamedTuple):
    """A median and the quartiles around it."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Lower quartile, median, upper quartile.

    Raises
    ------
    ValueError
        If there are no values, or one is not positive and finite.

    Examples
    --------
    >>> spread([4.0, 1.0, 2.0, 3.0, 5.0])
    Spread(low=2.0, median=3.0, high=4.0)
    """
    return Spread(*(float(q) for q in np.quantile(_positive(values), [0.25, 0.5, 0.75])))


def median(values: Sequence[float]) -> float:
    """The median of positive numbers."""
    return spread(values).median


def geometric_mean(values: Iterable[float]) -> float:
    """The n-th root of the product: the mean for ratios, since that of 2 and 1/2 is 1.

    Examples
    --------
    >>> geometric_mean([2.0, 0.5]), round(geometric_mean([1.0, 10.0, 100.0]), 12)
    (1.0, 10.0)
    """
    return math.exp(float(np.log(_positive(list(values))).mean()))


class Fit(NamedTuple):
    """A power law through measured points, and whether it is of the declared order."""

    exponent: float
    declared: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the exponent is within the tolerance of the declared one."""
        return abs(self.exponent - self.declared) <= self.tolerance


def exponent(sizes: Sequence[float], costs: Sequence[float], base: float = 0.0) -> float:
    """The slope of log(cost - base) over log(size), by least squares.

    Parameters
    ----------
    sizes, costs
        At least two sizes, with the cost at each.
    base
        A cost that is there at any size (what the calls cost by themselves), taken off first.

    Raises
    ------
    ValueError
        If a size or a cost less the base is not positive, or there are fewer than two sizes.

    Examples
    --------
    >>> round(exponent([1, 2, 4], [5, 14, 50], base=2), 12)
    2.0
    """
    if len(set(sizes)) < 2 or len(sizes) != len(costs):
        raise ValueError("sizes: expected at least two different ones, and a cost for each")
    rest = _positive([cost - base for cost in costs])
    return float(np.polyfit(np.log(_positive(sizes)), np.log(rest), 1)[0])


def _positive(values: Sequence[float]) -> np.ndarray:
    array = np.asarray(values, float)
    if array.size == 0 or not np.isfinite(array).all() or array.min() <= 0:
        raise ValueError(f"values: expected positive finite numbers, got {list(values)}")
    return array
