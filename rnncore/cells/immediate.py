"""The immediate influence of a pointwise cell's parameters, which is zero almost everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnncore.cells.base import Array
from rnncore.cells.tape import Elementwise, Tape

if TYPE_CHECKING:
    from rnncore.cells.pointwise import PointwiseCell


def add_immediate(cell: PointwiseCell, tape: Tape, influence: Array, start: int) -> None:
    """Add F = ds_t/d theta, with s_{t-1} held fixed, to an influence matrix (B, M, N), in place.

    The cell's parameters have the rows from ``start`` on. A parameter of unit i moves unit i
    alone: the row of (gate k, unit i, input d) and the column of (block s, unit j) meet where
    i = j, in the partial derivative of s by k, times what the parameter multiplies.
    """
    places = {}
    for name, shape in cell.shapes.items():
        stop = start + math.prod(shape)
        n, rows = cell.hidden_size, influence[:, start:stop]
        blocks = rows.reshape(len(rows), shape[0] // n, n, -1, len(cell.states), n)
        places[name] = np.einsum("bkidsi->bskid", blocks)  # a view of where they meet
        start = stop
    for group in cell._groups:
        factor = group.factor(cell, tape.x, tape.s)[:, None, None, :]
        for s, gates, by in _by_block(cell, getattr(tape.partials, group.partials), group.keys):
            for name, share in group.named(by[..., None] * factor).items():
                places[name][:, s, gates] += share


def _by_block(
    cell: PointwiseCell, partials: Elementwise, gates: Sequence[str]
) -> Iterator[tuple[int, slice, Array]]:
    """The partials of each state block by all gates from its first to its last, (B, gates, n)."""
    for s, out in enumerate(cell.states):
        having = [k for k, gate in enumerate(gates) if (out, gate) in partials]
        if having:
            span = slice(having[0], having[-1] + 1)
            nil = np.zeros_like(partials[out, gates[having[0]]])
            some = [partials.get((out, gate), nil) for gate in gates[span]]
            by = np.concatenate(some, axis=1)
            yield s, span, by.reshape(len(by), len(some), cell.hidden_size)
