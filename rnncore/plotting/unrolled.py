"""A recurrent network unrolled in time: one copy of the network for each step, tied weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .canvas import Canvas, Point
from .colors import INK, MUTED, PALETTE, TINTS, text_color
from .rc import in_house_style

_ACROSS, _UP, _RADIUS = 1.85, 1.5, 0.45
_PALE = "#c9c9c9"
_BACK = PALETTE["purple"]
_PATH = PALETTE["magenta"]
_LETTERS = {"W": PALETTE["blue"], "U": PALETTE["vermilion"], "V": PALETTE["teal"]}


@dataclass(frozen=True)
class _Edge:
    """A connection: where from, where to, its weight, and the steps and row it belongs to."""

    start: Point
    end: Point
    weight: str
    step: int
    layer: int
    across: bool = False


@dataclass(frozen=True)
class _Plan:
    """What to draw: sizes and switches."""

    steps: int
    layers: int
    outputs: frozenset[int]
    losses: bool
    tied: bool
    symbol: str

    def state(self, step: int, layer: int) -> Point:
        return step * _ACROSS, layer * _UP

    def output(self, step: int) -> Point:
        return step * _ACROSS, (self.layers + 1) * _UP

    def weight(self, letter: str, layer: int) -> str:
        return f"${letter}_{layer}$" if self.layers > 1 and letter != "V" else f"${letter}$"

    def name(self, step: int | str, layer: int) -> str:
        upper = f"^{{({layer})}}" if self.layers > 1 else ""
        return f"${self.symbol}{upper}_{{{step}}}$" if step != "" else f"${self.symbol}{upper}$"

    def edges(self) -> list[_Edge]:
        found = []
        for t in range(1, self.steps + 1):
            for layer in range(1, self.layers + 1):
                below = (t * _ACROSS, (layer - 1) * _UP)
                here = self.state(t, layer)
                before = self.state(t - 1, layer)
                found.append(_Edge(below, here, self.weight("W", layer), t, layer))
                found.append(_Edge(before, here, self.weight("U", layer), t, layer, True))
            if t in self.outputs:
                found.append(
                    _Edge(self.state(t, self.layers), self.output(t), "$V$", t, self.layers + 1)
                )
        return found


@in_house_style
def draw_unrolled(
    steps: int = 4,
    layers: int = 1,
    *,
    folded: bool = False,
    direction: str = "forward",
    tied: bool = True,
    outputs: bool | Sequence[int] = True,
    losses: bool = False,
    highlight: tuple[int, int] | None = None,
    window: int | None = None,
    symbol: str = "s",
    ax: Axes | None = None,
) -> Figure:
    """Draw a recurrent network unrolled over time.

    Parameters
    ----------
    steps : int
        Number T of steps, 1 to 7.
    layers : int
        Recurrent layers above each other, 1 to 3.
    folded : bool
        Draw the network with its loop to the left.
    direction : "forward", "backward" or "both"
        "backward" pales the forward arrows and adds the way of the derivatives, right to left;
        "both" shows the two alike.
    tied : bool
        Color and letter the weights W (input), U (recurrent), V (read-out): copies with one color
        are one matrix.
    outputs : bool or sequence of int
        Which steps (from 1) have an output: all, none, or those listed.
    losses : bool
        A loss above each output.
    highlight : (int, int), optional
        Draw strong all paths from the input of step k to the output of step t. k = 0 starts at
        the initial state.
    window : int, optional
        The derivatives reach the last states only, this many (truncated BPTT).
    symbol : str
        Letter of the state.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a number is out of range, or `direction` none of the three.
    """
    if not 1 <= steps <= 7:
        raise ValueError(f"steps must be between 1 and 7, got {steps}")
    if not 1 <= layers <= 3:
        raise ValueError(f"layers must be between 1 and 3, got {layers}")
    if direction not in ("forward", "backward", "both"):
        raise ValueError(f'direction must be "forward", "backward" or "both", got {direction!r}')
    if window is not None and not 1 <= window <= steps:
        raise ValueError(f"window must be between 1 and {steps}, got {window}")
    every = range(1, steps + 1)
    read = frozenset(every if outputs is True else () if outputs is False else outputs)
    if not read <= set(every):
        raise ValueError(f"outputs must be steps between 1 and {steps}, got {sorted(read)}")
    if highlight is not None:
        first, last = highlight
        if not (0 <= first <= last <= steps and last >= 1):
            raise ValueError(f"highlight must be (k, t) with 0 <= k <= t <= {steps}")
    plan = _Plan(steps, layers, read, losses and bool(read), tied, symbol)
    top = (layers + 1 if read else layers) * _UP + _RADIUS + (1.05 if plan.losses else 0)
    left = -4.6 if folded else -_RADIUS
    # A wide sheet around a small network keeps the circles small.
    spare = max(0.0, 9.6 - (steps * _ACROSS + _RADIUS - left)) / 2 + 0.15
    right = steps * _ACROSS + _RADIUS + spare
    sheet = Canvas((left - spare, right), (-_RADIUS - 0.15, top + 0.15), ax)
    for edge in plan.edges():
        _draw_edge(sheet, plan, edge, direction, highlight, window)
    _nodes(sheet, plan)
    if plan.losses:
        _losses(sheet, plan, direction, window)
    if folded:
        _folded(sheet, plan, -3.35)
    if window is not None and window < steps and direction != "forward":
        x = (steps - window + 0.5) * _ACROSS
        sheet.ax.plot([x, x], [0.3 * _UP, top], color=MUTED, lw=1.3, ls=(0, (2, 2)), zorder=2)
        sheet.text((x - 0.12, top - 0.2), "cut", 10.5, color=MUTED, ha="right")
    return sheet.fig


def _on_path(plan: _Plan, edge: _Edge, ends: tuple[int, int]) -> bool:
    """Return whether an edge lies on a path from the input of step k to the output of step t."""
    first, last = ends
    if edge.layer == plan.layers + 1:
        return edge.step == last
    if edge.across:
        return first < edge.step <= last
    if edge.layer == 1:
        return edge.step == first
    return max(first, 1) <= edge.step <= last


def _draw_edge(
    sheet: Canvas,
    plan: _Plan,
    edge: _Edge,
    direction: str,
    highlight: tuple[int, int] | None,
    window: int | None,
) -> None:
    letter = edge.weight.strip("$")[0]
    color = _LETTERS[letter] if plan.tied else INK
    strong = highlight is not None and _on_path(plan, edge, highlight)
    pale = direction == "backward" or (highlight is not None and not strong)
    reaches_input = edge.layer == 1 and not edge.across
    shift = 0.0 if direction == "forward" or reaches_input else 0.13
    dx, dy = (0.0, shift) if edge.across else (-shift, 0.0)
    gap = (_RADIUS**2 - shift**2) ** 0.5
    sheet.link(
        (edge.start[0] + dx, edge.start[1] + dy),
        (edge.end[0] + dx, edge.end[1] + dy),
        gaps=(gap, gap),
        color=_PATH if strong else _PALE if pale else color,
        lw=3.0 if strong else 1.6,
        zorder=3.2 if strong else 3,
    )
    if plan.tied:
        middle = ((edge.start[0] + edge.end[0]) / 2, (edge.start[1] + edge.end[1]) / 2)
        at, side = (middle[0] - 0.06, middle[1] + shift + 0.24), "center"
        if not edge.across:
            at, side = (middle[0] - shift - 0.13, middle[1]), "right"
        ground = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        color = MUTED if pale else text_color(color)
        sheet.text(at, edge.weight, 11.5, color=color, ha=side, bbox=ground, zorder=2.9)
    if direction == "forward" or reaches_input:
        return
    # The last state reached hands nothing on to the one before it.
    reached = 0 if window in (None, plan.steps) else plan.steps - int(window or 0)
    if edge.step <= reached + (edge.across and reached > 0):
        return
    sheet.link(
        (edge.end[0] - dx, edge.end[1] - dy),
        (edge.start[0] - dx, edge.start[1] - dy),
        gaps=(gap, gap),
        color=_BACK,
        lw=1.9,
        zorder=3.1,
    )


def _nodes(sheet: Canvas, plan: _Plan) -> None:
    small = 11 if plan.layers > 1 else 12.5
    for layer in range(1, plan.layers + 1):
        for t in range(plan.steps + 1):
            fill = TINTS["gray" if t == 0 else "vermilion"]
            at = plan.state(t, layer)
            sheet.circle(at, _RADIUS, plan.name(t, layer), fill=fill, size=small)
    for t in range(1, plan.steps + 1):
        sheet.circle((t * _ACROSS, 0), _RADIUS, f"$x_{{{t}}}$", fill=TINTS["blue"])
        if t not in plan.outputs:
            continue
        at = plan.output(t)
        sheet.circle(at, _RADIUS, f"$y_{{{t}}}$", fill=TINTS["teal"])


def _losses(sheet: Canvas, plan: _Plan, direction: str, window: int | None) -> None:
    """Draw a loss above each output and, on the way back, where the derivatives start."""
    for t in sorted(plan.outputs):
        x, y = plan.output(t)
        low, high = y + _RADIUS, y + 1.2 - 0.3
        shift = 0.0 if direction == "forward" else 0.13
        forward = _PALE if direction == "backward" else MUTED
        sheet.line([(x - shift, low), (x - shift, high)], color=forward)
        sheet.box((x, y + 1.2), 0.8, 0.6, rf"$\ell_{{{t}}}$", fill=TINTS["lilac"], size=12.5)
        if direction != "forward" and t > plan.steps - (window or plan.steps):
            sheet.line([(x + shift, high), (x + shift, low)], color=_BACK, lw=1.9)


def _folded(sheet: Canvas, plan: _Plan, x: float) -> None:
    """Draw the network with its loop, and the arrow that unrolls it."""
    for layer in range(1, plan.layers + 2):
        if layer == plan.layers + 1 and not plan.outputs:
            break
        letter = "V" if layer == plan.layers + 1 else "W"
        color = _LETTERS[letter] if plan.tied else INK
        start, end = (x, (layer - 1) * _UP), (x, layer * _UP)
        sheet.link(start, end, gaps=(_RADIUS, _RADIUS), color=color, lw=1.6)
        if plan.tied:
            at = (x - 0.27, (layer - 0.5) * _UP)
            sheet.text(at, plan.weight(letter, layer), 11.5, color=text_color(color))
    for layer in range(1, plan.layers + 1):
        color = _LETTERS["U"] if plan.tied else INK
        tip = sheet.loop((x, layer * _UP), _RADIUS, 0.0, color=color, lw=1.6)
        if plan.tied:
            at = (tip[0] + 0.24, tip[1])
            sheet.text(at, plan.weight("U", layer), 11.5, color=text_color(color))
        small = 11 if plan.layers > 1 else 12.5
        at = (x, layer * _UP)
        sheet.circle(at, _RADIUS, plan.name("", layer), fill=TINTS["vermilion"], size=small)
    sheet.circle((x, 0), _RADIUS, "$x$", fill=TINTS["blue"])
    if plan.outputs:
        sheet.circle((x, plan.output(0)[1]), _RADIUS, "$y$", fill=TINTS["teal"])
    level = (plan.layers + 1) * _UP / 2
    sheet.line([(x + 1.75, level), (x + 2.6, level)], color=MUTED, lw=2.2)
    sheet.text((x + 2.15, level + 0.3), "unroll", 10, color=MUTED)
