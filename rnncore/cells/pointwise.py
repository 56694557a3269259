"""Cells that are two linear maps and one pointwise function: everything but the function.

A cell of this kind is

::

    u = W x + b             input pre-activations, K gates of n units
    v = U h (+ b_h)         recurrent pre-activations, K gates of n units
    s' = g(s, u, v; p)      pointwise: unit i of s' depends on unit i of s, u, v, p alone

Where only the sum of u and v matters, as in most cells, g is given a = u + v instead.

Its author writes ``g`` and the elementwise partial derivatives of ``g``. The forward
pass, reverse mode, forward mode, and the influence of the parameters follow here, once
for all cells.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rnncore import checks
from rnncore.cells.base import Array, Cell, Replace, Shapes, at_once, draw
from rnncore.cells.chain import chain_back, room, sweep_stretch, transposed
from rnncore.cells.groups import groups_of
from rnncore.cells.influence import (
    Way,
    add_immediate,
    immediate,
    influences_of,
    jacobian,
    push_tangents,
)
from rnncore.cells.tape import Delta, Deltas, Partials, Stretch, Tape
from rnncore.layout import carve, correlate
from rnncore.params import Params

Blocks = tuple[Array, ...]
_NONE = np.empty((0, 0))  # no blocks


class PointwiseCell(Cell):
    """A cell given by a pointwise function of two linear maps.

    Parameters
    ----------
    input_size, hidden_size
        D and n.

    Attributes
    ----------
    states, gates, elementwise
        Names of the S state blocks (the first, ``h``, enters the recurrent product), of
        the K pre-activation blocks, and of the elementwise parameters.
    recurrent
        Whether there is ``U``. Without it v is empty, and units hear only themselves.
    apart
        Whether the pointwise function needs u and v apart. If not, it gets u + v as its ``u``,
        and its ``v`` is empty.
    bias, recurrent_bias
        Whether there is ``b`` (K n,), and ``b_h`` (K n,).
    shown
        How many state blocks, counted from the first, the cell shows.
    """

    states: tuple[str, ...] = ("h",)
    gates: tuple[str, ...] = ("h",)
    elementwise: tuple[str, ...] = ()
    recurrent: bool = True
    apart: bool = False
    bias: bool = True
    recurrent_bias: bool = False
    shown: int = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        self.input_size = checks.positive_int(input_size, "input_size")
        self.hidden_size = checks.positive_int(hidden_size, "hidden_size")
        n, rows = self.hidden_size, len(self.gates) * self.hidden_size
        self.state_size = len(self.states) * n
        self.output = slice(0, self.shown * n)
        self.shapes: Shapes = {"W": (rows, self.input_size)}
        if self.recurrent:
            self.shapes["U"] = (rows, n)
        if self.bias:
            self.shapes["b"] = (rows,)
        if self.recurrent_bias:
            self.shapes["b_h"] = (rows,)
        self.shapes |= {name: (n,) for name in self.elementwise}
        self._state_cuts = self._cuts(self.states)
        self._gate_cuts = self._cuts(self.gates)
        self._parameter_cuts = self._cuts(self.elementwise)
        self._groups = groups_of(self)

    def _cuts(self, names: Sequence[str]) -> dict[str, slice]:
        n = self.hidden_size
        return {name: slice(i * n, (i + 1) * n) for i, name in enumerate(names)}

    # -- what a cell's author writes -------------------------------------------

    @abstractmethod
    def pointwise(self, s: Array, u: Array, v: Array, p: Blocks) -> tuple[Blocks, Any]:
        """The new state blocks, and whatever :meth:`partials` needs.

        ``s`` (S, B, n), ``u`` and ``v`` (K, B, n) have a block for each name, so that some that are
        treated alike can be treated as one, ``u[:2]``; ``p`` holds the elementwise parameters
        (n,). Many steps may come at once: then each block is (steps, B, n). What comes in is not
        to be changed, and the same must come out whenever it is asked for again.
        """

    @abstractmethod
    def partials(self, cache: Any) -> Partials:
        """The elementwise partial derivatives of :meth:`pointwise`.

        It may be asked for many steps at once: then the arrays (B, n) of ``cache`` are
        (steps, B, n), and so are the partials.
        """

    # -- what follows from it ----------------------------------------------------

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        return draw(self.shapes, rng, dtype)

    def prepare(self, params: Mapping[str, Array]) -> dict[str, Array]:
        weights = dict(params)
        if self.recurrent:  # the product h U^T is up to twice as fast with U^T laid out anew
            weights["U^T"] = np.ascontiguousarray(weights["U"].T)
        return weights

    def project(self, weights: Mapping[str, Array], x: Array) -> Array:
        u = x.reshape(-1, self.input_size) @ weights["W"].T
        if self.bias:
            in_place = weights["b"].dtype == u.dtype
            u = np.add(u, weights["b"], out=u if in_place else None)
        return u.reshape(*x.shape[:-1], u.shape[1])

    def step(
        self, weights: Mapping[str, Array], s: Array, x: Array, u: Array | None = None
    ) -> tuple[Array, Tape]:
        u = self.project(weights, x) if u is None else u
        v = self._recurrent(weights, s[:, : self.hidden_size]) if self.recurrent else None
        if v is not None and not self.apart:
            u, v = u + v, None
        blocks, cache = self.at(weights, s, u, v)
        new = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)
        return new, Tape(self, s, x, cache)

    def run(
        self, weights: Mapping[str, Array], s: Array, x: Array, replace: Replace | None = None
    ) -> tuple[Sequence[Tape], Array, Array]:
        if type(self).step is not PointwiseCell.step:  # a subclass that steps in its own way
            return super().run(weights, s, x, replace)
        n, dtype = self.hidden_size, np.result_type(x, s, *weights.values())
        apart = self.recurrent and self.apart
        shapes = [(len(x) + 1, *s.shape), *[(*x.shape[:2], len(self.gates) * n)] * (1 + apart)]
        states, u, *others = carve(dtype, *shapes)
        states[0] = s
        v, heard = others[0] if apart else None, np.empty_like(u[0])
        shown = states[1:, :, self.output]
        if replace is not None:
            shown = np.empty_like(shown)
        p = tuple([weights[name] for name in self.elementwise])
        through = transposed(weights) if self.recurrent else None
        b_h = weights["b_h"] if self.recurrent_bias else None
        # Views of single steps are made once, before the loop.
        h, a, a_v = [*states[:, :, :n]], [*u], [heard] * len(x) if v is None else [*v]
        s_blocks, u_blocks = [*_by_step(states, n)], [*_by_step(u, n)]
        v_blocks = [_NONE] * len(x) if v is None else [*_by_step(v, n)]
        size = at_once(u[0].size)  # of how many steps the inputs are projected in one product
        for t in range(len(x)):
            if t % size == 0:
                u[t : t + size] = self.project(weights, x[t : t + size])
            if through is not None:
                np.dot(h[t], through, a_v[t])
                if b_h is not None:
                    a_v[t] += b_h
                if v is None:
                    a[t] += heard
            blocks, _ = self.pointwise(s_blocks[t], u_blocks[t], v_blocks[t], p)
            if len(blocks) != len(self.states):
                raise ValueError(
                    f"pointwise: expected {len(self.states)} state blocks, got {len(blocks)}"
                )
            for k, new in enumerate(blocks):
                s_blocks[t + 1][k] = new
            if replace is not None:
                made = states[t + 1]
                shown[t] = made[:, self.output]
                if (replaced := replace(t, made)) is not made:
                    made[:] = replaced
        return Stretch(self, weights, states, x, u, v), shown, states[-1].copy()

    def _recurrent(self, weights: Mapping[str, Array], h: Array) -> Array:
        """v = U h (+ b_h), (B, K n)."""
        v = h @ transposed(weights)
        return v + weights["b_h"] if self.recurrent_bias else v

    def at(
        self, weights: Mapping[str, Array], s: Array, u: Array, v: Array | None
    ) -> tuple[Blocks, Any]:
        """The pointwise function at states (..., B, N) and pre-activations (..., B, K n)."""
        n, p = self.hidden_size, tuple([weights[name] for name in self.elementwise])
        return self.pointwise(
            _blocks(s, n), _blocks(u, n), _NONE if v is None else _blocks(v, n), p
        )

    def pull(self, weights: Mapping[str, Array], tape: Tape, s_bar: Array) -> tuple[Array, Delta]:
        d = tape.direct
        apart = self.recurrent and d.dv is not d.du
        adjoints, deltas = room(self, 1, 1, apart, s_bar, *weights.values(), *d.arrays())
        adjoints[1] = s_bar
        chain_back(self, weights, d.lifted(), adjoints, deltas)
        return adjoints[0], deltas[0]

    def sweep(
        self,
        weights: Mapping[str, Array],
        tapes: Sequence[Any],
        s_bar: Array,
        h_bar: Array,
        forced: Sequence[Array | None] | None = None,
        between: Callable[[Array], None] | None = None,
    ) -> tuple[Array, Sequence[Delta], Array | Sequence[Array]]:
        own = type(self).pull is not PointwiseCell.pull
        if own or not isinstance(tapes, Stretch):
            return super().sweep(weights, tapes, s_bar, h_bar, forced, between)
        return sweep_stretch(self, weights, tapes, s_bar, h_bar, forced, between)

    def input_adjoint(self, weights: Mapping[str, Array], tape: Tape, delta: Delta) -> Array:
        return delta.u @ weights["W"]

    def collect(
        self,
        weights: Mapping[str, Array],
        tapes: Sequence[Tape],
        deltas: Sequence[Delta],
        per_example: bool = False,
    ) -> dict[str, Array]:
        bar = deltas if isinstance(deltas, Deltas) else Deltas.stack(deltas)
        over = 0 if per_example else tuple(range(bar.u.ndim - 1))
        x = tapes.x if isinstance(tapes, Stretch) else np.stack([tape.x for tape in tapes])
        grads = {"W": correlate(bar.u, x, per_example)}
        if self.recurrent:
            s = tapes.s[:-1] if isinstance(tapes, Stretch) else np.stack([t.s for t in tapes])
            grads["U"] = correlate(bar.v, s[..., : self.hidden_size], per_example)
        if self.bias:
            grads["b"] = bar.u.sum(axis=over)
        if self.recurrent_bias:
            grads["b_h"] = bar.v.sum(axis=over)
        if self.elementwise:
            p_bar = bar.p.sum(axis=over)
            grads |= {name: p_bar[..., cut] for name, cut in self._parameter_cuts.items()}
        return grads

    def push(
        self, weights: Mapping[str, Array], tape: Tape, ds: Array, dx: Array | None = None
    ) -> Array:
        d = tape.direct
        by_x = None if dx is None else jacobian(self, d.du, weights["W"])
        return push_tangents(self, Way.through(self, weights, d), ds, by_x, dx)

    def influence_step(
        self,
        weights: Mapping[str, Array],
        tape: Tape,
        influence: Array,
        start: int = 0,
        dx: Array | None = None,
    ) -> Array:
        result = self.push(weights, tape, influence, dx)
        add_immediate(self, immediate(self, tape.partials, tape.x, tape.s), result, start)
        return result

    def influences(
        self, weights: Mapping[str, Array], tapes: Sequence[Any], influence: Array
    ) -> Iterator[Array]:
        own = (type(self).push, type(self).influence_step)
        ours = (PointwiseCell.push, PointwiseCell.influence_step)
        if own != ours or not isinstance(tapes, Stretch):
            return super().influences(weights, tapes, influence)
        return influences_of(self, weights, tapes, influence)

    def jvp(
        self,
        weights: Mapping[str, Array],
        tape: Tape,
        ds: Array,
        dx: Array | None = None,
        dparams: Mapping[str, Array] | None = None,
    ) -> Array:
        d, n = tape.direct, self.hidden_size
        dv = ds[:, :n] @ transposed(weights) if self.recurrent else None
        du = None if dx is None else dx @ weights["W"].T
        if dparams is not None:
            own = tape.x @ dparams["W"].T + (dparams["b"] if self.bias else 0)
            du = own if du is None else du + own
            if dv is not None:
                dv = dv + tape.s[:, :n] @ dparams["U"].T
                dv = dv + (dparams["b_h"] if self.recurrent_bias else 0)
        tangents = [tangent for tangent in (ds, du, dv) if tangent is not None]
        if dparams is not None:
            tangents += [dparams[name] for name in self.elementwise]
        result = np.zeros(ds.shape, np.result_type(*tangents, *d.arrays()))
        terms = [(d.ds, ds, self._state_cuts)]
        if dv is not None and du is not None and d.dv is d.du:
            terms.append((d.du, du + dv, self._gate_cuts))
        else:
            terms += [(d.dv, dv, self._gate_cuts)] if dv is not None else []
            terms += [(d.du, du, self._gate_cuts)] if du is not None else []
        for partials, tangent, cuts in terms:
            for (out, by), partial in partials.items():
                result[:, self._state_cuts[out]] += partial * tangent[:, cuts[by]]
        if dparams is not None:
            for (out, by), partial in d.dp.items():
                result[:, self._state_cuts[out]] += partial * dparams[by]
        for (out, by), partial in d.within.items():
            result[:, self._state_cuts[out]] += partial * result[:, self._state_cuts[by]]
        return result

    def _like(self, tape: Tape) -> Array:
        return tape.s


def _blocks(array: Array, n: int) -> Array:
    """The blocks of the last axis, (..., K n), one after the other: (K, ..., n)."""
    apart = array.reshape(*array.shape[:-1], -1, n)
    last = apart.ndim - 1
    return apart.transpose(last - 1, *range(last - 1), last)


def _by_step(array: Array, n: int) -> Array:
    """The blocks of each step of (T, B, K n), to be written to: (T, K, B, n)."""
    return array.reshape(*array.shape[:-1], -1, n, copy=False).swapaxes(1, 2)
