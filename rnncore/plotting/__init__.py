"""Figures of the book: house style, diagrams, matrices, curves, interactive figures.

Nothing here imports matplotlib until a name is first used, so ``import rnncore`` stays cheap.
Every drawing function takes ``ax=None`` (``None`` makes a new figure) and returns the
`matplotlib.figure.Figure` it drew in. A figure that ends a notebook cell is shown once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cell_diagrams import draw_cell
    from .colors import (
        CELL_COLORS,
        INK,
        LEARNER_COLORS,
        LEARNER_KINDS,
        MUTED,
        PALETTE,
        SEQUENTIAL,
        SIGNED,
        TINTS,
        color_of,
        line_style,
    )
    from .curves import fitted_slope, learning_curves, scaling_plot, time_series
    from .diagrams import draw_network, draw_neuron
    from .interaction import Interactive, animate, interactive
    from .jacobians import show_influence, show_jacobian
    from .matrices import heatmap, shared_limit
    from .rc import house_style, use_house_style
    from .style import HouseFigure, figure, label_lines
    from .unrolled import draw_unrolled

_HOME = {
    "cell_diagrams": ("draw_cell",),
    "colors": (
        "CELL_COLORS",
        "INK",
        "LEARNER_COLORS",
        "LEARNER_KINDS",
        "MUTED",
        "PALETTE",
        "SEQUENTIAL",
        "SIGNED",
        "TINTS",
        "color_of",
        "line_style",
    ),
    "curves": ("fitted_slope", "learning_curves", "scaling_plot", "time_series"),
    "diagrams": ("draw_network", "draw_neuron"),
    "interaction": ("Interactive", "animate", "interactive"),
    "jacobians": ("show_influence", "show_jacobian"),
    "matrices": ("heatmap", "shared_limit"),
    "rc": ("house_style", "use_house_style"),
    "style": ("HouseFigure", "figure", "label_lines"),
    "unrolled": ("draw_unrolled",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "CELL_COLORS",
    "INK",
    "LEARNER_COLORS",
    "LEARNER_KINDS",
    "MUTED",
    "PALETTE",
    "SEQUENTIAL",
    "SIGNED",
    "TINTS",
    "HouseFigure",
    "Interactive",
    "animate",
    "color_of",
    "draw_cell",
    "draw_network",
    "draw_neuron",
    "draw_unrolled",
    "figure",
    "fitted_slope",
    "heatmap",
    "house_style",
    "interactive",
    "label_lines",
    "learning_curves",
    "line_style",
    "scaling_plot",
    "shared_limit",
    "show_influence",
    "show_jacobian",
    "time_series",
    "use_house_style",
]


def __getattr__(name: str) -> Any:
    """Import the submodule that holds `name` when it is first asked for."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
