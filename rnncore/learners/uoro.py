"""Unbiased online recurrent optimization."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnncore.cells.tape import Stretch
from rnncore.learners import noise as chance
from rnncore.learners.base import Array, Card, OnlineLearner, Share
from rnncore.learners.instant import Instant, Steps
from rnncore.learners.uoro_stretch import learn_stretch, outer_products
from rnncore.network import Network, Weights
from rnncore.params import Params


class Memory(NamedTuple):
    """The state (B, N), and the two factors of the estimated influence.

    ``tangent`` (B, N) is s~, ``row`` (B, P) is theta~: the mean of the product
    s~_i theta~_p is ds_i/d theta_p. ``rng`` is where the noise comes from.
    """

    state: Array
    tangent: Array
    row: Array
    rng: np.random.Generator


class UORO(OnlineLearner):
    """Unbiased online recurrent optimization: RTRL with an influence of rank one.

    With nu_t random signs, one for each state variable, D_t = ds_t/ds_{t-1} and
    F_t = ds_t/d theta (s_{t-1} fixed)::

        s~_t = rho0 D_t s~_{t-1} + rho1 nu_t
        theta~_t = theta~_{t-1} / rho0 + nu_t^T F_t / rho1
        rho0 = sqrt(|theta~_{t-1}| / |D_t s~_{t-1}|),   rho1 = sqrt(|nu_t^T F_t| / |nu_t|)

    and the share of step t in the gradient is::

        g_t = (dl_t/ds_t D_t s~_{t-1}) theta~_{t-1} + dl_t/ds_t F_t

    as the paper has it: what the step itself adds is exact, only the past is estimated. The
    mean of s~_t theta~_t^T over the signs is the influence J_t of RTRL. The scalings do not
    touch it: rho0 does not know nu_t, and rho1 is the same for nu_t and -nu_t (see
    ``rnncore.learners.noise``). They lower the variance, which grows with the time over
    which the state remembers.

    A learned initial state starts with s~_0 = nu_0 and nu_0 in its own part of theta~_0.
    Units that a teacher forces have s~ = 0. Each sequence of a batch has its own noise.

    Unbiased while the parameters are held, on every cell and composite. Time O(P) a step,
    memory O(P): one JVP, and one VJP that carries dl_t/ds_t and nu_t together. Cells of the
    general path push their JVP at O(N P). With the parameters held, ``gradient`` carries a
    pointwise cell over many steps at once (``rnncore.learners.uoro_stretch``), which gives the
    same for much less.

    Parameters
    ----------
    network
        The network to learn.
    noise
        ``"signs"``, or ``"gaussian"`` for standard normal numbers, with more variance.

    Raises
    ------
    ValueError
        If ``noise`` is neither.

    References
    ----------
    Tallec & Ollivier (2018), "Unbiased online recurrent optimization", ICLR, algorithm 1.
    The paper adds a small number to each rho against division by zero; here a product that
    is zero is left out.

    Examples
    --------
    >>> from rnncore import Batch, Linear, Network, SquaredError, Vanilla
    >>> rng = np.random.default_rng(0)
    >>> network = Network(Vanilla(2, 3), Linear(3, 1), SquaredError())
    >>> params = network.init_params(rng)
    >>> batch = Batch(rng.standard_normal((6, 2)), rng.standard_normal((6, 1)))
    >>> UORO(network).gradient(params, batch, rng).grads.names == params.names
    True
    """

    name = "UORO"
    kind = "unbiased"
    random = True
    card = Card("P", "P", "Tallec & Ollivier 2018")
    at_once = 64  # much is done once for all of them

    def __init__(self, network: Network, noise: str = "signs") -> None:
        super().__init__(network)
        self.noise = noise
        self._draw = chance.get(noise)

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Memory:
        generator = self._generator(rng)
        state = self._first_state(params, batch_size, initial_state)
        rows, size = self.network.cell.size, state.shape[1]
        if not self.network.learn_initial_state:
            tangent = np.zeros(state.shape, state.dtype)
            return Memory(state, tangent, np.zeros((len(state), rows), state.dtype), generator)
        tangent = self._draw(generator, state.shape, state.dtype).astype(state.dtype)
        row = np.zeros((len(state), rows + size), state.dtype)
        row[:, rows:] = tangent
        return Memory(state, tangent, row, generator)

    def learn(self, weights: Weights, memory: Memory, now: Instant) -> tuple[Memory, Share]:
        cell, rng = self.network.cell, memory.rng
        nu = self._draw(rng, memory.state.shape, weights.dtype)
        direct, nu_row = self._pull_both(weights, now.tape, now.h_bar, nu)
        pushed = cell.jvp(weights.cell, now.tape, memory.tangent)
        credit = (now.h_bar * pushed[:, cell.output]).sum(axis=1, keepdims=True)
        flat = (direct + credit * memory.row).sum(axis=0)

        past, past_row = chance.balance(pushed, memory.row)
        new, new_row = chance.balance(nu, nu_row)
        tangent, row = past + new, past_row + new_row
        if now.forced is not None:
            tangent = np.where(now.forced, 0, tangent)
        return Memory(now.state, tangent, row, rng), self._split(flat)

    def _learn_all(
        self, weights: Weights, memory: Memory, steps: Steps, sums: dict[str, Array]
    ) -> Memory:
        cell, rng = self.network.cell, memory.rng
        own = type(self).learn is not UORO.learn  # a subclass with steps of its own
        if own or not (outer_products(cell) and isinstance(steps.tapes, Stretch)):
            return super()._learn_all(weights, memory, steps, sums)
        shape = memory.state.shape
        nu = chance.draw_steps(self._draw, rng, len(steps.tapes), shape, weights.dtype)
        tangent, row, flat = learn_stretch(
            cell, weights.cell, steps, nu, memory.tangent, memory.row
        )
        self._add_share(self._split(flat), sums)
        return Memory(steps.state[-1], tangent, row, rng)

    def _pull_both(self, weights: Weights, tape: Any, h_bar: Array, nu: Array) -> Array:
        """dl_t/ds_t F_t and nu^T F_t, shape (2, B, P), by one VJP of the immediate part.

        The columns of a learned initial state, which has no immediate part, are zero.
        """
        cell = self.network.cell
        bars = np.zeros((2, *nu.shape), np.result_type(nu, h_bar))
        bars[0][:, cell.output] = h_bar
        bars[1] = nu
        _, delta = cell.pull(weights.cell, tape, bars)
        own = cell.collect(weights.cell, [tape], [delta], per_example=True)
        rows = [array.reshape(*bars.shape[:2], -1) for array in own.values()]
        if self.network.learn_initial_state:
            rows.append(np.zeros_like(bars))
        return np.concatenate(rows, axis=2)
