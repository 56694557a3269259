"""Tasks that ask for a value after a lag: latch, recall, the adding problem."""

from __future__ import annotations

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.tasks.common import Baseline, at_least, binary_baseline, last_step_only

COIN = "a fair coin: the present input says nothing about the target"


def latch(rng: np.random.Generator, lag: int, batch_size: int, *, noise: float = 0.0) -> Batch:
    """Hold one bit for ``lag`` steps.

    The latching problem, after Bengio et al. (1994): the first input is +1 or -1, all later
    ones are noise, and the target at the last step tells which it was. A network that holds the
    bit at every lag, against noise, keeps it in one of two attractors.

    Parameters
    ----------
    rng
        Source of all randomness.
    lag
        Steps from the bit to the answer, at least 1; the sequences have T = lag + 1 steps.
    batch_size
        Number B of sequences.
    noise
        Standard deviation of the normal noise at all steps but the first.

    Returns
    -------
    Batch
        Inputs (T, B, 1); targets (T, B, 1), 1 for +1 and 0 for -1, scored at the last step.

    References
    ----------
    Y. Bengio, P. Simard and P. Frasconi (1994), Learning long-term dependencies with
    gradient descent is difficult, IEEE Transactions on Neural Networks 5(2), section II.

    Examples
    --------
    >>> batch = latch(np.random.default_rng(0), lag=4, batch_size=2)
    >>> bool(np.all(batch.targets[-1] == (batch.inputs[0] > 0)))
    True
    """
    rng = checks.generator(rng)
    lag = at_least(lag, 1, "lag")
    size = checks.positive_int(batch_size, "batch_size")
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise: expected a finite number of at least 0, got {noise}")
    bits = rng.integers(0, 2, size=size)
    inputs = noise * rng.standard_normal((lag + 1, size, 1))
    inputs[0, :, 0] = 2.0 * bits - 1.0
    targets = np.zeros((lag + 1, size, 1))
    targets[-1, :, 0] = bits
    return Batch(inputs, targets, last_step_only(lag + 1, size))


def latch_baseline() -> Baseline:
    """The last input is noise: a fair coin.

    Examples
    --------
    >>> latch_baseline().squared_error
    0.125
    """
    return binary_baseline(COIN, 0.5)


def recall(
    rng: np.random.Generator, steps: int, batch_size: int, *, lag: int | None = None
) -> Batch:
    """A stream of bits; one is marked "store", and ``lag`` steps later it is asked for.

    A write and a read command as in the memory cell with keep, write and read gates: all bits
    but the marked one are distractors, so the network must not store everything that comes.

    Parameters
    ----------
    rng
        Source of all randomness.
    steps
        Length T of the sequences, at least lag + 1.
    batch_size
        Number B of sequences.
    lag
        Steps from the write to the read command, at least 1; ``None`` means the longest
        possible one, T - 1. The write command comes at a random step that leaves room.

    Returns
    -------
    Batch
        Inputs (T, B, 3): a random bit (+1 or -1) at each step, the write flag, the read flag.
        Targets (T, B, 1): 1 for +1 and 0 for -1, scored at the step of the read flag alone.

    Notes
    -----
    The lag is the one of experiments on truncation: a gradient cut after fewer than ``lag``
    steps never connects the answer with the bit.

    Examples
    --------
    >>> batch = recall(np.random.default_rng(0), steps=8, batch_size=1, lag=3)
    >>> write, read = batch.inputs[:, 0, 1].argmax(), batch.inputs[:, 0, 2].argmax()
    >>> int(read - write), bool(batch.targets[read, 0, 0] == (batch.inputs[write, 0, 0] > 0))
    (3, True)
    """
    rng = checks.generator(rng)
    steps = at_least(steps, 2, "steps")
    size = checks.positive_int(batch_size, "batch_size")
    lag = steps - 1 if lag is None else at_least(lag, 1, "lag")
    steps = at_least(steps, lag + 1, "steps")
    bits = rng.integers(0, 2, size=(steps, size))
    write, each = rng.integers(0, steps - lag, size=size), np.arange(size)
    inputs = np.zeros((steps, size, 3))
    inputs[:, :, 0] = 2.0 * bits - 1.0
    inputs[write, each, 1] = inputs[write + lag, each, 2] = 1.0
    targets, mask = np.zeros((steps, size, 1)), np.zeros((steps, size))
    targets[write + lag, each, 0] = bits[write, each]
    mask[write + lag, each] = 1.0
    return Batch(inputs, targets, mask)


def recall_baseline() -> Baseline:
    """The bit beside the read flag is a distractor: a fair coin.

    Examples
    --------
    >>> recall_baseline().error_rate
    0.5
    """
    return binary_baseline(COIN, 0.5)


def adding(rng: np.random.Generator, steps: int, batch_size: int) -> Batch:
    """Add the two marked numbers of a long sequence.

    The adding problem of Hochreiter & Schmidhuber (1997) in the form now common (Le et al.
    2015): values uniform in [0, 1), a marker on one step of the first half and on one of the
    second half, the sum asked for at the last step. Here the last step is never marked, so that
    a network without memory knows nothing. The original draws values from [-1, 1], lengths from
    T to T + T/10 and scales the sum.

    Parameters
    ----------
    rng
        Source of all randomness.
    steps
        Length T of the sequences, at least 3.
    batch_size
        Number B of sequences.

    Returns
    -------
    Batch
        Inputs (T, B, 2): value and marker; targets (T, B, 1), scored at the last step.

    References
    ----------
    S. Hochreiter and J. Schmidhuber (1997), Long short-term memory, Neural
    Computation 9(8), section 5.4.

    Q. V. Le, N. Jaitly and G. E. Hinton (2015), A simple way to initialize recurrent
    networks of rectified linear units, arXiv:1504.00941, section 4.1.

    Examples
    --------
    >>> batch = adding(np.random.default_rng(0), steps=10, batch_size=2)
    >>> value, marker = batch.inputs[..., 0], batch.inputs[..., 1]
    >>> bool(np.allclose((value * marker).sum(axis=0), batch.targets[-1, :, 0]))
    True
    """
    rng = checks.generator(rng)
    steps = at_least(steps, 3, "steps")
    size = checks.positive_int(batch_size, "batch_size")
    each = np.arange(size)
    inputs = np.zeros((steps, size, 2))
    inputs[:, :, 0] = rng.random((steps, size))
    for start, stop in ((0, steps // 2), (steps // 2, steps - 1)):
        inputs[rng.integers(start, stop, size=size), each, 1] = 1.0
    targets = np.zeros((steps, size, 1))
    targets[-1, :, 0] = (inputs[:, :, 0] * inputs[:, :, 1]).sum(axis=0)
    return Batch(inputs, targets, last_step_only(steps, size))


def adding_baseline() -> Baseline:
    """Always predict 1: the variance of the sum is 1/6, so the loss (with its 1/2) is 1/12.

    Examples
    --------
    >>> round(adding_baseline().squared_error, 4)
    0.0833
    """
    return Baseline("always predict 1, the mean of the sum", 1 / 12)
