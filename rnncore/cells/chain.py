"""The chain rule of a pointwise cell, backwards over many steps at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnncore.cells.base import Array
from rnncore.cells.tape import Deltas, Elementwise, Partials, Stretch, carve

if TYPE_CHECKING:
    from rnncore.cells.pointwise import PointwiseCell

# A product of the chain rule: the new state block whose adjoint is multiplied; the partial, and
# where the product goes, of each step; and whether it is added to what stands there.
Link = tuple[str, list[Array], list[Array], bool]


def sweep_stretch(
    cell: PointwiseCell,
    weights: Mapping[str, Array],
    tapes: Stretch,
    s_bar: Array,
    h_bar: Array,
    forced: Sequence[Array | None] | None = None,
    across: bool = True,
) -> tuple[Array, Deltas, Array]:
    """``Cell.sweep`` over a stretch; without ``across``, within each unit alone."""
    apart = tapes.v is not None
    adjoints, deltas = room(cell, len(tapes), apart, s_bar, h_bar, tapes.u, weights["W"])
    for start, stop in reversed([*tapes.chunks()]):
        chain_back(
            cell,
            weights,
            tapes.partials(start, stop),
            adjoints[start : stop + 1],
            deltas[start:stop],
            h_bar[start:stop],
            None if forced is None else forced[start:stop],
            across,
        )
    return adjoints[0], deltas, adjoints[1:]


def room(
    cell: PointwiseCell, steps: int, apart: bool, s_bar: Array, *others: Array
) -> tuple[Array, Deltas]:
    """Room for the adjoints of ``steps`` steps; the last state's are put in their place."""
    dtype, lead = np.result_type(s_bar, *others), (steps, *s_bar.shape[:-1])
    u, p = len(cell.gates) * cell.hidden_size, len(cell.elementwise) * cell.hidden_size
    states, rest = (steps + 1, *s_bar.shape), [(*lead, p), *[(*lead, u)] * (1 + apart)]
    if steps == 1:  # of a single step the deltas are kept, and the adjoints are not
        adjoints, (p_bar, u_bar, *v_bar) = np.empty(states, dtype), carve(dtype, *rest)
    else:
        adjoints, p_bar, u_bar, *v_bar = carve(dtype, states, *rest)
    adjoints[-1] = s_bar
    return adjoints, Deltas(u_bar, v_bar[0] if apart else u_bar, p_bar)


def chain_back(
    cell: PointwiseCell,
    weights: Mapping[str, Array],
    d: Partials,
    adjoints: Array,
    deltas: Deltas,
    h_bar: Array | None = None,
    forced: Sequence[Array | None] | None = None,
    across: bool = True,
) -> None:
    """The chain rule over some steps, from the last of ``adjoints`` back to the first.

    Without ``across`` nothing goes from one unit to another: the recurrent product is left out.
    ``adjoints`` (steps + 1, ..., B, N), whose last is given, and ``deltas`` are filled in place;
    the partials are (steps, B, n) each; ``h_bar`` and ``forced`` are those of ``Cell.sweep``.
    Views of single steps are made once, before the loop.
    """
    bars = {name: [*adjoints[1:, ..., cut]] for name, cut in cell._state_cuts.items()}
    within = [(out, by, [*partial]) for (out, by), partial in reversed([*d.within.items()])]
    links = links_of(d.du, deltas.u, cell._gate_cuts)
    if deltas.v is not deltas.u:
        links += links_of(d.dv, deltas.v, cell._gate_cuts)
    links += links_of(d.dp, deltas.p, cell._parameter_cuts)
    across = across and cell.recurrent
    filled = cell.states[:1] if across else ()  # by the recurrent product, the first
    onward = links_of(d.ds, adjoints[:-1], cell._state_cuts, filled)
    # All leading axes as one, so that many adjoints are one product.
    flat = adjoints.reshape(len(adjoints), -1, cell.state_size, copy=False)
    h_before = [*flat[:-1, :, : cell.hidden_size]]
    v_bar = [*deltas.v.reshape(len(deltas), -1, deltas.v.shape[-1])]
    for t in reversed(range(len(deltas))):
        if forced is not None and (replaced := forced[t]) is not None:
            # A forced unit does not pass on what it was, so nothing flows back through it.
            np.copyto(adjoints[t + 1], 0, where=replaced)
        if h_bar is not None:
            shown = adjoints[t + 1][..., cell.output]
            shown += h_bar[t]
        now = {name: blocks[t] for name, blocks in bars.items()}
        for out, by, partial in within:
            now[by] = now[by] + now[out] * partial[t]
        follow(links, now, t)
        if across:
            np.matmul(v_bar[t], weights["U"], out=h_before[t])
        follow(onward, now, t)


def links_of(
    partials: Elementwise, result: Array, cuts: Mapping[str, slice], filled: Sequence[str] = ()
) -> list[Link]:
    """The products of the chain rule that make up ``result``: what goes into which block.

    The first product of a block is written into it, unless it is ``filled``; further ones are
    added. A block without any is set to zero here.
    """
    missing = [name for name in cuts if name not in filled]
    links = []
    for (out, by), partial in partials.items():
        links.append((out, [*partial], [*result[..., cuts[by]]], by not in missing))
        if by in missing:
            missing.remove(by)
    for name in missing:
        result[..., cuts[name]] = 0
    return links


def follow(links: Sequence[Link], bars: Mapping[str, Array], t: int) -> None:
    """Multiply the adjoints of the new state blocks with partials, at one step."""
    for out, partial, block, adds in links:
        if adds:
            now = block[t]
            now += bars[out] * partial[t]
        else:
            np.multiply(bars[out], partial[t], out=block[t])
