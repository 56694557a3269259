"""Diagrams of one neuron and of a network drawn from its weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .canvas import Canvas, Point
from .colors import INK, MUTED, PALETTE, TINTS, text_color
from .matrices import as_matrix
from .rc import in_house_style

_CURVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "logistic": lambda a: 1 / (1 + np.exp(-1.6 * a)),
    "relu": lambda a: np.maximum(a, 0) * 0.5,
    "identity": lambda a: a / 2.2,
    "step": lambda a: (a > 0) * 1.0,
}


@in_house_style
def draw_neuron(
    inputs: int = 3,
    *,
    bias: bool = True,
    recurrent: bool = False,
    activation: str = "tanh",
    weights: Sequence[float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw one neuron: inputs, weights, bias, sum, activation, output.

    Parameters
    ----------
    inputs : int
        Number of inputs, 1 to 5.
    bias : bool
        Draw the bias as the weight of a constant 1.
    recurrent : bool
        Feed the output back to the sum one step later.
    activation : str
        "tanh", "logistic", "relu", "identity" or "step": the curve in the box.
    weights : sequence of float, optional
        Numbers on the arrows instead of letters: the inputs', then the bias, then the feedback,
        as far as they are drawn.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `inputs`, `activation` or the number of `weights` is not as described.
    """
    if not 1 <= inputs <= 5:
        raise ValueError(f"inputs must be between 1 and 5, got {inputs}")
    if activation not in _CURVES:
        raise ValueError(f"activation must be one of {', '.join(_CURVES)}, got {activation!r}")
    letters = [f"$w_{{{k + 1}}}$" for k in range(inputs)] + ["$b$"] * bias + ["$u$"] * recurrent
    if weights is not None:
        if len(weights) != len(letters):
            raise ValueError(f"weights must have {len(letters)} entries, got {len(weights)}")
        letters = [f"{w:g}".replace("-", "\N{MINUS SIGN}") for w in weights]
    count = inputs + bias
    middle = 1.05 * (inputs - 1) / 2
    top = middle + max(1.35, middle + 0.75)
    low = min(-0.5 - 1.15 * bias, middle - 1.2)
    high = top + 0.4 if recurrent else max(2 * middle + 0.5, middle + 0.85)
    sheet = Canvas((-0.8, 10.2), (low, high), ax)
    center = (4.1, middle)
    now = "_t" if recurrent else ""
    rows = [(0.0, middle + 1.05 * ((inputs - 1) / 2 - k)) for k in range(inputs)]
    if bias:
        rows.append((0.0, rows[-1][1] - 1.15))
    for k, at in enumerate(rows[:count]):
        is_bias = k >= inputs
        color = MUTED if is_bias else INK
        link: dict[str, Any] = {"color": color, "gaps": (0.38, 0.55)}
        sheet.link(at, center, **link)
        weight_at = 0.46
        spot = (at[0] + weight_at * (center[0] - at[0]), at[1] + weight_at * (center[1] - at[1]))
        _on_line(sheet, spot, letters[k], color)
        name = "1" if is_bias else f"$x_{{{k + 1}{',t' if recurrent else ''}}}$"
        sheet.circle(at, 0.38, name, fill=TINTS["gray" if is_bias else "blue"], edge=color)
    sheet.circle(center, 0.55, r"$\Sigma$", size=16, fill=TINTS["vermilion"])
    sheet.line([(4.65, middle), (5.95, middle)])
    sheet.text((5.22, middle + 0.27), f"$a{now}$", 12.5)
    _activation_box(sheet, (6.6, middle), activation)
    sheet.line([(7.25, middle), (9.0, middle)])
    if recurrent:
        sheet.dot((8.0, middle), PALETTE["purple"])
        sheet.line(
            [(8.0, middle), (8.0, top), (4.1, top), (4.1, middle + 0.55)],
            color=PALETTE["purple"],
            corner=0.35,
        )
        sheet.box((6.6, top), 1.5, 0.56, "one step", size=10, edge=PALETTE["purple"], lw=1.2)
        _on_line(sheet, (4.1, (top + middle + 0.5) / 2 + 0.1), letters[-1], PALETTE["purple"])
    sheet.text((9.15, middle), f"$y{now}$", 14, ha="left")
    sheet.text((4.1, middle - 0.85), "sum", 10.5, color=MUTED)
    sheet.text((6.6, middle - 0.93), activation, 10.5, color=MUTED)
    return sheet.fig


def _on_line(sheet: Canvas, at: Point, text: str, color: str, size: float = 12) -> None:
    """Write `text` on a line, which is interrupted under it."""
    patch = {"boxstyle": "square,pad=0.12", "facecolor": sheet.paper, "edgecolor": "none"}
    sheet.text(at, text, size, color=text_color(color), bbox=patch, zorder=4.5)


def _activation_box(sheet: Canvas, at: Point, activation: str) -> None:
    sheet.box(at, 1.3, 1.3, fill=TINTS["teal"])
    a = np.linspace(-2.2, 2.2, 121)
    y = _CURVES[activation](a)
    low, high = (0.0, 1.0) if activation in ("logistic", "step", "relu") else (-1.0, 1.0)
    height = (y - (low + high) / 2) / (high - low) * 0.8
    zero = at[1] + (0 - (low + high) / 2) / (high - low) * 0.8
    sheet.ax.plot([at[0] - 0.5, at[0] + 0.5], [zero, zero], color="#8fb5ab", lw=0.9, zorder=6)
    sheet.ax.plot([at[0]] * 2, [at[1] - 0.5, at[1] + 0.5], color="#8fb5ab", lw=0.9, zorder=6)
    sheet.ax.plot(at[0] + a / 4.4, at[1] + height, color=INK, lw=1.8, zorder=7)


def _adjacency(weights: Any) -> np.ndarray:
    array = as_matrix(np.asarray(weights) * 1.0, "weights")
    if array.shape[0] != array.shape[1]:
        raise ValueError(f"weights must be square, got shape {array.shape}")
    if len(array) > 12:
        raise ValueError(f"weights must have at most 12 units to be readable, got {len(array)}")
    return np.nan_to_num(array)


def _bipartite(links: Any, rows: int, name: str, unit_axis: int) -> np.ndarray:
    """Return links between units and inputs or outputs as a matrix (units, others)."""
    if links is None:
        return np.zeros((rows, 0))
    if np.ndim(links) == 1:
        units = [int(u) for u in links]
        if any(not 0 <= u < rows for u in units):
            raise ValueError(f"{name} must name units between 0 and {rows - 1}, got {units}")
        return np.eye(rows)[:, units]
    array = as_matrix(np.asarray(links) * 1.0, name)
    if array.shape[unit_axis] != rows:
        shape = "(units, inputs)" if unit_axis == 0 else "(outputs, units)"
        raise ValueError(f"{name} must have shape {shape} with {rows} units, got {array.shape}")
    return array if unit_axis == 0 else array.T


def _slots(n: int) -> np.ndarray:
    """Return places of n units on an ellipse, the first at the upper left, clockwise."""
    if n == 1:
        return np.zeros((1, 2))
    if n == 2:
        return np.array([[-1.1, 0.0], [1.1, 0.0]])
    start = math.pi * {3: 0.5, 4: 0.75, 5: 0.9, 6: 2 / 3}.get(n, 0.5 + 1 / n)
    angles = start - 2 * math.pi * np.arange(n) / n
    radius = max(1.45, 0.36 * n)
    return np.stack([1.25 * radius * np.cos(angles), radius * np.sin(angles)], axis=1)


def _crowding(a: np.ndarray, b: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """Return the cost of lines from each of `a` to each of `b`: length and units in the way."""
    span = b[None] - a[:, None]
    length = np.maximum(np.hypot(span[..., 0], span[..., 1]), 1e-9)
    cost = length**2
    for slot in slots:
        along = np.einsum("abk,abk->ab", slot - a[:, None], span) / length**2
        away = np.hypot(*np.moveaxis(a[:, None] + along[..., None] * span - slot, -1, 0))
        cost = cost + 12 * ((along > 0.02) & (along < 0.98) & (away < 0.5))
    return cost


def _arrange(
    weights: np.ndarray, into: np.ndarray, out: np.ndarray, left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """Return the place of each unit; small networks are arranged for short, free lines."""
    n = len(weights)
    slots = _slots(n)
    if n > 7 or n < 3:
        return slots
    within = _crowding(slots, slots, slots)
    from_left = _crowding(slots, left, slots) if len(left) else np.zeros((n, 0))
    to_right = _crowding(slots, right, slots) if len(right) else np.zeros((n, 0))
    orders = np.array(list(itertools.permutations(range(n))))
    links = ((weights != 0) & ~np.eye(n, dtype=bool)).astype(float)
    cost = np.zeros(len(orders))
    for i, j in np.argwhere(links):
        cost += within[orders[:, j], orders[:, i]]
    for i, k in np.argwhere(into):
        cost += from_left[orders[:, i], k]
    for i, k in np.argwhere(out):
        cost += to_right[orders[:, i], k]
    return slots[orders[int(np.argmin(np.round(cost, 6)))]]


@in_house_style
def draw_network(
    weights: Any,
    *,
    inputs: Any = None,
    outputs: Any = None,
    names: Sequence[str] | None = None,
    signed: bool | None = None,
    highlight: Sequence[tuple[int, int]] | None = None,
    show_weights: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Draw a recurrent network from its recurrent weights, self-connections included.

    Parameters
    ----------
    weights : array_like, shape (n, n)
        Entry (i, j) is the weight from unit j to unit i; zeros (or False in a mask) are not
        drawn. At most 12 units.
    inputs : array_like, optional
        Input weights (n, D), or the list of units that have an input of their own.
    outputs : array_like, optional
        Read-out weights (O, n), or the list of units that are read.
    names : sequence of str, optional
        In the circles; 0, 1, 2, ... by default.
    signed : bool, optional
        Color connections by sign (positive vermilion, negative blue and dashed); by default if
        there are both.
    highlight : sequence of (int, int), optional
        Connections (from, to) between units to draw strong, all others pale.
    show_weights : bool
        Write the recurrent weights on the connections.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, names differ in number, or a highlighted connection is absent.
    """
    links = _adjacency(weights)
    n = len(links)
    into = _bipartite(inputs, n, "inputs", 0)
    out = _bipartite(outputs, n, "outputs", 1)
    labels = [str(i) for i in range(n)] if names is None else [str(name) for name in names]
    if len(labels) != n:
        raise ValueError(f"names must have {n} entries, got {len(labels)}")
    strong = {(int(j), int(i)) for j, i in highlight or ()}
    for j, i in strong:
        if not (0 <= j < n and 0 <= i < n and links[i, j]):
            raise ValueError(f"highlight: there is no connection from {j} to {i}")
    slots = _slots(n)
    reach = (float(slots[:, 0].max()) + 0.45, float(slots[:, 1].max()) + 0.45)
    side = reach[0] + 1.75
    left = _column(into.shape[1], -side)
    right = _column(out.shape[1], side)
    places = _arrange(links, into, out, left, right)
    heights = np.concatenate([p[:, 1] for p in (left, right)] + [places[:, 1] * 1.0])
    looped = places[np.diag(links) != 0, 1]
    top = max(heights.max() + 0.55, *(looped + 1.2), 0.7)
    bottom = min(heights.min() - 0.55, *(looped - np.where(looped < -0.2, 1.2, 0.5)), -0.7)
    if signed is None:
        signed = bool((links < 0).any() and (links > 0).any())
    wide = max(side + 0.6 if len(left) or len(right) else reach[0] + 1.1, 3.9)
    sheet = Canvas((-wide, wide), (bottom - (0.6 if signed else 0), top), ax)
    for i, k in np.argwhere(into):
        sheet.link(
            tuple(left[k]), tuple(places[i]), gaps=(0.36, 0.42), color=MUTED, lw=1.3,
            bend=_detour(left[k], places[i], places),
        )  # fmt: skip
    for i, k in np.argwhere(out):
        sheet.link(
            tuple(places[i]), tuple(right[k]), gaps=(0.42, 0.36), color=MUTED, lw=1.3,
            bend=_detour(places[i], right[k], places),
        )  # fmt: skip
    _recurrent_links(sheet, links, places, signed, strong, show_weights, (left, right))
    for place, label in zip(places, labels, strict=True):
        sheet.circle(tuple(place), 0.42, label, fill=TINTS["vermilion"])
    for k, at in enumerate(left):
        sheet.circle(tuple(at), 0.36, f"$x_{{{k}}}$", fill=TINTS["blue"])
    for k, at in enumerate(right):
        sheet.circle(tuple(at), 0.36, f"$y_{{{k}}}$", fill=TINTS["teal"])
    if signed:
        for x, text, color, dashed in (
            (-1.9, "positive", PALETTE["vermilion"], False),
            (0.9, "negative", PALETTE["blue"], True),
        ):
            sheet.line([(x, bottom - 0.3), (x + 0.7, bottom - 0.3)], color=color, dashed=dashed)
            sheet.text((x + 0.82, bottom - 0.3), text, 10.5, ha="left", color=text_color(color))
    return sheet.fig


def _column(count: int, x: float) -> np.ndarray:
    ys = 1.05 * ((count - 1) / 2 - np.arange(count))
    return np.stack([np.full(count, x), ys], axis=1)


def _detour(start: Any, end: Any, places: np.ndarray) -> float:
    """Return the bow that leads a line around a unit in its way; 0 where it is free."""
    a, b = np.array(start, float), np.array(end, float)
    span = b - a
    length = float(np.hypot(*span))
    for unit in places:
        along = float((unit - a) @ span) / length**2
        offset = float(span[0] * (unit - a)[1] - span[1] * (unit - a)[0]) / length
        if 0.05 < along < 0.95 and abs(offset) < 0.5 and np.hypot(*(unit - b)) > 0.1:
            return math.copysign(min(0.3, 0.85 / length), -offset if offset else 1.0)
    return 0.0


def _recurrent_links(
    sheet: Canvas,
    links: np.ndarray,
    places: np.ndarray,
    signed: bool,
    strong: set[tuple[int, int]],
    show_weights: bool,
    sides: tuple[np.ndarray, np.ndarray],
) -> None:
    largest = float(np.abs(links).max()) or 1.0
    for i, j in np.argwhere(links):
        weight = float(links[i, j])
        color = PALETTE["blue" if weight < 0 else "vermilion"] if signed else INK
        faded = bool(strong) and (j, i) not in strong
        style: dict[str, Any] = {
            "color": "#c4c4c4" if faded else color,
            "lw": (1.0 + 1.4 * abs(weight) / largest) * (1.35 if (j, i) in strong else 1.0),
            "dashed": signed and weight < 0,
            "zorder": 2.5 if faded else 3,
        }
        if i == j:
            at = sheet.loop(tuple(places[i]), 0.42, _loop_angle(places[i], places, sides), **style)
        else:
            bend = 0.13 if links[j, i] else _detour(places[j], places[i], places)
            at = sheet.link(
                tuple(places[j]), tuple(places[i]), gaps=(0.42, 0.42), bend=bend, **style
            )
        if show_weights and not faded:
            _on_line(sheet, at, f"{weight:.3g}".replace("-", "\N{MINUS SIGN}"), color, 9.5)


def _loop_angle(
    place: np.ndarray, places: np.ndarray, sides: tuple[np.ndarray, np.ndarray]
) -> float:
    """Return the direction of a self-connection: outwards, away from inputs and outputs."""
    x, y = float(place[0]), float(place[1])
    if len(places) == 1 or abs(y) < 0.2:
        crowded = len(sides[0]) if x < 0 else len(sides[1])
        if len(places) <= 2 or crowded:
            return 90.0
        return 180.0 if x < 0 else 0.0
    outward = math.degrees(math.atan2(y, x))
    upright = 90.0 if y > 0 else -90.0
    return upright + 0.45 * (outward - upright)
