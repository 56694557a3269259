"""Figures in the house style, and labels beside the lines instead of legends."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .colors import text_color
from .frames import encode_png, render
from .rc import WIDTH, house_style, in_house_style


class HouseFigure(Figure):
    """A figure that shows itself once, as a sharp PNG, when it ends a notebook cell.

    pyplot does not know it: nothing has to be closed, and the inline backend does not show it a
    second time.
    """

    def __repr__(self) -> str:
        wide, high = (round(float(inches) * float(self.dpi)) for inches in self.get_size_inches())
        return f"<figure, {wide} x {high} pixels>"

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width = round(float(self.get_figwidth()) * 96)
        return encode_png(render(self, dpi=float(self.dpi)), colors=256), {"width": width}

    def to_png(self, dpi: float | None = None) -> bytes:
        """Return the figure as PNG bytes, full color."""
        buffer = io.BytesIO()
        with house_style():
            self.savefig(buffer, format="png", dpi=dpi or self.dpi)
        return buffer.getvalue()


def _prefer_our_png() -> None:
    """Keep the inline backend, where it is active, from cropping our figures.

    The inline backend registers a PNG printer for every `Figure`; the more specific class wins.
    """
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None:
        formatter = shell.display_formatter.formatters["image/png"]
        formatter.for_type(HouseFigure, HouseFigure._repr_png_)


_prefer_our_png()


@in_house_style
def figure(
    rows: int = 1,
    columns: int = 1,
    *,
    height: float = 3.6,
    width: float = WIDTH,
    **subplots: Any,
) -> tuple[HouseFigure, Any]:
    """Return a new figure in the house style and its axes, as ``plt.subplots`` does.

    Parameters
    ----------
    rows, columns : int
        Grid of axes. One axes is returned bare, more as an array.
    height, width : float
        Size in inches. Keep the width: fonts are set for it.
    **subplots
        Passed to `matplotlib.figure.Figure.subplots` (``sharex``, ``width_ratios``, ...).

    Examples
    --------
    >>> fig, (left, right) = figure(1, 2, height=2.5)
    >>> float(fig.get_figwidth())
    6.4
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"rows and columns must be at least 1, got {rows} and {columns}")
    if height <= 0 or width <= 0:
        raise ValueError(f"height and width must be positive, got {height} and {width}")
    fig = HouseFigure(figsize=(width, height))
    FigureCanvasAgg(fig)
    return fig, fig.subplots(rows, columns, **subplots)


def axes_for(ax: Axes | None, *, height: float = 3.6, width: float = WIDTH) -> tuple[Figure, Axes]:
    """Return `ax` and its figure, or a new pair in the house style where `ax` is None."""
    if ax is None:
        return figure(height=height, width=width)
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes or None, got {type(ax).__name__}")
    fig = ax.get_figure(root=True)
    if fig is None:
        raise ValueError("ax must belong to a figure")
    return fig, ax


def spread(wanted: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Move the positions `wanted` as little as possible so that neighbors are `gap` apart.

    They stay between `low` and `high` if they fit there. The answer keeps the order of `wanted`;
    it is the isotonic regression (pool adjacent violators) of the positions less their rank.

    Examples
    --------
    >>> [round(float(y), 3) for y in spread(np.array([0.5, 0.5, 0.9]), 0.1, 0.0, 1.0)]
    [0.45, 0.55, 0.9]
    """
    order = np.argsort(wanted, kind="stable")
    ranks = gap * np.arange(len(wanted))
    pools: list[list[float]] = []
    for value in wanted[order] - ranks:
        pools.append([float(value), 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, count = pools.pop()
            other, size = pools[-1]
            pools[-1] = [(mean * count + other * size) / (count + size), count + size]
    flat = np.concatenate([np.full(int(count), mean) for mean, count in pools])
    placed = np.clip(flat, low, max(low, high - ranks[-1])) + ranks
    answer = np.empty_like(placed)
    answer[order] = placed
    return answer


@in_house_style
def label_lines(ax: Axes, *, fontsize: float = 10.5, gap: float = 1.25) -> Axes:
    """Write the label of each line at its right end, in its color, instead of a legend.

    Labels that would overlap are moved apart vertically, and a thin guide joins a moved label
    to its line. Lines without a label (or with one that starts with "_") are left alone. Call it
    last: the limits of the axes must be final.

    Parameters
    ----------
    ax : matplotlib Axes
    fontsize : float
        In points, at least 9.
    gap : float
        Distance of neighboring labels in units of the font size.
    """
    fig, ax = axes_for(ax)
    if fontsize < 9:
        raise ValueError(f"fontsize must be at least 9 points, got {fontsize}")
    ax.get_xlim(), ax.get_ylim()  # limits are computed late; the transform needs them now
    found: list[tuple[Line2D, float, float]] = []
    to_axes = ax.transData + ax.transAxes.inverted()
    for line in ax.get_lines():
        if str(line.get_label()).startswith("_"):
            continue
        xy = np.column_stack([np.asarray(v, float) for v in line.get_data()])
        xy = xy[np.isfinite(xy).all(axis=1)]
        if len(xy):
            x, y = to_axes.transform(xy[-1])
            found.append((line, float(x), float(np.clip(y, 0, 1))))
    if not found:
        return ax
    # The height of the axes after layout is not known yet; now it is a little less, which is safe.
    height = ax.get_window_extent().height / fig.dpi * 72
    wanted = np.array([y for _, _, y in found])
    half = 0.5 * fontsize / height
    placed = spread(wanted, gap * fontsize / height, half, 1 - half)
    for (line, x, y), y_label in zip(found, placed, strict=True):
        color = line.get_color()
        label = ax.annotate(
            str(line.get_label()),
            (1.0, y_label),
            xytext=(9, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            color=text_color(color),
            fontsize=fontsize,
            va="center",
            ha="left",
            annotation_clip=False,
        )
        label.set_gid("line-label")
        if abs(y_label - y) > 0.3 * half or x < 0.98:
            end = 1.0 + 5.5 / (ax.get_window_extent().width / fig.dpi * 72)
            guide = Line2D([x, end], [y, y_label], color=color, lw=0.7, label="_guide")
            guide.set(transform=ax.transAxes, clip_on=False)
            ax.add_artist(guide)
    return ax
