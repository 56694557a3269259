"""One palette, and one fixed color for each learner and each cell of the book.

All colors of lines reach a contrast of 3:1 against white (WCAG 1.4.11). Hue alone never tells two
learners apart: the *class* of a learner (exact, unbiased, biased) is its line style, and inside
a class the colors stay apart under simulated deuteranopia and protanopia (tested).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb

INK = "#222222"
"""Text, axes, and the exact gradient."""

MUTED = "#6b6b6b"
"""Secondary marks: notes, guides, inactive parts. Contrast 5.3:1 on white."""

PALETTE: Mapping[str, str] = {
    "blue": "#0072b2",
    "vermilion": "#d55e00",
    "teal": "#2a9683",
    "purple": "#5f0b80",
    "lilac": "#8a86fb",
    "brown": "#7c3a11",
    "magenta": "#c2187a",
    "green": "#1b561f",
}
"""General colors, blue and vermilion of Okabe and Ito first. Take them in this order."""

TINTS: Mapping[str, str] = {
    "blue": "#dcebf6",
    "vermilion": "#fbe3d3",
    "teal": "#d9efe9",
    "purple": "#eadcf1",
    "gray": "#efefef",
    "lilac": "#e6e5fe",
}
"""Pale fills for shapes that carry dark text (contrast of INK on each above 12:1)."""

LEARNER_KINDS: Mapping[str, str] = {
    "exact gradient": "exact",
    "BPTT": "exact",
    "checkpointed BPTT": "exact",
    "RTRL": "exact",
    "hybrid": "exact",
    "focused": "exact",
    "FPTT": "exact",
    "ARTBP": "unbiased",
    "UORO": "unbiased",
    "KF-RTRL": "unbiased",
    "forward gradient": "unbiased",
    "truncated BPTT": "biased",
    "SnAp-1": "biased",
    "SnAp-2": "biased",
    "RFLO": "biased",
    "e-prop": "biased",
    "random e-prop": "biased",
    "adaptive e-prop": "biased",
    "LSTM 1997": "biased",
    "DNI": "biased",
}
"""Class of each learner; it decides the line style."""

LEARNER_COLORS: Mapping[str, str] = {
    "exact gradient": INK,
    "BPTT": PALETTE["blue"],
    "checkpointed BPTT": PALETTE["lilac"],
    "RTRL": PALETTE["vermilion"],
    "hybrid": PALETTE["teal"],
    "focused": PALETTE["purple"],
    "FPTT": PALETTE["brown"],
    "ARTBP": PALETTE["green"],
    "UORO": PALETTE["magenta"],
    "KF-RTRL": "#2b2bd0",
    "forward gradient": "#3291f6",
    "truncated BPTT": "#7a2df2",
    "SnAp-1": "#a34a14",
    "SnAp-2": "#5c3311",
    "RFLO": "#50a701",
    "e-prop": "#7f0066",
    "random e-prop": "#c64692",
    "adaptive e-prop": "#e6668e",
    "LSTM 1997": "#101cae",
    "DNI": "#7d78e8",
}
"""One color for each learner in the whole book."""

CELL_COLORS: Mapping[str, str] = {
    "vanilla": PALETTE["vermilion"],
    "fully recurrent": PALETTE["brown"],
    "LSTM": PALETTE["blue"],
    "LSTM no forget gate": "#2b2bd0",
    "LSTM peepholes": "#1b4f72",
    "LSTM coupled": PALETTE["lilac"],
    "memory cell": PALETTE["purple"],
    "GRU": PALETTE["teal"],
    "GRU reset-before": PALETTE["green"],
    "second-order": "#c410ea",
    "focused": "#7f0066",
    "diagonal": "#8c6d00",
    "leaky": "#a34a14",
    "echo state": "#5a6472",
    "stack": INK,
}
"""One color for each cell in the whole book."""

_ALIASES = {
    "elman": "vanilla",
    "rnn": "vanilla",
    "fullyrecurrent": "fully recurrent",
    "tbptt": "truncated BPTT",
    "checkpointedbptt": "checkpointed BPTT",
    "memorycell": "memory cell",
    "gruresetbefore": "GRU reset-before",
    "secondorder": "second-order",
    "snap": "SnAp-1",
    "diagonal rtrl": "focused",
    "lstm 1997 rule": "LSTM 1997",
    "complex step": "exact gradient",
    "truth": "exact gradient",
}
_LINES = {"exact": "-", "unbiased": (0, (5, 2)), "biased": (0, (6, 2, 1.5, 2))}

SIGNED = LinearSegmentedColormap.from_list(
    "rnn_signed",
    [
        (0.0, "#0b3a6e"),
        (0.2, "#2f7fbd"),
        (0.38, "#a6cbe6"),
        (0.5, "#ffffff"),
        (0.62, "#f8c09a"),
        (0.8, "#d9691a"),
        (1.0, "#7a2c00"),
    ],
)
"""Diverging map for signed matrices: negative blue, zero white, positive vermilion."""

SEQUENTIAL = LinearSegmentedColormap.from_list(
    "rnn_sequential",
    [(0.0, "#ffffff"), (0.25, "#bfe0da"), (0.5, "#4da8a0"), (0.75, "#17627f"), (1.0, "#1b1f52")],
)
"""Map for quantities that are never negative; lightness falls all the way."""

for _map in (SIGNED, SEQUENTIAL):
    mpl.colormaps.register(_map, force=True)


def contrast(color: Any, background: Any = "white") -> float:
    """Return the contrast ratio of two colors by WCAG 2 (1 to 21).

    Examples
    --------
    >>> round(contrast("black"), 1)
    21.0
    """

    def luminance(c: Any) -> float:
        rgb = np.array(to_rgb(c))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    one, two = luminance(color), luminance(background)
    return (max(one, two) + 0.05) / (min(one, two) + 0.05)


def text_color(color: Any) -> str:
    """Return `color`, darkened until text in it reads well on white (contrast 4.5:1)."""
    rgb = np.array(to_rgb(color))
    while contrast(rgb) < 4.5:
        rgb = rgb * 0.96
    return to_hex(rgb)


def _canonical(name: str) -> str:
    """Return the name of the tables for `name`, whatever its case or spacing."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {type(name).__name__}")
    tables = (LEARNER_COLORS, CELL_COLORS)
    key = name.strip().lower()
    for table in tables:
        for known in table:
            if key == known.lower():
                return known
    alias = _ALIASES.get(key) or _ALIASES.get(key.replace(" ", ""))
    if alias is not None:
        return alias
    # "truncated BPTT (k = 5)", "hybrid, h = 4": the learner with its settings.
    for table in tables:
        for known in sorted(table, key=len, reverse=True):
            if key.startswith(known.lower()) and not key[len(known)].isalnum():
                return known
    known_names = ", ".join(dict.fromkeys([*LEARNER_COLORS, *CELL_COLORS]))
    raise ValueError(f"name must be a learner or a cell of the book, got {name!r}; {known_names}")


def color_of(name: str) -> str:
    """Return the book's color for a learner or a cell.

    Case does not matter, and settings may follow the name.

    Raises
    ------
    ValueError
        If `name` is neither.

    Examples
    --------
    >>> color_of("BPTT"), color_of("hybrid, h = 4") == color_of("hybrid")
    ('#0072b2', True)
    """
    known = _canonical(name)
    return LEARNER_COLORS[known] if known in LEARNER_COLORS else CELL_COLORS[known]


def line_style(name: str) -> dict[str, Any]:
    """Return ``color`` and ``linestyle`` for a learner or a cell, for ``ax.plot(..., **style)``.

    Exact learners are solid, unbiased ones dashed, biased ones dash-dotted; cells are solid.
    """
    kind = LEARNER_KINDS.get(_canonical(name), "exact")
    return {"color": color_of(name), "linestyle": _LINES[kind]}
