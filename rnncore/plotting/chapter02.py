"""Figures of chapter 2: cycles in space, the same connections in space-time, paths, seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from .colors import INK, MUTED, PALETTE, TINTS, text_color
from .matrices import as_matrix
from .rc import in_house_style
from .style import axes_for, figure

_MARK = 20.0  # diameter of a unit, points
_COLORS = (PALETTE["blue"], PALETTE["vermilion"], PALETTE["teal"], PALETTE["purple"],
           PALETTE["brown"], PALETTE["magenta"], PALETTE["green"], PALETTE["lilac"])  # fmt: skip

Point = tuple[float, float]


def _square(weights: Any, name: str = "weights") -> np.ndarray:
    matrix = as_matrix(weights, name)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} must be square, got shape {matrix.shape}")
    return matrix


def _connections(weights: np.ndarray) -> list[tuple[int, int]]:
    """Return (target, source) of each connection, row by row."""
    return [(int(i), int(j)) for i, j in np.argwhere(weights != 0)]


def _color(number: int) -> str:
    return _COLORS[number % len(_COLORS)]


def _arrow(
    ax: Axes, tail: Point, head: Point, color: str, *, bend: float = 0.0, **style: Any
) -> None:
    """Draw an arrow between two marks, its ends at their rims."""
    shrink = style.pop("shrink", _MARK / 2 + 1.5)
    patch = FancyArrowPatch(
        tail,
        head,
        connectionstyle=f"arc3,rad={bend}",
        arrowstyle=style.pop("arrowstyle", "-|>"),
        mutation_scale=style.pop("mutation_scale", 11),
        shrinkA=shrink,
        shrinkB=shrink,
        color=color,
        **{"lw": 1.6, "zorder": 2, **style},
    )
    ax.add_patch(patch)


def _unit(ax: Axes, place: Point, text: str, *, fill: str = TINTS["gray"], edge: str = INK) -> None:
    ax.plot(*place, "o", ms=_MARK, mfc=fill, mec=edge, mew=1.2, zorder=3)
    ax.text(*place, text, ha="center", va="center", fontsize=9.5, zorder=4)


def _bare(ax: Axes, x: Point, y: Point) -> None:
    ax.set(xlim=x, ylim=y, xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


@in_house_style
def draw_cycle(weights: Any, *, ax: Axes | None = None) -> Figure:
    """Draw a recurrent network in space: units below each other, one color a connection.

    Parameters
    ----------
    weights : array (n, n)
        Entry [i, j] is the weight from unit j to unit i; zero means no connection.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure
    """
    matrix = _square(weights)
    fig, ax = axes_for(ax, height=2.6, width=2.2)
    n = len(matrix)
    for number, (i, j) in enumerate(_connections(matrix)):
        color = _color(number)
        if i == j:  # a loop at the left
            tail, head = (-0.17, -i + 0.08), (-0.17, -i - 0.08)
            _arrow(ax, tail, head, color, bend=3.2, shrink=0)
        else:  # down at the right, up at the left
            bend = 0.0 if abs(i - j) == 1 and matrix[j, i] == 0 else -0.28 - 0.12 * abs(i - j)
            _arrow(ax, (0, -j), (0, -i), color, bend=bend)
    for i in range(n):
        _unit(ax, (0, -i), str(i + 1))
    _bare(ax, (-0.9, 0.9), (-n + 0.4, 0.6))
    return fig


@in_house_style
def draw_space_time(
    weights: Any,
    steps: int,
    *,
    read_by: Sequence[int] = (),
    shown: Sequence[int] = (),
    ax: Axes | None = None,
) -> Figure:
    """Draw a recurrent network in space-time: a column of units for each time step.

    All copies of one connection have one color.

    Parameters
    ----------
    weights : array (n, n)
        Entry [i, j] is the weight from unit j to unit i; zero means no connection.
    steps : int
        T; the columns are the times 0 to T.
    read_by, shown : sequence of int
        Units that receive the input of each step, and units that are outputs.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `weights` is not square, `steps` not positive, or a unit does not exist.
    """
    matrix = _square(weights)
    n = len(matrix)
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not set(read_by) | set(shown) <= set(range(n)):
        raise ValueError(f"read_by and shown must name units 0 to {n - 1}")
    fig, ax = axes_for(ax, height=3.0)
    for t in range(steps):
        for number, (i, j) in enumerate(_connections(matrix)):
            _arrow(ax, (t, -j), (t + 1, -i), _color(number))
    for t in range(steps + 1):
        for i in range(n):
            _unit(ax, (t, -i), str(i + 1), fill="white" if t == 0 else TINTS["gray"])
        if t == 0:
            continue
        for i in read_by:
            _arrow(ax, (t - 0.36, -i + 0.62), (t, -i), MUTED, lw=1.1, shrink=_MARK / 2)
            ax.text(t - 0.36, -i + 0.62, f"$x_{{{t}}}$", ha="center", va="center", fontsize=10)
        for i in shown:
            _arrow(ax, (t, -i), (t + 0.34, -i - 0.6), MUTED, lw=1.1, shrink=_MARK / 2)
            ax.text(t + 0.36, -i - 0.64, f"$y_{{{t}}}$", ha="center", va="center", fontsize=10)
    low = -n + 0.55 - (0.9 if shown else 0.35)
    for t in range(steps + 1):
        ax.text(t, low + 0.12, f"$t={t}$", ha="center", color=MUTED, fontsize=10)
    _bare(ax, (-0.45, steps + 0.6), (low, 0.85 if read_by else 0.45))
    return fig


@in_house_style
def draw_paths(
    weights: Any,
    steps: int,
    start: int,
    paths: Sequence[Sequence[int]],
    *,
    ends: tuple[int, int] = (0, 0),
    columns: int | None = None,
    most: int = 8,
) -> Figure:
    """Draw the paths through a network in space-time, and the product of weights along each.

    Left the graph: connections on a path are colored and the wider the more paths use them.
    Right one bar for each path, and their sum.

    Parameters
    ----------
    weights : array (n, n)
        Entry [i, j] is the weight from unit j to unit i; zero means no connection.
    steps : int
        T, the time of the loss.
    start : int
        The time at which the paths begin.
    paths : sequence of sequences of int
        Units visited, first at time `start`, last at time `steps`; none where `start` is later.
    ends : (int, int)
        The unit that the input enters at time `start`, and the one that the loss reads.
    columns : int, optional
        Times drawn, 1 to `columns` (default T); columns after T are dimmed.
    most : int
        Bars for which room is kept.

    Returns
    -------
    matplotlib Figure
    """
    matrix = _square(weights)
    columns = steps if columns is None else columns
    if any(len(path) != steps - start + 1 or (path[0], path[-1]) != ends for path in paths):
        raise ValueError(
            f"every path must have {steps - start + 1} units, from unit {ends[0]} to unit {ends[1]}"
        )
    fig, (left, right) = figure(2, 1, height=4.6, height_ratios=[1, 1.15])
    used: dict[tuple[int, int, int], int] = {}
    for path in paths:
        for step, (j, i) in enumerate(zip(path, path[1:], strict=False)):
            used[start + step, i, j] = used.get((start + step, i, j), 0) + 1
    _paths_graph(left, matrix, steps, columns, used)
    _ends(left, steps, start, ends)
    _path_bars(right, [_product(matrix, path) for path in paths], paths, most)
    return fig


def _product(matrix: np.ndarray, path: Sequence[int]) -> float:
    return float(np.prod([matrix[i, j] for j, i in zip(path, path[1:], strict=False)]))


def _paths_graph(
    ax: Axes, matrix: np.ndarray, steps: int, columns: int, used: Mapping[Any, int]
) -> None:
    n = len(matrix)
    for t in range(1, columns):
        for number, (i, j) in enumerate(_connections(matrix)):
            count = used.get((t, i, j), 0)
            tail, head = (t, -j), (t + 1, -i)
            if not count:
                _arrow(ax, tail, head, "#d5d5d5" if t < steps else "#eeeeee", lw=1.0, zorder=1)
                continue
            color = _color(number)
            _arrow(ax, tail, head, color, lw=1.2 + 0.8 * count, mutation_scale=10 + 1.5 * count)
            spot = np.array(tail) + 0.36 * (np.array(head) - np.array(tail))
            text = f"{matrix[i, j]:g}".replace("-", "\N{MINUS SIGN}")
            box = {"boxstyle": "square,pad=0.12", "fc": "white", "ec": "none"}
            style: dict[str, Any] = {
                "fontsize": 9.5,
                "color": text_color(color),
                "zorder": 5,
                "bbox": box,
            }
            ax.text(spot[0], spot[1], text, ha="center", va="center", **style)
    for t in range(1, columns + 1):
        past = t <= steps
        for i in range(n):
            _unit(ax, (t, -i), str(i + 1) if past else "", edge=INK if past else "#d5d5d5",
                  fill=TINTS["gray"] if past else "white")  # fmt: skip
        ax.text(t, -n + 0.38, f"$t={t}$", ha="center", va="center", color=MUTED, fontsize=10)
    _bare(ax, (0.3, columns + 0.9), (-n + 0.2, 0.9))


def _ends(ax: Axes, steps: int, start: int, ends: tuple[int, int]) -> None:
    """Mark where the paths begin (the input) and where they end (the loss)."""
    first, last = (start, -ends[0]), (steps, -ends[1])
    _arrow(ax, (start - 0.45, first[1] + 0.62), first, INK, shrink=_MARK / 2)
    ax.text(start - 0.45, first[1] + 0.66, f"$x_{{{start}}}$", ha="center", va="center")
    _arrow(ax, last, (steps + 0.47, last[1] + 0.62), INK, shrink=_MARK / 2)
    ax.text(steps + 0.49, last[1] + 0.66, "$L$", ha="center", va="center")


def _path_bars(
    ax: Axes, products: Sequence[float], paths: Sequence[Sequence[int]], most: int
) -> None:
    limit = 10.0
    for row, (value, path) in enumerate(zip(products, paths, strict=True)):
        ax.barh(row, value, height=0.7, color="#8c8c8c")
        label = "\N{RIGHTWARDS ARROW}".join(str(unit + 1) for unit in path)
        ax.text(-limit * 1.05, row, label, ha="right", va="center", fontsize=9.5)
        shown = f"{value:g}".replace("-", "\N{MINUS SIGN}")
        side = 0.3 if value >= 0 else -0.3
        ax.text(value + side, row, shown, ha="left" if value >= 0 else "right", va="center",
                fontsize=9.5)  # fmt: skip
    total = f"{sum(products):g}".replace("-", "\N{MINUS SIGN}")
    count = len(paths)
    line = f"{count} {'path' if count == 1 else 'paths'}, sum {total}"
    ax.text(-limit * 1.05, most + 0.15, line, ha="right", va="center", weight="bold")
    ax.barh(most + 0.15, sum(products), height=0.8, color=INK)
    ax.axvline(0, color=MUTED, lw=0.8)
    ax.axhline(most - 0.55, color=MUTED, lw=0.6, ls=(0, (2, 2)))
    ax.set(xlim=(-limit * 2.3, limit), ylim=(most + 0.8, -0.6), yticks=[], xticks=[-8, -4, 0, 4, 8])
    ax.set_xlabel("product of the weights along the path", loc="right")
    ax.spines["left"].set_visible(False)


@in_house_style
def draw_grid(layers: int, steps: int, *, delay: bool = False, ax: Axes | None = None) -> Figure:
    """Draw a stack in space-time: rows are layers, columns times, each box a whole layer.

    Parameters
    ----------
    layers, steps : int
    delay : bool
        Whether the connection from a layer to the next takes one time step (Williams & Zipser's
        convention) or none (a stack).
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure
    """
    if layers < 1 or steps < 1:
        raise ValueError(f"layers and steps must be at least 1, got {layers} and {steps}")
    fig, ax = axes_for(ax, height=2.6)
    for t in range(1, steps + 1):
        for row in range(layers):
            across, up = _color(2 * row), _color(2 * row + 1)
            if t < steps:
                _arrow(ax, (t, row), (t + 1, row), across)
            if row + 1 < layers and (t < steps or not delay):
                _arrow(ax, (t, row), (t + delay, row + 1), up)
            _unit(ax, (t, row), "")
        _arrow(ax, (t, -0.75), (t, 0), MUTED, lw=1.1)
        ax.text(t, -0.78, f"$x_{{{t}}}$", ha="center", va="center", fontsize=10)
    for row in range(layers):
        ax.text(0.1, row, f"layer {row + 1}", ha="right", va="center", fontsize=10)
    for t in range(1, steps + 1):
        ax.text(t, layers - 0.42, f"$t={t}$", ha="center", color=MUTED, fontsize=10)
    _bare(ax, (-0.75, steps + 0.45), (-1.05, layers - 0.2))
    return fig


@in_house_style
def seed_dots(
    results: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    xlabel: str,
    levels: Mapping[str, float] | None = None,
    height: float = 3.6,
) -> Figure:
    """Draw one dot for each seed, and the median: rows are questions, colors are contestants.

    Parameters
    ----------
    results : mapping
        Contestant to a mapping from question to one number for each seed.
    xlabel : str
    levels : mapping, optional
        Vertical lines with a name.
    height : float

    Returns
    -------
    matplotlib Figure
    """
    if not results or not all(results.values()):
        raise ValueError("results must name at least one contestant with one question")
    fig, ax = figure(height=height)
    questions = list(dict.fromkeys(q for answers in results.values() for q in answers))
    offsets = np.linspace(-0.18, 0.18, len(results)) if len(results) > 1 else [0.0]
    for number, (name, answers) in enumerate(results.items()):
        color = _color(number)
        for question, values in answers.items():
            y = questions.index(question) + offsets[number]
            ax.plot(values, np.full(len(values), y), "o", color=color, alpha=0.45, mew=0)
            ax.plot([np.median(values)], [y], "|", color=color, ms=17, mew=2.6)
        ax.plot([], [], "o", color=color, label=name)
    for name, level in (levels or {}).items():
        ax.axvline(level, color=MUTED, lw=1.0, ls=(0, (2, 2)))
        ax.text(level, -0.62, f" {name}", color=MUTED, fontsize=10, ha="left", va="center")
    ax.set(yticks=range(len(questions)), yticklabels=questions, xlabel=xlabel)
    ax.set_ylim(len(questions) - 0.5, -0.8)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(results))
    return fig
