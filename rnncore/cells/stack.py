"""A stack of cells: the output of one is the input of the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnncore.cells.base import Array, Cell
from rnncore.params import Params


class Stack(Cell):
    """Layers of cells, of any depth and mixture.

    Within one time step layer l reads what layer l - 1 shows after that same step::

        s^l_t = cell_l(s^l_{t-1}, x^l_t),   x^0_t = x_t,   x^l_t = h^{l-1}_t

    Parameters
    ----------
    layers
        The cells, lowest first. Parameters of layer l are named ``"l.W"`` and so on; the
        state is the states of all layers side by side; the top layer's is shown.

    Raises
    ------
    ValueError
        If there is no layer, or the sizes of two layers do not meet.

    Examples
    --------
    >>> from rnncore.cells import GRU, LSTM
    >>> stack = Stack([LSTM(3, 4), GRU(4, 2)])
    >>> stack.state_size, stack.output
    (10, slice(8, 10, None))
    """

    def __init__(self, layers: Sequence[Cell]) -> None:
        self.layers = tuple(layers)
        if not self.layers:
            raise ValueError("layers: expected at least one cell, got none")
        for i, (below, above) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            if above.input_size != below.output_size:
                raise ValueError(
                    f"layers[{i + 1}]: expected input_size {below.output_size} (what "
                    f"layers[{i}] shows), got {above.input_size}"
                )
        ends = np.cumsum([cell.state_size for cell in self.layers])
        self._cuts = [
            slice(int(end) - cell.state_size, int(end))
            for end, cell in zip(ends, self.layers, strict=True)
        ]
        self.input_size = self.layers[0].input_size
        self.state_size = int(ends[-1])
        top, start = self.layers[-1], self._cuts[-1].start
        self.output = slice(start + top.output.start, start + top.output.stop)
        self.shapes = {
            f"{i}.{name}": shape
            for i, cell in enumerate(self.layers)
            for name, shape in cell.shapes.items()
        }

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        parts = [cell.init_params(rng, dtype) for cell in self.layers]
        return Params.merge(*(part.prefixed(f"{i}.") for i, part in enumerate(parts)))

    def prepare(self, params: Mapping[str, Array]) -> tuple[Any, ...]:
        params = Params(params)
        return tuple(cell.prepare(params.select(f"{i}.")) for i, cell in enumerate(self.layers))

    def project(self, weights: tuple[Any, ...], x: Array) -> Array | None:
        return self.layers[0].project(weights[0], x)

    def step(
        self, weights: tuple[Any, ...], s: Array, x: Array, u: Array | None = None
    ) -> tuple[Array, tuple[Any, ...]]:
        states, tapes = [], []
        for cell, w, cut in zip(self.layers, weights, self._cuts, strict=True):
            state, tape = cell.step(w, s[:, cut], x, u)
            x, u = state[:, cell.output], None
            states.append(state)
            tapes.append(tape)
        return np.concatenate(states, axis=1), tuple(tapes)

    def pull(
        self, weights: tuple[Any, ...], tape: tuple[Any, ...], s_bar: Array
    ) -> tuple[Array, tuple[Any, ...]]:
        bars = [s_bar[..., cut] for cut in self._cuts]
        deltas: list[Any] = [None] * len(self.layers)
        for i in reversed(range(len(self.layers))):
            cell, w = self.layers[i], weights[i]
            above = bars[i]
            bars[i], deltas[i] = cell.pull(w, tape[i], above)
            if i > 0:
                below = bars[i - 1].astype(np.result_type(bars[i - 1], bars[i]))
                below[..., self.layers[i - 1].output] += cell.input_adjoint(w, tape[i], deltas[i])
                bars[i - 1] = below
        return np.concatenate(bars, axis=-1), tuple(deltas)

    def input_adjoint(
        self, weights: tuple[Any, ...], tape: tuple[Any, ...], delta: tuple[Any, ...]
    ) -> Array:
        return self.layers[0].input_adjoint(weights[0], tape[0], delta[0])

    def collect(
        self,
        weights: tuple[Any, ...],
        tapes: Sequence[tuple[Any, ...]],
        deltas: Sequence[tuple[Any, ...]],
        per_example: bool = False,
    ) -> dict[str, Array]:
        grads: dict[str, Array] = {}
        for i, cell in enumerate(self.layers):
            own = cell.collect(
                weights[i], [tape[i] for tape in tapes], [d[i] for d in deltas], per_example
            )
            grads |= {f"{i}.{name}": array for name, array in own.items()}
        return grads

    def push(
        self, weights: tuple[Any, ...], tape: tuple[Any, ...], ds: Array, dx: Array | None = None
    ) -> Array:
        parts = []
        for i, cell in enumerate(self.layers):
            parts.append(cell.push(weights[i], tape[i], ds[..., self._cuts[i]], dx))
            dx = parts[-1][..., cell.output]
        return np.concatenate(parts, axis=-1)

    def influence_step(
        self,
        weights: tuple[Any, ...],
        tape: tuple[Any, ...],
        influence: Array,
        start: int = 0,
        dx: Array | None = None,
    ) -> Array:
        parts = []
        for i, cell in enumerate(self.layers):
            rows = influence[..., self._cuts[i]]
            parts.append(cell.influence_step(weights[i], tape[i], rows, start, dx))
            dx = parts[-1][..., cell.output]
            start += cell.size
        return np.concatenate(parts, axis=-1)

    def jvp(
        self,
        weights: tuple[Any, ...],
        tape: tuple[Any, ...],
        ds: Array,
        dx: Array | None = None,
        dparams: Mapping[str, Array] | None = None,
    ) -> Array:
        parts = []
        for i, cell in enumerate(self.layers):
            own = None if dparams is None else Params(dparams).select(f"{i}.")
            parts.append(cell.jvp(weights[i], tape[i], ds[:, self._cuts[i]], dx, own))
            dx = parts[-1][:, cell.output]
        return np.concatenate(parts, axis=1)

    def _like(self, tape: tuple[Any, ...]) -> Array:
        return self.layers[0]._like(tape[0])
