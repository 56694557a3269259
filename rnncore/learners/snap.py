"""SnAp-n: real-time recurrent learning on a sparse pattern."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.cells.base import Cell
from rnncore.cells.masked import Masked
from rnncore.cells.pointwise import PointwiseCell
from rnncore.cells.tape import Stretch
from rnncore.learners.base import Array, Card, OnlineLearner, Share
from rnncore.learners.instant import Instant, Steps
from rnncore.learners.snap_stretch import learn_stretch, within_units
from rnncore.network import Network, Weights
from rnncore.params import Params

_POINTS = 24  # random points at which the structure is looked at


class Structure(NamedTuple):
    """Where a cell's Jacobians can be different from zero.

    ``transition`` (N, N): whether new state i depends on old state j; ``immediate`` (P, N):
    whether parameter p enters new state i within the step.
    """

    transition: Array
    immediate: Array


def structure(cell: Cell) -> Structure:
    """Read the structural pattern of D and F off the cell's own Jacobians.

    An entry that is zero at random weights, states and inputs, drawn from a continuous
    distribution, is zero everywhere with probability one. Rectifiers are shut at half of
    the points, so many are looked at, and the patterns joined. Cost O(N P) a point, once.
    """
    rng = np.random.default_rng(0)
    transition = np.zeros((cell.state_size, cell.state_size), bool)
    immediate = np.zeros((cell.size, cell.state_size), bool)
    for _ in range(_POINTS):
        # Divided by the root of the fan-in, so that no unit is saturated to the last bit.
        drawn = {
            name: rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
            for name, shape in cell.shapes.items()
        }
        weights = cell.prepare(Params(drawn))
        s = rng.standard_normal((1, cell.state_size))
        _, tape = cell.step(weights, s, rng.standard_normal((1, cell.input_size)))
        transition |= (cell.state_jacobian(weights, tape) != 0).any(axis=0)
        immediate |= (cell.immediate_jacobian(weights, tape) != 0).any(axis=0)
    return Structure(transition, immediate)


def patterns(network: Network) -> list[Array]:
    """The patterns of SnAp-1, SnAp-2, … up to saturation, each (R, N), boolean.

    ::

        pattern_1 = [F != 0],   pattern_n = pattern_1 or pattern_{n-1} [D != 0]^T

    Entry (p, i) of pattern_n says whether parameter p reaches state i in at most n steps,
    the one in which it is used counted as the first. A learned initial state adds N rows
    to the P of the cell, and for those pattern_1 is the identity, ds_0/ds_0. The last
    pattern of the list is closed: one more step adds nothing.
    """
    found = structure(network.cell)
    first = found.immediate
    if network.learn_initial_state:
        first = np.concatenate([first, np.eye(network.cell.state_size, dtype=bool)])
    reached = [first]
    while True:
        further = first | (reached[-1] @ found.transition.T)
        if np.array_equal(further, reached[-1]):
            return reached
        reached.append(further)


def colors(immediate: Array) -> Array:
    """Paint the states so that no parameter enters two states of the same color, (C, N).

    Curtis, Powell & Reid (1974): the C sums of adjoints of equal color then tell every
    entry of F apart. For a pointwise cell C is the number of state blocks.
    """
    clash = (immediate.T.astype(float) @ immediate) > 0
    painted: list[Array] = []
    for i in range(len(clash)):
        for group in painted:
            if not (clash[i] & group).any():
                group[i] = True
                break
        else:
            painted.append(np.arange(len(clash)) == i)
    return np.array(painted)


def transition(cell: Cell, weights: Any, tape: Any) -> Array:
    """D = ds_t/ds_{t-1}, (B, N, N): the cell's state Jacobian, written down where it can be.

    For a pointwise cell D = E + G_v U has its entries in the partials and in U, so writing
    it down costs O(P). All other cells push N unit tangents forward, O(N P).
    """
    inner = cell
    while isinstance(inner, Masked):
        inner = inner.cell
    if not (isinstance(inner, PointwiseCell) and "U" in inner.shapes):
        return cell.state_jacobian(weights, tape)
    d, cut, units = tape.direct, inner._state_cuts, np.arange(inner.hidden_size)
    dtype = np.result_type(weights["U"], *d.dv.values(), *d.ds.values())
    result = np.zeros((len(tape.s), inner.state_size, inner.state_size), dtype)
    for (out, gate), partial in d.dv.items():
        block = result[:, cut[out], : inner.hidden_size]
        block += partial[:, :, None] * weights["U"][inner._gate_cuts[gate]]
    for (out, by), partial in d.ds.items():
        result[:, cut[out].start + units, cut[by].start + units] += partial
    for (out, by), partial in d.within.items():
        block = result[:, cut[out]]
        block += partial[:, :, None] * result[:, cut[by]]
    return result


class Memory(NamedTuple):
    """The state (B, N) and the kept entries of the influence matrix, (B, w, R).

    Entry (b, k, p) is ds_i/d theta_p for the k-th state i that parameter p may reach.
    """

    state: Array
    influence: Array


class Rows(NamedTuple):
    """How the kept entries of some arrays of parameters lie, and what they meet.

    The q parameters in a row of a weight matrix enter the same unit, and so reach the same
    states: what these have to do with each other is looked up once for the row, and for all
    arrays whose rows are alike.

    ``states`` (w, r) are the states that each of r rows reaches, in their order; ``kept`` (w, r)
    marks them, since shorter lists are filled up with states that the row does not reach.
    ``painted`` has for each of the w the color (r,) under which the immediate derivative of the
    states is found, or the one that all rows have in common. ``places`` are the parts of the
    axis R that the arrays take up, by name.
    """

    states: Array
    kept: Array
    painted: list[Any]
    places: dict[str, slice]

    def parts(self, array: Array) -> list[Array]:
        """The views (..., r, q) of an array (..., R) that belong to ``places``."""
        lead, count = array.shape[:-1], self.states.shape[1]
        return [array[..., place].reshape(*lead, count, -1) for place in self.places.values()]

    def alike(self, other: Rows) -> bool:
        """Whether nothing but the places is different."""
        mine, others = (
            [rows.states, rows.kept, *map(np.asarray, rows.painted)] for rows in (self, other)
        )
        return all(map(np.array_equal, mine, others))


def lay_out(
    name: str, place: slice, count: int, pattern: Array, first: Array, painted: Array
) -> Rows:
    """Lay out one array of parameters by its rows, or each parameter by itself if they differ.

    ``pattern`` and ``first`` (R, N) say which states are kept, and which ones a parameter enters
    within the step; ``painted`` (C, N) are the :func:`colors`, the last of them with no state.
    A parameter whose connection is cut reaches nothing: it may be in any row.
    """
    for rows in (count, place.stop - place.start):
        each = [array[place].reshape(rows, -1, array.shape[1]) for array in (pattern, first)]
        reached, entered = (np.any(array, axis=1) for array in each)
        alike = (each[0] == reached[:, None]) & (each[1] == entered[:, None])
        if (alike.all(axis=2) | ~each[0].any(axis=2)).all():
            break
    width = max(1, int(pattern.sum(axis=1).max()))
    states = np.argsort(~reached, axis=1, kind="stable")[:, :width]
    kept, enters = (np.take_along_axis(array, states, axis=1) for array in (reached, entered))
    # Where nothing enters, a color of which no state is entered.
    silent = (entered @ painted.T).argmin(axis=1)[:, None]
    found = np.where(enters, painted.argmax(axis=0)[states], silent).T
    common = [int(colors[0]) if (colors == colors[0]).all() else colors for colors in found]
    return Rows(states.T, kept.T, common, {name: place})


class SnAp(OnlineLearner):
    """The sparse n-step approximation of real-time recurrent learning.

    Of the influence matrix only those entries are kept where the parameter reaches the
    state within n steps; after each step all others count as zero::

        J_t = M_n * (D_t J_{t-1} + F_t)

    with M_n the pattern of entries that are not zero within n steps. It is read off the
    cell itself (``rnncore.learners.snap.patterns``), so it holds for every cell, composite
    and mask.

    Biased. It is exact once the pattern is saturated, n >= ``saturation``, and for
    sequences of at most n steps (without a learned initial state, which reaches further
    by one step).

    The influence is stored in a compact form: row p has the list of the states that it
    reaches, padded to the longest, w. An update gathers the entries of D between those
    states: O(P w^2) a step, memory O(P w). F comes from C pulled adjoints, one for each
    color of the states, O(C P). With n = 1 on a pointwise cell w and C are the number
    of state blocks, whatever the size: O(P). (Composites and cells of the general kind
    need O(N P) to write D down.)

    Where no row keeps states of more than one unit, as there, ``gradient`` learns from many steps
    at once (``rnncore.learners.snap_stretch``), which gives the same for much less.

    Parameters
    ----------
    network
        The network to learn.
    steps
        The paper's n, the number of steps within which influence is followed.

    Attributes
    ----------
    pattern
        (R, N), boolean: the entries that are kept. R counts the parameters of the cell,
        and the learned initial state.
    saturation
        The smallest n whose pattern holds every entry that is ever different from zero.

    References
    ----------
    Menick, Elsen, Evci, Osindero, Simonyan & Graves (2020), arXiv:2006.07232 (ICLR 2021),
    section 3.

    Examples
    --------
    >>> from rnncore import LSTM, Linear, Network, SquaredError
    >>> learner = SnAp(Network(LSTM(2, 3), Linear(3, 1), SquaredError()), steps=1)
    >>> learner.width, learner.saturation
    (2, 2)
    """

    name = "SnAp"
    kind = "biased"
    card = Card("P w^2", "P w", "Menick et al. 2020", "n at saturation, or n >= T")

    def __init__(self, network: Network, steps: int = 1) -> None:
        super().__init__(network)
        self.steps = checks.positive_int(steps, "steps")
        reached = patterns(network)
        self.saturation = len(reached)
        self.pattern = reached[min(self.steps, self.saturation) - 1]
        self.colors = colors(reached[0][: network.cell.size])
        self.width = max(1, int(self.pattern.sum(axis=1).max()))
        shapes, start = dict(network.cell.shapes), 0
        if network.learn_initial_state:
            shapes["initial_state"] = (network.cell.state_size,)
        painted = np.concatenate([self.colors, np.zeros_like(self.colors[:1])])
        self._rows: list[Rows] = []
        for name, shape in shapes.items():
            place = slice(start, start := start + math.prod(shape))
            new = lay_out(name, place, shape[0], self.pattern, reached[0], painted)
            like = next((rows for rows in self._rows if rows.alike(new)), None)
            if like is None:
                self._rows.append(new)
            else:
                like.places[name] = place
        # The last color, of no state, is pulled back only where it is needed.
        used = max(int(np.max(found)) for rows in self._rows for found in rows.painted)
        self._seeds = painted[: max(len(self.colors), used + 1)]
        self._within = within_units(network.cell, self._rows)
        self._cut = np.flatnonzero(~self.pattern.any(axis=1))  # parameters that reach nothing

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Memory:
        state = self._first_state(params, batch_size, initial_state)
        return Memory(state, self._gather(self._first_influence(state)))

    def _gather(self, influence: Array) -> Array:
        """The kept entries (B, w, R) of an influence matrix (B, R, N)."""
        full = influence.swapaxes(1, 2)
        kept = np.empty((len(full), self.width, full.shape[2]), full.dtype)
        for rows in self._rows:
            states = rows.states[None, :, :, None]
            for part, entries in zip(rows.parts(kept), rows.parts(full), strict=True):
                part[:] = np.take_along_axis(entries, states, axis=1)
        return kept

    def learn(self, weights: Weights, memory: Memory, now: Instant) -> tuple[Memory, Share]:
        influence = self._propagate(weights, now.tape, memory.influence)
        self._add_immediate(weights, now.tape, influence)
        share = self._split(self._credit(now.h_bar, influence))
        if now.forced is not None:
            for rows in self._rows:
                for part in rows.parts(influence):
                    np.copyto(part, 0, where=now.forced[:, rows.states, None])
        return Memory(now.state, influence), share

    def _learn_all(
        self, weights: Weights, memory: Memory, steps: Steps, sums: dict[str, Array]
    ) -> Memory:
        cell, own = self._within, type(self).learn is not SnAp.learn  # a subclass with its own
        if cell is None or own or not isinstance(steps.tapes, Stretch):
            return super()._learn_all(weights, memory, steps, sums)
        influence, flat = learn_stretch(cell, weights.cell, steps, self._rows, memory.influence)
        influence[..., self._cut] = flat[self._cut] = 0
        self._add_share(self._split(flat), sums)
        return Memory(steps.state[-1], influence)

    def _propagate(self, weights: Weights, tape: Any, influence: Array) -> Array:
        """D J on the pattern: each kept entry from the kept entries of its own row."""
        d = transition(self.network.cell, weights.cell, tape)
        result = np.empty(influence.shape, np.result_type(d, influence))
        for rows in self._rows:
            # How the states of a row depend on each other, (B, w, w, r, 1).
            near = (d[:, rows.states[:, None], rows.states] * rows.kept[:, None])[..., None]
            for old, new in zip(rows.parts(influence), rows.parts(result), strict=True):
                np.multiply(near[:, :, 0], old[:, :1], out=new)
                for k in range(1, self.width):
                    new += near[:, :, k] * old[:, k, None]
        return result

    def _add_immediate(self, weights: Weights, tape: Any, influence: Array) -> None:
        """Add F on the pattern, from one pulled adjoint for each color."""
        cell, like = self.network.cell, self.network.cell._like(tape)
        seeds = np.zeros((len(self._seeds), len(like), cell.state_size), like.dtype)
        seeds[:] = self._seeds[:, None]
        _, delta = cell.pull(weights.cell, tape, seeds)
        pulled = cell.collect(weights.cell, [tape], [delta], per_example=True)
        for rows in self._rows:
            count = rows.states.shape[1]
            for name, part in zip(rows.places, rows.parts(influence), strict=True):
                if name not in pulled:
                    continue  # a learned start has no part in the step
                entries = pulled[name].reshape(*seeds.shape[:2], count, -1).swapaxes(1, 2)
                for k, colors in enumerate(rows.painted):
                    one = isinstance(colors, int)
                    found = entries[colors] if one else entries[colors, np.arange(count)]
                    part[:, k] += found.swapaxes(0, 1)

    def _credit(self, h_bar: Array, influence: Array) -> Array:
        """dl_t/ds_t J, summed over the batch, (R,)."""
        s_bar = np.zeros((len(h_bar), self.network.cell.state_size), h_bar.dtype)
        s_bar[:, self.network.cell.output] = h_bar
        flat = np.empty(influence.shape[2], np.result_type(h_bar, influence))
        for rows in self._rows:
            bars = s_bar[:, rows.states]
            for part, total in zip(rows.parts(influence), rows.parts(flat), strict=True):
                np.einsum("bkrq,bkr->rq", part, bars, out=total)
        return flat
