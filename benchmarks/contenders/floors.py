"""Floors: the bare NumPy calls that no implementation in NumPy can do without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from benchmarks.prepared import Prepared
from benchmarks.problems import GATES

Array = np.ndarray


class Pointwise(NamedTuple):
    """Elementwise work of one step: how many numbers each function sees, in units of B n."""

    forward: dict[str, int]
    backward: dict[str, int]


# The fewest operations that the equations need by hand; see the docstring of benchmarks/floor.py.
POINTWISE = {
    "vanilla": Pointwise({"add": 1, "tanh": 1}, {"add": 1, "subtract": 1, "multiply": 2}),
    "GRU": Pointwise(
        {"add": 6, "exp": 2, "divide": 2, "tanh": 1, "subtract": 1, "multiply": 2},
        {"add": 2, "subtract": 3, "multiply": 10},
    ),
    "LSTM": Pointwise(
        {"add": 8, "exp": 3, "divide": 3, "tanh": 2, "multiply": 3},
        {"add": 2, "subtract": 5, "multiply": 12},
    ),
}


class Arrays:
    """All arrays of the work, made once, with values that stay what they are.

    The record of the gates and the adjoints have one slot for each step, as backpropagation
    through time must keep them.
    """

    def __init__(self, case: Mapping[str, Any]) -> None:
        steps, batch, inputs, n = (case[name] for name in ("T", "B", "D", "n"))
        width, dtype, rng = GATES[case["cell"]] * n, case["dtype"], np.random.default_rng(0)

        def draw(*shape: int) -> Array:
            return rng.uniform(0.25, 0.75, shape).astype(dtype)

        self.x, self.h = draw(steps * batch, inputs), draw(steps, batch, n)
        self.wt, self.u, self.ut = draw(inputs, width), draw(width, n), draw(n, width)
        self.projected, self.delta = draw(steps, batch, width), draw(steps, batch, width)
        self.gates = draw(steps, batch, width)
        self.v, self.back = draw(batch, width), draw(batch, n)
        self.by_w, self.by_u = draw(width, inputs), draw(width, n)
        self.spare = draw(batch, width)


def products(a: Arrays) -> None:
    """All matrix products of one forward and one backward pass."""
    steps, batch, width = a.projected.shape
    np.dot(a.x, a.wt, out=a.projected.reshape(steps * batch, width))
    for t in range(steps):
        np.dot(a.h[t], a.ut, out=a.v)
    for t in range(steps):
        np.dot(a.delta[t], a.u, out=a.back)
    delta = a.delta.reshape(steps * batch, width)
    np.dot(delta.T, a.h.reshape(steps * batch, -1), out=a.by_u)
    np.dot(delta.T, a.x, out=a.by_w)


def pointwise(a: Arrays, work: Pointwise) -> None:
    """All elementwise functions, in as few calls as there can be, on contiguous rows."""
    steps, batch, width = a.gates.shape
    unit = a.h[0].size
    kept, adjoint = a.gates.reshape(steps, -1), a.delta.reshape(steps, -1)
    other, out = a.projected.reshape(steps, -1), a.spare.reshape(-1)
    for t in range(steps):
        _apply(work.forward, unit, kept[t], other[t], out)
    for t in range(steps):
        _apply(work.backward, unit, kept[t], adjoint[t], out)


def _apply(work: dict[str, int], unit: int, left: Array, right: Array, out: Array) -> None:
    for name, count in work.items():
        function = getattr(np, name)
        todo = count * unit
        while todo > 0:
            size = min(todo, len(out))
            arguments = (left[:size],) if function.nin == 1 else (left[:size], right[:size])
            function(*arguments, out=out[:size])
            todo -= size


def bptt(case: Mapping[str, Any]) -> Prepared:
    """Products and elementwise functions of backpropagation through time."""
    arrays, work = Arrays(case), POINTWISE[case["cell"]]

    def run() -> None:
        products(arrays)
        pointwise(arrays, work)

    return Prepared(run)


def bptt_products(case: Mapping[str, Any]) -> Prepared:
    """The matrix products alone."""
    arrays = Arrays(case)
    return Prepared(lambda: products(arrays))


def rtrl(case: Mapping[str, Any]) -> Prepared:
    """The product of one step of RTRL on the influence matrix, P parameters.

    Vanilla and GRU: (n, n) times (n, P). LSTM: (2n, n) times (n, P), from the hidden units to
    both blocks, and c's elementwise share f * P_c, one multiplication and one addition.
    """
    n, inputs, dtype = case["n"], case["D"], case["dtype"]
    gates, biases = GATES[case["cell"]], 2 if case["cell"] == "GRU" else 1
    count, blocks = gates * n * (inputs + n + biases), 2 if case["cell"] == "LSTM" else 1
    rng = np.random.default_rng(0)
    matrix, hidden = (
        rng.uniform(0.25, 0.75, shape).astype(dtype) for shape in ((blocks * n, n), (n, count))
    )
    out = np.empty((blocks * n, count), dtype)
    if blocks == 1:
        return Prepared(lambda: np.dot(matrix, hidden, out=out))
    carried, f, kept = (
        np.ones((n, count), dtype),
        rng.uniform(0, 1, (n, 1)).astype(dtype),
        np.empty((n, count), dtype),
    )

    def run() -> None:
        np.dot(matrix, hidden, out=out)
        np.multiply(carried, f, out=kept)
        np.add(out[n:], kept, out=kept)

    return Prepared(run)
