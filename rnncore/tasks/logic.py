"""Tasks on bits: delayed XOR, running parity, running count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnncore import checks
from rnncore.data import Batch, pad
from rnncore.tasks.common import Baseline, at_least, binary_baseline, positive_ints


def delayed_xor(
    rng: np.random.Generator,
    steps: int,
    batch_size: int = 1,
    *,
    delay: int = 1,
    constant_input: bool = False,
) -> Batch:
    """A stream of bit pairs; the target is the XOR of the pair ``delay`` steps ago.

    The pipelined XOR of Williams & Zipser (1989). The first ``delay`` steps are not scored. In
    this package the output at step t has read the input at step t. In the paper the activity
    y(t) has read inputs up to t - 1 only, so a delay of tau there is ``delay = tau - 1`` here.
    XOR takes two layers of units, and in a fully recurrent network each layer takes a step:
    tau = 2, ``delay = 1``, is the shortest that it can be asked for.

    Parameters
    ----------
    rng
        Source of all randomness.
    steps
        Length T of the stream, more than ``delay``.
    batch_size
        Number B of streams.
    delay
        At least 0; with 0 the task needs no memory (but still a hidden unit).
    constant_input
        Add a third input that is always 1, for cells without a bias.

    Returns
    -------
    Batch
        Inputs (T, B, 2) or (T, B, 3) of fair bits; targets (T, B, 1).

    References
    ----------
    R. J. Williams and D. Zipser (1989), A learning algorithm for continually running
    fully recurrent neural networks, Neural Computation 1(2), pipelined XOR.

    Examples
    --------
    >>> batch = delayed_xor(np.random.default_rng(0), steps=6, delay=2)
    >>> a, b = batch.inputs[:, 0].T
    >>> bool(np.all(batch.targets[2:, 0, 0] == (a != b)[:-2]))
    True
    """
    rng = checks.generator(rng)
    delay = at_least(delay, 0, "delay")
    steps = at_least(steps, delay + 1, "steps")
    size = checks.positive_int(batch_size, "batch_size")
    bits = rng.integers(0, 2, size=(steps, size, 2)).astype(float)
    targets = np.zeros((steps, size, 1))
    targets[delay:, :, 0] = bits[: steps - delay, :, 0] != bits[: steps - delay, :, 1]
    mask = np.zeros((steps, size))
    mask[delay:] = 1.0
    inputs = np.concatenate([bits, np.ones((steps, size, 1))], axis=2) if constant_input else bits
    return Batch(inputs, targets, mask)


def delayed_xor_baseline(delay: int = 1) -> Baseline:
    """The present pair says nothing about an earlier one: a fair coin (nothing lost at delay 0).

    Examples
    --------
    >>> delayed_xor_baseline(delay=1).error_rate
    0.5
    """
    if at_least(delay, 0, "delay") == 0:
        return binary_baseline("the XOR of the present pair", 1.0)
    return binary_baseline("a fair coin: the present pair says nothing about the target", 0.5)


def random_lengths(
    rng: np.random.Generator, batch_size: int, shortest: int, longest: int
) -> list[int]:
    """Draw ``batch_size`` lengths uniformly from ``shortest`` to ``longest``, both included.

    Examples
    --------
    >>> all(2 <= n <= 4 for n in random_lengths(np.random.default_rng(0), 100, 2, 4))
    True
    """
    rng = checks.generator(rng)
    size = checks.positive_int(batch_size, "batch_size")
    shortest = checks.positive_int(shortest, "shortest")
    longest = at_least(longest, shortest, "longest")
    return [int(n) for n in rng.integers(shortest, longest + 1, size=size)]


def running_count(rng: np.random.Generator, lengths: Sequence[int]) -> Batch:
    """Fair bits; the target at each step is how many ones came so far.

    Sequences of any lengths in one batch, with a mask (claims C.c9 and E.c2: one network,
    sequences of arbitrary length). One linear unit with a self-connection of weight 1 is exact
    at every length.

    Parameters
    ----------
    rng
        Source of all randomness.
    lengths
        The length of each sequence, at least 1; :func:`random_lengths` draws some.

    Returns
    -------
    Batch
        Inputs (T, B, 1), targets (T, B, 1), mask (T, B), with T the longest of ``lengths``.

    Examples
    --------
    >>> batch = running_count(np.random.default_rng(0), lengths=[2, 4])
    >>> batch.mask.sum(axis=0)
    array([2., 4.])
    """
    rng = checks.generator(rng)
    bits = [
        rng.integers(0, 2, size=(n, 1)).astype(float) for n in positive_ints(lengths, "lengths")
    ]
    return pad((x, np.cumsum(x, axis=0)) for x in bits)


def running_count_baseline(lengths: Sequence[int]) -> Baseline:
    """The best predictor of the count from the present bit alone, without a clock.

    At step t (from 0) the count is x_t + Binomial(t, 1/2). Knowing x_t but not t, the best
    prediction is x_t + E[t]/2, and what is left is 1/2 (E[t]/4 + Var[t]/4), with t spread over
    all scored steps.

    Examples
    --------
    >>> running_count_baseline([1]).squared_error
    0.0
    """
    t = np.concatenate([np.arange(n) for n in positive_ints(lengths, "lengths")])
    rule = "the present bit plus half the mean number of earlier steps"
    return Baseline(rule, float(0.5 * (t.mean() + t.var()) / 4))


def running_parity(rng: np.random.Generator, lengths: Sequence[int]) -> Batch:
    """Fair bits; the target at each step is whether an odd number of ones came so far.

    As :func:`running_count`, modulo 2. Two states are enough at any length, but no window of
    fixed width is: every earlier bit matters.

    Parameters
    ----------
    rng
        Source of all randomness.
    lengths
        The length of each sequence, at least 1.

    Returns
    -------
    Batch
        Inputs (T, B, 1), targets (T, B, 1), mask (T, B).

    Examples
    --------
    >>> batch = running_parity(np.random.default_rng(0), lengths=[5])
    >>> bool(np.all(batch.targets == np.cumsum(batch.inputs, axis=0) % 2))
    True
    """
    counted = running_count(rng, lengths)
    return Batch(counted.inputs, np.asarray(counted.targets) % 2, counted.mask)


def running_parity_baseline(lengths: Sequence[int]) -> Baseline:
    """The best predictor of the parity from the present bit alone, without a clock.

    At the first step the present bit is the parity; later it says nothing. Without a clock
    the predictor cannot tell the two apart, and the chance that the bit is right is
    (1 + q) / 2, with q the share of first steps among all scored ones.

    Examples
    --------
    >>> running_parity_baseline([1, 3]).error_rate
    0.25
    """
    sizes = positive_ints(lengths, "lengths")
    return binary_baseline("the present bit", (1 + len(sizes) / sum(sizes)) / 2)
