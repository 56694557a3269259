"""The Add task: a target that hangs on two earlier inputs, each worth a part of the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.tasks.common import Baseline, positive_ints

Array = np.ndarray
RULES = {
    (): "the mean: neither earlier input is known",
    (0,): "the input t1 steps ago",
    (1,): "the input t2 steps ago",
    (0, 1): "both earlier inputs",
}


def lagged_add(
    rng: np.random.Generator,
    steps: int,
    batch_size: int = 1,
    *,
    lags: Sequence[int] = (3, 8),
    deterministic: bool = True,
) -> Batch:
    """A stream of fair bits; the target adds up two of them, t1 and t2 steps ago.

    ::

        y_t = 1/2 + 1/2 x_{t-t1} - 1/4 x_{t-t2}

    The Add task of Marschall, Cho & Savin (2020). A network that has learned the first
    dependency has a smaller loss than one without memory, and one that has learned both a
    smaller one still: the loss tells how far back it looks (:func:`lagged_add_baseline`).
    Inputs and targets come in pairs, (x, 1 - x) and (y, 1 - y), for a softmax read-out of two
    units with cross-entropy. The first max(t1, t2) steps are not scored.

    Parameters
    ----------
    rng
        Source of all randomness.
    steps
        Length T of the stream, more than both lags.
    batch_size
        Number B of streams.
    lags
        (t1, t2), two different numbers of at least 1. The default is that of the task's model,
        a blog post of Pitis; Marschall et al. vary them.
    deterministic
        Give y_t itself as the target; otherwise the result of a coin that shows 1 with the
        chance y_t.

    Returns
    -------
    Batch
        Inputs (T, B, 2), targets (T, B, 2), mask (T, B).

    References
    ----------
    O. Marschall, K. Cho and C. Savin (2020), A unified framework of online learning algorithms
    for training recurrent neural networks, JMLR 21(135); the formula and its constants as in the
    class Add_Task of the authors' code, after S. Pitis (2016), Recurrent neural networks in
    TensorFlow I. The authors let the first steps look back to the end of the stream.

    Examples
    --------
    >>> batch = lagged_add(np.random.default_rng(0), steps=12, lags=(1, 3))
    >>> x, y = batch.inputs[:, 0, 0], batch.targets[:, 0, 0]
    >>> bool(np.all(y[3:] == 0.5 + 0.5 * x[2:-1] - 0.25 * x[:-3]))
    True
    """
    rng = checks.generator(rng)
    first, second = _lags(lags)
    start = max(first, second)
    steps = checks.positive_int(steps, "steps")
    if steps <= start:
        raise ValueError(f"steps: expected more than the lags {first} and {second}, got {steps}")
    size = checks.positive_int(batch_size, "batch_size")
    bits = rng.integers(0, 2, size=(steps, size)).astype(float)
    chance = np.full((steps, size), 0.5)
    chance[start:] = value(bits[start - first : -first], bits[start - second : -second])
    mask = np.zeros((steps, size))
    mask[start:] = 1.0
    y = chance if deterministic else (rng.random((steps, size)) < chance).astype(float)
    return Batch(np.stack([bits, 1 - bits], axis=2), np.stack([y, 1 - y], axis=2), mask)


def value(near: Array, far: Array) -> Array:
    """y = 1/2 + 1/2 x_{t-t1} - 1/4 x_{t-t2}.

    Examples
    --------
    >>> value(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    array([0.5 , 0.25, 1.  , 0.75])
    """
    return 0.5 + 0.5 * near - 0.25 * far


def lagged_add_baseline(known: Sequence[int] = (), *, deterministic: bool = True) -> Baseline:
    """The best predictor that knows neither earlier input, one of them, or both.

    It predicts q = E[y_t | what it knows], with the mean cross-entropy E[H(q)] whether targets
    are deterministic or coins, H the entropy of a coin. The squared error, summed over the two
    units, is E[Var(y | known)], and for coins E[q (1 - q)]; their error rate E[min(q, 1 - q)].

    ==========  =============  =============
    known       cross-entropy  squared error
    ==========  =============  =============
    ``()``      0.6616         5/64
    ``(0,)``    0.5192         1/64
    ``(1,)``    0.6277         1/16
    ``(0, 1)``  0.4545         0
    ==========  =============  =============

    Parameters
    ----------
    known
        Which of the two inputs the predictor knows: 0 stands for x_{t-t1}, 1 for x_{t-t2}.
    deterministic
        As in :func:`lagged_add`.

    Examples
    --------
    >>> [round(lagged_add_baseline(known).cross_entropy, 4) for known in ((), (0,), (0, 1))]
    [0.6616, 0.5192, 0.4545]
    """
    if not set(known) <= {0, 1} or len(set(known)) < len(known):
        raise ValueError(f"known: expected some of 0 and 1, got {known!r}")
    bits = np.indices((2, 2)).reshape(2, 4)
    y = value(*bits)
    # The four pairs of bits are equally likely; the mean over those that look alike.
    alike = np.all([bits[k][:, None] == bits[k] for k in known] + [np.ones((4, 4), bool)], axis=0)
    q = alike @ y / alike.sum(axis=1)
    rule = RULES[tuple(sorted(known))]
    if deterministic:
        return Baseline(rule, float(((y - q) ** 2).mean()), float(_entropy(q).mean()))
    wrong = np.minimum(q, 1 - q).mean()
    return Baseline(rule, float((q * (1 - q)).mean()), float(_entropy(q).mean()), float(wrong))


def _entropy(q: Array) -> Array:
    inside = np.maximum(q, 1e-300), np.maximum(1 - q, 1e-300)
    return -q * np.log(inside[0]) - (1 - q) * np.log(inside[1])


def _lags(lags: Sequence[int]) -> tuple[int, int]:
    both = positive_ints(lags, "lags")
    if len(both) != 2 or both[0] == both[1]:
        raise ValueError(f"lags: expected two different numbers of steps, got {lags!r}")
    return both[0], both[1]
