"""Schmidhuber's hybrid of backpropagation through time and real-time recurrent learning."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.learners.base import Array, Card, OnlineLearner, Share
from rnncore.learners.instant import Instant, Steps
from rnncore.network import Network, Weights
from rnncore.params import Params


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
        self.at_once = self.block

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Memory:
        state = self._first_state(params, batch_size, initial_state)
        return Memory(state, self._first_influence(state), ())

    def learn(self, weights: Weights, memory: Memory, now: Instant) -> tuple[Memory, Share | None]:
        block = (*memory.block, now)
        if len(block) < self.block:
            return Memory(now.state, memory.influence, block), None
        size = self.network.cell.state_size
        flat, influence = self._close(weights, memory.influence, Steps.of(block), size)
        return Memory(now.state, influence, ()), self._split(flat)

    def _learn_all(
        self, weights: Weights, memory: Memory, steps: Steps, sums: dict[str, Array]
    ) -> Memory:
        own = type(self).learn is not Hybrid.learn  # a subclass with steps of its own
        if own or memory.block or len(steps.tapes) < self.block:
            return super()._learn_all(weights, memory, steps, sums)
        size = self.network.cell.state_size
        flat, influence = self._close(weights, memory.influence, steps, size)
        self._add_share(self._split(flat), sums)
        return Memory(steps.state[-1], influence, ())

    def flush(self, params: Params, memory: Memory) -> Params:
        if not memory.block:
            return params.zeros_like()
        weights = self.network.prepare(params, memory.state)
        flat, _ = self._close(weights, memory.influence, Steps.of(memory.block), units=0)
        return self._without_readout(self._split(flat), weights.dtype)

    def _close(
        self, weights: Weights, influence: Array, block: Steps, units: int
    ) -> tuple[Array, Array]:
        """One backward sweep over the block: its gradient (P,), and q at its end (B, P, N).

        With no ``units`` it is the gradient alone, and q is empty.
        """
        own, by_start = self._sweep(weights, block, units)
        # q^T through the start of the block, for each unit and for the loss (last row)
        through = by_start.transpose(1, 0, 2) @ influence.transpose(0, 2, 1)  # (B, units + 1, P)
        first = 0
        for array in own.values():
            rows = array.reshape(*by_start.shape[:2], -1).transpose(1, 0, 2)
            last = first + rows.shape[2]
            through[..., first:last] += rows
            first = last
        return through[:, -1].sum(axis=0), through[:, :-1].transpose(0, 2, 1)

    def _sweep(self, weights: Weights, block: Steps, units: int) -> tuple[dict[str, Array], Array]:
        """Carry the unit adjoints and the loss adjoint back, as one batch of units + 1.

        Returns the gradients by the parameters used within the block, (units + 1, B, ...) each,
        and the adjoints that reach the block's start, (units + 1, B, N).
        """
        cell, batch = self.network.cell, np.shape(block.h_bar)[1]
        adjoints = np.zeros((units + 1, batch, cell.state_size), weights.dtype)
        adjoints[:units] = np.eye(cell.state_size)[:units, None, :]
        adjoints, deltas, _ = cell.sweep(
            weights.cell,
            block.tapes,
            adjoints,
            block.h_bar[:, None],  # what is said of the last adjoint alone
            block.forced,
            between=lambda adjoints: forget_vanished(adjoints[:units]),
        )
        own = cell.collect(weights.cell, block.tapes, deltas, per_example=True)
        return own, adjoints


def forget_vanished(adjoints: Array) -> None:
    """Set to zero, in place, unit adjoints on the way to numbers that are no longer normal.

    One that vanishes over a long block would otherwise pass through the subnormal numbers, with
    which processors calculate many times as slowly, and lose its digits there. It begins as 1, so
    what is dropped, in float32 below 1e-24, is far below the rounding of what is kept. Complex
    numbers are left alone: a complex step may be that small.
    """
    if adjoints.dtype.kind == "f":
        limits = np.finfo(adjoints.dtype)
        adjoints[np.abs(adjoints) < limits.tiny / limits.eps**2] = 0
