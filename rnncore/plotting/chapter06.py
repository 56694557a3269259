"""Figures of chapter 6: the hybrid at work, and the triangle of contributions cut into blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .colors import INK, MUTED, color_of, text_color
from .jacobians import show_influence
from .matrices import heatmap
from .rc import in_house_style
from .style import figure

_KEPT, _PAST = "#f3cf86", "#e4e4e4"
# Lower and upper edge of the time line, the adjoints, q, and the gradient.
_PLACES = ((0.86, 0.995), (0.395, 0.85), (0.1, 0.27), (0.015, 0.07))


@in_house_style
def block_sweep(
    adjoints: Any,
    influence: Any,
    gradient: Any,
    shapes: Mapping[str, Sequence[int]],
    *,
    kept: Sequence[int],
    now: int,
    block: int,
    doing: str,
    limit: float = 1.0,
    height: float = 4.8,
) -> Figure:
    """Draw one moment of the hybrid: the block's adjoints, q, and the gradient so far.

    Parameters
    ----------
    adjoints : array, shape (T + 1, N + 1, N)
        At each time 0 to T the N unit adjoints and, last, that of the loss; NaN where there are
        none.
    influence : array, shape (N, P)
        q as it is known at this moment.
    gradient : array, shape (P,)
        What has been added up by now.
    shapes : mapping
        Shape of each parameter, in the order of the columns of `influence`.
    kept : sequence of int
        The steps whose activities are in memory, of 1 to T.
    now : int
        The time at which the algorithm is, 0 to T; all steps after the last of `kept` are still
        to come.
    block : int
        Length of the blocks.
    doing : str
        A few words on what happens.
    limit : float
        The color scales end here.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    held = np.asarray(adjoints, float)
    if held.ndim != 3 or held.shape[1] != held.shape[2] + 1:
        raise ValueError(f"adjoints must have shape (T + 1, N + 1, N), got {held.shape}")
    steps, units = len(held) - 1, held.shape[2]
    if not 0 <= now <= steps:
        raise ValueError(f"now must lie between 0 and {steps}, got {now}")
    fig, axes = figure(4, 1, height=height)
    fig.set_layout_engine("none")  # dozens of frames: fixed places are faster, and cannot jitter
    for ax, (low, high) in zip(axes, _PLACES, strict=True):
        ax.set_position((0.13, low, 0.86, high - low))
    _time_line(axes[0], steps, kept, now, block, doing)
    rows = np.clip(held, -limit, limit)[:, np.r_[units, :units]].reshape(steps + 1, -1).T
    style: dict[str, Any] = {"limit": limit, "signed": True, "annotate": False, "square": False}
    style |= {"borders": False, "xlabel": "", "ylabel": ""}
    names = [str(t) for t in range(steps + 1)]
    heatmap(rows, ax=axes[1], row_labels=[""] * len(rows), column_labels=names, **style)
    axes[1].set_xlabel("time t", labelpad=1)
    for k in range(units + 1):
        axes[1].axhline((k + 1) * units - 0.5, color=INK, lw=1.2)
        name = "loss" if k == 0 else f"unit {k}"
        axes[1].text(-0.62, (k + 0.5) * units - 0.5, name, ha="right", va="center", fontsize=11)
    show_influence(
        np.clip(influence, -limit, limit), shapes, ax=axes[2], entries=False, symbol="s", **style
    )
    row = np.clip(np.asarray(gradient, float)[None], -limit, limit)
    heatmap(row, ax=axes[3], column_labels=[""] * row.shape[1], row_labels=[""], **style)
    axes[3].set_ylabel("gradient\nso far", rotation=0, ha="right", va="center")
    axes[2].set_ylabel("q", rotation=0, ha="right", va="center")
    axes[2].set_yticks([])
    return fig


def _time_line(ax: Axes, steps: int, kept: Sequence[int], now: int, block: int, doing: str) -> None:
    """Draw which steps are in memory, where the blocks begin, and where the algorithm is."""
    first = max(kept, default=now)
    for t in range(1, steps + 1):
        face = _KEPT if t in kept else _PAST if t <= first else "white"
        ax.add_patch(Rectangle((t - 0.5, 0), 1, 1, facecolor=face, edgecolor=MUTED, lw=0.8))
    for start in range(0, steps + 1, block):
        ax.plot([start + 0.5] * 2, [-0.25, 1.25], color=INK, lw=2)
    ax.plot([now], [0.5], marker="o", color=text_color(color_of("hybrid")), markersize=8)
    ax.text(-0.5, 1.5, doing, ha="left", va="bottom", fontsize=11.5)
    ax.set(xlim=(-0.5, steps + 0.5), ylim=(-0.3, 2.6), xticks=[], yticks=[])
    ax.axis("off")


@in_house_style
def blocks_of_triangle(steps: int, block: int, *, height: float = 4.2) -> Figure:
    """Draw which contributions a block's own sweep adds up, and which come through q.

    Row t, column k is the contribution of weight copy k to the gradient of the loss at step t.

    Parameters
    ----------
    steps : int
        T.
    block : int
        Length of the blocks, 1 or more.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If one of the two is not positive.

    Examples
    --------
    >>> fig = blocks_of_triangle(4, 2)
    >>> [text.get_text() for text in fig.axes[0].texts]
    ['in the block: 6', 'through q: 4']
    """
    if steps < 1 or block < 1:
        raise ValueError(f"steps and block must be positive, got {steps} and {block}")
    row, column = np.indices((steps, steps))
    exists = column <= row
    own = exists & (row // block == column // block)
    picture = np.ones((steps, steps, 3))
    colors = {"in the block": color_of("BPTT"), "through q": color_of("RTRL")}
    parts = {"in the block": own, "through q": exists & ~own}
    for name, part in parts.items():
        picture[part] = to_rgb(colors[name])
    fig, ax = figure(height=height)
    ax.imshow(picture, interpolation="nearest")
    for k in range(steps):
        ax.plot([k + 0.5] * 2, [k - 0.5, steps - 0.5], color="white", lw=1)
        ax.plot([-0.5, k + 0.5], [k - 0.5] * 2, color="white", lw=1)
    for start in range(0, steps, block):
        stop = min(start + block, steps)
        corner, size = (start - 0.5, start - 0.5), stop - start
        ax.add_patch(Rectangle(corner, size, size, fill=False, edgecolor=INK, lw=1.8, zorder=4))
    for place, (name, part) in enumerate(parts.items()):
        ax.text(
            1.05,  # beside the square: the frames of long blocks would cross it
            0.94 - 0.12 * place,
            f"{name}: {part.sum()}",
            transform=ax.transAxes,
            ha="left",
            va="center",
            fontsize=13,
            color=text_color(colors[name]),
        )
    ticks = np.arange(steps)
    ax.set_xticks(ticks, [str(t + 1) for t in ticks])
    ax.set_yticks(ticks, [str(t + 1) for t in ticks])
    ax.set(xlabel="weight copy k", ylabel="loss at step t")
    ax.tick_params(length=0)
    return fig
