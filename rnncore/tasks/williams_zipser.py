"""Tasks of Williams & Zipser (1989): sequence recognition, delayed non-match to sample.

The paper's other tasks are :func:`~rnncore.tasks.delayed_xor`,
:func:`~rnncore.tasks.oscillation` and, in `parentheses.py`, a Turing machine. All are streams
for a network that is never reset.
"""

from __future__ import annotations

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.tasks.common import Baseline, at_least, binary_baseline

Array = np.ndarray


def sequence_recognition(
    rng: np.random.Generator,
    steps: int,
    batch_size: int = 1,
    *,
    lines: int = 4,
    constant_input: bool = False,
) -> Batch:
    """Say 1 when B comes for the first time after A, whatever came between.

    At each step one of the input lines is on, all equally likely. Line 0 is A, line 1 is B, the
    others are distractors. The target is 1 at a B that follows an A with no other B between
    them, and 0 at all other steps: A arms the network, B fires it and disarms it. Any number of
    distractors may lie between the two, so no window over the inputs is wide enough.

    Parameters
    ----------
    rng
        Source of all randomness.
    steps
        Length T of the stream.
    batch_size
        Number B of streams.
    lines
        Number of input lines, at least 2.
    constant_input
        Add an input that is always 1, for cells without a bias.

    Returns
    -------
    Batch
        Inputs (T, B, lines), one-hot, or (T, B, lines + 1); targets (T, B, 1), scored at all
        steps. The network is asked at the step that reads the B.

    References
    ----------
    R. J. Williams and D. Zipser (1989), A learning algorithm for continually running
    fully recurrent neural networks, Neural Computation 1(2), simple sequence recognition.

    Examples
    --------
    >>> batch = sequence_recognition(np.random.default_rng(2), steps=9, lines=3)
    >>> "".join("AB."[k] for k in batch.inputs[:, 0].argmax(axis=1))
    '.AAAB.BAB'
    >>> batch.targets[:, 0, 0].astype(int)
    array([0, 0, 0, 0, 1, 0, 0, 0, 1])
    """
    rng = checks.generator(rng)
    steps = checks.positive_int(steps, "steps")
    size = checks.positive_int(batch_size, "batch_size")
    lines = at_least(lines, 2, "lines")
    symbols = rng.integers(0, lines, size=(steps, size))
    targets, armed = np.zeros((steps, size, 1)), np.zeros(size, bool)
    for t, now in enumerate(symbols):
        targets[t, :, 0] = armed & (now == 1)
        armed = (armed | (now == 0)) & (now != 1)
    return Batch(with_constant(np.eye(lines)[symbols], constant_input), targets)


def sequence_recognition_baseline(steps: int, lines: int = 4) -> Baseline:
    """At a B, guess whether an A came since the last one; say 0 at all other steps.

    Before step t (from 0) the network is armed with probability 1/2 (1 - (1 - 2/lines)^t): the
    last of the As and Bs so far, if there was one, was an A. Without a clock the guess is the
    mean of that over the steps.

    Examples
    --------
    >>> round(sequence_recognition_baseline(1000).error_rate, 3)
    0.125
    """
    steps = checks.positive_int(steps, "steps")
    lines = at_least(lines, 2, "lines")
    armed = float(np.mean(0.5 * (1 - (1 - 2 / lines) ** np.arange(steps))))
    coin = binary_baseline("", armed)
    assert coin.cross_entropy is not None and coin.error_rate is not None
    return Baseline(
        "at a B, guess that an A came before; else 0",
        coin.squared_error / lines,
        coin.cross_entropy / lines,
        coin.error_rate / lines,
    )


def delayed_non_match(
    rng: np.random.Generator,
    steps: int,
    batch_size: int = 1,
    *,
    cue: float = 0.2,
    delay: int = 1,
    constant_input: bool = False,
) -> Batch:
    """Compare every bit with the last one that came with a cue.

    At each step a random bit comes in, with probability ``cue`` together with a cue: that bit
    is the sample, until the next cue. The target is 1 where a bit differs from the sample and 0
    where it matches, ``delay`` steps later. The steps of the cues themselves are not scored.
    The network must store a bit on command, hold it for any time, and take the exclusive or of
    the stored bit and the present one. Like the delayed XOR this takes two layers of units, in a
    fully recurrent network two steps: ``delay = 1`` is the shortest that it can be asked for.

    Parameters
    ----------
    rng
        Source of all randomness.
    steps
        Length T of the stream, more than ``delay`` + 1.
    batch_size
        Number B of streams.
    cue
        Probability of a cue, strictly between 0 and 1. The first step always has one.
    delay
        At least 0.
    constant_input
        Add a third input that is always 1, for cells without a bias.

    Returns
    -------
    Batch
        Inputs (T, B, 2) or (T, B, 3): the bit, the cue; targets (T, B, 1).

    References
    ----------
    R. J. Williams and D. Zipser (1989), A learning algorithm for continually running
    fully recurrent neural networks, Neural Computation 1(2), delayed nonmatch to sample.

    Examples
    --------
    >>> batch = delayed_non_match(np.random.default_rng(5), steps=8, delay=0)
    >>> for row in (batch.inputs[:, 0, 0], batch.inputs[:, 0, 1], batch.targets[:, 0, 0]):
    ...     print(row.astype(int))
    [1 1 0 1 0 1 1 0]
    [1 0 0 1 1 0 0 0]
    [0 0 1 0 0 1 1 0]
    """
    rng = checks.generator(rng)
    delay = at_least(delay, 0, "delay")
    steps = at_least(steps, delay + 2, "steps")
    size = checks.positive_int(batch_size, "batch_size")
    if not 0 < cue < 1:
        raise ValueError(f"cue: expected a number strictly between 0 and 1, got {cue}")
    bits = rng.integers(0, 2, size=(steps, size))
    cues = rng.random((steps, size)) < cue
    cues[0] = True
    last = np.maximum.accumulate(np.where(cues, np.arange(steps)[:, None], 0), axis=0)
    differs = bits != np.take_along_axis(bits, last, axis=0)
    targets, mask = np.zeros((steps, size, 1)), np.zeros((steps, size))
    targets[delay:, :, 0] = differs[: steps - delay]
    mask[delay:] = ~cues[: steps - delay]
    inputs = np.stack([bits, cues], axis=2).astype(float)
    return Batch(with_constant(inputs, constant_input), targets, mask)


def delayed_non_match_baseline() -> Baseline:
    """A bit says nothing about the sample that it is compared with: a fair coin.

    Examples
    --------
    >>> delayed_non_match_baseline().error_rate
    0.5
    """
    return binary_baseline("a fair coin: the present bit says nothing about the sample", 0.5)


def with_constant(inputs: Array, constant_input: bool) -> Array:
    """Add an input that is always 1, where it is wanted."""
    if not constant_input:
        return inputs
    return np.concatenate([inputs, np.ones((*inputs.shape[:2], 1))], axis=2)
