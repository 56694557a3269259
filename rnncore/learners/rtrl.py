"""Real-time recurrent learning."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnncore.learners.base import Array, Card, OnlineLearner, Step
from rnncore.network import Network, Weights
from rnncore.params import Params


class Memory(NamedTuple):
    """The state (B, N) and the influence matrix (B, P, N): row p is ds_t/d theta_p."""

    state: Array
    influence: Array


class Instant(NamedTuple):
    """One step's forward pass and what its loss says at once.

    ``z_bar`` (B, O) is dl_t/dz_t, at the read-out's pre-activations, and ``h_bar`` (B, n) is
    dl_t/dh_t; ``free`` is the state before forcing, ``state`` after.
    """

    tape: Any
    free: Array
    state: Array
    forced: Array | None
    z_bar: Array
    h_bar: Array
    output: Array
    loss: Any
    readout: dict[str, Array]


def instant(
    network: Network, weights: Weights, s: Array, x: Array, target: Array, mask: Array | None
) -> Instant:
    """Advance the network one step and take the adjoint of this step's loss alone."""
    free, tape = network.cell.step(weights.cell, s, x)
    shown = free[:, network.cell.output]
    z, y = network.readout.forward(weights.readout, shown)
    values = network.loss.values(z, y, target)
    loss = (values if mask is None else values * mask).sum() / len(s)
    z_bar = network.loss.adjoint(network.readout, z, y, target, mask) / len(s)
    h_bar = network.readout.pull(weights.readout, z_bar, shown.shape[1])
    state, forced = network.force(free, target, mask)
    readout = network.readout.collect(shown, z_bar)
    return Instant(tape, free, state, forced, z_bar, h_bar, y, loss, readout)


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

    def advance(
        self, weights: Weights, memory: Memory, x: Array, target: Array, mask: Array | None
    ) -> tuple[Memory, Step]:
        network = self.network
        now = instant(network, weights, memory.state, x, target, mask)
        influence = network.cell.influence_step(weights.cell, now.tape, memory.influence)
        by_output = influence[..., network.cell.output]
        flat = (by_output @ now.h_bar[:, :, None])[..., 0].sum(axis=0)
        if now.forced is not None:
            influence = np.where(now.forced[:, None, :], 0, influence)
        cell, initial = self._split(flat)
        grads = self._assemble(cell, now.readout, initial)
        return Memory(now.state, influence), Step(now.loss, grads, now.output)
