"""The forward gradient: a directional derivative times its direction."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnncore.cells import Masked, OutputFeedback, Stack
from rnncore.cells.base import Cell
from rnncore.learners import noise as chance
from rnncore.learners.base import Array, Card, OnlineLearner, Share
from rnncore.learners.instant import Instant
from rnncore.network import Network, Weights
from rnncore.params import Params


class Memory(NamedTuple):
    """The state (B, N), its derivative along the direction (B, N), and the direction (P,)."""

    state: Array
    tangent: Array
    direction: Array


class ForwardGradient(OnlineLearner):
    """The forward gradient: forward mode along one random direction v for each run.

    The derivative of the state along v is carried along with the state by JVPs::

        s'_t = D_t s'_{t-1} + F_t v = J_t v

    and the share of step t in the gradient is the slope of its loss along v, times v::

        g_t = (dl_t/ds_t s'_t) v,   E[g_t] = E[v v^T] (dl_t/d theta)^T = (dl_t/d theta)^T

    Nothing runs backwards in time and no noise is added on the way: over a sequence it is
    (dL/d theta v) v. The price is the variance: with signs its squared error is P - 1 times
    the squared norm of the gradient on average, whatever the length; with normal numbers
    P + 1 times.

    The direction covers the parameters of the cell and a learned initial state. It is drawn
    once, by :meth:`init`, and is the same for all sequences of a batch; it is zero where a
    mask cuts a connection. The read-out, whose gradient a step knows at once, gets that exact
    gradient, as with every learner that runs online.

    Unbiased while the parameters are held, on every cell and composite. Time O(P) a step,
    memory O(P + N). Cells of the general path push their JVP at O(N P).

    Parameters
    ----------
    network
        The network to learn.
    noise
        ``"signs"``, or ``"gaussian"`` for standard normal numbers as in the paper.

    Raises
    ------
    ValueError
        If ``noise`` is neither.

    References
    ----------
    Baydin, Pearlmutter, Syme, Wood & Torr (2022), "Gradients without backpropagation",
    arXiv:2202.08587.

    Examples
    --------
    >>> from rnncore import Batch, Linear, Network, SquaredError, Vanilla
    >>> rng = np.random.default_rng(0)
    >>> network = Network(Vanilla(2, 3), Linear(3, 1), SquaredError())
    >>> params = network.init_params(rng)
    >>> batch = Batch(rng.standard_normal((6, 2)), rng.standard_normal((6, 1)))
    >>> grads = ForwardGradient(network).gradient(params, batch, rng).grads
    >>> len(np.unique(np.abs(grads["cell.U"]).round(12)))  # the slope, with signs
    1
    """

    name = "forward gradient"
    kind = "unbiased"
    random = True
    card = Card("P", "P + N", "Baydin et al. 2022")

    def __init__(self, network: Network, noise: str = "signs") -> None:
        super().__init__(network)
        self.noise = noise
        self._draw = chance.get(noise)
        self._uncut = uncut(network.cell).flat()

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Memory:
        generator = self._generator(rng)
        state = self._first_state(params, batch_size, initial_state)
        learned = state.shape[1] if self.network.learn_initial_state else 0
        count = self.network.cell.size + learned
        direction = self._draw(generator, (1, count), state.dtype)[0]
        direction[: len(self._uncut)] *= self._uncut.astype(direction.dtype)
        tangent = np.zeros(state.shape, state.dtype)
        if learned:
            tangent += direction[-learned:]
        return Memory(state, tangent, direction)

    def learn(self, weights: Weights, memory: Memory, now: Instant) -> tuple[Memory, Share]:
        cell = self.network.cell
        along = self._split(memory.direction).cell
        tangent = cell.jvp(weights.cell, now.tape, memory.tangent, None, along)
        slope = (now.h_bar * tangent[:, cell.output]).sum()
        if now.forced is not None:
            tangent = np.where(now.forced, 0, tangent)
        after = Memory(now.state, tangent, memory.direction)
        return after, self._split(slope * memory.direction)


def uncut(cell: Cell) -> Params:
    """1 for each parameter of a cell, 0 where a mask cuts it, at any depth of a composite."""
    ones = Params({name: np.ones(shape) for name, shape in cell.shapes.items()})
    if isinstance(cell, Masked):
        inner = uncut(cell.cell)
        return Params({name: cell.mask[name] * inner[name] for name in inner})
    if isinstance(cell, Stack):
        layers = [uncut(layer).prefixed(f"{i}.") for i, layer in enumerate(cell.layers)]
        return Params.merge(*layers)
    if isinstance(cell, OutputFeedback):
        return ones.replace(**uncut(cell.cell).prefixed("cell."))
    return ones
