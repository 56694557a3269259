"""Parameters of a pointwise cell that enter the same pre-activations, taken side by side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rnncore.cells.base import Array
from rnncore.cells.tape import Deltas
from rnncore.layout import correlate

if TYPE_CHECKING:
    from rnncore.cells.pointwise import PointwiseCell


class Group(NamedTuple):
    """Parameters that enter the same pre-activations: what is said of them is said side by side.

    ``partials`` names the field of :class:`~rnncore.cells.tape.Partials` with the derivatives by
    these pre-activations, ``keys`` the pre-activations. (An elementwise parameter has a group of
    its own, and is its own key.) ``places`` are the parts of the inputs' axis, by parameter.
    """

    partials: str
    keys: tuple[str, ...]
    places: dict[str, slice]

    @property
    def inputs(self) -> int:
        """The length of the inputs' axis."""
        return max(place.stop for place in self.places.values())

    def factor(self, cell: PointwiseCell, x: Array, s: Array) -> Array:
        """What the parameters multiply, (..., B, d), at inputs and states (..., B, D or N)."""
        one = np.ones((*s.shape[:-1], 1), s.dtype)
        by_name = {"W": x, "U": s[..., : cell.hidden_size]}
        return np.concatenate([by_name.get(name, one) for name in self.places], axis=-1)

    def delta(self, cell: PointwiseCell, deltas: Deltas) -> Array:
        """The adjoints of what the parameters enter, (T, ..., B, K n)."""
        if self.partials == "dp":
            return deltas.p[..., cell._parameter_cuts[self.keys[0]]]
        return deltas.u if self.partials == "du" else deltas.v

    def collect(self, cell: PointwiseCell, x: Array, s: Array, deltas: Deltas) -> Array:
        """The adjoints of the parameters, (..., B, K n, d), summed over the steps."""
        return correlate(self.delta(cell, deltas), self.factor(cell, x, s), per_example=True)

    def named(self, joint: Array) -> dict[str, Array]:
        """Of an array (..., d) over all inputs the parts of each parameter."""
        return {name: joint[..., place] for name, place in self.places.items()}


def groups_of(cell: PointwiseCell) -> list[Group]:
    """The groups of a cell's parameters."""
    by_h = "dv" if cell.apart else "du"
    found: dict[str, Group] = {}
    for name, shape in cell.shapes.items():
        if name in cell.elementwise:
            found[name] = Group("dp", (name,), {name: slice(0, 1)})
            continue
        partials = by_h if name in ("U", "b_h") else "du"
        group = found.setdefault(partials, Group(partials, tuple(cell.gates), {}))
        start = group.inputs if group.places else 0
        group.places[name] = slice(start, start + math.prod(shape[1:]))
    return [*found.values()]
