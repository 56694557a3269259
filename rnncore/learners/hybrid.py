"""Schmidhuber's hybrid of backpropagation through time and real-time recurrent learning."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.learners.base import Array, Card, OnlineLearner, Step
from rnncore.learners.rtrl import Instant, instant
from rnncore.network import Network, Weights
from rnncore.params import Params

EVERY = 16  # steps between two looks at what has vanished


class Memory(NamedTuple):
    """State, influence at the block's start q = ds/d theta (B, P, N), and the block so far."""

    state: Array
    influence: Array
    block: tuple[Instant, ...]


class Hybrid(OnlineLearner):
    """Schmidhuber's hybrid: exact, at a cost between the two.

    Time is cut into blocks of h steps. q = ds/d theta is known at a block's start. At its
    end, ONE backward sweep over the block carries n + 1 adjoints: the block's losses, and a
    unit adjoint for each state variable. It gives

    ::

        gradient += dL_block/d theta (own) + q^T dL_block/ds_start
        q <- ds_end/d theta (own) + (ds_end/ds_start) q

    where "own" means with s_start held fixed. Nothing is truncated: it is exact for every
    h and every T. Time O(N P + N^2 P / h) a step, memory O(N P + h N), whatever T.

    The gradient of a block comes with its last step; :meth:`flush` gives that of an
    unfinished one. If the parameters change within a block, the sweep uses those of
    its last step.

    Parameters
    ----------
    network
        The network to learn.
    block
        h, the number of steps in a block; the state size N if ``None``.

    References
    ----------
    Schmidhuber (1992), Neural Computation 4(2), 243-248.
    """

    name = "hybrid"
    kind = "exact"
    card = Card("N P + N^2 P / h", "N P + h N", "Schmidhuber 1992")

    def __init__(self, network: Network, block: int | None = None) -> None:
        super().__init__(network)
        size = network.cell.state_size if block is None else block
        self.block = checks.positive_int(size, "block")

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Memory:
        state = self._first_state(params, batch_size, initial_state)
        return Memory(state, self._first_influence(state), ())

    def advance(
        self, weights: Weights, memory: Memory, x: Array, target: Array, mask: Array | None
    ) -> tuple[Memory, Step]:
        now = instant(self.network, weights, memory.state, x, target, mask)
        block = (*memory.block, now)
        if len(block) < self.block:
            rows = memory.influence.shape[1]
            flat, after = np.zeros(rows, weights.dtype), Memory(now.state, memory.influence, block)
        else:
            size = self.network.cell.state_size
            flat, influence = self._close(weights, memory.influence, block, size)
            after = Memory(now.state, influence, ())
        cell, initial = self._split(flat)
        return after, Step(now.loss, self._assemble(cell, now.readout, initial), now.output)

    def flush(self, params: Params, memory: Memory) -> Params:
        if not memory.block:
            return params.zeros_like()
        weights = self.network.prepare(params, memory.state)
        flat, _ = self._close(weights, memory.influence, memory.block, units=0)
        cell, initial = self._split(flat)
        shapes = self.network.readout.shapes
        readout = {name: np.zeros(shape, weights.dtype) for name, shape in shapes.items()}
        return self._assemble(cell, readout, initial)

    def _close(
        self, weights: Weights, influence: Array, block: tuple[Instant, ...], units: int
    ) -> tuple[Array, Array]:
        """One backward sweep over the block: its gradient (P,), and q at its end (B, P, N).

        With no ``units`` it is the gradient alone, and q is empty.
        """
        own, by_start = self._sweep(weights, block, units)
        # q^T through the start of the block, for the loss (last row) and for each unit
        through = influence @ by_start.transpose(1, 2, 0)  # (B, P, units + 1)
        through[:, : own.shape[2]] += own.transpose(1, 2, 0)
        return through[..., -1].sum(axis=0), through[..., :-1]

    def _sweep(
        self, weights: Weights, block: tuple[Instant, ...], units: int
    ) -> tuple[Array, Array]:
        """Carry the unit adjoints and the loss adjoint back, as one batch of units + 1.

        Returns the gradients by the parameters used within the block, (units + 1, B, P), and
        the adjoints that reach the block's start, (units + 1, B, N).
        """
        network: Network = self.network
        size, batch = network.cell.state_size, len(block[0].state)
        adjoints = np.zeros((units + 1, batch, size), weights.dtype)
        adjoints[:units] = np.eye(size)[:units, None, :]
        deltas: list[Any] = [None] * len(block)
        for t in reversed(range(len(block))):
            forced = block[t].forced
            if forced is not None:
                adjoints = np.where(forced, 0, adjoints)
            adjoints[units][:, network.cell.output] += block[t].h_bar
            adjoints, deltas[t] = network.cell.pull(weights.cell, block[t].tape, adjoints)
            if t % EVERY == 0:
                forget_vanished(adjoints)
        tapes = [now.tape for now in block]
        own = network.cell.collect(weights.cell, tapes, deltas, per_example=True)
        flat = [array.reshape(units + 1, batch, -1) for array in own.values()]
        return np.concatenate(flat, axis=2), adjoints


def forget_vanished(adjoints: Array) -> None:
    """Set to zero, in place, adjoints so small that their products are no normal numbers.

    A unit adjoint that vanishes over a long block would otherwise pass through the subnormal
    numbers, with which processors calculate many times as slowly, and lose its digits there. It
    begins as 1, so what is dropped is far below the rounding of what is kept. Complex
    numbers are left alone: a complex step may be that small.
    """
    if adjoints.dtype.kind == "f":
        limits = np.finfo(adjoints.dtype)
        adjoints[np.abs(adjoints) < limits.tiny / limits.eps] = 0
