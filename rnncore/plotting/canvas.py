"""A sheet with a few shapes, from which all diagrams are drawn.

Lengths are in units of the sheet, fonts in points of a figure 6.4 in wide; on a smaller axes the
fonts shrink with it, to 9 pt at least.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from .colors import INK
from .rc import WIDTH
from .style import axes_for, figure

Point = tuple[float, float]


class Canvas:
    """A blank sheet from `x[0]` to `x[1]` and `y[0]` to `y[1]`, without axes.

    Parameters
    ----------
    x, y : (float, float)
        Limits of the sheet.
    ax : matplotlib Axes, optional
        Where to draw; a new figure of the sheet's shape by default.
    """

    def __init__(self, x: Point, y: Point, ax: Axes | None = None) -> None:
        wide, high = x[1] - x[0], y[1] - y[0]
        self.fig: Figure
        if ax is None:
            fig, ax = figure(height=WIDTH * high / wide)
            fig.set_layout_engine("none")
            ax.set_position((0, 0, 1, 1))
            self.fig = fig
        else:
            self.fig, ax = axes_for(ax)
        self.ax: Axes = ax
        self.paper = "white"
        """Color under the lines, in which a bridge interrupts them."""
        ax.set(xlim=x, ylim=y, aspect="equal")
        ax.axis("off")
        box = ax.get_window_extent()
        inches = min(box.width / self.fig.dpi, box.height / self.fig.dpi * wide / high)
        self.zoom = inches / WIDTH
        self.unit = 72 * inches / wide
        """Points in one unit of the sheet."""

    def size(self, points: float) -> float:
        """Return a font size for this sheet."""
        return max(9.0, points * min(1.0, self.zoom))

    def text(self, at: Point, text: str, size: float = 11.5, **style: Any) -> None:
        """Write `text` centered at `at`, unless `style` says otherwise."""
        style = {"ha": "center", "va": "center", "color": INK, "zorder": 6, **style}
        self.ax.text(*at, text, fontsize=self.size(size), **style)

    def circle(
        self,
        at: Point,
        radius: float,
        text: str = "",
        *,
        fill: str = "white",
        edge: str = INK,
        size: float = 12.5,
        lw: float = 1.4,
        **text_style: Any,
    ) -> None:
        """Draw a circle with a text inside."""
        self.ax.add_patch(Circle(at, radius, facecolor=fill, edgecolor=edge, lw=lw, zorder=5))
        if text:
            self.text(at, text, size, **{"va": "center_baseline", **text_style})

    def box(
        self,
        at: Point,
        wide: float,
        high: float,
        text: str = "",
        *,
        fill: str = "white",
        edge: str = INK,
        size: float = 11.5,
        lw: float = 1.4,
        corner: float = 0.12,
        zorder: float = 5,
        **text_style: Any,
    ) -> None:
        """Draw a box with round corners, its center at `at`, and a text inside."""
        patch = FancyBboxPatch(
            (at[0] - wide / 2 + corner, at[1] - high / 2 + corner),
            wide - 2 * corner,
            high - 2 * corner,
            boxstyle=f"round,pad={corner}",
            facecolor=fill,
            edgecolor=edge,
            lw=lw,
            zorder=zorder,
        )
        self.ax.add_patch(patch)
        if text:
            self.text(at, text, size, **text_style)

    def frame(self, x: Point, y: Point) -> None:
        """Draw the pale frame of a cell and draw on it from now on."""
        self.paper = "#f7f7f7"
        middle = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2)
        style: dict[str, Any] = {"fill": self.paper, "edge": "#cfcfcf", "lw": 1.0, "zorder": 0}
        self.box(middle, x[1] - x[0], y[1] - y[0], corner=0.3, **style)

    def path(
        self,
        path: Path,
        *,
        color: str = INK,
        lw: float = 1.5,
        head: bool = True,
        dashed: bool = False,
        bridge: bool = False,
        zorder: float = 3,
    ) -> None:
        """Draw a path with an arrow head at its end; a `bridge` interrupts what it crosses."""
        style = f"-|>,head_length={0.42 + 0.06 * lw},head_width={0.2 + 0.03 * lw}"
        if bridge:
            gap = FancyArrowPatch(path=path, arrowstyle="-", color=self.paper, lw=lw + 5)
            gap.set(zorder=zorder - 0.05, capstyle="butt")
            self.ax.add_patch(gap)
        arrow = FancyArrowPatch(
            path=path,
            arrowstyle=style if head else "-",
            mutation_scale=max(9.0, 12 * min(1.0, self.zoom)),
            color=color,
            lw=lw,
            zorder=zorder,
            joinstyle="round",
        )
        arrow.set_capstyle("butt")
        if dashed:
            arrow.set_linestyle((0, (3.2, 1.6)))
        self.ax.add_patch(arrow)

    def line(self, points: Sequence[Point], *, corner: float = 0.18, **style: Any) -> None:
        """Draw a line through `points` with rounded corners and an arrow head at its end."""
        self.path(rounded(points, corner), **style)

    def link(
        self,
        start: Point,
        end: Point,
        *,
        gaps: tuple[float, float] = (0.0, 0.0),
        bend: float = 0.0,
        **style: Any,
    ) -> Point:
        """Draw an arrow between two circles and return its middle.

        Parameters
        ----------
        start, end : Point
            Centers.
        gaps : (float, float)
            Radii, left free at both ends.
        bend : float
            Height of the bow in parts of its length; positive bends to the left.
        """
        a, b = np.array(start, float), np.array(end, float)
        length = float(np.hypot(*(b - a)))
        normal = np.array([-(b - a)[1], (b - a)[0]])
        control = (a + b) / 2 + 2 * bend * normal
        if length == 0:
            raise ValueError(f"start and end must differ, got {start} twice")
        first = a + gaps[0] * (control - a) / np.hypot(*(control - a))
        last = b + gaps[1] * (control - b) / np.hypot(*(control - b))
        curve = Path([first, control, last], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        self.path(curve, **style)
        middle = (first + 2 * control + last) / 4
        return float(middle[0]), float(middle[1])

    def loop(
        self,
        at: Point,
        radius: float,
        angle: float,
        *,
        reach: float = 3.0,
        spread: float = 30.0,
        **style: Any,
    ) -> Point:
        """Draw an arrow from a circle to itself at `angle` degrees and return its far point."""
        center = np.array(at, float)
        rim = [
            center + radius * np.array([math.cos(t), math.sin(t)])
            for t in np.deg2rad([angle + spread, angle - spread])
        ]
        far = [
            center + reach * radius * np.array([math.cos(t), math.sin(t)])
            for t in np.deg2rad([angle + 1.25 * spread, angle - 1.25 * spread])
        ]
        codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
        self.path(Path([rim[0], far[0], far[1], rim[1]], codes), **style)
        tip = (rim[0] + 3 * far[0] + 3 * far[1] + rim[1]) / 8
        return float(tip[0]), float(tip[1])

    def dot(self, at: Point, color: str = INK) -> None:
        """Draw the dot where a line forks."""
        self.ax.add_patch(Circle(at, 2.6 / self.unit, color=color, lw=0, zorder=4))


def rounded(points: Sequence[Point], corner: float) -> Path:
    """Return a path through `points` whose corners are rounded over the length `corner`."""
    corners = np.array(points, float)
    if corners.ndim != 2 or len(corners) < 2:
        raise ValueError(f"points must be at least two pairs, got {points}")
    vertices, codes = [corners[0]], [Path.MOVETO]
    for before, here, after in zip(corners[:-2], corners[1:-1], corners[2:], strict=True):
        into, out = here - before, after - here
        cut = min(corner, float(np.hypot(*into)) / 2, float(np.hypot(*out)) / 2)
        vertices += [here - cut * into / np.hypot(*into), here, here + cut * out / np.hypot(*out)]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path([*vertices, corners[-1]], [*codes, Path.LINETO])
