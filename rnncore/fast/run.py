"""One forward and backward pass of a pointwise cell through its compiled kernels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnncore.cells.base import Array
from rnncore.cells.pointwise import PointwiseCell
from rnncore.cells.tape import Deltas, Stretch
from rnncore.fast.kernels import Compiled
from rnncore.fast.source import Kernels

# Up to how many multiplications of a step's recurrent product it is compiled with the rest, and
# no step goes through Python. Beyond them NumPy's product is faster by more than a call costs.
OWN_PRODUCT = 2**15


class Run:
    """The arrays of one pass over a sequence, and the loops over its steps.

    Parameters
    ----------
    cell, kernels
        The cell, and the graph and source of its kernels.
    compiled
        The same, compiled for the precision of ``start``.
    weights
        The cell's parameters, prepared.
    x, start
        Inputs (T, B, D) and the initial state (B, N).

    Attributes
    ----------
    s
        The state blocks one after the other, (S, T + 1, B, n).
    u, v
        Pre-activations (T, B, K n), after the backward pass their adjoints. Between the two
        some of them have given their place to functions of them that are wanted again.
    bar
        Adjoints of the initial state, once the backward pass is through, (S, B, n).
    p_bar
        Adjoints of the elementwise parameters, (P, n), summed over steps and sequences.
    """

    def __init__(
        self,
        cell: PointwiseCell,
        kernels: Kernels,
        compiled: Compiled,
        weights: Mapping[str, Array],
        x: Array,
        start: Array,
    ) -> None:
        self.cell, self.weights, self.compiled = cell, weights, compiled
        dtype, n, states = start.dtype, cell.hidden_size, len(cell.states)
        steps, size, wide = *x.shape[:2], len(cell.gates) * n
        self.x = np.ascontiguousarray(x, dtype)
        both = cell.recurrent and cell.apart
        # One piece of memory: allocators give smaller ones back after each call.
        numbers, wide_numbers = states * (steps + 1) * size * n, steps * size * wide
        piece = np.empty(numbers + (1 + both) * wide_numbers, dtype)
        self.s = piece[:numbers].reshape(states, steps + 1, size, n)
        self.u, *v = piece[numbers:].reshape(1 + both, steps, size, wide)
        self.v = v[0] if both else self.u[:0]
        self.r = np.empty((0 if both or not cell.recurrent else size, wide), dtype)
        self.b, self.c = self._biases(dtype)
        self.s[:, 0] = start.reshape(size, states, n).swapaxes(0, 1)
        own = [np.asarray(weights[name], dtype) for name in cell.elementwise]
        self.q = np.empty((len(kernels.alone), n), dtype)
        for row, value in zip(self.q, kernels.graph.values(kernels.alone, own), strict=True):
            row[:] = value
        self.bar, self.back = np.zeros((states, size, n), dtype), np.zeros((size, n), dtype)
        self.p_bar = np.zeros((len(own), n), dtype)
        self._narrow = not cell.recurrent or size * n * wide <= OWN_PRODUCT

    def _biases(self, dtype: np.dtype) -> tuple[Array, Array]:
        """What is added to u and to v; where only their sum matters, all of it to u."""
        cell, w = self.cell, self.weights
        none = np.zeros(0, dtype)
        b = w["b"] if cell.bias else none
        c = w["b_h"] if cell.recurrent_bias else none
        if cell.recurrent_bias and not cell.apart:
            b, c = (b + c if cell.bias else c), none
        return np.ascontiguousarray(b, dtype), np.ascontiguousarray(c, dtype)

    def _matrix(self, name: str) -> Array:
        """A weight matrix in the precision of the run and in the order of its rows."""
        if name not in self.weights and not self.cell.recurrent:
            return self.u[:0, 0]
        return np.ascontiguousarray(self.weights[name], self.u.dtype)

    def forward(self) -> Array:
        """Run over the sequence; what the cell shows after each step, (T, B, shown n)."""
        arrays = (self.u, self.v, self.r, self.b, self.c, self.s, self.q)
        by_input, by_state = self._matrix("W").T, self._matrix("U^T")
        steps, size, wide = self.u.shape
        np.dot(self.x.reshape(steps * size, -1), by_input, self.u.reshape(-1, wide))
        if self._narrow:
            self.compiled.forward(by_state, *arrays)
        else:
            dot, step = np.dot, self.compiled.forward_step
            products = [*self.v] if len(self.v) else [self.r] * steps
            for t, h in enumerate(self.s[0, :-1]):
                dot(h, by_state, products[t])
                step(t, *arrays)
        shown = self.s[: self.cell.shown, 1:]
        return shown[0] if len(shown) == 1 else np.concatenate([*shown], axis=-1)

    def backward(self, h_bar: Array) -> tuple[Stretch, Deltas]:
        """Run back over it, from what each step's own loss says of the units shown, (T, B, ...).

        Returns
        -------
        stretch, deltas
            States, inputs and adjoints of all steps, for ``collect``.
        """
        h_bar = np.ascontiguousarray(h_bar, self.u.dtype)
        arrays = (self.u, self.v, self.s, self.q, h_bar, self.bar, self.back, self.p_bar)
        matrix, v = self._matrix("U"), self.v if len(self.v) else None
        bars = self.u if v is None else v
        if self._narrow:
            self.compiled.backward(matrix, *arrays)
        else:
            dot, step, back = np.dot, self.compiled.backward_step, self.back
            deltas = [*bars]
            for t in reversed(range(len(deltas))):
                step(t, *arrays)
                dot(deltas[t], matrix, back)
        if self.cell.recurrent:
            self.bar[0] += self.back
        # Parameters see the first block of the state alone, and p_bar is summed up already.
        stretch = Stretch(self.cell, self.weights, self.s[0], self.x, self.u, v)
        return stretch, Deltas(self.u, bars, self.p_bar.reshape(1, 1, -1))
