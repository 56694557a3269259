"""SnAp over many steps at once, where what it keeps stays within the units.

SnAp keeps J_t = M * (D_t J_{t-1} + F_t). A parameter's row of J is its own affair: it meets D
between the w states that the row keeps, and nothing else. With the parameters held, all of it is
linear in J, so that it goes backwards too. Each row carries the adjoints of its kept states, ::

    lambda_t[k] = dl_t/ds_t[k] + sum_j D_{t+1}[j, k] lambda_{t+1}[j]      j and k kept

and their sum with what the parameters deposit is the gradient of the steps 1 … T::

    sum_t dl_t/ds_t J_t = sum_t lambda_t F_t + lambda_0 J_0,    lambda_0 = D_1^T lambda_1

A unit adjoint at s_T in place of the losses gives in the same way that state's entries of J_T: w
of them go along, one for each kept state.

All parameters that enter unit i by gate k have their row's lambda in common. If they keep states
of unit i alone, as those of a pointwise cell do with n = 1, D is needed between the state blocks
of one unit only, and a step costs O(n) where J_t itself costs O(P).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rnncore.cells.base import Cell
from rnncore.cells.groups import Group
from rnncore.cells.masked import Masked
from rnncore.cells.pointwise import PointwiseCell
from rnncore.cells.tape import Elementwise, Partials, Stretch
from rnncore.layout import correlate
from rnncore.learners.instant import Steps

if TYPE_CHECKING:
    from rnncore.learners.snap import Rows

Array = np.ndarray


def within_units(cell: Cell, layout: Sequence[Rows]) -> PointwiseCell | None:
    """The pointwise cell, under any masks, if each row keeps states of its own unit alone.

    None if more is kept, or if the cell is of another kind or has a reverse mode of its own.
    """
    while isinstance(cell, Masked) and _reverse_mode(type(cell)) == _reverse_mode(Masked):
        cell = cell.cell
    plain = _reverse_mode(type(cell)) == _reverse_mode(PointwiseCell)
    if not (plain and isinstance(cell, PointwiseCell)):
        return None
    for rows in layout:
        unit = np.arange(rows.states.shape[1]) % cell.hidden_size
        if (rows.kept & (rows.states % cell.hidden_size != unit)).any():
            return None
    return cell


def _reverse_mode(kind: Any) -> tuple[Any, Any]:
    return kind.pull, kind.collect


def learn_stretch(
    cell: PointwiseCell,
    weights: Mapping[str, Array],
    steps: Steps,
    layout: Sequence[Rows],
    influence: Array,
) -> tuple[Array, Array]:
    """The kept entries (B, w, R) after a stretch, and its gradient (R,).

    ``layout`` says which states the rows keep, ``influence`` (B, w, R) are the kept entries
    before the stretch. Connections that a mask cuts get what they would if they were there.
    """
    tapes = steps.tapes
    assert isinstance(tapes, Stretch)
    s_bar = np.zeros((*steps.h_bar.shape[:2], cell.state_size), steps.h_bar.dtype)
    s_bar[..., cell.output] = steps.h_bar
    partials = tapes.partials(0, len(tapes)).total()
    by_unit = unit_transition(cell, weights, partials, tapes.s[:-1])
    deposits = [Deposit.of(group, cell, partials, tapes) for group in cell._groups]
    dtype = np.result_type(influence, s_bar, by_unit)
    result, flat = np.empty(influence.shape, dtype), np.empty(influence.shape[2], dtype)
    for rows in layout:
        forced = [None if states is None else states[:, rows.states] for states in steps.forced]
        adjoints = carry_back(kept_transition(by_unit, rows), s_bar[..., rows.states], forced)
        own: dict[str, Array] = {}
        for deposit in deposits:
            own |= deposit.collect(rows, adjoints[1:])
        parts = zip(rows.places, *map(rows.parts, (influence, result, flat)), strict=True)
        for name, old, new, total in parts:
            found = np.einsum("abkr,bkrq->abrq", adjoints[0], old)
            if name in own:  # a learned start deposits nothing
                found += own[name]
            new[:] = found[:-1].swapaxes(0, 1)
            found[-1].sum(axis=0, out=total)
    return result, flat


def carry_back(transition: Array, said: Array, forced: Sequence[Array | None]) -> Array:
    """The adjoints of the rows' kept states, (T + 1, w + 1, B, w, r), the first at the start.

    ``transition`` is the :func:`kept_transition`. The first w adjoints begin as unit adjoints of
    the states at the end. The one after them is that of the losses, and takes up ``said``
    (T, B, w, r), dl_t/ds_t. A state that is ``forced``, (B, w, r), passes on nothing of what it
    was.
    """
    steps, batch, width, _, count = transition.shape
    shape = (steps + 1, width + 1, batch, width, count)
    adjoints = np.empty(shape, np.result_type(transition, said))
    adjoints[-1] = 0
    adjoints[-1, range(width), :, range(width)] = 1
    for t in reversed(range(steps)):
        before, now = adjoints[t], adjoints[t + 1]
        if (replaced := forced[t]) is not None:
            np.copyto(now, 0, where=replaced)
        now[-1] += said[t]
        np.multiply(now[:, :, 0, None], transition[t, :, 0], out=before)
        for j in range(1, width):
            before += now[:, :, j, None] * transition[t, :, j]
    return adjoints


def by_blocks(partials: Elementwise, outs: Sequence[str], keys: Sequence[str], s: Array) -> Array:
    """The partials of state blocks ``outs`` by ``keys`` as one array (T, B, S, K, n).

    ``s`` (T, B, N) are states of as many steps and sequences.
    """
    result = np.zeros((*s.shape[:2], len(outs), len(keys), s.shape[2] // len(outs)), s.dtype)
    for (out, key), partial in partials.items():
        if key in keys:
            result[:, :, outs.index(out), keys.index(key)] = partial
    return result


def unit_transition(
    cell: PointwiseCell, weights: Mapping[str, Array], d: Partials, s: Array
) -> Array:
    """D between the state blocks of each unit at all steps, (T, B, S, S, n).

    Entry (t, b, out, by, i) is the derivative of unit i's new block ``out`` by its own old block
    ``by``: the elementwise partial, and by h also what comes through the unit's connections to
    itself, ::

        dg[out]/ds[by] + [by = h] sum_k dg[out]/dv[k] U[k, i, i]
    """
    transition = by_blocks(d.ds, cell.states, cell.states, s)
    if cell.recurrent:
        by_v = by_blocks(d.dv, cell.states, cell.gates, s)
        u = weights["U"].reshape(len(cell.gates), cell.hidden_size, -1)
        transition[:, :, :, 0] += np.einsum("tbski,kii->tbsi", by_v, u)
    return transition


def kept_transition(by_unit: Array, rows: Rows) -> Array:
    """The entries of D between the states that each row keeps, (T, B, w, w, r).

    They are picked from the :func:`unit_transition`. New states that a row does not keep are zero.
    """
    blocks, n = by_unit.shape[-2:]
    block, unit = rows.states // n, np.arange(rows.states.shape[1]) % n
    places = (block[:, None] * blocks + block) * n + unit
    return _take(by_unit, places) * rows.kept[:, None]


def _take(array: Array, places: Array) -> Array:
    """Entries of the last three axes, by their place in all three."""
    return array.reshape(*array.shape[:2], -1).take(places, axis=2)


class Deposit(NamedTuple):
    """F of a group of parameters: what each step adds to their rows of J.

    ``partials`` (T, B, S, K, n) are the derivatives of each unit's state blocks by what the
    parameters enter, ``factor`` (T, B, d) is what they multiply there; ``places`` are their parts
    of the axis d, by name.
    """

    partials: Array
    factor: Array
    places: dict[str, slice]

    @classmethod
    def of(cls, group: Group, cell: PointwiseCell, d: Partials, tapes: Stretch) -> Deposit:
        """Of one of the groups of a cell's parameters."""
        s = tapes.s[:-1]
        partials = by_blocks(getattr(d, group.partials), cell.states, group.keys, s)
        return cls(partials, group.factor(cell, tapes.x, s), group.places)

    def collect(self, rows: Rows, adjoints: Array) -> dict[str, Array]:
        """sum_t lambda_t F_t, (A, B, r, q), of the parameters that are in these rows.

        ``adjoints`` (T, A, B, w, r) are those of the rows' states after each step.
        """
        names = [name for name in self.places if name in rows.places]
        if not names:
            return {}
        count = rows.states.shape[1]
        places = rows.states // self.partials.shape[-1] * count + np.arange(count)
        entered = _take(self.partials, places) * rows.kept
        delta = np.einsum("tabkr,tbkr->tabr", adjoints, entered)
        found = correlate(delta, self.factor, per_example=True)
        return {name: found[..., self.places[name]] for name in names}
