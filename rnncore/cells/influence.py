"""The forward mode of a pointwise cell with many tangents at once: the influence matrix.

Everything here is for one step or for some: what does not depend on the tangents is worked out
for many steps together, with their axis in front of all others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rnncore.cells.base import Array, at_once
from rnncore.cells.groups import Group
from rnncore.cells.tape import Elementwise, Partials, Stretch

if TYPE_CHECKING:
    from rnncore.cells.pointwise import PointwiseCell


FEW = 8  # steps that are prepared together even where the influence matrix is small


class Way(NamedTuple):
    """How tangents of the state pass through a step, or through each of some.

    ``by_h`` (..., B, N, n) is the Jacobian of the new state by the hidden state, None where no
    unit hears another; ``onward`` has what comes from the other old state blocks, ``within`` from
    one new block to another, elementwise (..., B, n).
    """

    by_h: Array | None
    onward: Elementwise
    within: Elementwise

    @classmethod
    def through(cls, cell: PointwiseCell, weights: Mapping[str, Array], d: Partials) -> Way:
        """The way through steps with these partials."""
        if not cell.recurrent:
            return cls(None, d.ds, d.within)
        h = cell.states[0]  # what comes from it elementwise goes along with U, on the diagonal
        own = {key: partial for key, partial in d.ds.items() if key[1] == h}
        onward = {key: partial for key, partial in d.ds.items() if key[1] != h}
        return cls(jacobian(cell, d.dv, weights["U"], own), onward, d.within)

    def at(self, t: int) -> Way:
        """Of the ways through some steps that through one."""
        return Way(
            None if self.by_h is None else self.by_h[t],
            {key: partial[t] for key, partial in self.onward.items()},
            {key: partial[t] for key, partial in self.within.items()},
        )


def jacobian(
    cell: PointwiseCell,
    partials: Elementwise,
    matrix: Array,
    diagonal: Elementwise = MappingProxyType({}),
) -> Array:
    """The Jacobian of the new state by what ``matrix`` multiplies, (..., B, N, in).

    ``diagonal`` has elementwise partials by the same n numbers, which are added.
    """
    lead = next(iter(partials.values())).shape[:-1]
    dtype = np.result_type(matrix, *partials.values(), *diagonal.values())
    result = np.zeros((*lead, cell.state_size, matrix.shape[1]), dtype)
    for (out, gate), partial in partials.items():
        block = result[..., cell._state_cuts[out], :]
        block += partial[..., None] * matrix[cell._gate_cuts[gate]]
    for (out, _), partial in diagonal.items():
        own = np.einsum("...ii->...i", result[..., cell._state_cuts[out], :])
        own += partial
    return result


def push_tangents(
    cell: PointwiseCell, way: Way, ds: Array, by_x: Array | None = None, dx: Array | None = None
) -> Array:
    """D ds + X dx through one step, (B, M, N); ``by_x`` is X (B, N, D).

    In memory the M tangents of one state variable lie side by side, so that what is multiplied
    with one partial derivative is one run.
    """
    old = ds.swapaxes(1, 2)
    others = [a for a in (way.by_h, by_x, dx) if a is not None]
    new = np.empty(old.shape, np.result_type(ds, *way.onward.values(), *others))
    if way.by_h is None:
        new[:] = 0
    else:
        np.matmul(way.by_h, old[:, : cell.hidden_size], out=new)
    if by_x is not None and dx is not None:
        new += by_x @ dx.swapaxes(1, 2)
    spread(cell, way.onward, old, new)
    spread(cell, way.within, new, new)
    return new.swapaxes(1, 2)


def spread(cell: PointwiseCell, partials: Elementwise, source: Array, result: Array) -> None:
    """Add tangents (B, N, M), times partials, to those of the blocks that depend on them."""
    # Some units at a time, which stay in the processor's cache for what is added.
    size = at_once(source.shape[0] * source.shape[2])
    for (out, by), partial in partials.items():
        block, other = result[:, cell._state_cuts[out]], source[:, cell._state_cuts[by]]
        for units in (slice(i, i + size) for i in range(0, cell.hidden_size, size)):
            block[:, units] += other[:, units] * partial[:, units, None]


class Immediate(NamedTuple):
    """What a step, or each of some, adds to the influence of the parameters by itself.

    A parameter of unit i moves unit i alone: the row of (gate k, unit i, input d) and the column of
    (block s, unit j) meet where i = j. There stands the partial derivative of s by k, in ``by``
    (..., B, gates, n) for one state block and some gates side by side, times what the parameters of
    ``group`` multiply, ``factor`` (..., B, inputs). The table F itself is never made.
    """

    group: Group
    block: int
    gates: slice
    by: Array
    factor: Array

    def at(self, t: int) -> Immediate:
        """Of some steps' that of one."""
        return self._replace(by=self.by[t], factor=self.factor[t])


def immediate(cell: PointwiseCell, d: Partials, x: Array, s: Array) -> list[Immediate]:
    """Of steps with these partials (``within`` added), inputs, and states before them."""
    found = []
    for group in cell._groups:
        factor = group.factor(cell, x, s)
        for block, gates, by in _by_block(cell, getattr(d, group.partials), group.keys):
            found.append(Immediate(group, block, gates, by, factor))
    return found


def _by_block(
    cell: PointwiseCell, partials: Elementwise, gates: Sequence[str]
) -> Iterator[tuple[int, slice, Array]]:
    """The partials of each state block by all gates from its first to its last, (..., gates, n)."""
    for block, out in enumerate(cell.states):
        having = [k for k, gate in enumerate(gates) if (out, gate) in partials]
        if having:
            span = slice(having[0], having[-1] + 1)
            nil = np.zeros_like(partials[out, gates[having[0]]])
            some = [partials.get((out, gate), nil) for gate in gates[span]]
            by = np.concatenate(some, axis=-1)
            yield block, span, by.reshape(*by.shape[:-1], len(some), cell.hidden_size)


def add_immediate(
    cell: PointwiseCell, found: Sequence[Immediate], influence: Array, start: int = 0
) -> None:
    """Add F, of one step, to an influence matrix (B, M, N), in place, on its sparse pattern.

    The cell's parameters have the rows from ``start`` on.
    """
    n, places = cell.hidden_size, {}
    for name, shape in cell.shapes.items():
        stop = start + math.prod(shape)
        rows = influence[:, start:stop]
        blocks = rows.reshape(len(rows), shape[0] // n, n, -1, len(cell.states), n)
        places[name] = np.einsum("bkidsi->bskid", blocks)  # a view of where they meet
        start = stop
    for group, block, gates, by, factor in found:
        shares = by[..., None] * factor[:, None, None, :]
        for name, share in group.named(shares).items():
            places[name][:, block, gates] += share


def influences_of(
    cell: PointwiseCell, weights: Mapping[str, Array], tapes: Stretch, influence: Array
) -> Iterator[Array]:
    """``Cell.influences`` over a stretch."""
    # The Jacobians by h should stay in the cache, and be small beside the influence matrix.
    numbers = len(influence) * cell.state_size * cell.hidden_size
    several = min(at_once(numbers), max(FEW, influence.size // (4 * numbers)))
    for start, stop in tapes.chunks(several):
        d, steps = tapes.partials(start, stop), slice(start, stop)
        way = Way.through(cell, weights, d)
        found = immediate(cell, d.total(), tapes.x[steps], tapes.s[:-1][steps])
        for t in range(stop - start):
            influence = push_tangents(cell, way.at(t), influence)
            add_immediate(cell, [each.at(t) for each in found], influence)
            yield influence
