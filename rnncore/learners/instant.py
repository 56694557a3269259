"""What a step of an online learner begins with: the forward pass, and what its loss says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from rnncore.data import Batch
from rnncore.network import Network, Weights

Array = np.ndarray

AT_ONCE = 32  # steps whose forward pass and read-out are worked out together


class Instant(NamedTuple):
    """One step's forward pass and what its loss says at once.

    ``z_bar`` (B, O) is dl_t/dz_t, at the read-out's pre-activations, and ``h_bar`` (B, n) is
    dl_t/dh_t; ``free`` is the state before forcing, ``state`` after. ``target`` and ``mask`` are
    what the loss was told.
    """

    tape: Any
    free: Array
    state: Array
    forced: Array | None
    z_bar: Array
    h_bar: Array
    target: Array
    mask: Array | None


class Told(NamedTuple):
    """What the read-out tells of one step, or of some, and its own gradient, which is exact."""

    output: Array
    loss: Any
    readout: dict[str, Array]


def instant(
    network: Network, weights: Weights, s: Array, x: Array, target: Array, mask: Array | None
) -> tuple[Instant, Told]:
    """Advance the network one step and take the adjoint of this step's loss alone."""
    free, tape = network.cell.step(weights.cell, s, x)
    z_bar, h_bar, told = _tell(network, weights, free[:, network.cell.output], target, mask)
    state, forced = network.force(free, target, mask)
    return Instant(tape, free, state, forced, z_bar, h_bar, target, mask), told


class Steps(NamedTuple):
    """The instants of consecutive steps: a tape and states of each, and arrays (T, B, ...)."""

    tapes: Sequence[Any]
    free: Sequence[Array]
    state: Sequence[Array]
    forced: Sequence[Array | None]
    z_bar: Array
    h_bar: Array
    target: Array
    mask: Array | None

    @classmethod
    def of(cls, instants: Sequence[Instant]) -> Steps:
        """Of steps that came one by one."""
        tapes, free, state, forced, *told, masks = zip(*instants, strict=True)
        z_bar, h_bar, target = map(np.stack, told)
        mask = None if masks[0] is None else np.stack(masks)
        return cls(tapes, free, state, forced, z_bar, h_bar, target, mask)

    def each(self) -> Iterator[Instant]:
        """One after the other."""
        masks = repeat(None) if self.mask is None else self.mask
        return map(Instant, *self[:-1], masks)


def instants(
    network: Network, weights: Weights, s: Array, batch: Batch, start: int, stop: int
) -> tuple[Steps, Told]:
    """The same for the steps from ``start`` to ``stop``, with few and long operations.

    ``Told.output`` is (steps, B, O); loss and gradient are the sums over the steps.
    """
    assert batch.targets is not None
    x, d = batch.inputs[start:stop], batch.targets[start:stop]
    mask = None if batch.weights is None else batch.weights[start:stop]
    free: list[Array] = []
    state: list[Array] = []
    forced: list[Array | None] = []

    def force(t: int, s: Array) -> Array:
        new, replaced = network.force(s, d[t], None if mask is None else mask[t])
        # The cell writes the new state over the one that it gave.
        free.append(s if replaced is None else s.copy())
        forced.append(replaced)
        state.append(new)
        return new

    def keep(t: int, s: Array) -> Array:
        state.append(s)
        return s

    teacher = network.teacher_forcing
    tapes, shown, _ = network.cell.run(weights.cell, s, x, force if teacher else keep)
    if not teacher:
        free, forced = state, [None] * len(x)
    z_bar, h_bar, told = _tell(network, weights, shown, d, mask)
    return Steps(tapes, free, state, forced, z_bar, h_bar, d, mask), told


def _tell(
    network: Network, weights: Weights, shown: Array, target: Array, mask: Array | None
) -> tuple[Array, Array, Told]:
    """``z_bar``, ``h_bar`` and what the read-out tells, of one step or of some: (..., B, n)."""
    z, y = network.readout.forward(weights.readout, shown)
    batch, values = shown.shape[-2], network.loss.values(z, y, target)
    loss = (values if mask is None else values * mask).sum() / batch
    z_bar = network.loss.adjoint(network.readout, z, y, target, mask) / batch
    h_bar = network.readout.pull(weights.readout, z_bar, shown.shape[-1])
    return z_bar, h_bar, Told(y, loss, network.readout.collect(shown, z_bar))
