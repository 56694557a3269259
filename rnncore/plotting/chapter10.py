"""Figures of chapter 10: paths that a rule follows, entries that it keeps, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from .canvas import Canvas, Point
from .colors import INK, MUTED, PALETTE, SEQUENTIAL, TINTS, color_of, text_color
from .matrices import heatmap
from .rc import in_house_style
from .style import figure, spread

_ACROSS, _UP, _RADIUS = 1.75, 1.3, 0.33
_PALE = "#cfcfcf"


@in_house_style
def rule_paths(
    mask: Any,
    through: Any,
    carried: Any,
    *,
    unit: int = 0,
    start: int = 1,
    color: str = INK,
) -> Figure:
    """Draw units over time, and the paths along which a rule follows what one weight has done.

    The weight leads into `unit` and acts at step `start`; the loss is that of the last step. A path
    that the rule follows is drawn strong, one that it cuts is pale and dashed.

    Parameters
    ----------
    mask : array_like, shape (n, n)
        Which recurrent connections exist: entry (i, j) leads from unit j to unit i.
    through : array_like, shape (T - 1, n, n)
        Whether the rule follows the connection (i, j) from step t to t + 1, t = 1, ..., T - 1.
    carried : array_like, shape (T - 1, n)
        Whether it follows what unit i keeps of its own state.
    unit : int
        The unit that the weight leads into.
    start : int
        The step at which it acts.
    color : str
        Of the paths that are followed.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    links = np.asarray(mask, bool)
    follows, keeps = np.asarray(through, bool), np.asarray(carried, bool)
    n = len(links)
    if links.shape != (n, n) or follows.shape[1:] != (n, n) or keeps.shape != follows.shape[:2]:
        raise ValueError(
            "mask must be (n, n), through (T - 1, n, n) and carried (T - 1, n), "
            f"got {links.shape}, {follows.shape} and {keeps.shape}"
        )
    follows = follows & links
    if not 0 <= unit < n:
        raise ValueError(f"unit must lie between 0 and {n - 1}, got {unit}")
    last = len(follows) + 1
    if not 1 <= start <= last:
        raise ValueError(f"start must lie between 1 and {last}, got {start}")
    live = _alive(follows, keeps, unit, start)
    sheet = Canvas((0.1, last * _ACROSS + 0.95), (-0.85, n * _UP - 0.05), None)
    at = {(t, i): ((t - 1) * _ACROSS + 1.1, (n - 1 - i) * _UP) for t in range(1, last + 1)
          for i in range(n)}  # fmt: skip
    for t in range(1, last):
        for i, j in np.argwhere(links):
            used = bool(follows[t - 1, i, j] and live[t, j])
            _connect(sheet, at[t, j], at[t + 1, i], used, color, bend=0.17 if i == j else 0.0)
        for i in range(n):
            _connect(
                sheet, at[t, i], at[t + 1, i], bool(keeps[t - 1, i] and live[t, i]), color, lw=3
            )
    for (t, i), place in at.items():
        reached = bool(live[t, i])
        fill = TINTS["vermilion"] if reached else "white"
        edge, ink = (INK, INK) if reached else (_PALE, MUTED)
        sheet.circle(place, _RADIUS, f"$h_{{{t},{i}}}$", fill=fill, edge=edge, size=9.5, color=ink)
    first, blue = at[start, unit], PALETTE["blue"]
    tail = (first[0] - 0.55, first[1] + 0.85)
    sheet.link(tail, first, gaps=(0.2, _RADIUS), color=blue, lw=2, zorder=4)
    sheet.text(tail, "$w$", 13, color=text_color(blue))
    for i in range(n):
        end = at[last, i]
        sheet.link(end, (end[0] + 1.25, end[1]), gaps=(_RADIUS, 0.36), color=MUTED, lw=1.2)
        sheet.text((end[0] + 1.25, end[1]), rf"$\ell_{last}$", 12, color=MUTED)
    for t in range(1, last + 1):
        sheet.text((at[t, 0][0], -0.66), f"t = {t}", 10.5, color=MUTED)
    return sheet.fig


def _alive(follows: np.ndarray, keeps: np.ndarray, unit: int, start: int) -> np.ndarray:
    """Which units carry, at each step (from 1), what the rule still knows of the weight."""
    last, n = len(follows) + 1, follows.shape[1]
    live = np.zeros((last + 1, n), bool)
    live[start, unit] = True
    for t in range(start, last):
        live[t + 1] = (follows[t - 1] & live[t]).any(axis=1) | (keeps[t - 1] & live[t])
    return live


def _connect(
    sheet: Canvas,
    start: Point,
    end: Point,
    used: bool,
    color: str,
    *,
    bend: float = 0.0,
    lw: float = 1.6,
) -> None:
    sheet.link(
        start,
        end,
        gaps=(_RADIUS, _RADIUS),
        bend=bend,
        color=color if used else _PALE,
        lw=lw if used else 1.0,
        dashed=not used,
        zorder=3.2 if used else 2.6,
    )


@in_house_style
def reach_map(mask: Any, reach: Any, kept: int, groups: Mapping[str, int]) -> Figure:
    """Draw which weight reaches which unit within how many steps, and what SnAp keeps of it.

    Parameters
    ----------
    mask : array_like, shape (n, n)
        The recurrent connections.
    reach : array_like of int, shape (P, n)
        The step at which parameter p first reaches unit i, the one in which it acts counted as
        1; 0 if it never does.
    kept : int
        The n of SnAp-n: entries that are reached later are drawn gray.
    groups : mapping
        Name and number of the parameters, in the order of the rows.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the groups do not fill the parameters.
    """
    steps = np.asarray(reach)
    if sum(groups.values()) != len(steps):
        raise ValueError(f"groups must fill {len(steps)} parameters, got {dict(groups)}")
    fig, (top, below) = figure(2, 1, height=4.7, height_ratios=[1.25, 1])
    heatmap(
        np.asarray(mask, float),
        ax=top,
        annotate=False,
        signed=False,
        limit=1.6,
        xlabel="speaking unit $j$",
        ylabel="hearing unit $i$",
    )
    depth = 6
    shades = [SEQUENTIAL(x) for x in np.linspace(0.95, 0.25, depth)]
    shown = np.where(steps == 0, 0, np.where(steps > kept, 1, np.minimum(steps, depth) + 1))
    colors = ListedColormap(["white", "#c9c9c9", *shades])
    below.imshow(shown.T, cmap=colors, vmin=0, vmax=depth + 1, aspect="auto", interpolation="none")
    below.set(ylabel="unit $i$", xticks=[], yticks=range(0, steps.shape[1], 2))
    below.tick_params(length=0)
    edges = np.cumsum([0, *groups.values()]) - 0.5
    for edge in edges[1:-1]:
        below.axvline(edge, color=INK, lw=1.6)
    for name, left, right in zip(groups, edges[:-1], edges[1:], strict=True):
        below.annotate(
            name,
            ((left + right) / 2, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=10.5,
        )
    ever, now = int((steps > 0).sum()), int(((steps > 0) & (steps <= kept)).sum())
    below.set_xlabel(f"parameter    (kept: {now} of the {ever} entries that ever fill)")
    return fig


@in_house_style
def worth_of_alignment(
    cosines: Mapping[str, Sequence[float]],
    losses: Mapping[str, Sequence[float]],
    *,
    levels: Mapping[str, float] | None = None,
    note: str = "",
    height: float = 4.4,
) -> Figure:
    """Draw the final loss of each learner over the alignment of its gradient.

    Parameters
    ----------
    cosines, losses : mapping
        Name of a learner to one number for each seed. Points are means, bars go from the least to
        the greatest.
    levels : mapping, optional
        Level lines with a name.
    note : str
        Written above the axes.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the two do not name the same learners.
    """
    if set(cosines) != set(losses):
        raise ValueError(f"losses must name the learners of cosines, got {sorted(losses)}")
    fig, ax = figure(height=height)
    names = list(cosines)
    x = np.array([np.mean(cosines[name]) for name in names])
    y = np.array([np.mean(losses[name]) for name in names])
    every = [value for name in names for value in losses[name]] + list((levels or {}).values())
    low, high = min(every), max(every)
    margin = 0.06 * (high - low)
    ax.set(xlim=(-0.24, 1.06), ylim=(low - margin, high + margin))
    ground = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
    for name, level in (levels or {}).items():
        ax.axhline(level, color=MUTED, lw=1.0, ls=(0, (2, 2)), zorder=1)
        ax.text(
            -0.23,
            level,
            name,
            fontsize=9.5,
            color=MUTED,
            va="bottom",
            ha="left",
            bbox=ground,
            zorder=3,
        )
    span = float(np.diff(ax.get_ylim())[0])
    wanted = (y - ax.get_ylim()[0]) / span
    placed = spread(wanted, 14.5 / (72 * height * 0.8), 0.02, 0.98)
    for name, across, up, label in zip(names, x, y, placed, strict=True):
        color = color_of(name.removesuffix(", random e-prop"))
        ax.plot([min(cosines[name]), max(cosines[name])], [up, up], color=color, lw=1.1)
        ax.plot([across, across], [min(losses[name]), max(losses[name])], color=color, lw=1.1)
        ax.plot([across], [up], "o", color=color, markersize=7, zorder=4)
        ax.plot(
            [across, 1.085],
            [up, label * span + ax.get_ylim()[0]],
            color=color,
            lw=0.6,
            alpha=0.55,
            clip_on=False,
            zorder=2,
        )
        ax.annotate(
            name.removesuffix(", random e-prop"),
            (1.09, label),
            xycoords=("data", "axes fraction"),
            fontsize=10,
            color=text_color(color),
            va="center",
            annotation_clip=False,
        )
    ax.set(xlabel="cosine with the exact gradient", ylabel="loss after training")
    if note:
        ax.annotate(note, (0.0, 1.0), xycoords="axes fraction", xytext=(0, 5),
                    textcoords="offset points", fontsize=10.5, color=INK)  # fmt: skip
    return fig
