"""Figures of chapter 1: two units over time and in their plane; a run unrolled, with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .canvas import Canvas
from .colors import INK, MUTED, PALETTE, TINTS, text_color
from .rc import in_house_style
from .style import figure

__all__ = ["state_portrait", "unrolled_run"]


@in_house_style
def state_portrait(
    states: Any,
    *,
    names: Sequence[str] = ("unit 1", "unit 2"),
    limit: float | None = None,
    height: float = 2.9,
) -> Figure:
    """Draw two units over time (left) and their path in the plane of the two (right).

    The path starts at a ring and ends at a square.

    Parameters
    ----------
    states : array_like, shape (T + 1, 2)
        The state at t = 0, 1, ..., T.
    names : two str
        Names of the units, for the labels.
    limit : float, optional
        Both axes end here; a little more than the largest value by default. Give the same
        limit to pictures that a reader compares.
    height : float
        In inches.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `states` has another shape or an entry that is not finite.

    Examples
    --------
    >>> fig = state_portrait([[0.0, 0.0], [0.5, 0.2], [0.1, 0.4]])
    >>> len(fig.axes)
    2
    """
    path = np.asarray(states, dtype=float)
    if path.ndim != 2 or path.shape[1] != 2 or len(path) < 2:
        raise ValueError(f"states must have shape (T + 1, 2), T at least 1, got {path.shape}")
    if not np.isfinite(path).all():
        raise ValueError("states must be finite")
    if len(names) != 2:
        raise ValueError(f"names must be two, got {len(names)}")
    if limit is None:
        limit = 1.1 * float(np.abs(path).max()) or 1.0
    fig, (left, right) = figure(1, 2, height=height)
    fig.set_layout_engine("none")  # places by hand: many frames are drawn, and quickly
    wide = 0.74 * height / float(fig.get_figwidth())
    left.set_position((0.115, 0.185, 0.76 - wide, 0.74))
    right.set_position((0.985 - wide, 0.185, wide, 0.74))
    time = np.arange(len(path))
    for k, color in enumerate((PALETTE["blue"], PALETTE["vermilion"])):
        left.plot(time, path[:, k], color=color, marker="o", markersize=3.4, lw=1.6)
        # Above the panel: inside, a unit that never rests would run through its own name.
        place = {"x": 0.02 + 0.35 * k, "y": 1.02, "ha": "left", "va": "bottom"}
        left.text(s=names[k], color=text_color(color), transform=left.transAxes, **place)
    left.axhline(0, color=MUTED, lw=0.8, zorder=0.5)
    left.set(xlabel="time step t", ylabel="activity", ylim=(-limit, limit))
    left.margins(x=0.02)
    right.axhline(0, color=MUTED, lw=0.8, zorder=0.5)
    right.axvline(0, color=MUTED, lw=0.8, zorder=0.5)
    right.plot(path[:, 0], path[:, 1], color=PALETTE["purple"], marker="o", markersize=3.4, lw=0.8)
    right.plot(*path[0], marker="o", mfc="white", mec=PALETTE["purple"], markersize=7)
    right.plot(*path[-1], marker="s", color=PALETTE["purple"], markersize=8)
    right.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel=names[0])
    right.set_ylabel(names[1], labelpad=0)
    return fig


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


@in_house_style
def unrolled_run(states: Any, weights: Any, inputs: Any, outputs: Any) -> Figure:
    """Draw a run of a small network unrolled: its numbers in circles, its weights on arrows.

    A pale box is one copy: its input reaches all its units, its output hears them all. The
    recurrent weights stand on the first arrows; the copies that follow have the same. A weight
    of zero has no arrow.

    Parameters
    ----------
    states : array_like, shape (T + 1, n)
        From the initial state on; T is at most 5, n at most 3.
    weights : array_like, shape (n, n)
        Entry (i, j) is the weight from unit j to unit i one step later.
    inputs, outputs : array_like, shape (T,)
        The numbers below and above each copy.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes do not fit or are too large to be readable.
    """
    s, u = np.asarray(states, dtype=float), np.asarray(weights, dtype=float)
    x, y = np.ravel(np.asarray(inputs, dtype=float)), np.ravel(np.asarray(outputs, dtype=float))
    if s.ndim != 2 or not (2 <= len(s) <= 6 and 1 <= s.shape[1] <= 3):
        raise ValueError(f"states must be (T + 1, n), T up to 5, n up to 3, got {s.shape}")
    steps, n = len(s) - 1, s.shape[1]
    if u.shape != (n, n) or len(x) != steps or len(y) != steps:
        raise ValueError(
            f"expected weights ({n}, {n}), {steps} inputs and outputs, got {u.shape}, "
            f"{len(x)} and {len(y)}"
        )
    across, up = 3.0, 1.9
    low, high = -1.85, (n - 1) * up + 1.85
    sheet = Canvas((-1.0, steps * across + 1.0), (low - 0.95, high + 0.6))
    place = [[(t * across, (n - 1 - i) * up) for i in range(n)] for t in range(steps + 1)]
    side = {True: (PALETTE["vermilion"], False), False: (PALETTE["blue"], True)}
    for t in range(steps):
        for i, j in np.argwhere(u):
            color, dashed = side[bool(u[i, j] > 0)]
            start, end = place[t][j], place[t + 1][i]
            sheet.link(start, end, gaps=(0.5, 0.5), color=color, dashed=dashed)
            if t == 0:
                near = 0.3  # nearer to where the arrow starts: crossing arrows are apart there
                at = tuple(a + near * (b - a) for a, b in zip(start, end, strict=True))
                patch = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
                sheet.text(
                    (at[0], at[1]), _number(u[i, j]), 11, color=text_color(color), bbox=patch
                )
        now = (t + 1) * across
        middle, tall = (n - 1) * up / 2, (n - 1) * up + 1.4
        sheet.box((now, middle), 1.4, tall, fill="#f7f7f7", edge="#cfcfcf", lw=1.0, zorder=0)
        sheet.line([(now, low + 0.4), (now, -0.7)], color=MUTED)
        sheet.line([(now, (n - 1) * up + 0.7), (now, high - 0.4)], color=MUTED)
        sheet.circle((now, low), 0.4, _number(x[t]), fill=TINTS["blue"])
        sheet.circle((now, high), 0.4, _number(y[t]), fill=TINTS["teal"], size=11.5)
    for t, column in enumerate(place):
        for i, at in enumerate(column):
            fill = TINTS["vermilion" if t else "gray"]
            sheet.circle(at, 0.5, _number(s[t, i]), fill=fill, edge=INK if t else MUTED)
        sheet.text((t * across, low - 0.75), f"$t = {t}$", 11.5, color=MUTED)
    for text, height in (("input", low), ("output", high)):
        sheet.text((across - 0.65, height), text, 11, ha="right", color=MUTED)
    return sheet.fig
