"""Real-time recurrent learning."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnncore.learners.base import Array, Card, OnlineLearner, Share
from rnncore.learners.instant import Instant, Steps
from rnncore.network import Weights
from rnncore.params import Params


class Memory(NamedTuple):
    """The state (B, N) and the influence matrix (B, P, N): row p is ds_t/d theta_p."""

    state: Array
    influence: Array


class RTRL(OnlineLearner):
    """Real-time recurrent learning.

    The influence matrix J_t = ds_t/d theta is carried along with the state::

        J_t = D_t J_{t-1} + F_t,   D_t = ds_t/ds_{t-1},   F_t = ds_t/d theta (s_{t-1} fixed)

    and each step's share of the gradient is dl_t/ds_t J_t. It starts at zero; for a
    learned initial state at ds_0/d theta. Units that a teacher forces do not depend on
    the parameters any more: their entries are set to zero.

    Exact while the parameters are held. Time O(N P n) a step, memory O(N P), whatever T.

    References
    ----------
    Williams & Zipser (1989), Neural Computation 1(2), equations 7 to 11; Robinson &
    Fallside (1987), CUED/F-INFENG/TR.1.
    """

    name = "RTRL"
    kind = "exact"
    card = Card("N n P", "N P", "Robinson & Fallside 1987; Williams & Zipser 1989")

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Memory:
        state = self._first_state(params, batch_size, initial_state)
        return Memory(state, self._first_influence(state))

    def learn(self, weights: Weights, memory: Memory, now: Instant) -> tuple[Memory, Share]:
        cell = self.network.cell
        influence = cell.influence_step(weights.cell, now.tape, memory.influence)
        flat = self._credit(now.h_bar, influence)
        if now.forced is not None:
            influence = np.where(now.forced[:, None, :], 0, influence)
        return Memory(now.state, influence), self._split(flat)

    def _learn_all(
        self, weights: Weights, memory: Memory, steps: Steps, sums: dict[str, Array]
    ) -> Memory:
        if type(self).learn is not RTRL.learn:  # a subclass with steps of its own
            return super()._learn_all(weights, memory, steps, sums)
        influence = memory.influence
        # Targets may be wider than weights, and what is said of the states then is, too.
        flat = np.zeros(influence.shape[1], np.result_type(weights.dtype, steps.h_bar))
        made = self.network.cell.influences(weights.cell, steps.tapes, influence)
        for influence, h_bar, forced in zip(made, steps.h_bar, steps.forced, strict=True):
            flat += self._credit(h_bar, influence)
            if forced is not None:
                np.copyto(influence, 0, where=forced[:, None, :])
        self._add_share(self._split(flat), sums)
        return Memory(steps.state[-1], influence)

    def _credit(self, h_bar: Array, influence: Array) -> Array:
        """dl_t/ds_t J_t, summed over the batch, (P,)."""
        by_output = influence[..., self.network.cell.output]
        return (by_output @ h_bar[:, :, None])[..., 0].sum(axis=0)
