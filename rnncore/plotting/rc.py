"""The rcParams of the house style, and drawing with them.

Figures are 6.4 in wide. On a phone that width shows at about 360 CSS pixels, so the base font is
11.5 pt there (9 CSS pixels) and nothing goes under 9 pt. The background is opaque white: the
theme of the book leaves images as they are in dark mode.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from cycler import cycler

from .colors import INK, PALETTE

WIDTH = 6.4
"""Width of every figure in inches."""

HOUSE: Mapping[str, Any] = {
    "figure.figsize": (WIDTH, 3.6),
    "figure.dpi": 150,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.dpi": 150,
    "savefig.facecolor": "white",
    "savefig.transparent": False,
    "svg.hashsalt": "rnncore",
    "font.family": ["DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "font.size": 11.5,
    "axes.labelsize": 11.5,
    "axes.titlesize": 11.5,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "legend.fontsize": 10.5,
    "legend.frameon": False,
    "axes.facecolor": "white",
    "axes.edgecolor": "#9a9a9a",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=list(PALETTE.values())),
    "xtick.color": "#9a9a9a",
    "ytick.color": "#9a9a9a",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.5,
    "lines.solid_capstyle": "round",
    "image.cmap": "rnn_sequential",
    "image.interpolation": "nearest",
}
"""The rcParams of the house style."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def use_house_style() -> None:
    """Make the house style the default of matplotlib for the rest of the session.

    The functions of this package use it with or without this call. Call it when you draw with
    matplotlib yourself.
    """
    settings: Any = dict(HOUSE)
    mpl.rcParams.update(settings)


@contextmanager
def house_style() -> Iterator[None]:
    """Use the house style inside a ``with`` block only."""
    settings: Any = dict(HOUSE)  # the stubs list every key by name
    with mpl.rc_context(settings):
        yield


def in_house_style(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate `function` so that it draws in the house style."""

    @functools.wraps(function)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with house_style():
            return function(*args, **kwargs)

    return wrapped
