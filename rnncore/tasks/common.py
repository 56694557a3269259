"""What all tasks share: baselines, error rates, windows over the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from rnncore import checks
from rnncore.data import Batch

Array = np.ndarray

_CHANCE_SLACK = 1e-12


@dataclass(frozen=True)
class Baseline:
    """What the best predictor without memory reaches: the numbers that a network must beat.

    All three are means over the scored (step, sequence) pairs. The loss of a network is a
    sum over time; :func:`per_score` puts it on the same scale.

    Attributes
    ----------
    rule
        The predictor in words.
    squared_error
        Mean of ``1/2 sum_k (y_k - d_k)**2``, reached by predicting the conditional mean.
    cross_entropy
        Mean cross-entropy in nats, reached by predicting the conditional probability;
        ``None`` where targets are not classes.
    error_rate
        Share of wrong decisions; ``None`` where targets are not classes.
    """

    rule: str
    squared_error: float
    cross_entropy: float | None = None
    error_rate: float | None = None


def binary_baseline(rule: str, probability: float) -> Baseline:
    """The baseline of a binary target that the present input tells with this probability.

    Parameters
    ----------
    rule
        The predictor in words.
    probability
        Chance p that the likelier value is the right one. The best output is p (or 1 - p),
        with squared error p (1 - p) / 2, cross-entropy H(p) and error rate min(p, 1 - p).

    Examples
    --------
    >>> binary_baseline("a fair coin", 0.5)  # doctest: +ELLIPSIS
    Baseline(rule='a fair coin', squared_error=0.125, cross_entropy=0.693..., error_rate=0.5)
    """
    p, q = probability, 1.0 - probability
    if not -_CHANCE_SLACK <= p <= 1 + _CHANCE_SLACK:
        raise ValueError(f"probability: expected a number from 0 to 1, got {probability}")
    entropy = -sum(r * log(r) for r in (p, q) if r > 0)
    return Baseline(rule, 0.5 * p * q, entropy, min(p, q))


def _weights(batch: Batch) -> Array:
    """The weight of each (step, sequence) pair, shape (T, B): 1 where any unit is scored."""
    if batch.targets is None:
        raise ValueError("batch: expected targets, got a batch without them")
    if batch.weights is None:
        return np.ones((batch.steps, batch.size))
    return batch.weights.max(axis=-1)


def per_score(loss: float, batch: Batch) -> float:
    """Turn a network's loss into a mean over scored steps, the scale of :class:`Baseline`.

    A network's loss is ``1/B sum_b sum_t mask * l``; this divides it by the mean number of
    scored steps of a sequence.

    Parameters
    ----------
    loss
        What ``network.loss(params, batch)`` gives.
    batch
        The batch it was measured on.

    Examples
    --------
    >>> batch = Batch(np.zeros((4, 2, 1)), np.zeros((4, 2, 1)))
    >>> per_score(2.0, batch)
    0.5
    """
    scored = float(_weights(batch).sum()) / batch.size
    if scored == 0:
        raise ValueError("batch: expected at least one scored target, the mask is zero everywhere")
    return float(loss) / scored


def error_rate(outputs: Any, batch: Batch) -> float:
    """The share of wrong decisions on the scored steps.

    Parameters
    ----------
    outputs
        Shape (T, B, O), as in ``network.forward(params, batch).outputs``.
    batch
        Its targets decide. With one output unit the decision is ``output > 1/2``; with
        several, or with integer classes, it is the largest unit.

    Returns
    -------
    float
        From 0 (all right) to 1.

    Raises
    ------
    ValueError
        If shapes differ or nothing is scored.

    Examples
    --------
    >>> batch = Batch(np.zeros((2, 1, 1)), [[[1.0]], [[0.0]]])
    >>> error_rate([[[0.9]], [[0.6]]], batch)
    0.5
    """
    y, weights = checks.numeric(outputs, "outputs"), _weights(batch)
    targets = np.asarray(batch.targets)
    classes = targets.ndim == 2
    if y.ndim != 3 or y.shape[:2] != targets.shape[:2] or not (classes or y.shape == targets.shape):
        raise ValueError(f"outputs: expected the shape of targets {targets.shape}, got {y.shape}")
    if not weights.any():
        raise ValueError("batch: expected at least one scored target, the mask is zero everywhere")
    if classes:
        wrong = y.argmax(axis=-1) != targets
    elif y.shape[-1] == 1:
        wrong = (y[..., 0] > 0.5) != (targets[..., 0] > 0.5)
    else:
        wrong = y.argmax(axis=-1) != targets.argmax(axis=-1)
    return float(np.average(wrong, weights=weights))


def windowed(inputs: Any, width: int) -> Array:
    """Lay the last ``width`` inputs side by side, so that a network without memory sees them.

    Row t of the result is ``[x_{t-width+1}, ..., x_{t-1}, x_t]``; what lies before the first
    step is zero. With ``width=1`` nothing changes. This is the time-delay line that turns an
    order task into a task for a feed-forward network, as far as the window reaches.

    Parameters
    ----------
    inputs
        Shape (T, B, D) or (T, D).
    width
        How many steps the window holds, at least 1.

    Returns
    -------
    ndarray
        Shape (T, B, width * D) or (T, width * D), oldest step first.

    Examples
    --------
    >>> windowed([[1.0], [2.0], [3.0]], width=2)
    array([[0., 1.],
           [1., 2.],
           [2., 3.]])
    """
    x, width = checks.numeric(inputs, "inputs"), checks.positive_int(width, "width")
    if x.ndim not in (2, 3):
        raise ValueError(f"inputs: expected shape (T, B, D) or (T, D), got {x.shape}")
    steps = len(x)
    padded = np.concatenate([np.zeros((width - 1, *x.shape[1:]), x.dtype), x])
    return np.concatenate([padded[k : k + steps] for k in range(width)], axis=-1)


def positive_ints(values: Any, name: str) -> list[int]:
    """Return a non-empty sequence of positive integers as a list."""
    if isinstance(values, (str, int, np.integer)) or not isinstance(values, (Sequence, np.ndarray)):
        raise TypeError(f"{name}: expected a sequence of positive integers, got {values!r}")
    if len(values) == 0:
        raise ValueError(f"{name}: expected at least one, got none")
    return [checks.positive_int(value, f"{name}[{k}]") for k, value in enumerate(values)]


def at_least(value: int, least: int, name: str) -> int:
    """Return ``value`` as an ``int`` of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: expected an integer of at least {least}, got {value!r}")
    if value < least:
        raise ValueError(f"{name}: expected an integer of at least {least}, got {value}")
    return int(value)


def last_step_only(steps: int, size: int) -> Array:
    """A mask of shape (T, B) that scores the last step alone."""
    mask = np.zeros((steps, size))
    mask[-1] = 1.0
    return mask
