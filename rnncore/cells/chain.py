"""The chain rule of a pointwise cell over many steps: backwards, and forwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rnncore.cells.base import EVERY, Array, told
from rnncore.cells.tape import Deltas, Elementwise, Partials, Stretch
from rnncore.layout import carve

if TYPE_CHECKING:
    from rnncore.cells.pointwise import PointwiseCell

SHORT = 2**11  # numbers of a step


class Link(NamedTuple):
    """A product of the chain rule.

    ``out`` is the block whose adjoint, or tangent, is multiplied; ``partial`` has what it is
    multiplied by, and ``to`` where the product goes, of each step; ``adds`` says whether it is
    added to what stands there. Some blocks side by side may be one product: then there is an
    axis for them in front of both.
    """

    out: str
    partial: list[Array]
    to: list[Array]
    adds: bool


def sweep_stretch(
    cell: PointwiseCell,
    weights: Mapping[str, Array],
    tapes: Stretch,
    s_bar: Array,
    h_bar: Array,
    forced: Sequence[Array | None] | None = None,
    between: Callable[[Array], None] | None = None,
    across: bool = True,
) -> tuple[Array, Deltas, Array]:
    """``Cell.sweep`` over a stretch; without ``across``, within each unit alone."""
    apart, steps = tapes.v is not None, len(tapes)
    kept = steps if between is None else min(EVERY, steps)  # adjoints at a time
    adjoints, deltas = room(cell, steps, kept, apart, s_bar, h_bar, tapes.u, weights["W"])
    for start, stop in reversed([*tapes.chunks(kept)]):
        last = stop if between is None else kept
        some = adjoints[last - (stop - start) : last + 1]
        some[-1] = s_bar
        chain_back(
            cell,
            weights,
            tapes.partials(start, stop),
            some,
            deltas[start:stop],
            h_bar[start:stop],
            None if forced is None else forced[start:stop],
            across,
        )
        s_bar = some[0]
        if between is not None:
            between(s_bar)
    return s_bar, deltas, adjoints[1:] if between is None else adjoints[:0]


def room(
    cell: PointwiseCell, steps: int, kept: int, apart: bool, s_bar: Array, *others: Array
) -> tuple[Array, Deltas]:
    """Room for the deltas of ``steps`` steps, and for the adjoints of ``kept`` and before them."""
    dtype, lead = np.result_type(s_bar, *others), (steps, *s_bar.shape[:-1])
    u, p = len(cell.gates) * cell.hidden_size, len(cell.elementwise) * cell.hidden_size
    states, rest = (kept + 1, *s_bar.shape), [(*lead, p), *[(*lead, u)] * (1 + apart)]
    if kept != steps or steps == 1:  # the deltas are kept, and the adjoints are not
        adjoints, (p_bar, u_bar, *v_bar) = np.empty(states, dtype), carve(dtype, *rest)
    else:
        adjoints, p_bar, u_bar, *v_bar = carve(dtype, states, *rest)
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
    said = [] if h_bar is None else [*h_bar]
    shown = [] if h_bar is None else [*told(adjoints[1:], h_bar)[..., cell.output]]
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
    # dot starts sooner than matmul, but cannot write where there are gaps.
    product = np.dot if flat[0, :, : cell.hidden_size].flags.c_contiguous else np.matmul
    for t in reversed(range(len(deltas))):
        if forced is not None and (replaced := forced[t]) is not None:
            # A forced unit does not pass on what it was, so nothing flows back through it.
            np.copyto(adjoints[t + 1], 0, where=replaced)
        if said:
            shown[t] += said[t]
        now = {name: blocks[t] for name, blocks in bars.items()}
        for out, by, partial in within:
            now[by] = now[by] + now[out] * partial[t]
        follow(links, now, t)
        if across:
            product(v_bar[t], weights["U"], h_before[t])
        follow(onward, now, t)


def chain_forward(
    cell: PointwiseCell,
    weights: Mapping[str, Array],
    d: Partials,
    tangent: Array,
    pushed: Array,
) -> Iterator[Array]:
    """Yield D_t s~ (B, N), one step after the other, for all steps of the partials.

    s~ is what ``tangent`` (B, N) holds when a step is asked for: between two of them the caller
    writes the next one there. ``pushed`` (steps, B, N) is filled in place.
    """
    v = np.empty((len(tangent), len(cell.gates) * cell.hidden_size), pushed.dtype)
    gates = {name: v[:, cut] for name, cut in cell._gate_cuts.items()}
    old = {name: tangent[:, cut] for name, cut in cell._state_cuts.items()}
    new = {name: [*pushed[..., cut]] for name, cut in cell._state_cuts.items()}
    filled = cell.states if cell.recurrent else ()  # by the recurrent product, the first
    if cell.recurrent:
        h, through = old[cell.states[0]], transposed(weights)
        by_v = links_of(_by_source(d.dv), pushed, cell._state_cuts)
    by_s = links_of(_by_source(d.ds), pushed, cell._state_cuts, filled)
    within = links_of(_by_source(d.within), pushed, cell._state_cuts, cell.states)
    for t, result in enumerate(pushed):
        if cell.recurrent:
            np.dot(h, through, v)
            follow(by_v, gates, t)
        follow(by_s, old, t)
        if within:
            follow(within, {name: blocks[t] for name, blocks in new.items()}, t)
        yield result


def transposed(weights: Mapping[str, Array]) -> Array:
    """U^T, laid out anew where the weights are prepared."""
    return weights["U^T"] if "U^T" in weights else weights["U"].T


def _by_source(partials: Elementwise) -> Elementwise:
    """The partials with the block they multiply first and the one they add to second."""
    return {(by, out): partial for (out, by), partial in partials.items()}


def links_of(
    partials: Elementwise, result: Array, cuts: Mapping[str, slice], filled: Sequence[str] = ()
) -> list[Link]:
    """The products of the chain rule that make up ``result``: what goes into which block.

    The first product of a block is written into it, unless it is ``filled``; further ones are
    added. A block without any is set to zero here.
    """
    first: dict[str, tuple[str, Array]] = {}
    links = []
    for (out, by), partial in partials.items():
        if by in first or by in filled:
            links.append(Link(out, [*partial], [*result[..., cuts[by]]], adds=True))
        else:
            first[by] = out, partial
    written = []
    # Of short arrays it is the calls that take time, of long ones the copying.
    joined = _neighbors(first, cuts) if result[0].size < SHORT else [[name] for name in cuts]
    for names in joined:
        place = slice(cuts[names[0]].start, cuts[names[-1]].stop)
        if names[0] in first:
            sources = [first[name][1] for name in names]
            to, out = result[..., place], first[names[0]][0]
            written.append(Link(out, *_side_by_side(sources, to), adds=False))
        elif names[0] not in filled:
            result[..., place] = 0
    return written + links


def _neighbors(
    first: Mapping[str, tuple[str, Array]], cuts: Mapping[str, slice]
) -> list[list[str]]:
    """The blocks, those side by side together whose first products are with the same adjoint."""
    names = [*cuts]
    groups = [names[:1]] if names else []
    for before, name in pairwise(names):
        if before in first and name in first and first[before][0] == first[name][0]:
            groups[-1].append(name)
        else:
            groups.append([name])
    return groups


def _side_by_side(partials: Sequence[Array], to: Array) -> tuple[list[Array], list[Array]]:
    """The partials (steps, B, n) of some blocks as one, and the views of ``to`` they go into."""
    count, (steps, batch, n) = len(partials), partials[0].shape
    if count == 1:
        return [*partials[0]], [*to]
    blocks = np.stack(partials, axis=1)
    further = to.ndim - 3  # axes of the adjoints that the partials do not have
    blocks = blocks.reshape(steps, count, *[1] * further, batch, n)
    return [*blocks], [*np.moveaxis(to.reshape(*to.shape[:-1], count, n, copy=False), -2, 1)]


def follow(links: Sequence[Link], bars: Mapping[str, Array], t: int) -> None:
    """Multiply adjoints of new state blocks, or tangents, with partials, at one step."""
    for out, partial, to, adds in links:
        if adds:
            to[t] += bars[out] * partial[t]
        else:
            np.multiply(bars[out], partial[t], out=to[t])
