"""The work that contenders share: cells, sizes, and weights and data drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

SEED = 2026
CELLS = ("vanilla", "GRU", "LSTM")
DTYPES = ("float32", "float64")
GATES = {"vanilla": 1, "GRU": 3, "LSTM": 4}


class Size(NamedTuple):
    """Steps, sequences, inputs, units."""

    T: int
    B: int
    D: int
    n: int

    def __str__(self) -> str:
        return f"({self.T}, {self.B}, {self.D}, {self.n})"


SIZES = (
    Size(50, 1, 8, 32),
    Size(100, 32, 32, 64),
    Size(100, 32, 64, 128),
    Size(200, 64, 64, 256),
    Size(784, 32, 1, 128),
    Size(1000, 1, 2, 64),
)
QUICK_SIZES = (Size(10, 2, 3, 8),)


def problem(cell: str, dtype: str, size: Sequence[int]) -> dict[str, Any]:
    """A case: cell, dtype, sizes, and the arrays that every contender gets.

    ``params`` has W (K n, D), U (K n, n), b (K n,), for the GRU b_h (K n,) too, and V (1, n) and
    c (1,) of the read-out; ``x`` is (T, B, D) and ``d`` (T, B, 1). Gates are in the order of the
    package's cells: r, z, n for the GRU, i, f, g, o for the LSTM. Weights have variance
    1/fan-in; biases are not zero, so that a bias that goes astray shows.
    """
    steps, batch, inputs, n = size
    rows = GATES[cell] * n
    rng = np.random.default_rng([SEED, CELLS.index(cell), *size])
    params = {
        "W": rng.standard_normal((rows, inputs)) / np.sqrt(inputs),
        "U": rng.standard_normal((rows, n)) / np.sqrt(n),
        "b": 0.1 * rng.standard_normal(rows),
        "V": rng.standard_normal((1, n)) / np.sqrt(n),
        "c": 0.1 * rng.standard_normal(1),
    }
    if cell == "GRU":
        params["b_h"] = 0.1 * rng.standard_normal(rows)
    return {
        **labels(cell, dtype, size),
        "params": {name: array.astype(dtype) for name, array in params.items()},
        "x": rng.standard_normal((steps, batch, inputs)).astype(dtype),
        "d": rng.standard_normal((steps, batch, 1)).astype(dtype),
    }


def labels(cell: str, dtype: str, size: Sequence[int]) -> dict[str, Any]:
    """What names a case in the stored results."""
    steps, batch, inputs, n = size
    return {"cell": cell, "dtype": dtype, "T": steps, "B": batch, "D": inputs, "n": n}
