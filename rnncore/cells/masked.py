"""Masks on weights: sparse, cyclic, hand-drawn connectivity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rnncore import checks
from rnncore.cells.base import Array, Cell, Replace
from rnncore.params import Params


class Masked(Cell):
    """A cell some of whose connections are cut.

    Parameters
    ----------
    cell
        Any cell.
    masks
        For any of its parameters an array of 0 and 1 in the parameter's shape; a mask
        (n, n) for a gate-major U (K n, n) holds for every gate. A cut connection counts
        as zero and has gradient zero, whatever number stands in the parameters.

    Raises
    ------
    ValueError
        On unknown names, wrong shapes, or entries other than 0 and 1.

    Examples
    --------
    A ring of three units, each listening to the one before it:

    >>> from rnncore.cells import Vanilla
    >>> ring = Masked(Vanilla(1, 3), {"U": np.roll(np.eye(3), 1, axis=0)})
    >>> int(ring.mask["U"].sum())
    3
    """

    def __init__(self, cell: Cell, masks: Mapping[str, Any]) -> None:
        self.cell = cell
        self.input_size, self.state_size = cell.input_size, cell.state_size
        self.output, self.shapes = cell.output, cell.shapes
        unknown = sorted(set(masks) - set(cell.shapes))
        if unknown:
            raise ValueError(f"masks: unknown {unknown}; the cell has {list(cell.shapes)}")
        full = {name: np.ones(shape) for name, shape in cell.shapes.items()}
        full |= {name: _spread(mask, cell.shapes[name], name) for name, mask in masks.items()}
        self.mask = Params(full)
        self._cut = np.flatnonzero(self.mask.flat() == 0)

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        drawn = self.cell.init_params(rng, dtype)
        return Params({name: (self.mask[name] * drawn[name]).astype(dtype) for name in drawn})

    def prepare(self, params: Mapping[str, Array]) -> Any:
        kept = {
            name: np.where(self.mask[name] > 0, array, np.zeros((), array.dtype))
            for name, array in params.items()
        }
        return self.cell.prepare(kept)

    def project(self, weights: Any, x: Array) -> Array | None:
        return self.cell.project(weights, x)

    def step(self, weights: Any, s: Array, x: Array, u: Array | None = None) -> tuple[Array, Any]:
        return self.cell.step(weights, s, x, u)

    def run(
        self, weights: Any, s: Array, x: Array, replace: Replace | None = None
    ) -> tuple[Sequence[Any], Array, Array]:
        if type(self).step is not Masked.step:  # a subclass that steps in its own way
            return super().run(weights, s, x, replace)
        return self.cell.run(weights, s, x, replace)

    def sweep(
        self,
        weights: Any,
        tapes: Sequence[Any],
        s_bar: Array,
        h_bar: Array,
        forced: Sequence[Array | None] | None = None,
        between: Callable[[Array], None] | None = None,
    ) -> tuple[Array, Sequence[Any], Array | Sequence[Array]]:
        if type(self).pull is not Masked.pull:
            return super().sweep(weights, tapes, s_bar, h_bar, forced, between)
        return self.cell.sweep(weights, tapes, s_bar, h_bar, forced, between)

    def pull(self, weights: Any, tape: Any, s_bar: Array) -> tuple[Array, Any]:
        return self.cell.pull(weights, tape, s_bar)

    def input_adjoint(self, weights: Any, tape: Any, delta: Any) -> Array:
        return self.cell.input_adjoint(weights, tape, delta)

    def collect(
        self,
        weights: Any,
        tapes: Sequence[Any],
        deltas: Sequence[Any],
        per_example: bool = False,
    ) -> dict[str, Array]:
        grads = self.cell.collect(weights, tapes, deltas, per_example)
        return {
            name: np.where(self.mask[name] > 0, array, np.zeros((), array.dtype))
            for name, array in grads.items()
        }

    def push(self, weights: Any, tape: Any, ds: Array, dx: Array | None = None) -> Array:
        return self.cell.push(weights, tape, ds, dx)

    def influence_step(
        self, weights: Any, tape: Any, influence: Array, start: int = 0, dx: Array | None = None
    ) -> Array:
        # A row of the influence depends on that row alone, so a cut one can be cleared after.
        result = self.cell.influence_step(weights, tape, influence, start, dx)
        result[:, start + self._cut] = 0
        return result

    def influences(self, weights: Any, tapes: Sequence[Any], influence: Array) -> Iterator[Array]:
        if type(self).influence_step is not Masked.influence_step:
            yield from super().influences(weights, tapes, influence)
            return
        for after in self.cell.influences(weights, tapes, influence):
            after[:, self._cut] = 0
            yield after

    def jvp(
        self,
        weights: Any,
        tape: Any,
        ds: Array,
        dx: Array | None = None,
        dparams: Mapping[str, Array] | None = None,
    ) -> Array:
        if dparams is not None:
            dparams = Params({name: self.mask[name] * dparams[name] for name in self.shapes})
        return self.cell.jvp(weights, tape, ds, dx, dparams)

    def _like(self, tape: Any) -> Array:
        return self.cell._like(tape)


def _spread(mask: Any, shape: tuple[int, ...], name: str) -> Array:
    array = checks.numeric(mask, f"masks[{name!r}]")
    if array.ndim == len(shape) and array.shape[1:] == shape[1:] and array.shape[0]:
        gates, rest = divmod(shape[0], array.shape[0])
        if not rest:
            array = np.concatenate([array] * gates)
    checks.shape(array, shape, f"masks[{name!r}]")
    if not np.isin(array, (0, 1)).all():
        raise ValueError(f"masks[{name!r}]: expected entries 0 and 1 only")
    return array
