"""Figures of chapter 7: paths of the weights, state machines, phase portraits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from .colors import INK, MUTED, PALETTE, TINTS
from .matrices import as_matrix
from .rc import in_house_style
from .style import axes_for, figure, label_lines


@in_house_style
def weight_paths(
    paths: Mapping[str, Any],
    plane: Any,
    *,
    colors: Mapping[str, str],
    limits: tuple[Sequence[float], Sequence[float]] | None = None,
    note: str = "",
    height: float = 3.8,
) -> Figure:
    """Draw the ways that weights took, seen in a plane.

    Parameters
    ----------
    paths : mapping
        For each name an array (steps + 1, P), all from one start.
    plane : array, shape (2, P)
        The two directions that are drawn.
    colors : mapping
        A color for each name.
    limits : pair of pairs, optional
        Ends of the two axes; keep them the same in all frames of an interactive figure.
    note : str
        Written into the upper right corner.

    Raises
    ------
    ValueError
        If the plane does not fit the paths.
    """
    axes2 = as_matrix(plane, "plane")
    fig, ax = figure(height=height)
    for name, values in paths.items():
        way = as_matrix(values, name)
        if axes2.shape != (2, way.shape[1]):
            raise ValueError(f"plane: expected shape (2, {way.shape[1]}), got {axes2.shape}")
        x, y = axes2 @ (way - way[0]).T
        dots = {"marker": "o", "markersize": 3.5} if len(way) < 40 else {}
        ax.plot(x, y, color=colors[name], label=name, lw=1.8, **dots)
        ax.plot(x[-1:], y[-1:], "o", color=colors[name], ms=8, mec="white", label="_end")
    ax.plot([0], [0], "o", color=INK, ms=6, label="_start")
    ax.annotate("start", (0, 0), xytext=(7, 6), textcoords="offset points", color=INK)
    if limits is not None:
        ax.set(xlim=limits[0], ylim=limits[1])
    ax.set(xlabel="weights, along the way of the slowest", ylabel="across it")
    ax.text(0.98, 0.98, note, transform=ax.transAxes, color=MUTED, ha="right", va="top")
    label_lines(ax)
    return fig


@in_house_style
def draw_automaton(
    states: Sequence[str],
    edges: Mapping[tuple[int, int], Sequence[str]],
    *,
    ax: Axes | None = None,
    positions: Any = None,
    start: int | None = None,
    height: float = 4.4,
    radius: float = 0.3,
) -> Figure:
    """Draw a state machine: a circle for each state, an arrow for each pair with an edge.

    Parameters
    ----------
    states : sequence of str
        Their names; a line break makes two lines.
    edges : mapping
        For each pair (from, to) the labels of its edges, one line each.
    positions : array, shape (number of states, 2), optional
        Centers of the circles; by default on a circle, the first on top.
    start : int, optional
        A state that gets a thick border.
    radius : float
        Of the circles, in units of the positions.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If an edge names a state that does not exist.

    Examples
    --------
    >>> fig = draw_automaton(["off", "on"], {(0, 1): ["A"], (1, 0): ["B"], (1, 1): ["A"]})
    """
    count = len(states)
    for pair in edges:
        if not all(0 <= end < count for end in pair):
            raise ValueError(f"edges: {pair} names a state that is not one of {count}")
    if positions is None:
        angles = np.pi / 2 - 2 * np.pi * np.arange(count) / count
        positions = np.column_stack([np.cos(angles), np.sin(angles)]) * (1.0 if count > 1 else 0)
    at = as_matrix(positions, "positions")
    fig, ax = axes_for(ax, height=height)
    middle = at.mean(axis=0)
    for (one, two), labels in edges.items():
        text = "\n".join(labels)
        if one == two:
            _loop(ax, at[one], middle, radius, text)
        else:
            _arrow(ax, at[one], at[two], radius, text, both=(two, one) in edges)
    for k, (name, center) in enumerate(zip(states, at, strict=True)):
        width = 2.6 if k == start else 1.2
        ax.add_patch(Circle(center, radius, fc=TINTS["blue"], ec=INK, lw=width, zorder=3))
        ax.text(center[0], center[1], name, ha="center", va="center", zorder=4, fontsize=10.5)
    reach = np.array([*(at - 1.4 * radius), *(at + 1.4 * radius), *_label_ends(ax, radius)])
    low, high = reach.min(axis=0), reach.max(axis=0)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    ax.axis("off")
    return fig


def _label_ends(ax: Axes, radius: float) -> list[np.ndarray]:
    """About where the texts end that are drawn so far."""
    room = radius * np.array([1.1, 0.8])
    places = [np.array(text.get_position()) for text in ax.texts]
    return [place + sign * room for place in places for sign in (-1, 1)]


_EDGE: Mapping[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 13, "lw": 1.3, "color": MUTED}


def _arrow(
    ax: Axes, one: np.ndarray, two: np.ndarray, radius: float, text: str, both: bool
) -> None:
    """An arrow between two circles, bent to its left where there is one back."""
    along = (two - one) / np.linalg.norm(two - one)
    side = np.array([-along[1], along[0]])
    bend = 0.28 if both else 0.0
    turn = 0.45 if both else 0.0
    start = one + radius * (np.cos(turn) * along + np.sin(turn) * side)
    end = two + radius * (-np.cos(turn) * along + np.sin(turn) * side)
    style = f"arc3,rad={-bend}"
    ax.add_patch(FancyArrowPatch(_pair(start), _pair(end), connectionstyle=style, **_EDGE))
    top = (start + end) / 2 + 0.5 * bend * np.linalg.norm(end - start) * side
    _label(ax, top, text)


def _loop(ax: Axes, center: np.ndarray, middle: np.ndarray, radius: float, text: str) -> None:
    """An arrow from a circle to itself, on the side away from the middle of the picture."""
    out = center - middle
    length = float(np.linalg.norm(out))
    out = out / length if length > 1e-9 else np.array([0.0, 1.0])
    angle = np.arctan2(out[1], out[0])
    ends = [center + radius * np.array([np.cos(angle + s), np.sin(angle + s)]) for s in (0.5, -0.5)]
    patch = FancyArrowPatch(
        _pair(ends[0]), _pair(ends[1]), connectionstyle="arc3,rad=-1.7", **_EDGE
    )
    ax.add_patch(patch)
    _label(ax, center + 2.35 * radius * out, text)


def _pair(place: np.ndarray) -> tuple[float, float]:
    return float(place[0]), float(place[1])


def _label(ax: Axes, place: np.ndarray, text: str) -> None:
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"}
    ax.text(place[0], place[1], text, ha="center", va="center", fontsize=9.5, bbox=box, zorder=5)


@in_house_style
def phase_portrait(
    step: Callable[[np.ndarray], np.ndarray],
    points: Any,
    stable: Sequence[bool],
    *,
    low: float = -1.08,
    high: float = 1.08,
    orbit: Any = None,
    note: str = "",
    ax: Axes | None = None,
    height: float = 4.6,
) -> Figure:
    """Draw a map of the plane: where it pushes, its fixed points and their basins.

    Parameters
    ----------
    step : callable
        From states (M, 2) to the next states (M, 2).
    points : array, shape (K, 2)
        The fixed points. From each place of the plane the map is iterated, and the place is
        colored by the stable point that it comes to.
    stable : sequence of bool
        Which of them attract. They are drawn full, the others open.
    low, high : float
        The plane goes from `low` to `high` in both directions.
    orbit : array, shape (T, 2), optional
        A path of states to draw.
    note : str
        Written above.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If no fixed point is stable.
    """
    fixed, attracts = as_matrix(points, "points"), np.asarray(stable, bool)
    if fixed.shape[1] != 2 or attracts.shape != (len(fixed),) or not attracts.any():
        raise ValueError("points must have shape (K, 2), stable K entries, one of them true")
    fig, ax = axes_for(ax, height=height)
    side = np.linspace(low, high, 61)
    plane = np.stack(np.meshgrid(side, side), axis=-1)
    ends = plane.reshape(-1, 2)
    for _ in range(100):
        ends = step(ends)
    sinks = fixed[attracts]
    nearest = np.linalg.norm(ends[:, None] - sinks, axis=2).argmin(axis=1)
    # One color for one place: the sink with the larger sum is vermilion, whatever its number.
    order = np.argsort(sinks.sum(axis=1))
    shades = [TINTS["blue"], TINTS["vermilion"], TINTS["teal"], TINTS["purple"]]
    full = [PALETTE["blue"], PALETTE["vermilion"], PALETTE["teal"], PALETTE["purple"]]
    picks = [1 if sinks[0].sum() > low + high else 0] if len(sinks) == 1 else np.argsort(order)
    for k, pick in enumerate(picks):
        mine = (nearest == k).reshape(plane.shape[:2]).astype(float)
        if mine.any():
            ax.contourf(side, side, mine, levels=[0.5, 1.5], colors=[shades[pick % 4]])
    coarse = np.linspace(low, high, 15)
    grid = np.stack(np.meshgrid(coarse, coarse), axis=-1).reshape(-1, 2)
    arrows = step(grid) - grid
    length = np.linalg.norm(arrows, axis=1, keepdims=True)
    arrows = arrows / np.maximum(length, 1e-9) * np.minimum(length, 0.3) ** 0.5
    ax.quiver(*grid.T, *arrows.T, color=MUTED, width=0.0032, scale=11, zorder=2)
    if orbit is not None:
        ax.plot(*as_matrix(orbit, "orbit").T, ".-", color=INK, lw=0.8, ms=4, zorder=3)
    for place in fixed[~attracts]:
        ax.plot(*place, "o", ms=9, mfc="white", mec=INK, mew=1.6, zorder=4)
    for pick, place in zip(picks, sinks, strict=True):
        ax.plot(*place, "o", ms=11, mfc=full[pick % 4], mec="white", mew=1.4, zorder=4)
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.set(xlabel="unit 1", ylabel="unit 2")
    ax.set_title(note, loc="left", fontsize=10.5, color=MUTED)
    return fig
