"""Order tasks: the answer depends on what came first, not on what is there now."""

from __future__ import annotations

from math import comb, log

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.tasks.common import Baseline, at_least, binary_baseline, last_step_only

COIN = "a fair coin: the present input says nothing about the target"


def which_came_first(rng: np.random.Generator, steps: int, batch_size: int) -> Batch:
    """Two symbols, A and B, appear once each. Which one came first?

    The smallest order task, after the temporal order problem of Hochreiter & Schmidhuber
    (1997). Both symbols stand at two different random steps before the last one; all other
    inputs are zero. The target, scored at the last step alone, is 1 if A came first and 0 if B
    did. Since the last input is always zero, a network without memory is at chance; a network
    over a window of w inputs solves the task as far as the window reaches
    (:func:`which_came_first_baseline`).

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
        Inputs (T, B, 2): unit 0 is on when A appears, unit 1 when B does. Targets (T, B, 1).

    References
    ----------
    S. Hochreiter and J. Schmidhuber (1997), Long short-term memory, Neural
    Computation 9(8), section 5.6.

    Examples
    --------
    >>> batch = which_came_first(np.random.default_rng(0), steps=5, batch_size=3)
    >>> batch.inputs.shape, batch.inputs.sum(axis=(0, 2))
    ((5, 3, 2), array([2., 2., 2.]))
    """
    rng = checks.generator(rng)
    steps = at_least(steps, 3, "steps")
    size = checks.positive_int(batch_size, "batch_size")
    places = np.array([rng.choice(steps - 1, size=2, replace=False) for _ in range(size)])
    inputs = np.zeros((steps, size, 2))
    for symbol in (0, 1):
        inputs[places[:, symbol], np.arange(size), symbol] = 1.0
    targets = np.zeros((steps, size, 1))
    targets[-1, :, 0] = places[:, 0] < places[:, 1]
    return Batch(inputs, targets, last_step_only(steps, size))


def which_came_first_baseline(steps: int, width: int = 1) -> Baseline:
    """The best predictor that sees only the last ``width`` inputs.

    A window over the last w of T inputs shows w - 1 of the T - 1 places where the symbols may
    stand. One visible symbol is enough: it came second. So the predictor is right unless both
    symbols lie before the window, which happens with probability

    ::

        miss = C(T - w, 2) / C(T - 1, 2),

    and then it tosses a coin.

    Parameters
    ----------
    steps
        Length T of the sequences, at least 3.
    width
        Inputs in the window; 1 is a network without memory.

    Examples
    --------
    >>> [which_came_first_baseline(6, w).error_rate for w in (1, 2, 3, 4, 5)]
    [0.5, 0.3, 0.15, 0.05, 0.0]
    """
    steps = at_least(steps, 3, "steps")
    width = checks.positive_int(width, "width")
    miss = comb(max(steps - width, 0), 2) / comb(steps - 1, 2)
    rule = COIN if width == 1 else f"a window over the last {width} inputs, else a fair coin"
    coin = binary_baseline(rule, 0.5)
    return Baseline(rule, miss * coin.squared_error, miss * log(2), miss * 0.5)


def temporal_order(rng: np.random.Generator, steps: int, batch_size: int) -> Batch:
    """Two symbols, each X or Y, stand among distractors. Which pair was it, in which order?

    The temporal order problem (task 6a) of Hochreiter & Schmidhuber (1997) in the setting of
    Pascanu et al. (2013): six symbols, one-hot. At a random step in [T/10, 2T/10) and at one in
    [4T/10, 5T/10) stands X or Y; at all other steps one of four distractors. The target, scored
    at the last step, is one of four classes: XX, XY, YX, YY.

    Parameters
    ----------
    rng
        Source of all randomness.
    steps
        Length T of the sequences, at least 10.
    batch_size
        Number B of sequences.

    Returns
    -------
    Batch
        Inputs (T, B, 6): X, Y, then the distractors. Targets (T, B, 4), one-hot at the last
        step and zero before.

    References
    ----------
    S. Hochreiter and J. Schmidhuber (1997), Long short-term memory, Neural
    Computation 9(8), section 5.6.

    R. Pascanu, T. Mikolov and Y. Bengio (2013), On the difficulty of training recurrent
    neural networks, ICML, section 4.1.1.

    Examples
    --------
    >>> batch = temporal_order(np.random.default_rng(0), steps=20, batch_size=3)
    >>> batch.inputs.shape, batch.targets.shape
    ((20, 3, 6), (20, 3, 4))
    """
    rng = checks.generator(rng)
    steps = at_least(steps, 10, "steps")
    size = checks.positive_int(batch_size, "batch_size")
    symbols = rng.integers(2, 6, size=(steps, size))
    pair = rng.integers(0, 2, size=(2, size))
    for k, (start, stop) in enumerate(((1, 2), (4, 5))):
        places = rng.integers(start * steps // 10, stop * steps // 10, size=size)
        symbols[places, np.arange(size)] = pair[k]
    targets = np.zeros((steps, size, 4))
    targets[-1, np.arange(size), 2 * pair[0] + pair[1]] = 1.0
    return Batch(np.eye(6)[symbols], targets, last_step_only(steps, size))


def temporal_order_baseline() -> Baseline:
    """The last input is a distractor: four equally likely classes, whatever it is.

    Examples
    --------
    >>> temporal_order_baseline()  # doctest: +ELLIPSIS
    Baseline(rule='...', squared_error=0.375, cross_entropy=1.386..., error_rate=0.75)
    """
    return Baseline("four classes, all equally likely", 0.375, log(4), 0.75)
