"""A product of a few rows and a matrix, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.core.compiler import Compiler

from rnncore.fast.elementary import OPTIONS

ONE, TWO, THREE, FOUR = map(np.uint64, (1, 2, 3, 4))


class Apart(Compiler):
    """Numba's compiler, told that the arrays that a function gets do not overlap.

    A kernel has more arrays than the compiler would compare with each other before it makes
    vector instructions of a loop.
    """

    def define_pipelines(self) -> Any:
        self.state.flags.noalias = True
        return super().define_pipelines()


@njit(pipeline_class=Apart, **OPTIONS)
def few_rows(
    rows: Any, inner: Any, width: Any, x: Any, at: Any, matrix: Any, out: Any, to: Any
) -> None:
    """out = x @ matrix for a few rows.

    All arrays are flat: x (rows, inner) begins with its number ``at``, out (rows, width) with its
    number ``to``.

    Rows of the matrix are added up, four at a time. They lie together in memory, so that the
    inner loop is vector instructions, and nothing is summed in another order than written.
    Sizes are unsigned, and so are indices: Numba need not ask whether one counts from the end.
    """
    for b in range(rows):
        first, into = at + b * inner, to + b * width
        for j in range(width):
            out[into + j] = 0
        for four in range(inner // FOUR):
            i = four * FOUR
            x0, x1 = x[first + i], x[first + i + ONE]
            x2, x3 = x[first + i + TWO], x[first + i + THREE]
            m0 = i * width
            m1, m2, m3 = m0 + width, m0 + TWO * width, m0 + THREE * width
            for j in range(width):
                pair = x0 * matrix[m0 + j] + x1 * matrix[m1 + j]
                out[into + j] += pair + (x2 * matrix[m2 + j] + x3 * matrix[m3 + j])
        for rest in range(inner - inner % FOUR, inner):
            for j in range(width):
                out[into + j] += x[first + rest] * matrix[rest * width + j]
