"""Kronecker-factored real-time recurrent learning."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from rnncore.cells import Masked, SecondOrder
from rnncore.cells.base import Cell
from rnncore.cells.pointwise import PointwiseCell
from rnncore.learners import noise as chance
from rnncore.learners.base import Array, Card, OnlineLearner, Share
from rnncore.learners.instant import Instant
from rnncore.network import Network, Weights
from rnncore.params import Params


class Memory(NamedTuple):
    """The state (B, N), and the two factors of the estimated influence.

    ``joint`` (B, m) is u and ``rows`` (B, r, N) is A^T: the mean of u_j A_ik is the
    derivative of s_i by the weight of pre-activation k and joint input j. ``start`` is
    ds_t/ds_0, transposed, (B, N, N), where the initial state is learned, else (B, 0, N).
    """

    state: Array
    joint: Array
    rows: Array
    start: Array
    rng: np.random.Generator


class KFRTRL(OnlineLearner):
    """Kronecker-factored RTRL: the influence as one random Kronecker product.

    In some cells all weights form ONE matrix that multiplies one joint input, for instance
    h^ = (x_t, h_{t-1}, 1) and a_t = (W, U, b) h^. Then the immediate derivative of the state
    by that matrix is F_t = h^ (x) G_t with G_t = ds_t/da_t, and the influence is estimated by
    u (x) A. With two random signs c0, c1::

        u_t = c0 p0 u_{t-1} + c1 p1 h^
        A_t = c0 D_t A_{t-1} / p0 + c1 G_t / p1
        p0 = sqrt(|D_t A_{t-1}| / |u_{t-1}|),   p1 = sqrt(|G_t| / |h^|)

    and the share of step t in the gradient is u_t (x) (dl_t/ds_t A_t). Only the two cross
    terms are noise, and they carry the sign c0 c1: where UORO draws N signs a step, this
    draws one that matters.

    Units that a teacher forces have their rows of A set to zero. For a learned initial state
    ds_t/ds_0 is carried exactly, at the cost of A once more.

    Unbiased while the parameters are held. With r pre-activations and m joint inputs: time
    O(N n r) a step, memory O(N r + m); for the vanilla cell O(n^3) and O(n^2).

    Parameters
    ----------
    network
        The network to learn. Its cell must be one of :class:`~rnncore.cells.Vanilla`,
        :class:`~rnncore.cells.FullyRecurrent`, :class:`~rnncore.cells.LSTM` without peepholes
        (all gates read the same joint input), :class:`~rnncore.cells.MemoryCell`,
        :class:`~rnncore.cells.SecondOrder` (whose joint input is s x^T and 1), or one of
        them in :class:`~rnncore.cells.Masked`. The paper treats the vanilla cell and the
        recurrent highway network, and the class of cells with this form of F.

    Raises
    ------
    ValueError
        For any other cell: peepholes multiply no joint input; in a GRU the candidate's
        recurrent weights meet the reset gate, so W and U do not share one G; the layers of a
        stack, and the output of a feedback cell, have joint inputs of their own.

    References
    ----------
    Mujika, Meier & Steger (2018), "Approximating real-time recurrent learning with random
    Kronecker factors", NeurIPS, algorithm 1.

    Examples
    --------
    >>> from rnncore import Batch, Linear, Network, SquaredError, Vanilla
    >>> rng = np.random.default_rng(0)
    >>> network = Network(Vanilla(2, 3), Linear(3, 1), SquaredError())
    >>> params = network.init_params(rng)
    >>> batch = Batch(rng.standard_normal((6, 2)), rng.standard_normal((6, 1)))
    >>> KFRTRL(network).gradient(params, batch, rng).grads.names == params.names
    True
    """

    name = "KF-RTRL"
    kind = "unbiased"
    random = True
    card = Card("N n^2 K", "N n K", "Mujika, Meier & Steger 2018")

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        cell = network.cell
        self._core = cell.cell if isinstance(cell, Masked) else cell
        why = no_kronecker_form(self._core)
        if why is not None:
            raise ValueError(f"network: KF-RTRL has no meaning for {cell!r}: {why}")
        self._count = next(iter(self._core.shapes.values()))[0]  # r

    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Memory:
        generator = self._generator(rng)
        state = self._first_state(params, batch_size, initial_state)
        batch, size = state.shape
        width = self.network.cell.size // self._count
        joint = np.zeros((batch, width), state.dtype)
        rows = np.zeros((batch, size, self._count), state.dtype).swapaxes(1, 2)
        learned = size if self.network.learn_initial_state else 0
        start = np.tile(np.eye(size, dtype=state.dtype)[:learned], (batch, 1, 1))
        return Memory(state, joint, rows, start, generator)

    def learn(self, weights: Weights, memory: Memory, now: Instant) -> tuple[Memory, Share]:
        cell, rng = self.network.cell, memory.rng
        signs = chance.signs(rng, (len(now.state), 2), weights.dtype)
        past = chance.balance(memory.joint, cell.push(weights.cell, now.tape, memory.rows))
        new = chance.balance(*factors(self._core, now.tape))
        joint = signs[:, :1] * past[0] + signs[:, 1:] * new[0]
        rows = signs[:, :1, None] * past[1] + signs[:, 1:, None] * new[1]
        start = cell.push(weights.cell, now.tape, memory.start)

        credit = (rows[..., cell.output] @ now.h_bar[:, :, None])[..., 0]
        initial = (start[..., cell.output] @ now.h_bar[:, :, None])[..., 0].sum(axis=0)
        if now.forced is not None:
            rows = np.where(now.forced[:, None, :], 0, rows)
            start = np.where(now.forced[:, None, :], 0, start)
        after = Memory(now.state, joint, rows, start, rng)
        return after, Share(self._cut_up(credit.T @ joint), initial)

    def _cut_up(self, matrix: Array) -> dict[str, Array]:
        """Cut the gradient of the joint matrix (r, m) into the cell's arrays."""
        cell, first, grads = self.network.cell, 0, {}
        for name, shape in cell.shapes.items():
            width = math.prod(shape[1:])
            grads[name] = matrix[:, first : first + width].reshape(shape)
            if isinstance(cell, Masked):
                grads[name] = np.where(cell.mask[name] > 0, grads[name], matrix.dtype.type(0))
            first += width
        return grads


def no_kronecker_form(cell: Cell) -> str | None:
    """Why the immediate derivative of a cell is no single Kronecker product; None if it is."""
    if isinstance(cell, SecondOrder):
        return None
    if not isinstance(cell, PointwiseCell):
        return "its weights do not multiply one joint input"
    if cell.elementwise:
        return f"its elementwise parameters {list(cell.elementwise)} multiply no joint input"
    if cell.recurrent_bias:
        return "inputs and recurrent products enter it apart, with a bias for each"
    return None


def factors(cell: Cell, tape: Any) -> tuple[Array, Array]:
    """The joint input h^ (B, m), and G_t^T = (ds_t/da_t)^T (B, r, N), of one step.

    Raises
    ------
    ValueError
        If the input and the recurrent pre-activations act differently on the state.
    """
    one = np.ones((len(tape.s), 1), tape.s.dtype)
    if isinstance(cell, SecondOrder):
        products = (tape.s[:, :, None] * tape.x[:, None, :]).reshape(len(one), -1)
        slopes = cell.activation.derivative(tape.a, tape.h)
        return np.concatenate([products, one], axis=1), slopes[:, :, None] * np.eye(
            slopes.shape[1], dtype=slopes.real.dtype
        )
    assert isinstance(cell, PointwiseCell)
    partials = tape.partials
    if partials.dv is not partials.du:
        raise ValueError("cell: its input and recurrent pre-activations do not act alike")
    parts = [tape.x, tape.s[:, cell.output]] + ([one] if cell.bias else [])
    n = cell.hidden_size
    blocks = np.zeros((len(one), len(cell.states), n, len(cell.gates), n), tape.s.dtype)
    diagonal = np.einsum("bsiki->bkis", blocks)
    for (out, by), partial in partials.du.items():
        diagonal[:, cell.gates.index(by), :, cell.states.index(out)] = partial
    rows = blocks.reshape(len(one), len(cell.states) * n, len(cell.gates) * n)
    return np.concatenate(parts, axis=1), rows.swapaxes(1, 2)  # laid out as Cell.push does
