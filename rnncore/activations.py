"""Activation functions: each with its derivative beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Activation:
    """An elementwise function y = f(a) with its derivative.

    Parameters
    ----------
    name
        What it is called in the field.
    function
        f, elementwise and complex-safe.
    slope
        f'(a), as a function of ``a`` and of ``y = f(a)`` (whichever is cheaper).
    """

    name: str
    function: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]

    def __call__(self, a: Array) -> Array:
        """The value f(a)."""
        return self.function(np.asarray(a))

    def derivative(self, a: Array, y: Array) -> Array:
        """The derivative f'(a), given also y = f(a)."""
        return self.slope(a, y)


@cache
def _half(dtype: np.dtype) -> Array:
    # NumPy multiplies a short array by an array of its own kind twice as fast as by a float.
    return np.array(0.5, dtype if dtype.kind in "fcO" else np.float64)


def logistic(a: Array) -> Array:
    """The logistic sigmoid 1 / (1 + exp(-a)), through tanh so that it never overflows.

    sigma(a) = (1 + tanh(a / 2)) / 2

    Examples
    --------
    >>> logistic(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    a = np.asarray(a)
    half = _half(a.dtype)
    # In one piece, however ``a`` was cut out of another array.
    y = a * half if a.flags.c_contiguous else np.multiply(a, half, order="C")
    y = np.tanh(y)
    y *= half
    y += half
    return y


def relu(a: Array) -> Array:
    """The rectifier max(a, 0); its derivative at 0 is taken to be 0."""
    return a * (a.real > 0)


def softmax(a: Array) -> Array:
    """The softmax exp(a_k) / sum_l exp(a_l) over the last axis, shifted by the (real) maximum."""
    e = np.exp(a - a.real.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


TANH = Activation("tanh", np.tanh, lambda a, y: 1 - y * y)
LOGISTIC = Activation("logistic", logistic, lambda a, y: y * (1 - y))
RELU = Activation("relu", relu, lambda a, y: (a.real > 0).astype(y.dtype))
IDENTITY = Activation("identity", lambda a: a, lambda a, y: np.ones_like(y))

_BY_NAME = {act.name: act for act in (TANH, LOGISTIC, RELU, IDENTITY)}


def get(activation: str | Activation) -> Activation:
    """The activation of that name; an :class:`Activation` is returned as it is.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if isinstance(activation, Activation):
        return activation
    if activation not in _BY_NAME:
        raise ValueError(f"activation: expected one of {sorted(_BY_NAME)}, got {activation!r}")
    return _BY_NAME[activation]
