"""Figures of chapter 8: what a truncated sweep counts, and influence along a balanced chain."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .colors import INK, MUTED, PALETTE, TINTS, color_of, text_color
from .rc import in_house_style
from .style import figure


@in_house_style
def window_triangle(
    kept: Any, k1: int, k2: int, *, lag: int | None = None, height: float = 3.9
) -> Figure:
    """Draw which weight copies the loss of each step is carried back to.

    Row t is the loss of step t, column k the copy of the weights used at step k. What is counted
    has the color of truncated BPTT, what is lost is gray. A line below a row is an update: it
    runs over the steps of its window. Numbers stand at the right.

    Parameters
    ----------
    kept : array of bool, shape (T, T)
        Entry (t, k): whether loss t is carried back to copy k. Nothing above the diagonal.
    k1, k2 : int
        Steps between updates, and steps that an update goes back.
    lag : int, optional
        Frame the credit of a dependency over so many steps, (t, t - lag).

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `kept` is not square or has an entry above the diagonal, or `k1`, `k2` are below 1.
    """
    seen = np.asarray(kept, bool)
    steps = len(seen)
    if seen.shape != (steps, steps) or np.triu(seen, 1).any():
        raise ValueError(f"kept must be square and lower triangular, got shape {seen.shape}")
    if min(k1, k2) < 1:
        raise ValueError(f"k1 and k2 must be at least 1, got {k1} and {k2}")
    fig, (ax, side) = figure(1, 2, height=height, width_ratios=[1.2, 1])
    exists = np.tri(steps, dtype=bool)
    shades = np.where(exists, 1 + seen, 0)
    colors = ListedColormap(["white", "#d9d9d9", "#a277ef"])
    edges = np.arange(steps + 1) - 0.5
    ax.pcolormesh(
        edges, edges, shades, cmap=colors, vmin=0, vmax=2, edgecolors="white", linewidth=1
    )
    ax.set_box_aspect(1)
    ax.set(xlim=(-0.5, steps - 0.5), ylim=(steps - 0.5, -0.5))
    if lag is not None:
        for t in range(lag, steps):
            frame = Rectangle(
                (t - lag - 0.44, t - 0.44), 0.88, 0.88, fill=False, ec=PALETTE["vermilion"], lw=2
            )
            ax.add_patch(frame)
    for end in [*range(k1, steps, k1), steps]:
        first = max(0, -(-end // k1) * k1 - k2)
        ax.plot([first - 0.5, end - 0.5], [end - 0.5] * 2, color=INK, lw=2.2, clip_on=False)
    ticks = [t for t in range(steps) if t % 2 == 0 or steps <= 6]
    names = [str(t + 1) for t in ticks]
    ax.set(xticks=ticks, yticks=ticks, xticklabels=names, yticklabels=names)
    ax.set(xlabel="weights as used at step k", ylabel="loss of step t")
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0)
    _numbers(side, seen, k1, k2, lag)
    return fig


def _numbers(ax: Any, seen: np.ndarray, k1: int, k2: int, lag: int | None) -> None:
    """Write what the windows count, lose and cost."""
    steps = len(seen)
    ends = [*range(k1, steps, k1), steps]
    work = sum(end - max(0, -(-end // k1) * k1 - k2) for end in ends)
    exact = bool(seen.sum() == steps * (steps + 1) // 2)
    unused = int((~seen.any(axis=1)).sum())
    lines: list[tuple[str, str]] = [
        (f"{int(seen.sum())} of {steps * (steps + 1) // 2}", "shares counted"),
        (f"{work / steps:.1f}", "backward steps per step"),
        (f"{min(k1, steps) - 1}", "steps that a loss waits, at most"),
    ]
    if lag is not None:
        among = np.diagonal(seen, -lag)
        lines.append((f"{int(among.sum())} of {len(among)}", f"losses credit lag {lag}"))
    verdict = "exact" if exact else "biased"
    if unused:
        verdict = f"{unused} losses are never used"
    ax.axis("off")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    style: dict[str, Any] = {"transform": ax.transAxes, "ha": "left", "va": "center"}
    for number, (value, text) in enumerate(lines):
        y = 0.88 - 0.19 * number
        ax.text(0.0, y, value, fontsize=14, color=INK, **style)
        ax.text(0.0, y - 0.075, text, fontsize=10, color=MUTED, **style)
    color = text_color(PALETTE["blue"] if exact else color_of("truncated BPTT"))
    ax.text(0.0, 0.88 - 0.19 * len(lines), verdict, fontsize=13, color=color, **style)


@in_house_style
def chain_influence(
    shares: Any, signs: Any, totals: Any, age: int, *, height: float = 4.6
) -> Figure:
    """Draw what each unit of a chain adds to the first after `age` steps, and the sum over ages.

    Parameters
    ----------
    shares : array, shape (ages, n)
        What a unit of influence heard by each unit is worth to unit 1 so many steps later.
    signs : array, shape (n,)
        1 or -1: with which sign the unit hears the parameter.
    totals : array, shape (ages,)
        Influence of the last `age` + 1 steps together, for each age.
    age : int
        Which row to show.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the shapes do not fit or `age` is not among the rows.
    """
    parts, sign, sums = (np.asarray(a, float) for a in (shares, signs, totals))
    if parts.ndim != 2 or sign.shape != parts.shape[1:] or sums.shape != parts.shape[:1]:
        raise ValueError(
            f"shares, signs and totals do not fit: {parts.shape}, {sign.shape}, {sums.shape}"
        )
    if not 0 <= age < len(parts):
        raise ValueError(f"age must lie between 0 and {len(parts) - 1}, got {age}")
    fig, (top, below) = figure(2, 1, height=height)
    units = np.arange(1, len(sign) + 1)
    blue, red = PALETTE["blue"], PALETTE["vermilion"]
    top.bar(units, parts[age] * sign, color=np.where(sign > 0, blue, red), width=0.8)
    top.axhline(0, color=INK, lw=0.8)
    limit = 1.05 * min(1.0, parts[min(2, len(parts) - 1) :].max())
    top.set(
        xlim=(0.4, len(sign) + 0.6),
        ylim=(-limit, limit),
        xlabel="unit",
        ylabel=f"worth to unit 1,\n{age} steps later",
    )
    plus, minus = units[sign > 0], units[sign < 0]
    where: dict[str, Any] = {"ha": "center", "fontsize": 10.5}
    top.text(plus.mean(), -0.72 * limit, "hear θ with a plus", color=text_color(blue), **where)
    top.text(minus.mean(), 0.72 * limit, "hear θ with a minus", color=text_color(red), **where)
    steps = np.arange(1, len(sums) + 1)
    below.plot(steps, sums, color=MUTED, lw=1.2)
    below.plot(steps[: age + 1], sums[: age + 1], color=color_of("truncated BPTT"), lw=2.4)
    below.plot(steps[age], sums[age], "o", color=color_of("truncated BPTT"), ms=7)
    below.axhline(0, color=INK, lw=0.8)
    below.set(xlabel="window: the last so many steps", ylabel="influence of θ\non unit 1")
    below.axhspan(0, TOP * sums.max(), color=TINTS["gray"], lw=0, zorder=0)
    below.text(0.98, 0.9, "wrong sign", transform=below.transAxes, ha="right", color=MUTED)
    below.text(0.98, 0.06, "right sign", transform=below.transAxes, ha="right", color=MUTED)
    floor = min(2.3 * sums.min(), -0.1 * sums.max())
    below.set(xlim=(0.5, len(sums) + 0.5), ylim=(floor, TOP * sums.max()))
    return fig


TOP = 1.15
"""Head room of the lower panel."""
