"""Diagrams of cells: what happens inside one step, with the gates and the path of the memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .canvas import Canvas, Point
from .colors import INK, MUTED, PALETTE, TINTS, text_color
from .rc import in_house_style

_MEMORY = PALETTE["purple"]
_BOX_W, _BOX_H, _OP = 1.72, 1.0, 0.27


@dataclass(frozen=True)
class _Gate:
    """A box on the lower row: where, its name, its squashing function, the letter it sends."""

    x: float
    name: str
    function: str
    letter: str


_LSTM = {
    "f": _Gate(3.0, "forget", r"$\sigma$", "f"),
    "i": _Gate(5.0, "input", r"$\sigma$", "i"),
    "g": _Gate(7.0, "candidate", "tanh", "g"),
    "o": _Gate(9.0, "output", r"$\sigma$", "o"),
}
_MEMORY_CELL = {
    "f": _Gate(3.0, "keep", r"$\sigma$", "k"),
    "i": _Gate(5.0, "write", r"$\sigma$", "w"),
    "g": _Gate(7.0, "value", "linear", "v"),
    "o": _Gate(9.0, "read", r"$\sigma$", "r"),
}
_TOP, _MIX, _READ, _ROW, _BUS, _FEED = 5.5, 3.95, 3.3, 2.05, 0.75, -0.55


def _gate_box(sheet: Canvas, at: Point, gate: _Gate) -> None:
    gated = gate.function == r"$\sigma$"
    sheet.box(at, _BOX_W, _BOX_H, fill=TINTS["blue" if gated else "teal"], edge=INK, lw=1.2)
    sheet.text((at[0], at[1] + 0.22), gate.name, 10)
    sheet.text((at[0], at[1] - 0.21), gate.function, 12 if gated else 10.5)


def _op(sheet: Canvas, at: Point, sign: str) -> None:
    sheet.circle(at, _OP, edge=INK, lw=1.3)
    half = 0.5 * _OP
    if sign == "1":
        sheet.text(at, "1\N{MINUS SIGN}", 9, va="center_baseline")
        return
    arms = ((half, 0), (0, half)) if sign == "+" else ((0.72 * half, 0.72 * half),) * 2
    for k, (dx, dy) in enumerate(arms):
        dy = -dy if sign == "x" and k else dy
        sheet.ax.plot(
            [at[0] - dx, at[0] + dx], [at[1] - dy, at[1] + dy], color=INK, lw=1.6, zorder=6
        )


def _ends(sheet: Canvas, y: float, before: str, after: str, color: str, right: float) -> None:
    sheet.text((0.4, y), before, 13, color=text_color(color))
    sheet.text((right + 0.62, y), after, 13, color=text_color(color))


def _gated_memory(
    gates: dict[str, _Gate],
    ax: Axes | None,
    *,
    squash: bool,
    forget: bool = True,
    coupled: bool = False,
    peepholes: bool = False,
) -> Figure:
    """Draw the cells that keep a content c beside h: LSTM and memory cell."""
    sheet = Canvas((-0.1, 12.8), (-1.0, 6.2), ax)
    sheet.frame((1.1, 11.5), (0.15, 6.1))
    right, out = 11.65, 10.75
    f, i, g, o = (gates[k].x for k in "figo")
    memory: dict[str, Any] = {"color": _MEMORY, "lw": 3.0}
    # The memory line, its stops, and what is added to it.
    stops = [0.95, *([f] if forget or coupled else []), g]
    for start, end in zip(stops[:-1], stops[1:], strict=True):
        first = start + (_OP if start > 1 else 0)
        sheet.line([(first, _TOP), (end - _OP, _TOP)], **memory)
    sheet.line([(g + _OP, _TOP), (right + 0.25, _TOP)], **memory)
    _op(sheet, (g, _TOP), "+")
    sheet.line([(i, _ROW + _BOX_H / 2), (i, _MIX), (g - _OP, _MIX)])
    sheet.line([(g, _ROW + _BOX_H / 2), (g, _MIX - _OP)])
    _op(sheet, (g, _MIX), "x")
    sheet.line([(g, _MIX + _OP), (g, _TOP - _OP)])
    if forget and not coupled:
        sheet.line([(f, _ROW + _BOX_H / 2), (f, _TOP - _OP)])
    if coupled:
        sheet.dot((i, 3.1))
        sheet.line([(i, 3.1), (f + _OP, 3.1)])
        _op(sheet, (f, 3.1), "1")
        sheet.line([(f, 3.1 + _OP), (f, _TOP - _OP)])
        sheet.text((f - 0.2, 4.4), r"$1 - i_t$", 11.5, ha="right")
    if forget or coupled:
        _op(sheet, (f, _TOP), "x")
    _read_out(sheet, o, out, right, squash)
    shown = [k for k in "figo" if k != "f" or (forget and not coupled)]
    if peepholes:
        _peepholes(sheet, f if "f" in shown else None, i, o)
    _feed(sheet, [gates[k].x for k in shown])
    for key in shown:
        _gate_box(sheet, (gates[key].x, _ROW), gates[key])
    heights = {"f": 4.4, "i": 3.62, "g": 2.98, "o": 2.98}
    for key in shown:
        at = (gates[key].x - 0.14, heights[key])
        sheet.text(at, f"${gates[key].letter}_t$", 12, ha="right")
    _ends(sheet, _TOP, r"$c_{t-1}$", "$c_t$", _MEMORY, right)
    _ends(sheet, _BUS, r"$h_{t-1}$", "$h_t$", INK, right)
    return sheet.fig


def _read_out(sheet: Canvas, o: float, out: float, right: float, squash: bool) -> None:
    """Draw the way from the memory line through the output gate to h."""
    sheet.dot((out, _TOP), _MEMORY)
    if squash:
        sheet.line([(out, _TOP), (out, 4.72)])
        sheet.box((out, 4.45), 1.05, 0.54, "tanh", size=10.5, fill=TINTS["teal"], lw=1.2)
        sheet.line([(out, 4.18), (out, _READ + _OP)])
    else:
        sheet.line([(out, _TOP), (out, _READ + _OP)])
    sheet.line([(o, _ROW + _BOX_H / 2), (o, _READ), (out - _OP, _READ)])
    _op(sheet, (out, _READ), "x")
    sheet.line([(out, _READ - _OP), (out, _BUS), (right + 0.25, _BUS)])


def _feed(sheet: Canvas, gates: list[float]) -> None:
    """Draw the bus that carries x and h to all gates."""
    sheet.line([(0.95, _BUS), (gates[-1], _BUS), (gates[-1], _ROW - _BOX_H / 2)])
    for x in gates[:-1]:
        sheet.dot((x, _BUS))
        sheet.line([(x, _BUS), (x, _ROW - _BOX_H / 2)])
    sheet.line([(1.9, _FEED), (1.9, _BUS - 0.02)])
    sheet.text((1.9, _FEED - 0.25), "$x_t$", 13)


def _peepholes(sheet: Canvas, f: float | None, i: float, o: float) -> None:
    """Draw the dashed lines by which the gates see the memory."""
    style: dict[str, Any] = {"color": _MEMORY, "lw": 1.4, "dashed": True, "zorder": 3.5}
    side, top = 1.75, _ROW + _BOX_H / 2
    sheet.dot((side, _TOP), _MEMORY)
    if f is not None:
        sheet.line([(side, _TOP), (side, _ROW), (f - _BOX_W / 2, _ROW)], **style)
        sheet.dot((side, 3.2), _MEMORY)
    sheet.line(
        [(side, _TOP if f is None else 3.2), (side, 3.2), (i - 0.5, 3.2), (i - 0.5, top)]
        if f is None
        else [(side, 3.2), (i - 0.5, 3.2), (i - 0.5, top)],
        bridge=f is not None,
        **style,
    )
    sheet.dot((o + 0.5, _TOP), _MEMORY)
    sheet.line([(o + 0.5, _TOP), (o + 0.5, top)], bridge=True, **style)


def _gru(ax: Axes | None, before: bool) -> Figure:
    """Draw the GRU, the reset before or after the recurrent product."""
    sheet = Canvas((-0.1, 13.4), (-1.2, 6.2), ax)
    sheet.frame((1.1, 12.1), (-0.25, 6.1))
    r, z, mix, plus, row = 3.3, 8.75, 10.75, 5.65, 2.2
    level, low, h_bus, x_bus = 3.95, 2.98, 0.85, 0.25
    memory: dict[str, Any] = {"color": _MEMORY, "lw": 3.0}
    for start, end in ((0.95, z - _OP), (z + _OP, mix - _OP), (mix + _OP, 12.5)):
        sheet.line([(start, _TOP), (end, _TOP)], **memory)
    _op(sheet, (z, _TOP), "x")
    _op(sheet, (mix, _TOP), "+")
    # h goes down to the gates; x comes in below.
    sheet.dot((1.6, _TOP), _MEMORY)
    sheet.line([(1.6, _TOP), (1.6, h_bus), (z - 0.3, h_bus), (z - 0.3, row - _BOX_H / 2)])
    sheet.dot((r - 0.3, h_bus))
    sheet.line([(r - 0.3, h_bus), (r - 0.3, row - _BOX_H / 2)])
    x_style: dict[str, Any] = {"color": PALETTE["blue"], "bridge": True}
    sheet.line(
        [(2.1, -0.75), (2.1, x_bus), (z + 0.3, x_bus), (z + 0.3, row - _BOX_H / 2)],
        color=PALETTE["blue"],
    )
    for x in (r + 0.3, plus):
        sheet.dot((x, x_bus), PALETTE["blue"])
    sheet.line([(r + 0.3, x_bus), (r + 0.3, row - _BOX_H / 2)], **x_style)
    sheet.line([(plus, x_bus), (plus, level - _OP)], **x_style)
    sheet.box((plus, row), 0.82, 0.62, "$W_n$", fill="white", lw=1.2)
    sheet.text((2.1, -1.0), "$x_t$", 13, color=text_color(PALETTE["blue"]))
    # The candidate.
    sheet.dot((r, _TOP), _MEMORY)
    sheet.line([(r, _TOP), (r, level + _OP)])
    sheet.line([(r, row + _BOX_H / 2), (r, level - _OP)])
    _op(sheet, (r, level), "x")
    sheet.line([(r + _OP, level), (plus - _OP, level)])
    if before:
        sheet.box(((r + plus) / 2 - 0.06, level), 0.86, 0.62, "$U_n$", lw=1.2)
    else:
        sheet.box((r, 4.86), 0.82, 0.54, "$U_n$", lw=1.2)
    _op(sheet, (plus, level), "+")
    sheet.line([(plus + _OP, level), (6.32, level)])
    sheet.box((7.18, level), _BOX_W, _BOX_H, fill=TINTS["teal"], lw=1.2)
    sheet.text((7.18, level + 0.22), "candidate", 10)
    sheet.text((7.18, level - 0.21), "tanh", 10.5)
    # The update gate shares out between the old state and the candidate.
    sheet.line([(z, row + _BOX_H / 2), (z, _TOP - _OP)])
    sheet.line([(8.04, level), (mix - _OP, level)], bridge=True, zorder=3.5)
    sheet.dot((z, low))
    sheet.line([(z, low), (mix - _OP, low)])
    _op(sheet, (mix, low), "1")
    sheet.line([(mix, low + _OP), (mix, level - _OP)])
    _op(sheet, (mix, level), "x")
    sheet.line([(mix, level + _OP), (mix, _TOP - _OP)])
    for x, gate in (
        (r, _Gate(r, "reset", r"$\sigma$", "r")),
        (z, _Gate(z, "update", r"$\sigma$", "z")),
    ):
        _gate_box(sheet, (x, row), gate)
    for at, text in (((r - 0.14, 3.2), "$r_t$"), ((z - 0.14, 4.75), "$z_t$")):
        sheet.text(at, text, 12, ha="right")
    sheet.text((9.7, level + 0.27), "$n_t$", 12)
    sheet.text((mix + 0.14, 3.43), r"$1 - z_t$", 11.5, ha="left")
    _ends(sheet, _TOP, r"$h_{t-1}$", "$h_t$", _MEMORY, 12.25)
    return sheet.fig


def _plain(ax: Axes | None, function: str, bias: bool, outputs: bool) -> Figure:
    """Draw the vanilla cell or the fully recurrent one."""
    sheet = Canvas((-0.1, 12.8), (-1.2, 2.9), ax)
    sheet.frame((1.1, 11.5), (-0.25, 2.8))
    level, plus = 1.9, 5.2
    sheet.line([(0.95, level), (plus - _OP, level)], color=_MEMORY, lw=3.0)
    sheet.box((3.0, level), 0.95, 0.8, "$U$", size=13, fill="white", lw=1.2)
    sheet.line([(plus, -0.75), (plus, level - _OP)], color=PALETTE["blue"])
    sheet.box((plus, 0.55), 0.95, 0.7, "$W$", size=13, fill="white", lw=1.2)
    sheet.text((plus, -1.0), "$x_t$", 13, color=text_color(PALETTE["blue"]))
    if bias:
        sheet.line([(6.6, 0.75), (6.6, 1.2), (plus + 0.19, level - 0.19)], color=MUTED, corner=0.3)
        sheet.text((6.6, 0.5), "$b$", 12.5, color=MUTED)
    _op(sheet, (plus, level), "+")
    sheet.line([(plus + _OP, level), (7.5, level)])
    sheet.text((6.4, level + 0.28), "$a_t$", 12)
    sheet.box((8.2, level), 1.4, 0.9, function, size=12.5, fill=TINTS["teal"], lw=1.2)
    sheet.line([(8.9, level), (11.9, level)], color=_MEMORY, lw=3.0)
    _ends(sheet, level, r"$h_{t-1}$", "$h_t$", _MEMORY, 11.65)
    if outputs:
        sheet.text((10.3, level + 0.3), "also the output", 10, color=MUTED)
    return sheet.fig


KINDS = (
    "vanilla",
    "fully recurrent",
    "LSTM",
    "LSTM no forget gate",
    "LSTM peepholes",
    "LSTM coupled",
    "memory cell",
    "GRU",
    "GRU reset-before",
)
"""The cells that `draw_cell` knows."""


@in_house_style
def draw_cell(kind: str, *, activation: str = "tanh", ax: Axes | None = None) -> Figure:
    r"""Draw one step of a cell: lines carry vectors from left to right.

    The thick purple line is the path of the state that the cell keeps. Circles act on each
    component (times, plus, "1-" for one minus); boxes multiply by weights, add a bias and squash.

    Parameters
    ----------
    kind : str
        One of "vanilla", "fully recurrent", "LSTM", "LSTM no forget gate", "LSTM peepholes",
        "LSTM coupled", "memory cell", "GRU" (reset after the product), "GRU reset-before".
        Case does not matter.
    activation : str
        Name in the box of the vanilla cell.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `kind` is none of these.
    """
    known = {name.lower(): name for name in KINDS}
    if not isinstance(kind, str) or kind.strip().lower() not in known:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    name = known[kind.strip().lower()]
    if name == "vanilla":
        return _plain(ax, activation, bias=True, outputs=False)
    if name == "fully recurrent":
        return _plain(ax, r"$\sigma$", bias=False, outputs=True)
    if name.startswith("GRU"):
        return _gru(ax, before=name == "GRU reset-before")
    if name == "memory cell":
        return _gated_memory(_MEMORY_CELL, ax, squash=False)
    return _gated_memory(
        _LSTM,
        ax,
        squash=True,
        forget=name != "LSTM no forget gate",
        coupled=name == "LSTM coupled",
        peepholes=name == "LSTM peepholes",
    )
