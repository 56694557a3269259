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
    shown = free[:, network.cell.output]
    z, y = network.readout.forward(weights.readout, shown)
    values = network.loss.values(z, y, target)
    loss = (values if mask is None else values * mask).sum() / len(s)
    z_bar = network.loss.adjoint(network.readout, z, y, target, mask) / len(s)
    h_bar = network.readout.pull(weights.readout, z_bar, shown.shape[1])
    state, forced = network.force(free, target, mask)
    told = Told(y, loss, network.readout.collect(shown, z_bar))
    return Instant(tape, free, state, forced, z_bar, h_bar, target, mask), told


class Steps(NamedTuple):
    """The instants of consecutive steps: a tape and states of each, and arrays (T, B, ...)."""

    tapes: Sequence[Any]
    free: list[Array]
    state: list[Array]
    forced: list[Array | None]
    z_bar: Array
    h_bar: Array
    target: Array
    mask: Array | None

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

    def replace(t: int, s: Array) -> Array:
        new, replaced = network.force(s, d[t], None if mask is None else mask[t])
        # Where a teacher forces, the cell writes the new state over the one that it gave.
        free.append(s if replaced is None else s.copy())
        state.append(new)
        forced.append(replaced)
        return new

    tapes, shown, _ = network.cell.run(weights.cell, s, x, replace)
    z, y = network.readout.forward(weights.readout, shown)
    values = network.loss.values(z, y, d)
    loss = (values if mask is None else values * mask).sum() / batch.size
    z_bar = network.loss.adjoint(network.readout, z, y, d, mask) / batch.size
    h_bar = network.readout.pull(weights.readout, z_bar, shown.shape[2])
    told = Told(y, loss, network.readout.collect(shown, z_bar))
    return Steps(tapes, free, state, forced, z_bar, h_bar, d, mask), told
