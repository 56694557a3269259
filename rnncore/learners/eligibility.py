"""Eligibility traces: the influence of a parameter on the states of its own unit alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rnncore.cells.chain import sweep_stretch
from rnncore.cells.groups import Group
from rnncore.cells.pointwise import PointwiseCell
from rnncore.cells.tape import Stretch, Tape

Array = np.ndarray


class Traces(NamedTuple):
    """The traces of each group as one array (B, S, K, n, d), so that a step takes few operations.

    Entry (b, s, k, i, d) is the derivative of state block s of unit i by the parameters' entry
    (gate k, unit i, input d).
    """

    groups: tuple[Group, ...]
    joint: tuple[Array, ...]

    @property
    def named(self) -> dict[str, Array]:
        """The traces of each parameter."""
        pairs = zip(self.groups, self.joint, strict=True)
        return {name: part for group, e in pairs for name, part in group.named(e).items()}

    @classmethod
    def first(cls, cell: PointwiseCell, batch: int, dtype: np.dtype, learned: bool) -> Traces:
        """The traces before the first step: zero, but for those of a ``learned`` initial state.

        These are (B, S, S, n, 1), of each state block by each block of the unit's own start.
        """
        groups, blocks = [*cell._groups], len(cell.states)
        if learned:  # no step deposits anything here
            groups.append(Group("dp", cell.states, {"initial_state": slice(0, 1)}))
        shapes = [(batch, blocks, len(g.keys), cell.hidden_size, g.inputs) for g in groups]
        joint = [np.zeros(shape, dtype) for shape in shapes]
        if learned:
            joint[-1][:, np.arange(blocks), np.arange(blocks)] = 1
        return cls(tuple(groups), tuple(joint))


def renew(cell: PointwiseCell, tape: Tape, traces: Traces) -> Traces:
    """The traces after a step, e_t = E_t e_{t-1} + F_t.

    E_t e_{t-1} goes along the elementwise partials between a unit's own state blocks, F_t is
    what each parameter adds to its own unit within the step. A new block that is made from
    another new one (``within``) takes that one's trace over.
    """
    d, block = tape.direct, cell.states.index
    made = [out for out, _ in d.within]
    order = sorted(cell.states, key=lambda out: made.index(out) if out in made else -1)
    dtype = np.result_type(*traces.joint, *d.ds.values(), *d.du.values())
    renewed = []
    for group, old in zip(traces.groups, traces.joint, strict=True):
        new = np.empty(old.shape, dtype)
        factor = group.factor(cell, tape.x, tape.s)
        direct = getattr(d, group.partials)
        for out in order:
            carried = [(p, old[:, block(by)]) for (o, by), p in d.ds.items() if o == out]
            carried += [(p, new[:, block(by)]) for (o, by), p in d.within.items() if o == out]
            own = {by: p for (o, by), p in direct.items() if o == out}
            _fill(new[:, block(out)], carried, [own.get(key) for key in group.keys], factor)
        renewed.append(new)
    return Traces(traces.groups, tuple(renewed))


def _fill(
    to: Array,
    carried: Sequence[tuple[Array, Array]],
    direct: Sequence[Array | None],
    factor: Array,
) -> None:
    """Write the sum of what is carried over and what is added into (B, K, n, d)."""
    for i, (partial, source) in enumerate(carried):
        if i == 0:
            np.multiply(partial[:, None, :, None], source, out=to)
        else:
            to += partial[:, None, :, None] * source
    for k, by_key in enumerate(direct):
        if by_key is None:
            if not carried:
                to[:, k] = 0
        elif carried:
            to[:, k] += by_key[:, :, None] * factor[:, None, :]
        else:
            np.multiply(by_key[:, :, None], factor[:, None, :], out=to[:, k])


def contract(traces: Traces, signal: Array) -> dict[str, Array]:
    """The signal (B, n) times the traces, summed over the batch and the blocks shown: (K, n, d)."""
    found: dict[str, Array] = {}
    for group, e in zip(traces.groups, traces.joint, strict=True):
        bars = signal.reshape(len(signal), -1, e.shape[3])  # sequence, block, unit
        product = np.einsum("bskid,bsi->kid", e[:, : bars.shape[1]], bars)
        found |= group.named(product)
    return found


def renew_all(
    cell: PointwiseCell,
    weights: Mapping[str, Array],
    tapes: Stretch,
    traces: Traces,
    signals: Array,
    forced: Sequence[Array | None],
) -> tuple[Traces, dict[str, Array]]:
    """The traces after many steps, and the sum over the steps of their signals times the traces.

    What :func:`renew` and :func:`contract` do step by step is linear, so it goes backwards too,
    and there it costs O(n) a step: as in Schmidhuber's hybrid unit adjoints are carried back, but
    within each unit alone, so that S of them, one for each state block, serve all units at once;
    and with them goes the adjoint of the signals (T, B, n).
    """
    blocks, batch, n = len(cell.states), signals.shape[1], cell.hidden_size
    last = np.zeros((blocks + 1, batch, blocks, n), signals.dtype)
    last[range(blocks), :, range(blocks)] = 1
    last = last.reshape(blocks + 1, batch, -1)
    said = signals[:, None]  # to the last adjoint alone
    first, deltas, _ = sweep_stretch(cell, weights, tapes, last, said, forced, across=False)
    through = first.reshape(blocks + 1, batch, blocks, n)
    joint: list[Array] = []
    sums: dict[str, Array] = {}
    for group, old in zip(traces.groups, traces.joint, strict=True):
        new = np.einsum("rbsi,bskid->brkid", through[:blocks], old)
        total = np.einsum("bsi,bskid->kid", through[blocks], old)
        if group in cell._groups:  # a learned start has no part in the steps
            own = group.collect(cell, tapes.x, tapes.s[:-1], deltas)
            own = own.reshape(blocks + 1, batch, *total.shape)
            new += own[:blocks].swapaxes(0, 1)
            total += own[blocks].sum(axis=0)
        joint.append(new)
        sums |= group.named(total)
    return Traces(traces.groups, tuple(joint)), sums
