"""Waves that a network must produce by itself."""

from __future__ import annotations

from typing import Literal

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.tasks.common import Baseline, at_least, binary_baseline

Waveform = Literal["sine", "square"]


def oscillation(
    rng: np.random.Generator,
    steps: int,
    batch_size: int = 1,
    *,
    period: int = 25,
    waveform: Waveform = "sine",
    low: float = 0.1,
    high: float = 0.9,
    phase: float | None = None,
) -> Batch:
    """A wave as target, and an input that says nothing: the network must oscillate by itself.

    The oscillation tasks of Williams & Zipser (1989): square waves (01, 0011) and a sine,
    learned with teacher forcing; the output fed back to the network is what keeps the wave
    going. The input is constantly 1, which serves as a bias for cells without one.

    Parameters
    ----------
    rng
        Source of the phases.
    steps
        Length T of the sequences.
    batch_size
        Number B of sequences.
    period
        Steps of one period, at least 2; for the square wave even.
    waveform
        ``"sine"``, or ``"square"`` (``low`` for half a period, then ``high``).
    low, high
        The extremes of the wave; the defaults lie inside the range of a logistic unit.
    phase
        Where in the period all sequences start, in steps; ``None`` draws a whole number of
        steps for each sequence.

    Returns
    -------
    Batch
        Inputs (T, B, 1), all 1; targets (T, B, 1).

    References
    ----------
    R. J. Williams and D. Zipser (1989), A learning algorithm for continually running
    fully recurrent neural networks, Neural Computation 1(2), learning to oscillate.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> wave = oscillation(rng, 6, period=4, waveform="square", low=0.0, high=1.0, phase=0)
    >>> wave.targets[:, 0, 0]
    array([0., 0., 1., 1., 0., 0.])
    """
    rng = checks.generator(rng)
    steps = checks.positive_int(steps, "steps")
    size = checks.positive_int(batch_size, "batch_size")
    period = _period(period, waveform)
    _extremes(low, high)
    starts = rng.integers(0, period, size=size) if phase is None else np.full(size, float(phase))
    if not np.isfinite(starts).all():
        raise ValueError(f"phase: expected a finite number of steps, got {phase}")
    turn = ((np.arange(steps)[:, None] + starts) % period) / period
    wave = 0.5 * (1 + np.sin(2 * np.pi * turn)) if waveform == "sine" else (turn >= 0.5) * 1.0
    return Batch(np.ones((steps, size, 1)), (low + (high - low) * wave)[:, :, None])


def oscillation_baseline(
    *, period: int = 25, waveform: Waveform = "sine", low: float = 0.1, high: float = 0.9
) -> Baseline:
    """Always predict the middle: what is left is half the variance of the wave.

    The input is constant, so a network without memory can only give a constant. Half the
    variance is (high - low)^2 / 16 for the sine and (high - low)^2 / 8 for the square wave,
    over random phases or whole periods. (A sine of period 2 is sampled at its zeros only: it
    is constant.)

    Examples
    --------
    >>> oscillation_baseline(low=0.0, high=1.0).squared_error
    0.0625
    """
    period = _period(period, waveform)
    _extremes(low, high)
    rule = "always predict the middle of the wave"
    spread = (high - low) ** 2
    if waveform == "square":
        coin = binary_baseline(rule, 0.5)
        classes = (low, high) == (0.0, 1.0)
        return coin if classes else Baseline(rule, spread / 8, None, 0.5)
    return Baseline(rule, spread / 16 if period > 2 else 0.0)


def _period(period: int, waveform: str) -> int:
    if waveform not in ("sine", "square"):
        raise ValueError(f"waveform: expected 'sine' or 'square', got {waveform!r}")
    period = at_least(period, 2, "period")
    if waveform == "square" and period % 2:
        raise ValueError(f"period: expected an even number for a square wave, got {period}")
    return period


def _extremes(low: float, high: float) -> None:
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"low, high: expected finite numbers with low < high, got {low}, {high}")
