"""The general path: a cell given by its forward step and its reverse mode alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnncore.cells.base import Array, Cell
from rnncore.params import Params


class GeneralCell(Cell):
    """A cell whose step is not pointwise after two linear maps.

    Its author writes :meth:`step`, :meth:`pull`, :meth:`input_adjoint` and
    :meth:`collect`. Forward mode follows by pulling N unit adjoints back: row i of the
    Jacobians is what comes back from unit i. This is slower than the pointwise path, and
    exact all the same.
    """

    def push(self, weights: Any, tape: Any, ds: Array, dx: Array | None = None) -> Array:
        by_state, delta = self._pull_units(weights, tape)
        result = by_state @ ds.swapaxes(1, 2)
        if dx is not None:
            by_input = self.input_adjoint(weights, tape, delta).swapaxes(0, 1)
            result = result + by_input @ dx.swapaxes(1, 2)
        return result.swapaxes(1, 2)

    def _pull_units(self, weights: Any, tape: Any) -> tuple[Array, Any]:
        """D (B, N, N), and the pre-activation adjoints of every unit of the new state."""
        like, size = self._like(tape), self.state_size
        eye = np.eye(size, dtype=like.dtype)
        units = np.broadcast_to(eye[:, None, :], (size, len(like), size))
        pulled, delta = self.pull(weights, tape, units)
        return pulled.swapaxes(0, 1), delta

    def _immediate(self, weights: Any, tape: Any, delta: Any) -> Array:
        """F^T = (ds_t/d theta)^T, shape (B, P, N)."""
        rows = self.collect(weights, [tape], [delta], per_example=True)
        flat = [array.reshape(*array.shape[:2], -1) for array in rows.values()]
        return np.concatenate(flat, axis=2).transpose(1, 2, 0)

    def influence_step(
        self, weights: Any, tape: Any, influence: Array, start: int = 0, dx: Array | None = None
    ) -> Array:
        result = self.push(weights, tape, influence, dx)
        _, delta = self._pull_units(weights, tape)
        result[:, start : start + self.size] += self._immediate(weights, tape, delta)
        return result

    def jvp(
        self,
        weights: Any,
        tape: Any,
        ds: Array,
        dx: Array | None = None,
        dparams: Mapping[str, Array] | None = None,
    ) -> Array:
        tangent = None if dx is None else dx[:, None, :]
        result = self.push(weights, tape, ds[:, None, :], tangent)[:, 0]
        if dparams is not None:
            _, delta = self._pull_units(weights, tape)
            direction = Params({name: dparams[name] for name in self.shapes}).flat()
            result = result + direction @ self._immediate(weights, tape, delta)
        return result
