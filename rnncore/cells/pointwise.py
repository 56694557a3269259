"""Cells that are two linear maps and one pointwise function: everything but the function.

A cell of this kind is

::

    u = W x + b             input pre-activations, K gates of n units
    v = U h (+ b_h)         recurrent pre-activations, K gates of n units
    s' = g(s, u, v; p)      pointwise: unit i of s' depends on unit i of s, u, v, p alone

Its author writes ``g`` and the elementwise partial derivatives of ``g``. The forward
pass, reverse mode, forward mode, and the influence of the parameters follow here, once
for all cells.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.cells.base import Array, Cell, Shapes, correlate, draw
from rnncore.params import Params

Blocks = tuple[Array, ...]
Elementwise = dict[tuple[str, str], Array]


class Partials(NamedTuple):
    """Elementwise partial derivatives of a pointwise function, each of shape (B, n).

    The key ``("c", "f")`` is read "of c by f". What is absent is zero.

    Attributes
    ----------
    ds, du, dv, dp
        Of each new state block by each old state block, input pre-activation, recurrent
        pre-activation, and elementwise parameter. ``dv`` is the same object as ``du``
        where only u + v matters.
    """

    ds: Elementwise
    du: Elementwise
    dv: Elementwise
    dp: Elementwise


class Tape:
    """What one step leaves behind for its derivatives."""

    __slots__ = ("_cell", "_partials", "cache", "s", "x")

    def __init__(self, cell: PointwiseCell, s: Array, x: Array, cache: Any) -> None:
        self.s, self.x, self.cache = s, x, cache
        self._cell = cell
        self._partials: Partials | None = None

    @property
    def partials(self) -> Partials:
        """The elementwise partials at this step, worked out when first asked for."""
        if self._partials is None:
            self._partials = self._cell.partials(self.cache)
        return self._partials


class Delta(NamedTuple):
    """Adjoints of one step's pre-activations, (..., B, K n), and elementwise parameters."""

    u: Array
    v: Array
    p: Array


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
    bias, recurrent_bias
        Whether there is ``b`` (K n,), and ``b_h`` (K n,).
    shown
        How many state blocks, counted from the first, the cell shows.
    """

    states: tuple[str, ...] = ("h",)
    gates: tuple[str, ...] = ("h",)
    elementwise: tuple[str, ...] = ()
    recurrent: bool = True
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
        self._recurrent_cuts = self._cuts(self.gates if self.recurrent else ())
        self._parameter_cuts = self._cuts(self.elementwise)

    def _cuts(self, names: Sequence[str]) -> dict[str, slice]:
        n = self.hidden_size
        return {name: slice(i * n, (i + 1) * n) for i, name in enumerate(names)}

    # -- what a cell's author writes -------------------------------------------

    @abstractmethod
    def pointwise(self, s: Blocks, u: Blocks, v: Blocks, p: Blocks) -> tuple[Blocks, Any]:
        """The new state blocks, and whatever :meth:`partials` needs."""

    @abstractmethod
    def partials(self, cache: Any) -> Partials:
        """The elementwise partial derivatives of :meth:`pointwise`."""

    # -- what follows from it ----------------------------------------------------

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        return draw(self.shapes, rng, dtype)

    def project(self, weights: Mapping[str, Array], x: Array) -> Array:
        u = x @ weights["W"].T
        return u + weights["b"] if self.bias else u

    def step(
        self, weights: Mapping[str, Array], s: Array, x: Array, u: Array | None = None
    ) -> tuple[Array, Tape]:
        u = self.project(weights, x) if u is None else u
        v = s[:, self.output] @ weights["U"].T if self.recurrent else s[:, :0]
        if self.recurrent_bias:
            v = v + weights["b_h"]
        blocks, cache = self.pointwise(
            tuple(s[:, cut] for cut in self._state_cuts.values()),
            tuple(u[:, cut] for cut in self._gate_cuts.values()),
            tuple(v[:, cut] for cut in self._recurrent_cuts.values()),
            tuple(weights[name] for name in self.elementwise),
        )
        return np.concatenate(blocks, axis=1), Tape(self, s, x, cache)

    def pull(self, weights: Mapping[str, Array], tape: Tape, s_bar: Array) -> tuple[Array, Delta]:
        d = tape.partials
        u_bar = self._chain(d.du, s_bar, self._gate_cuts)
        v_bar = u_bar if d.dv is d.du else self._chain(d.dv, s_bar, self._recurrent_cuts)
        s_bar_prev = self._chain(d.ds, s_bar, self._state_cuts)
        if self.recurrent:
            s_bar_prev[..., self.output] += v_bar @ weights["U"]
        return s_bar_prev, Delta(u_bar, v_bar, self._chain(d.dp, s_bar, self._parameter_cuts))

    def _chain(self, partials: Elementwise, s_bar: Array, cuts: dict[str, slice]) -> Array:
        """Multiply adjoints of the new state with elementwise partials, block by block."""
        dtype = np.result_type(s_bar, *partials.values())
        result = np.zeros((*s_bar.shape[:-1], len(cuts) * self.hidden_size), dtype)
        for (out, by), partial in partials.items():
            result[..., cuts[by]] += s_bar[..., self._state_cuts[out]] * partial
        return result

    def input_adjoint(self, weights: Mapping[str, Array], tape: Tape, delta: Delta) -> Array:
        return delta.u @ weights["W"]

    def collect(
        self,
        weights: Mapping[str, Array],
        tapes: Sequence[Tape],
        deltas: Sequence[Delta],
        per_example: bool = False,
    ) -> dict[str, Array]:
        u_bar = np.stack([delta.u for delta in deltas])
        v_bar = u_bar if deltas[0].v is deltas[0].u else np.stack([d.v for d in deltas])
        over = 0 if per_example else tuple(range(u_bar.ndim - 1))
        grads = {"W": correlate(u_bar, np.stack([tape.x for tape in tapes]), per_example)}
        if self.recurrent:
            h = np.stack([tape.s[:, self.output] for tape in tapes])
            grads["U"] = correlate(v_bar, h, per_example)
        if self.bias:
            grads["b"] = u_bar.sum(axis=over)
        if self.recurrent_bias:
            grads["b_h"] = v_bar.sum(axis=over)
        if self.elementwise:
            p_bar = np.stack([delta.p for delta in deltas]).sum(axis=over)
            grads |= {name: p_bar[..., cut] for name, cut in self._parameter_cuts.items()}
        return grads

    def push(
        self, weights: Mapping[str, Array], tape: Tape, ds: Array, dx: Array | None = None
    ) -> Array:
        d = tape.partials
        if self.recurrent:
            result = ds[..., self.output] @ self._through(d.dv, weights["U"])
        else:
            result = np.zeros(ds.shape, np.result_type(ds, *d.ds.values()))
        for (out, by), partial in d.ds.items():
            result[..., self._state_cuts[out]] += (
                ds[..., self._state_cuts[by]] * partial[:, None, :]
            )
        if dx is not None:
            result = result + dx @ self._through(d.du, weights["W"])
        return result

    def _through(self, partials: Elementwise, matrix: Array) -> Array:
        """The Jacobian of the new state by what ``matrix`` multiplies, transposed: (B, in, N)."""
        batch = next(iter(partials.values())).shape[0]
        dtype = np.result_type(matrix, *partials.values())
        result = np.zeros((batch, matrix.shape[1], self.state_size), dtype)
        for (out, gate), partial in partials.items():
            rows = matrix[self._gate_cuts[gate]]
            result[:, :, self._state_cuts[out]] += partial[:, None, :] * rows.T
        return result

    def influence_step(
        self,
        weights: Mapping[str, Array],
        tape: Tape,
        influence: Array,
        start: int = 0,
        dx: Array | None = None,
    ) -> Array:
        result = self.push(weights, tape, influence, dx)
        d = tape.partials
        one = np.ones((*tape.s.shape[:1], 1), tape.s.dtype)
        factors: dict[str, tuple[Elementwise, Array]] = {
            "W": (d.du, tape.x),
            "U": (d.dv, tape.s[:, self.output]),
            "b": (d.du, one),
            "b_h": (d.dv, one),
        }
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            rows = result[:, start:stop]
            if name in factors:
                self._add_immediate(rows, *factors[name], self.gates)
            else:
                own = {key: partial for key, partial in d.dp.items() if key[1] == name}
                self._add_immediate(rows, own, one, (name,))
            start = stop
        return result

    def _add_immediate(
        self, rows: Array, partials: Elementwise, factor: Array, gates: tuple[str, ...]
    ) -> None:
        """Add G ⊗ factor to ``rows``, touching only the entries that are not zero.

        Row (gate k, unit i, input d) and column (block s, unit j) meet only where i = j:
        a diagonal view, (B, K, n, d, S).
        """
        n, width = self.hidden_size, factor.shape[1]
        blocks = rows.reshape(len(rows), len(gates), n, width, len(self.states), n)
        diagonal = np.einsum("bkidsi->bkids", blocks)
        for (out, by), partial in partials.items():
            k, s = gates.index(by), self.states.index(out)
            diagonal[:, k, :, :, s] += partial[:, :, None] * factor[:, None, :]

    def jvp(
        self,
        weights: Mapping[str, Array],
        tape: Tape,
        ds: Array,
        dx: Array | None = None,
        dparams: Mapping[str, Array] | None = None,
    ) -> Array:
        du = 0 if dx is None else dx @ weights["W"].T
        if dparams is not None:
            du = du + tape.x @ dparams["W"].T + (dparams["b"] if self.bias else 0)
        du = np.broadcast_to(du, (len(ds), len(self.gates) * self.hidden_size))
        d = tape.partials
        terms = [(d.ds, ds, self._state_cuts), (d.du, du, self._gate_cuts)]
        if self.recurrent:
            dv = ds[:, self.output] @ weights["U"].T
            if dparams is not None:
                dv = dv + tape.s[:, self.output] @ dparams["U"].T
                dv = dv + (dparams["b_h"] if self.recurrent_bias else 0)
            terms.append((d.dv, dv, self._gate_cuts))
        result = np.zeros(ds.shape, np.result_type(ds, du, weights["W"], *d.du.values()))
        for partials, tangent, cuts in terms:
            for (out, by), partial in partials.items():
                result[:, self._state_cuts[out]] += partial * tangent[:, cuts[by]]
        if dparams is not None:
            for (out, by), partial in d.dp.items():
                result[:, self._state_cuts[out]] += partial * dparams[by]
        return result

    def _like(self, tape: Tape) -> Array:
        return tape.s
