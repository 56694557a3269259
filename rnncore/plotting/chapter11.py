"""Figures of chapter 11: bias against noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .colors import color_of, line_style
from .rc import in_house_style
from .style import figure, label_lines


def first_window(squared_bias: Any, noise: float) -> int | None:
    """The shortest window whose squared bias, and that of all longer ones, is below the noise.

    Parameters
    ----------
    squared_bias : array_like, shape (T,)
        Relative squared error of truncation after 1 ... T steps.
    noise : float
        Relative variance of the unbiased estimate.

    Returns
    -------
    int or None
        None where the last window is not below it.

    Examples
    --------
    >>> first_window([1.0, 0.2, 0.3, 0.0], 0.25), first_window([1.0, 0.5], 0.25)
    (4, None)
    """
    above = np.flatnonzero(np.asarray(squared_bias, float) >= noise)
    window = 1 if not len(above) else int(above[-1]) + 2
    return window if window <= len(np.asarray(squared_bias)) else None


@in_house_style
def tradeoff(
    squared_bias: Any,
    variances: Mapping[str, float],
    samples: int,
    *,
    limits: Sequence[float] = (1e-6, 1e3),
    height: float = 3.7,
) -> Figure:
    """Draw the squared error of truncated gradients against that of averaged noisy ones.

    Parameters
    ----------
    squared_bias : array_like, shape (seeds, T)
        Relative squared error of truncated BPTT with a window of 1 ... T steps; the median over
        the seeds is drawn with their range.
    variances : mapping
        Name of an unbiased learner to the relative variance of one estimate.
    samples : int
        How many estimates are averaged: each variance is divided by it.
    limits : pair of floats
        Ends of the logarithmic axis.
    height : float
        In inches.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `squared_bias` is no matrix, or `samples` is not positive.
    """
    bias = np.asarray(squared_bias, float)
    if bias.ndim != 2 or bias.shape[1] < 2:
        raise ValueError(f"squared_bias must have shape (seeds, T), got {bias.shape}")
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    windows = np.arange(1, bias.shape[1] + 1)
    fig, ax = figure(height=height)
    shown = np.maximum(bias, limits[0] / 10)
    cut = line_style("truncated BPTT")
    ax.fill_between(
        windows, shown.min(axis=0), shown.max(axis=0), color=cut["color"], alpha=0.18, lw=0
    )
    ax.plot(windows, np.median(shown, axis=0), label="truncated\nBPTT", **cut)
    for name, variance in variances.items():
        level = variance / samples
        ax.plot([1, windows[-1]], [level, level], label=name, **line_style(name))
        first = first_window(np.median(bias, axis=0), level)
        if first is not None and level > limits[0]:
            ax.plot([first], [level], marker="o", color=color_of(name), label="_crossing")
    ax.set(yscale="log", ylim=tuple(limits), xlim=(1, windows[-1]))
    ax.set(xlabel="window of truncated BPTT, in steps", ylabel="relative squared error")
    label_lines(ax)
    return fig
