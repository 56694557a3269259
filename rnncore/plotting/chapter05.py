"""Figures of chapter 5: where the brackets stand, the two sweeps, and the map of the cheapest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .canvas import Canvas
from .colors import INK, MUTED, PALETTE, TINTS, color_of, text_color
from .rc import in_house_style
from .style import axes_for, figure


def chain_cost(rows: int, inner: int, columns: int, factors: int, meet: int) -> tuple[int, ...]:
    """Multiplications of a chain of matrices: from the left, from the right, and where they meet.

    The chain is a matrix (rows, inner), `factors` square ones, and a matrix (inner, columns). The
    last `meet` square ones are multiplied onto the right end, the others onto the left end.

    Examples
    --------
    >>> chain_cost(1, 2, 3, 2, 0)  # 1 x 2 times two squares, then times 2 x 3
    (8, 0, 6)
    """
    if min(rows, inner, columns, factors) < 1 or not 0 <= meet <= factors:
        raise ValueError(
            "rows, inner, columns and factors must be positive and meet between 0 and factors, got "
            f"{(rows, inner, columns, factors, meet)}"
        )
    left = (factors - meet) * rows * inner**2
    return left, meet * inner**2 * columns, rows * inner * columns


@in_house_style
def bracket_chain(
    rows: int,
    inner: int,
    columns: int,
    factors: int,
    meet: int,
    *,
    names: Sequence[str] | None = None,
    height: float = 4.1,
) -> Figure:
    """Draw a chain of matrices with its brackets, and the cost of every place of the bracket.

    Above, the matrices, their sides drawn as square roots of their sizes: blue ones are multiplied
    from the left, vermilion ones from the right. Below, the multiplications for each place where
    the two products may meet, this place filled; the last bar is for the squares among themselves
    first.

    Parameters
    ----------
    rows, inner, columns, factors, meet : int
        As in `chain_cost`.
    names : sequence of str, optional
        Names of the matrices, ``factors + 2`` of them.
    height : float
        In inches.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a size is not positive, `meet` is no place, or the names do not fit.
    """
    costs = [chain_cost(rows, inner, columns, factors, m) for m in range(factors + 1)]
    total = [sum(cost) for cost in costs]
    chain_cost(rows, inner, columns, factors, meet)
    names = names or ["A", *[f"D{k}" for k in range(factors, 0, -1)], "F"]
    if len(names) != factors + 2:
        raise ValueError(f"names must have {factors + 2} entries, got {len(names)}")
    blue, red = color_of("BPTT"), color_of("RTRL")
    fig, (top, below) = figure(2, 1, height=height)
    fig.set_layout_engine("none")  # the same places in every frame
    top.set_position((0.02, 0.5, 0.96, 0.5))
    below.set_position((0.06, 0.16, 0.92, 0.33))
    _chain(top, rows, inner, columns, factors, meet, names)
    inside = (factors - 1) * inner**3 + min(rows, columns) * inner**2 + rows * inner * columns
    for m, value in enumerate([*total, inside]):
        color = _mix(blue, red, m / factors) if m <= factors else MUTED
        chosen = m == meet
        below.bar(m, value, color=color if chosen else "white", edgecolor=color, lw=1.6, width=0.72)
        below.text(m, value, f"{value:,}", ha="center", va="bottom", fontsize=9.5)
    below.set(ylim=(0, 1.15 * max(*total, inside)), ylabel="multiplications", yticks=[])
    below.set_xticks(range(factors + 2), [*map(str, range(factors + 1)), "squares\nfirst"])
    below.set_xlabel("squares multiplied from the right")
    return fig


def _mix(one: str, other: str, share: float) -> Any:
    return tuple((1 - share) * np.array(to_rgb(one)) + share * np.array(to_rgb(other)))


def _chain(
    ax: Axes, rows: int, inner: int, columns: int, factors: int, meet: int, names: Sequence[str]
) -> None:
    sides = [(rows, inner), *[(inner, inner)] * factors, (inner, columns)]
    root = [(float(np.sqrt(h)), float(np.sqrt(w))) for h, w in sides]
    box = ax.get_window_extent()
    high_inches, dpi = box.height / ax.figure.dpi, ax.figure.dpi
    gap = 0.17  # all lengths in inches from here on
    room = box.width / dpi - 0.2 - gap * (len(root) - 1)
    tall = max(h for h, _ in root)
    scale = min(room / sum(w for _, w in root), (high_inches - 0.95) / tall)
    root = [(scale * h, scale * w) for h, w in root]
    wide, tall = sum(w for _, w in root) + gap * (len(root) - 1), scale * tall
    left = (wide - box.width / dpi) / 2
    ax.axis("off")
    ax.set(
        xlim=(left, left + box.width / dpi), ylim=(-high_inches / 2 - 0.12, high_inches / 2 - 0.12)
    )
    x, edges = 0.0, []
    for k, ((h, w), name) in enumerate(zip(root, names, strict=True)):
        from_left = k <= factors - meet
        color, fill = (
            (color_of("BPTT"), TINTS["blue"])
            if from_left
            else (color_of("RTRL"), TINTS["vermilion"])
        )
        ax.add_patch(Rectangle((x, -h / 2), w, h, facecolor=fill, edgecolor=color, lw=1.6))
        ax.text(x + w / 2, tall / 2 + 0.16, name, ha="center", va="center")
        edges.append((x, x + w))
        x += w + gap
    split = factors - meet
    for first, last, color, text in (
        (0, split, color_of("BPTT"), "from the left"),
        (split + 1, factors + 1, color_of("RTRL"), "from the right"),
    ):
        low, a, b = -tall / 2 - 0.12, edges[first][0], edges[last][1]
        ax.plot([a, a, b, b], [low + 0.06, low, low, low + 0.06], color=color, lw=1.6)
        middle = float(np.clip((a + b) / 2, left + 0.5, left + box.width / dpi - 0.5))
        alone = first == last
        label = names[first] + " alone" if alone else text
        ax.text(middle, low - 0.17, label, ha="center", va="center", color=text_color(color))


@in_house_style
def two_sweeps(steps: int = 4) -> Figure:
    """Draw an unrolled network with both sweeps: the adjoint going left, the table going right.

    Parameters
    ----------
    steps : int
        Number of time steps, 2 to 6.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `steps` is not in that range.
    """
    if not 2 <= steps <= 6:
        raise ValueError(f"steps must lie between 2 and 6, got {steps}")
    blue, red, across = color_of("BPTT"), color_of("RTRL"), 1.9
    sheet = Canvas((-0.75, across * steps + 1.45), (-2.75, 2.6))
    text_blue, text_red = text_color(blue), text_color(red)
    for t in range(steps + 1):
        x = across * t
        sheet.circle((x, 0), 0.34, f"$s_{{{t}}}$", size=13)
        if t == 0:
            continue
        sheet.link((x - across, 0), (x, 0), gaps=(0.34, 0.34), color=INK)
        sheet.text((x - across / 2, 0.2), f"$D_{{{t}}}$", 10.5, color=MUTED)
        sheet.box((x, -1.35), 0.62, 0.5, r"$\theta$", fill=TINTS["gray"])
        sheet.link((x, -1.35), (x, 0), gaps=(0.27, 0.36), color=INK)
        sheet.text((x + 0.3, -0.72), f"$F_{{{t}}}$", 10.5, color=MUTED)
        sheet.box((x, 1.25), 0.62, 0.5, rf"$\ell_{{{t}}}$", fill="white")
        sheet.link((x, 0), (x, 1.25), gaps=(0.36, 0.27), color=INK)
    for t in range(steps, 0, -1):
        x = across * t
        sheet.link((x, 2.05), (x - across * 0.98, 2.05), color=blue, lw=2.4)
        sheet.text((x - across / 2, 2.36), rf"$\bar s_{{{t - 1}}}$", 11.5, color=text_blue)
    for t in range(1, steps + 1):
        x = across * t
        sheet.link((x - across * 0.98, -2.15), (x, -2.15), color=red, lw=5.5)
        sheet.text((x - across / 2, -2.5), f"$J_{{{t}}}$", 11.5, color=text_red)
    sheet.text(
        (across * steps + 0.12, 2.05), "reverse:\n$1 \\times N$", 10.5, color=text_blue, ha="left"
    )
    sheet.text(
        (across * steps + 0.12, -2.15), "forward:\n$N \\times P$", 10.5, color=text_red, ha="left"
    )
    return sheet.fig


MAP_COLORS: Mapping[str, str] = {"binomial checkpoints": PALETTE["brown"], "none": "#ffffff"}
"""Colors of regions that are not learners of the package."""


def map_color(name: str) -> str:
    """The color of a region of `crossover_map`."""
    return MAP_COLORS[name] if name in MAP_COLORS else color_of(name)


@in_house_style
def crossover_map(
    units: Sequence[float],
    steps: Sequence[float],
    winners: Any,
    *,
    names: Sequence[str],
    points: Mapping[tuple[float, float], str] | None = None,
    ax: Axes | None = None,
    height: float = 4.2,
) -> Figure:
    """Draw which method wins at each number of units and each length, and measured winners on it.

    Parameters
    ----------
    units, steps : sequences of float
        Ascending values of n and T, spaced evenly on a logarithmic axis.
    winners : array of int, shape (len(units), len(steps))
        Index into `names`.
    names : sequence of str
        Learners, or names in `MAP_COLORS`.
    points : mapping, optional
        (n, T) to the name of the method that won a measurement there: dots in its color.
    ax, height
        Where to draw, or the height of a new figure in inches.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes do not fit, or an index has no name.
    """
    table = np.asarray(winners)
    if table.shape != (len(units), len(steps)):
        raise ValueError(f"winners must have shape {(len(units), len(steps))}, got {table.shape}")
    if table.min() < 0 or table.max() >= len(names):
        raise ValueError(f"winners must hold indices of the {len(names)} names")
    fresh = ax is None
    fig, ax = axes_for(ax, height=height)
    if fresh:  # dozens of frames: fixed places are faster
        fig.set_layout_engine("none")
        ax.set_position((0.105, 0.13, 0.88, 0.85))
    shades = np.array([_pale(map_color(name)) for name in names])
    edges = [_edges(np.log10(np.asarray(axis, float))) for axis in (steps, units)]
    ax.pcolormesh(*(10**edge for edge in edges), shades[table], shading="flat", rasterized=True)
    ax.set(xscale="log", yscale="log", xlabel="time steps T", ylabel="units n")
    ax.set(xlim=10 ** edges[0][[0, -1]], ylim=10 ** edges[1][[0, -1]])
    dots = np.zeros(table.shape, bool)
    for n, t in points or {}:
        row, column = (
            np.abs(np.log(np.asarray(axis, float) / value)).argmin()
            for axis, value in ((units, n), (steps, t))
        )
        dots[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = True
    written = np.zeros(table.shape, bool)
    box = ax.get_window_extent()
    inch = np.array([box.height, box.width]) / fig.dpi
    scale = np.array(table.shape) / inch  # cells per inch
    for k, name in enumerate(names):
        label = "nothing fits" if name == "none" else name
        lines = label.split()
        inches = np.array([0.21 * len(lines), 0.1 * max(map(len, lines))])
        half = np.ceil(scale * inches / 2 - 0.5).astype(int)
        place = _label_place(table == k, dots, written, half)
        if place is None and len(lines) == 1:
            place = _along(table == k)
        if place is not None:
            at = (float(steps[place[1]]), float(units[place[0]]))
            color = text_color(map_color(name)) if name != "none" else MUTED
            ax.text(*at, "\n".join(lines), ha="center", va="center", color=color, zorder=4)
            low, high = np.maximum(np.array(place) - half, 0), np.array(place) + half + 1
            written[low[0] : high[0], low[1] : high[1]] = True
    for (n, t), name in (points or {}).items():
        ax.plot(t, n, "o", ms=9, color=map_color(name), mec="white" if name != "none" else MUTED)
    return fig


def _pale(color: str) -> np.ndarray:
    return 0.74 + 0.26 * np.array(to_rgb(color)) if color != "#ffffff" else np.ones(3)


def _edges(values: np.ndarray) -> np.ndarray:
    """The borders of cells whose centers are evenly spaced."""
    half = np.diff(values) / 2
    return np.concatenate([[values[0] - half[0]], values[:-1] + half, [values[-1] + half[-1]]])


def _label_place(
    region: np.ndarray, dots: np.ndarray, written: np.ndarray, half: np.ndarray
) -> tuple[int, int] | None:
    """Where a label of so many cells may stand: within its region, off the dots, if there is room.

    Where there is none, as much within the region as can be. Never over another label.
    """
    if _inmost(region) is None:
        return None
    for free in (region & ~dots & ~written, region & ~written):
        place = _inmost(_share(free, half) == 1, least=1)
        if place is not None:
            return place
    worth = _share(region, half) - 0.5 * _share(dots, half)
    worth[_share(written, half) > 0] = -1
    for axis, margin in enumerate(half):  # a label may not leave the picture
        edge = np.moveaxis(worth, axis, 0)
        edge[:margin] = edge[len(edge) - margin :] = -1
    if worth.max() <= 0:
        return None
    row, column = np.unravel_index(worth.argmax(), worth.shape)
    return int(row), int(column)


def _share(mask: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The share of the cells of a label, centered at each cell, that lie in the mask."""
    rows, columns = half
    padded = np.pad(mask.astype(float), [(rows, rows), (columns, columns)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * rows + 1, 2 * columns + 1))
    return np.asarray(windows.mean(axis=(2, 3)))


def _along(region: np.ndarray) -> tuple[int, int] | None:
    """The middle of the longest row of a thin region, if a short word has room there."""
    lengths = region.sum(axis=1)
    row = int(lengths.argmax())
    columns = np.flatnonzero(region[row])
    return (row, int(np.median(columns))) if len(columns) >= 8 else None


def _inmost(region: np.ndarray, least: int = 3) -> tuple[int, int] | None:
    """The cell of a region that is farthest from its border; nothing where it is too thin."""
    inside, place = np.pad(region, 1), None
    depth = 0
    while inside.any():
        rows, columns = np.nonzero(inside)
        k = np.argmin(
            (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
        )  # the most central of those left
        place, depth = (int(rows[k]) - 1, int(columns[k]) - 1), depth + 1
        shrunk = inside.copy()
        for axis in (0, 1):
            for way in (-1, 1):
                shrunk &= np.roll(inside, way, axis)
        inside = shrunk
    return place if depth >= least else None
