"""Eligibility traces: the influence of a parameter on the states of its own unit alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rnncore.cells.base import correlate
from rnncore.cells.chain import sweep_stretch
from rnncore.cells.pointwise import PointwiseCell
from rnncore.cells.tape import Deltas, Stretch, Tape

Array = np.ndarray


class Group(NamedTuple):
    """Parameters that enter the same pre-activations: their traces lie side by side.

    ``partials`` names the field of :class:`~rnncore.cells.tape.Partials` with the derivatives by
    these pre-activations, ``keys`` the pre-activations. (An elementwise parameter has a group of
    its own, and is its own key.) ``places`` are the parts of the inputs' axis, by parameter.
    """

    partials: str
    keys: tuple[str, ...]
    places: dict[str, slice]

    @property
    def inputs(self) -> int:
        """The length of the inputs' axis."""
        return max(place.stop for place in self.places.values())

    def factor(self, cell: PointwiseCell, x: Array, s: Array) -> Array:
        """What the parameters multiply, (..., B, d), at inputs and states (..., B, D or N)."""
        one = np.ones((*s.shape[:-1], 1), s.dtype)
        by_name = {"W": x, "U": s[..., : cell.hidden_size]}
        return np.concatenate([by_name.get(name, one) for name in self.places], axis=-1)

    def collect(self, cell: PointwiseCell, tapes: Stretch, deltas: Deltas) -> Array | None:
        """The adjoints of the parameters, (..., B, K n, d), summed over the steps."""
        if self.partials == "dp":
            if self.keys[0] not in cell.elementwise:
                return None  # a learned start has no part in the steps
            delta = deltas.p[..., cell._parameter_cuts[self.keys[0]]]
        else:
            delta = deltas.u if self.partials == "du" else deltas.v
        return correlate(delta, self.factor(cell, tapes.x, tapes.s[:-1]), per_example=True)


def groups_of(cell: PointwiseCell) -> list[Group]:
    """The groups of a cell's parameters."""
    by_h = "dv" if cell.apart else "du"
    found: dict[str, Group] = {}
    for name, shape in cell.shapes.items():
        if name in cell.elementwise:
            found[name] = Group("dp", (name,), {name: slice(0, 1)})
            continue
        partials = by_h if name in ("U", "b_h") else "du"
        group = found.setdefault(partials, Group(partials, tuple(cell.gates), {}))
        start = group.inputs if group.places else 0
        group.places[name] = slice(start, start + math.prod(shape[1:]))
    return [*found.values()]


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
        return {name: e[..., place] for group, e in pairs for name, place in group.places.items()}

    @classmethod
    def first(cls, cell: PointwiseCell, batch: int, dtype: np.dtype, learned: bool) -> Traces:
        """The traces before the first step: zero, but for those of a ``learned`` initial state.

        These are (B, S, S, n, 1), of each state block by each block of the unit's own start.
        """
        groups, blocks = groups_of(cell), len(cell.states)
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
        found |= {name: product[..., place] for name, place in group.places.items()}
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
    said = np.zeros((len(tapes), blocks + 1, *signals.shape[1:]), signals.dtype)
    said[:, -1] = signals
    first, deltas, _ = sweep_stretch(
        cell, weights, tapes, last.reshape(blocks + 1, batch, -1), said, forced, across=False
    )
    through = first.reshape(last.shape)
    joint: list[Array] = []
    sums: dict[str, Array] = {}
    for group, old in zip(traces.groups, traces.joint, strict=True):
        new = np.einsum("rbsi,bskid->brkid", through[:blocks], old)
        total = np.einsum("bsi,bskid->kid", through[blocks], old)
        own = group.collect(cell, tapes, deltas)
        if own is not None:
            own = own.reshape(blocks + 1, batch, *total.shape)
            new += own[:blocks].swapaxes(0, 1)
            total += own[blocks].sum(axis=0)
        joint.append(new)
        sums |= {name: total[..., place] for name, place in group.places.items()}
    return Traces(traces.groups, tuple(joint)), sums
