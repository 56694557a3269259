"""What a reservoir is good for: whether it forgets its start, and how much it remembers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.reservoir.matrices import number
from rnncore.reservoir.reservoir import Reservoir
from rnncore.reservoir.ridge import Ridge

Array = np.ndarray


class EchoTest(NamedTuple):
    """The outcome of :func:`echo_state_test`.

    Attributes
    ----------
    forgets
        Whether the last distance is below the tolerance.
    distances
        (T + 1,): the largest distance between two of the states at each time.
    """

    forgets: bool
    distances: Array


def echo_state_test(
    reservoir: Reservoir,
    inputs: Any,
    rng: np.random.Generator,
    *,
    starts: int = 4,
    tolerance: float = 1e-6,
    teacher: Any = None,
) -> EchoTest:
    """Whether states from different starts come together under the same input.

    A reservoir has echo states if its state is a function of the inputs alone: the difference
    of any two trajectories under the same input goes to zero.

    Parameters
    ----------
    reservoir
        The reservoir.
    inputs
        (T, D), one sequence.
    rng
        Source of the starts, uniform on [-1, 1] in each unit.
    starts
        How many, at least 2.
    tolerance
        What counts as together, after T steps.
    teacher
        (T, O), where there is feedback.

    Notes
    -----
    It is a test on this input and these starts, and no proof. A spectral radius below 1 is
    neither sufficient for all inputs nor, where the input is strong, necessary. Sufficient (for
    tanh) is a largest singular value of U below 1.

    References
    ----------
    Jaeger (2001), GMD Report 148, definition 1 and proposition 3; Yildiz, Jaeger & Kiebel
    (2012), Neural Networks 35, on the spectral radius.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tame = Reservoir.draw(rng, 1, 30, radius=0.5)
    >>> echo_state_test(tame, rng.standard_normal((200, 1)), rng).forgets
    True
    >>> wild = Reservoir.draw(rng, 1, 30, radius=3.0)
    >>> echo_state_test(wild, np.zeros((200, 1)), rng).forgets
    False
    """
    rng = checks.generator(rng)
    count = checks.positive_int(starts, "starts")
    if count < 2:
        raise ValueError("starts: expected at least 2, got 1")
    tolerance = number(tolerance, "tolerance", 0)
    x = checks.numeric(inputs, "inputs")
    if x.ndim != 2:
        raise ValueError(f"inputs: expected shape (T, {reservoir.input_size}), got {x.shape}")
    first = rng.uniform(-1, 1, (count, reservoir.size))
    if teacher is not None:
        d = checks.numeric(teacher, "teacher")
        teacher = np.repeat(d[:, None], count, axis=1)
    states = reservoir.run(
        np.repeat(x[:, None], count, axis=1), teacher=teacher, initial_state=first
    )
    pairs = [(i, j) for i in range(count) for j in range(i)]
    apart = [np.linalg.norm(states[:, i] - states[:, j], axis=1) for i, j in pairs]
    distances = np.max(apart, axis=0)
    return EchoTest(bool(distances[-1] < tolerance), distances)


class MemoryCapacity(NamedTuple):
    """The outcome of :func:`memory_capacity`.

    Attributes
    ----------
    total
        The memory capacity, the sum of ``by_delay``.
    by_delay
        (K,): the squared correlation for delays 1 to K.
    """

    total: float
    by_delay: Array


def memory_capacity(
    reservoir: Reservoir,
    rng: np.random.Generator,
    *,
    delays: int | None = None,
    steps: int = 4000,
    washout: int = 200,
    amplitude: float = 0.5,
    penalty: float = 0.0,
) -> MemoryCapacity:
    """How many past inputs can be read from the state.

    ::

        MC = sum_{k=1..K} max_v  cov(x_{t-k}, v^T s_t)^2 / (var(x) var(v^T s_t))

    for independent random inputs. It is at most n, and for a linear reservoir without
    degenerate directions it is n.

    Parameters
    ----------
    reservoir
        With one input and no feedback.
    rng
        Source of the inputs, uniform on [-amplitude, amplitude].
    delays
        K; 2 n if ``None``.
    steps
        Steps on which the read-outs are fitted, and as many on which they are judged. Judging on
        the same steps would add about n / steps to every delay, and the sum would exceed n.
    washout
        Steps left out before; at least K.
    amplitude, penalty
        Of the inputs, and of the ridge regression.

    Notes
    -----
    Where nothing is remembered the squared correlation is still about 1 / steps, by chance: the
    sum is too high by at most K / steps.

    References
    ----------
    Jaeger (2001), Short term memory in echo state networks, GMD Report 152, section 3 and
    proposition 2.

    Examples
    --------
    >>> line = Reservoir(np.eye(3, 1), np.eye(3, k=-1), np.zeros(3), activation="identity")
    >>> capacity = memory_capacity(line, np.random.default_rng(0), delays=4)
    >>> capacity.by_delay.round(3)  # s_t = (x_t, x_{t-1}, x_{t-2})
    array([1., 1., 0., 0.])
    """
    rng = checks.generator(rng)
    if reservoir.input_size != 1 or reservoir.F is not None:
        raise ValueError("reservoir: expected one input and no feedback")
    count = 2 * reservoir.size if delays is None else checks.positive_int(delays, "delays")
    half = checks.positive_int(steps, "steps")
    skip = max(checks.positive_int(washout, "washout"), count)
    amplitude = number(amplitude, "amplitude", 0)
    if amplitude == 0:
        raise ValueError("amplitude: expected a number above 0, got 0")
    x = amplitude * rng.uniform(-1, 1, (skip + 2 * half, 1))
    z = np.insert(reservoir.run(x)[1 + skip :], 0, 1.0, axis=1)
    past = np.stack([x[skip - k : len(x) - k, 0] for k in range(1, count + 1)], axis=1)
    V = Ridge(z[:half], past[:half]).solve(penalty)
    by_delay = _squared_correlation(z[half:] @ V.T, past[half:])
    return MemoryCapacity(float(by_delay.sum()), by_delay)


def _squared_correlation(y: Array, d: Array) -> Array:
    """Column by column; 0 where a column does not vary."""
    y, d = y - y.mean(axis=0), d - d.mean(axis=0)
    together = (y * d).sum(axis=0)
    scale = (y * y).sum(axis=0) * (d * d).sum(axis=0)
    return np.divide(together**2, scale, out=np.zeros_like(scale), where=scale > 0)
