"""Output feedback: a network that reads its own last output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncore import activations, checks
from rnncore.activations import Activation
from rnncore.cells.base import Array, Cell, draw
from rnncore.layout import correlate
from rnncore.params import Params


class _Tape(NamedTuple):
    inner: Any
    h: Array
    z: Array
    y: Array


class _Delta(NamedTuple):
    inner: Any
    z: Array
    x: Array


class OutputFeedback(Cell):
    """A cell with back-projections: outputs that are fed back as further inputs.

    ::

        inner_t = cell(inner_{t-1}, (x_t, y_{t-1}))
        y_t = f(V h_t + b)                          h_t: what the inner cell shows

    The outputs are part of the state, ``y | inner``, and are what this cell shows: use
    :class:`~rnncore.readouts.Units` to put targets on them. Teacher forcing then replaces
    y_t by its target before it is fed back.

    Parameters
    ----------
    cell
        The inner cell, with ``input_size`` = D + O.
    output_size
        O.
    activation
        f, elementwise.

    Raises
    ------
    ValueError
        If the inner cell has no room for O further inputs.

    References
    ----------
    Jordan (1986); Jaeger (2002), GMD Report 159, section 1, for the name.

    Examples
    --------
    >>> from rnncore.cells import Vanilla
    >>> cell = OutputFeedback(Vanilla(2 + 1, 4), output_size=1)
    >>> cell.input_size, cell.state_size, cell.output
    (2, 5, slice(0, 1, None))
    """

    def __init__(
        self, cell: Cell, output_size: int, activation: str | Activation = "identity"
    ) -> None:
        self.cell = cell
        count = checks.positive_int(output_size, "output_size")
        self.activation = activations.get(activation)
        self.input_size = cell.input_size - count
        if self.input_size < 1:
            raise ValueError(
                f"cell: expected input_size of at least output_size + 1 = {count + 1}, got "
                f"{cell.input_size}"
            )
        self.state_size = count + cell.state_size
        self.output = slice(0, count)
        self._own = {"V": (count, cell.output_size), "b": (count,)}
        inner = {f"cell.{name}": shape for name, shape in cell.shapes.items()}
        self.shapes = inner | self._own

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        inner = self.cell.init_params(rng, dtype).prefixed("cell.")
        return Params.merge(inner, draw(self._own, rng, dtype))

    def prepare(self, params: Mapping[str, Array]) -> tuple[Any, Array, Array]:
        inner = self.cell.prepare(Params(params).select("cell."))
        return inner, params["V"], params["b"]

    def step(self, weights: Any, s: Array, x: Array, u: Array | None = None) -> tuple[Array, _Tape]:
        inner, v, b = weights
        count = self.output.stop
        both = np.concatenate([x, s[:, :count]], axis=1)
        state, tape = self.cell.step(inner, s[:, count:], both)
        h = state[:, self.cell.output]
        z = h @ v.T + b
        y = self.activation(z)
        return np.concatenate([y, state], axis=1), _Tape(tape, h, z, y)

    def pull(self, weights: Any, tape: _Tape, s_bar: Array) -> tuple[Array, _Delta]:
        inner, v, _ = weights
        count = self.output.stop
        z_bar = s_bar[..., :count] * self.activation.derivative(tape.z, tape.y)
        state_bar = s_bar[..., count:].astype(np.result_type(s_bar, z_bar, v))
        state_bar[..., self.cell.output] += z_bar @ v
        inner_prev, delta = self.cell.pull(inner, tape.inner, state_bar)
        both_bar = self.cell.input_adjoint(inner, tape.inner, delta)
        x_bar, y_bar = both_bar[..., : self.input_size], both_bar[..., self.input_size :]
        return np.concatenate([y_bar, inner_prev], axis=-1), _Delta(delta, z_bar, x_bar)

    def input_adjoint(self, weights: Any, tape: _Tape, delta: _Delta) -> Array:
        return delta.x

    def collect(
        self,
        weights: Any,
        tapes: Sequence[_Tape],
        deltas: Sequence[_Delta],
        per_example: bool = False,
    ) -> dict[str, Array]:
        own = self.cell.collect(
            weights[0], [t.inner for t in tapes], [d.inner for d in deltas], per_example
        )
        z_bar = np.stack([delta.z for delta in deltas])
        h = np.stack([tape.h for tape in tapes])
        grads = {f"cell.{name}": array for name, array in own.items()}
        grads["V"] = correlate(z_bar, h, per_example)
        grads["b"] = z_bar.sum(axis=0 if per_example else tuple(range(z_bar.ndim - 1)))
        return grads

    def push(self, weights: Any, tape: _Tape, ds: Array, dx: Array | None = None) -> Array:
        both = self._both(ds, dx)
        inner = self.cell.push(weights[0], tape.inner, ds[..., self.output.stop :], both)
        return self._with_output(weights, tape, inner)

    def _both(self, ds: Array, dx: Array | None) -> Array:
        """Tangents of the inner cell's inputs, (x_t, y_{t-1})."""
        dy = ds[..., self.output]
        if dx is None:
            dx = np.zeros((*ds.shape[:-1], self.input_size), ds.dtype)
        return np.concatenate([dx, dy], axis=-1)

    def _with_output(self, weights: Any, tape: _Tape, inner: Array) -> Array:
        """Put the tangents of y_t in front of those of the inner state."""
        slope = self.activation.derivative(tape.z, tape.y)
        dy = inner[..., self.cell.output] @ weights[1].T * slope[:, None, :]
        return np.concatenate([dy, inner], axis=-1)

    def influence_step(
        self,
        weights: Any,
        tape: _Tape,
        influence: Array,
        start: int = 0,
        dx: Array | None = None,
    ) -> Array:
        count, width = self._own["V"]
        inner = self.cell.influence_step(
            weights[0], tape.inner, influence[..., count:], start, self._both(influence, dx)
        )
        result = self._with_output(weights, tape, inner)
        # F of the output's own parameters: dy_i/dV_ij = f'(z_i) h_j, and dy_i/db_i = f'(z_i)
        slope = self.activation.derivative(tape.z, tape.y)
        start += self.cell.size
        for factor in (tape.h, np.ones((len(tape.h), 1), tape.h.dtype)):
            rows = result[:, start : start + count * factor.shape[1], :count]
            blocks = rows.reshape(len(rows), count, factor.shape[1], count)
            np.einsum("bidi->bid", blocks)[:] += slope[:, :, None] * factor[:, None, :]
            start += count * width
        return result

    def jvp(
        self,
        weights: Any,
        tape: _Tape,
        ds: Array,
        dx: Array | None = None,
        dparams: Mapping[str, Array] | None = None,
    ) -> Array:
        own = None if dparams is None else Params(dparams).select("cell.")
        both = self._both(ds, dx)
        inner = self.cell.jvp(weights[0], tape.inner, ds[:, self.output.stop :], both, own)
        dz = inner[:, self.cell.output] @ weights[1].T
        if dparams is not None:
            dz = dz + tape.h @ dparams["V"].T + dparams["b"]
        return np.concatenate([dz * self.activation.derivative(tape.z, tape.y), inner], axis=1)

    def _like(self, tape: _Tape) -> Array:
        return tape.h
