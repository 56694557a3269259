"""Validation of arguments: every refusal names the argument, what was expected and what came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray


def positive_int(value: Any, name: str) -> int:
    """Return ``value`` as an ``int`` of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: expected a positive integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value}")
    return int(value)


def generator(rng: Any, name: str = "rng") -> np.random.Generator:
    """Return ``rng`` if it is a ``numpy.random.Generator``; seeds and ``None`` are refused."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{name}: expected a numpy.random.Generator (for instance "
            f"numpy.random.default_rng(0)), got {type(rng).__name__}"
        )
    return rng


def numeric(value: Any, name: str) -> Array:
    """Return ``value`` as a floating (or complex) array; booleans and integers become float64."""
    array = np.asarray(value)
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    if array.dtype.kind not in "fc":
        raise TypeError(f"{name}: expected numbers, got an array of dtype {array.dtype}")
    return array


def finite(array: Array, name: str) -> Array:
    """Return ``array`` if it holds neither NaN nor infinity."""
    good = np.isfinite(array)
    if not good.all():
        where = tuple(int(i) for i in np.argwhere(~good)[0])
        raise ValueError(
            f"{name}: expected finite numbers, got {array[where]} at index {where} "
            f"({int((~good).sum())} such entries)"
        )
    return array


def shape(array: Array, expected: Sequence[int], name: str) -> Array:
    """Return ``array`` if its shape is ``expected`` exactly: nothing is broadcast."""
    if tuple(array.shape) != tuple(expected):
        raise ValueError(f"{name}: expected shape {tuple(expected)}, got {tuple(array.shape)}")
    return array


def names(got: Iterable[str], expected: Iterable[str], what: str) -> None:
    """Refuse a set of names that is not exactly ``expected``."""
    got, expected = set(got), set(expected)
    if got != expected:
        missing, unknown = sorted(expected - got), sorted(got - expected)
        raise ValueError(f"{what}: missing {missing}, unknown {unknown}")
