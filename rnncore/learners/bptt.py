"""Backpropagation through time, whole and with checkpoints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnncore import checks
from rnncore.cells.base import at_once
from rnncore.data import Batch
from rnncore.learners.base import Array, Card, Gradient, Learner
from rnncore.network import Network, Record, Weights
from rnncore.params import Params


def sweep(
    network: Network, weights: Weights, record: Record, s_bar: Array
) -> tuple[Array, Sequence[Any], Array | Sequence[Array]]:
    """Run the adjoint recursion backwards over a recorded stretch: see ``Cell.sweep``."""
    h_bar = network.readout.pull(weights.readout, record.z_bar, network.cell.output_size)
    forced = record.forced if network.teacher_forcing else None
    return network.cell.sweep(weights.cell, record.tapes, s_bar, h_bar, forced)


def backward(
    network: Network, weights: Weights, record: Record, s_bar: Array
) -> tuple[Array, dict[str, Array]]:
    """Sweep over a recorded stretch and collect the gradients of the cell's parameters.

    It goes by shorter stretches, of many steps each, so that what a sweep makes is collected
    while it is still in the processor's cache.

    Returns
    -------
    s_bar, cell
        The adjoint that reaches the state before the stretch, and the gradients.
    """
    grads: dict[str, Array] = {}
    size = at_once(record.shown[0].size)
    for start in reversed(range(0, len(record.tapes), size)):
        part = record.part(start, start + size)
        s_bar, deltas, _ = sweep(network, weights, part, s_bar)
        share = network.cell.collect(weights.cell, part.tapes, deltas)
        grads = {name: grads[name] + share[name] for name in grads} or share
    return s_bar, grads


class BPTT(Learner):
    """Backpropagation through time.

    The forward pass is recorded; the adjoint recursion runs back over it once; the
    gradient of each weight matrix is then one product over all times::

        delta_t = dL/da_t,   dL/dW = sum_t delta_t x_t^T,   dL/dU = sum_t delta_t h_{t-1}^T

    Exact. Time O(P) a step, memory O(T N).

    References
    ----------
    Rumelhart, Hinton & Williams (1986); Werbos (1990), Proceedings of the IEEE 78(10).
    """

    name = "BPTT"
    kind = "exact"
    online = False
    card = Card("P", "T N", "Rumelhart, Hinton & Williams 1986; Werbos 1990")

    def gradient(
        self, params: Params, batch: Batch, rng: np.random.Generator | None = None
    ) -> Gradient:
        weights, s = self._start(params, batch)
        network = self.network
        record = network.record(weights, s, batch, 0, batch.steps)
        s_bar, cell = backward(network, weights, record, np.zeros(s.shape, weights.dtype))
        readout = network.readout.collect(record.shown, record.z_bar)
        grads = self._assemble(cell, readout, s_bar.sum(axis=0))
        return Gradient(record.losses.sum(), grads.ordered(params))

    def adjoints(self, params: Params, batch: Batch) -> Array:
        """The total derivatives dL/ds_t for t = 0 … T, shape (T + 1, B, N).

        Entry t + 1 belongs to the state after ``inputs[t]``; where a teacher forces, to
        the state before it was replaced. In a stack the whole state is pushed after its
        step: what a lower layer hands up within that same step is not counted.
        """
        weights, s = self._start(params, batch)
        record = self.network.record(weights, s, batch, 0, batch.steps)
        first, _, later = sweep(self.network, weights, record, np.zeros(s.shape, weights.dtype))
        return np.stack([first, *later])


class CheckpointedBPTT(Learner):
    """Backpropagation through time that recomputes instead of remembering.

    Only every ``every``-th state is kept. The backward sweep goes stretch by stretch,
    running each forward again from its checkpoint. With ``every`` near sqrt(T) there are
    sqrt(T) checkpoints and one recorded stretch of sqrt(T) steps.

    Exact, and the same numbers as :class:`BPTT` but for the order of the sums. Time at
    most 2 forward passes and one backward, memory O(sqrt(T) N).

    Parameters
    ----------
    network
        The network to learn.
    every
        Steps between checkpoints; the square root of T, rounded up, if ``None``.

    References
    ----------
    Griewank & Walther (2000), ACM TOMS 26(1); Chen et al. (2016), arXiv:1604.06174.
    """

    name = "checkpointed BPTT"
    kind = "exact"
    online = False
    card = Card("2 P", "sqrt(T) N", "Griewank & Walther 2000; Chen et al. 2016")

    def __init__(self, network: Network, every: int | None = None) -> None:
        super().__init__(network)
        self.every = None if every is None else checks.positive_int(every, "every")

    def gradient(
        self, params: Params, batch: Batch, rng: np.random.Generator | None = None
    ) -> Gradient:
        weights, s = self._start(params, batch)
        network, every = self.network, self.every or math.isqrt(batch.steps - 1) + 1
        starts = range(0, batch.steps, every)
        checkpoints = self._checkpoints(weights, s, batch, every)
        total, s_bar = 0.0, np.zeros(s.shape, weights.dtype)
        grads: Params | None = None
        for start in reversed(starts):
            stop = min(start + every, batch.steps)
            record = network.record(weights, checkpoints.pop(), batch, start, stop)
            s_bar, cell = backward(network, weights, record, s_bar)
            readout = network.readout.collect(record.shown, record.z_bar)
            # Only what the first stretch passes back reaches the initial state.
            initial = np.zeros(s.shape[1], weights.dtype) if start else s_bar.sum(axis=0)
            share = self._assemble(cell, readout, initial)
            grads = share if grads is None else grads + share
            total = total + record.losses.sum()
        assert grads is not None  # a batch has at least one step
        return Gradient(total, grads.ordered(params))

    def _checkpoints(self, weights: Weights, s: Array, batch: Batch, every: int) -> list[Array]:
        """The state before each stretch; the last stretch is not run here."""
        kept = [s]
        assert batch.targets is not None
        for t in range((math.ceil(batch.steps / every) - 1) * every):
            s, _ = self.network.cell.step(weights.cell, s, batch.inputs[t])
            mask = None if batch.weights is None else batch.weights[t]
            s, _ = self.network.force(s, batch.targets[t], mask)
            if (t + 1) % every == 0:
                kept.append(s)
        return kept
