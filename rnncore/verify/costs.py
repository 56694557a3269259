"""What the exact learners cost, in closed form: multiplications, and numbers held in memory.

Counted are the multiplications of matrix products, for one sequence; elementwise work is of lower
order and left out. The tests compare these formulas with counts on the learners themselves.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from rnncore.cells.gru import GRU
from rnncore.cells.lstm import LSTM
from rnncore.cells.pointwise import PointwiseCell
from rnncore.cells.vanilla import Vanilla

METHODS = ("BPTT", "checkpointed BPTT", "RTRL", "hybrid")
"""The exact learners that the formulas know, by the learners' own names."""

# Numbers that the backward sweep reads of one step, for each unit: h; i, f, g, o, c, h;
# r, z, n, h and the recurrent part of the candidate, which the reset multiplies.
_RECORDED: dict[type[PointwiseCell], int] = {Vanilla: 1, LSTM: 6, GRU: 5}


class Sizes(NamedTuple):
    """The sizes on which the costs of a cell depend.

    Attributes
    ----------
    D, n, K, N, P
        Inputs, units, gates, state variables, parameters.
    R
        Numbers that a recorded step must keep for its backward step.
    """

    D: int
    n: int
    K: int
    N: int
    P: int
    R: int


def sizes(cell: PointwiseCell) -> Sizes:
    """The sizes of a vanilla, LSTM or GRU cell.

    Raises
    ------
    ValueError
        If it is another kind of cell, or an LSTM variant with other gates.

    Examples
    --------
    >>> sizes(LSTM(2, 8))
    Sizes(D=2, n=8, K=4, N=16, P=352, R=48)
    """
    kind, gates = type(cell), len(cell.gates)
    if kind not in _RECORDED or gates != {Vanilla: 1, LSTM: 4, GRU: 3}[kind] or cell.elementwise:
        raise ValueError(f"cell: expected a Vanilla, LSTM or GRU, got {cell!r}")
    n = cell.hidden_size
    return Sizes(cell.input_size, n, gates, cell.state_size, cell.size, _RECORDED[kind] * n)


def spacing(steps: int) -> int:
    """Steps between the checkpoints of :class:`~rnncore.learners.CheckpointedBPTT`."""
    return math.isqrt(steps - 1) + 1


def multiplications(method: str, cell: PointwiseCell, steps: int, outputs: int = 1) -> int:
    """Multiplications in the matrix products of one gradient over a sequence.

    ::

        forward         f = K n (D + n)                   each step, each method
        read-out        3 O n                             each step, each method
        BPTT            + K n^2 + f                       each step: adjoint, weights
        checkpointed    + f                               each step but those of the last stretch
        RTRL            + n N P + n P                     each step: D J, and dl/dh J
        hybrid          + (N + 1) (K n^2 + f)             each step: N + 1 adjoints
                        + N (N + 1) P                     each block of N steps

    Parameters
    ----------
    method : str
        One of :data:`METHODS`.
    cell : PointwiseCell
        A vanilla, LSTM or GRU cell.
    steps : int
        T.
    outputs : int
        O, of a linear read-out.

    Raises
    ------
    ValueError
        If the method or the cell is unknown, or a number is not positive.

    Examples
    --------
    >>> multiplications("BPTT", Vanilla(2, 8), 10), multiplications("RTRL", Vanilla(2, 8), 10)
    (2480, 64400)
    """
    _check(method, steps)
    if outputs < 1:
        raise ValueError(f"outputs: expected a positive number, got {outputs}")
    z = sizes(cell)
    forward = z.K * z.n * (z.D + z.n)
    sweep = z.K * z.n**2 + forward
    total = steps * (forward + 3 * outputs * z.n)
    if method == "BPTT":
        return total + steps * sweep
    if method == "checkpointed BPTT":
        every = spacing(steps)
        return total + steps * sweep + (math.ceil(steps / every) - 1) * every * forward
    if method == "RTRL":
        return total + steps * (z.n * z.N * z.P + z.n * z.P)
    blocks = math.ceil(steps / z.N)
    return total + steps * (z.N + 1) * sweep + blocks * z.N * (z.N + 1) * z.P


def numbers_held(method: str, cell: PointwiseCell, steps: int, inputs: bool = False) -> int:
    """Numbers that a method must hold at its peak, beside the parameters and their gradient.

    ::

        BPTT            T R
        checkpointed    N T / k + R k                     k = sqrt(T), rounded up
        RTRL            N P
        hybrid          N P + R N + (N + 1) P             table, block of N steps, N + 1 gradients

    Parameters
    ----------
    method, cell, steps
        As in `multiplications`.
    inputs : bool
        Count the inputs that must be kept for the way back as well: all T D for the backward
        methods, those of a block for the hybrid, one step's for RTRL.

    Raises
    ------
    ValueError
        If the method or the cell is unknown, or a number is not positive.

    Examples
    --------
    >>> numbers_held("BPTT", Vanilla(2, 8), 1000), numbers_held("RTRL", Vanilla(2, 8), 1000)
    (8000, 704)
    """
    _check(method, steps)
    z = sizes(cell)
    if method == "BPTT":
        return steps * z.R + (steps * z.D if inputs else 0)
    if method == "checkpointed BPTT":
        every = spacing(steps)
        return z.N * math.ceil(steps / every) + z.R * every + (steps * z.D if inputs else 0)
    if method == "RTRL":
        return z.N * z.P + (z.D if inputs else 0)
    block = min(steps, z.N)
    return z.N * z.P + z.R * block + (z.N + 1) * z.P + (block * z.D if inputs else 0)


def extra_steps(steps: int, slots: int) -> int:
    """The fewest forward steps beside the recorded ones when `slots` states can be kept.

    The initial state takes one slot. Each step is also run once with recording, right before
    its backward step; only these runs are not counted. With

    ::

        beta(c, r) = (c + r)! / (c! r!),   beta(c, r - 1) < T <= beta(c, r)

    the least number is r T - beta(c + 1, r - 1), for T > 1.

    Raises
    ------
    ValueError
        If a number is not positive.

    References
    ----------
    Griewank (1992), Optimization Methods and Software 1(1), 35-54; Griewank & Walther (2000),
    ACM TOMS 26(1).

    Examples
    --------
    >>> extra_steps(10, 1), extra_steps(10, 3), extra_steps(10, 10)
    (45, 15, 9)
    """
    if steps < 1 or slots < 1:
        raise ValueError(f"steps and slots: expected positive numbers, got {steps} and {slots}")
    if steps == 1:
        return 0
    runs = repetitions(steps, slots)
    return runs * steps - math.comb(slots + runs, slots + 1)


def repetitions(steps: int, slots: int) -> int:
    """How often the most repeated step is run forwards, not counting its recorded run.

    Examples
    --------
    >>> repetitions(1_000_000, 13)
    10
    """
    runs, longest = 0, 1
    while longest < steps:
        runs += 1
        longest = longest * (slots + runs) // runs
    return runs


def _check(method: str, steps: int) -> None:
    if method not in METHODS:
        raise ValueError(f"method: expected one of {METHODS}, got {method!r}")
    if steps < 1:
        raise ValueError(f"steps: expected a positive number, got {steps}")
