"""What the steps of a pointwise cell leave behind for their derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

if TYPE_CHECKING:
    from rnncore.cells.pointwise import PointwiseCell

Array = np.ndarray
Elementwise = Mapping[tuple[str, str], Array]

CHUNK = 2**15  # numbers of the state for which partials are worked out at once
STEPS = 32  # where steps are large, of so many of them, as far as four times CHUNK allows


class Partials(NamedTuple):
    """Elementwise partial derivatives of a pointwise function, each of shape (B, n).

    The key ``("c", "f")`` is read "of c by f". What is absent is zero.

    Attributes
    ----------
    ds, du, dv, dp
        Of each new state block by each old state block, input pre-activation, recurrent
        pre-activation, and elementwise parameter. ``dv`` is the same object as ``du``
        where only u + v matters.
    within
        Of a new state block by another new one from which it is made, as the LSTM's
        h_t = o tanh(c_t) is from c_t. The partials of h_t above then leave out what goes
        through c_t. A block comes after those that it is made from.
    """

    ds: Elementwise
    du: Elementwise
    dv: Elementwise
    dp: Elementwise
    within: Elementwise = MappingProxyType({})

    def arrays(self) -> list[Array]:
        """All of them."""
        return [partial for group in self for partial in group.values()]

    def at(self, index: int | None) -> Partials:
        """Of the partials of many steps those of one; of those of one, with None, (1, B, n)."""
        by_u = {key: a[index] for key, a in self.du.items()}
        return Partials(
            {key: a[index] for key, a in self.ds.items()},
            by_u,
            by_u if self.dv is self.du else {key: a[index] for key, a in self.dv.items()},
            {key: a[index] for key, a in self.dp.items()},
            {key: a[index] for key, a in self.within.items()},
        )

    def lifted(self) -> Partials:
        """The partials of one step with an axis of time, (1, B, n) each."""
        return self.at(None)

    def total(self) -> Partials:
        """The same with nothing left out: what goes through another new block is added."""
        if not self.within:
            return self
        ds, du, dv, dp = (dict(direct) for direct in (self.ds, self.du, self.dv, self.dp))
        for (out, through), factor in self.within.items():
            for partials in (ds, du, dv, dp):
                for (block, by), partial in [*partials.items()]:
                    if block == through:
                        whole = factor * partial
                        key = (out, by)
                        partials[key] = partials[key] + whole if key in partials else whole
        return Partials(ds, du, du if self.dv is self.du else dv, dp)


class Tape:
    """What one step leaves behind for its derivatives."""

    __slots__ = ("_cache", "_cell", "_direct", "_partials", "s", "x")

    def __init__(self, cell: PointwiseCell, s: Array, x: Array, cache: Any) -> None:
        self.s, self.x = s, x
        self._cell, self._cache = cell, cache
        self._direct: Partials | None = None
        self._partials: Partials | None = None

    @property
    def cache(self) -> Any:
        """What ``pointwise`` left for ``partials``."""
        return self._cache

    @property
    def direct(self) -> Partials:
        """The elementwise partials as the cell's author writes them, when first asked for."""
        if self._direct is None:
            self._direct = self._cell.partials(self.cache)
        return self._direct

    @property
    def partials(self) -> Partials:
        """All of the elementwise partials at this step: what goes ``within`` is added."""
        if self._partials is None:
            self._partials = self.direct.total()
        return self._partials


class StepOf(Tape):
    """The tape of one step of a :class:`Stretch`, whose partials are worked out with others."""

    __slots__ = ("_stretch", "_t")

    def __init__(self, stretch: Stretch, t: int) -> None:
        super().__init__(stretch._cell, stretch.s[t], stretch.x[t], None)
        self._stretch, self._t = stretch, t

    @property
    def cache(self) -> Any:
        return self._stretch._at(self._t)[1]

    @property
    def direct(self) -> Partials:
        if self._direct is None:
            self._direct = self._stretch.partials_at(self._t)
        return self._direct


class Stretch(Sequence[Tape]):
    """The tapes of consecutive steps, as whole arrays.

    Only states and pre-activations are kept. The pointwise function is worked out again,
    for many steps at once, when its partials are wanted: that is cheaper than keeping what it
    made on the way, in time (fewer and longer operations) and in memory.

    Attributes
    ----------
    s
        The states before each step, and the last one: (T + 1, B, N).
    x, u, v
        Inputs (T, B, D) and pre-activations (T, B, K n). Where only their sum matters ``u``
        holds it, and ``v`` is None.
    """

    def __init__(
        self,
        cell: PointwiseCell,
        weights: Mapping[str, Array],
        s: Array,
        x: Array,
        u: Array,
        v: Array | None,
    ) -> None:
        self.s, self.x, self.u, self.v = s, x, u, v
        self._cell, self._weights = cell, weights
        self._held: tuple[int, Partials] | None = None

    def __len__(self) -> int:
        return len(self.x)

    @overload
    def __getitem__(self, t: int) -> Tape: ...

    @overload
    def __getitem__(self, t: slice) -> Stretch: ...

    def __getitem__(self, t: int | slice) -> Tape | Stretch:
        if isinstance(t, slice):
            start, stop, stride = t.indices(len(self))
            if stride != 1:
                raise ValueError(f"t: expected consecutive steps, got a slice by {stride}")
            stop = max(start, stop)
            v = None if self.v is None else self.v[t]
            return Stretch(
                self._cell, self._weights, self.s[start : stop + 1], self.x[t], self.u[t], v
            )
        return StepOf(self, range(len(self))[t])

    def _at(self, t: int | slice) -> tuple[tuple[Array, ...], Any]:
        v = None if self.v is None else self.v[t]
        return self._cell.at(self._weights, self.s[:-1][t], self.u[t], v)

    def partials_at(self, t: int) -> Partials:
        """The elementwise partials of one step, (B, n) each; those around it are kept for later."""
        size = self._chunk()
        start = t - t % size
        if self._held is None or self._held[0] != start:
            self._held = start, self.partials(start, min(start + size, len(self)))
        return self._held[1].at(t - start)

    def _chunk(self) -> int:
        """Of how many steps the partials are worked out at once.

        They should stay in the processor's cache. But each time some work is done that does not
        depend on how many steps there are, so they should not be few.
        """
        numbers = self.s[0].size
        return max(1, CHUNK // numbers, min(STEPS, 4 * CHUNK // numbers))

    def chunks(self, most: int | None = None) -> Iterator[tuple[int, int]]:
        """Cut the stretch into parts whose partials stay in the processor's cache.

        A part has no more than ``most`` steps.
        """
        size = self._chunk() if most is None else min(most, self._chunk())
        for start in range(0, len(self), size):
            yield start, min(start + size, len(self))

    def partials(self, start: int, stop: int) -> Partials:
        """The elementwise partials of several steps, (steps, B, n) each."""
        steps = slice(start, stop)
        _, cache = self._at(steps)
        partials = self._cell.partials(cache)
        shape = (*self.x[steps].shape[:2], self._cell.hidden_size)
        for group in partials:
            for (out, by), partial in group.items():
                # One (n,) or (B, n) would be taken for one of each step if there are as many.
                if partial.shape != shape:
                    raise ValueError(
                        f"partials: expected shape {shape} of {out} by {by}, got {partial.shape}"
                    )
        return partials


class Delta(NamedTuple):
    """Adjoints of one step's pre-activations, (..., B, K n), and elementwise parameters."""

    u: Array
    v: Array
    p: Array


class Deltas(Sequence[Delta]):
    """The adjoints of consecutive steps, as whole arrays: (T, ..., B, K n)."""

    def __init__(self, u: Array, v: Array, p: Array) -> None:
        self.u, self.v, self.p = u, v, p

    @classmethod
    def stack(cls, deltas: Sequence[Delta]) -> Deltas:
        u = np.stack([delta.u for delta in deltas])
        v = u if deltas[0].v is deltas[0].u else np.stack([delta.v for delta in deltas])
        return cls(u, v, np.stack([delta.p for delta in deltas]))

    def __len__(self) -> int:
        return len(self.u)

    @overload
    def __getitem__(self, t: int) -> Delta: ...

    @overload
    def __getitem__(self, t: slice) -> Deltas: ...

    def __getitem__(self, t: int | slice) -> Delta | Deltas:
        u = self.u[t]
        v, p = u if self.v is self.u else self.v[t], self.p[t]
        return Deltas(u, v, p) if isinstance(t, slice) else Delta(u, v, p)
