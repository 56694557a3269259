"""Figures of chapter 9: Mozer's network, two influence matrices, eigenvalues and their echoes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from .canvas import Canvas
from .colors import INK, MUTED, PALETTE, TINTS, text_color
from .jacobians import show_influence
from .rc import in_house_style
from .style import figure

_COLUMNS = (-4.2, -1.4, 1.4, 4.2)


@in_house_style
def draw_focused_network(
    inputs: int = 2, context: int = 3, hidden: int = 2, *, ax: Axes | None = None
) -> Figure:
    """Draw Mozer's architecture: self-connected context units below a feed-forward network.

    Parameters
    ----------
    inputs, context, hidden : int
        How many units of each kind, 1 to 4.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a number is not between 1 and 4.
    """
    counts = (inputs, context, hidden, 1)
    for name, count in zip(("inputs", "context", "hidden"), counts, strict=False):
        if not 1 <= count <= 4:
            raise ValueError(f"{name} must lie between 1 and 4, got {count}")
    top = 0.8 * max(counts)
    sheet = Canvas((-5.2, 5.2), (-top - 1.25, top + 0.95), ax)
    columns = [
        [(x, 1.55 * ((count - 1) / 2 - k)) for k in range(count)]
        for x, count in zip(_COLUMNS, counts, strict=True)
    ]
    for left, right in zip(columns, columns[1:], strict=False):
        for start in left:
            for end in right:
                sheet.link(start, end, gaps=(0.4, 0.44), color=MUTED, lw=1.2)
    fills = (TINTS["blue"], TINTS["purple"], TINTS["vermilion"], TINTS["teal"])
    names = ("x", "c", "h", "y")
    for column, fill, letter in zip(columns, fills, names, strict=True):
        for k, at in enumerate(column):
            sheet.circle(
                at, 0.4, f"${letter}_{{{k + 1}}}$" if len(column) > 1 else "$y$", fill=fill
            )
    for k, at in enumerate(columns[1]):
        sheet.loop(at, 0.4, 90, color=PALETTE["purple"], lw=1.8, reach=2.6)
        sheet.text((at[0] - 0.62, at[1] + 0.62), f"$d_{{{k + 1}}}$", 11, color=PALETTE["purple"])
    for x, words in zip(_COLUMNS, ("input", "context", "hidden", "output"), strict=True):
        sheet.text((x, -top - 0.4), words, 11)
    for (x0, x1), words, color in (
        ((-4.6, -0.9), "traces, forwards in time", PALETTE["purple"]),
        ((4.6, -0.9), "errors, backwards in space", PALETTE["vermilion"]),
    ):
        sheet.line([(x0, -top - 0.75), (x1 + np.sign(x0) * 0.1, -top - 0.75)], color=color, lw=1.8)
        sheet.text(((x0 + x1) / 2, -top - 1.05), words, 10.5, color=text_color(color))
    return sheet.fig


@in_house_style
def influence_pair(
    dense: Any,
    diagonal: Any,
    shapes: tuple[Mapping[str, Sequence[int]], Mapping[str, Sequence[int]]],
    *,
    limit: float = 1.0,
    names: tuple[str, str] = ("dense", "diagonal"),
    height: float = 5.0,
) -> Figure:
    """Draw two influence matrices, one above the other, and how many entries of each are filled.

    Parameters
    ----------
    dense, diagonal : array, shape (P, N)
        Parameters in rows, as `RTRL` keeps them; the two may differ in both sizes.
    shapes : pair of mappings
        Shape of each parameter of the two cells, in the order of the rows.
    limit : float
        The color scale ends here.
    names : (str, str)
        What stands beside the two.

    Returns
    -------
    matplotlib Figure
    """
    fig, axes = figure(2, 1, height=height)
    for ax, matrix, kept, name in zip(axes, (dense, diagonal), shapes, names, strict=True):
        array = np.asarray(matrix, float)
        show_influence(
            np.clip(array, -limit, limit), kept, ax=ax, limit=limit, square=False,
            annotate=False, entries=False, xlabel="", ylabel=f"{name}\nstate variable",
        )  # fmt: skip
        filled = np.count_nonzero(array)
        ax.set_xlabel(f"{filled} of {array.size} entries are not zero")
    return fig


@in_house_style
def eigenvalue_disk(
    eigenvalues: Any,
    response: Sequence[float],
    *,
    path: Any = None,
    mark: int | None = None,
    span: float = 1.1,
    ylabel: str = "output after one pulse",
    height: float = 3.4,
) -> Figure:
    """Draw eigenvalues in the unit disk, and beside them what one pulse leaves behind.

    Parameters
    ----------
    eigenvalues : array of complex
        Drawn as dots.
    response : sequence of float
        The answer at the steps 0, 1, 2, ... after a pulse.
    path : array of complex, optional
        Drawn as small gray dots: where the eigenvalues were before, or the powers of one.
    mark : int, optional
        A step of the answer at which a dashed line stands.
    span : float
        The answer's axis goes from ``-span`` to ``span``.
    ylabel : str
    height : float

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no eigenvalue or no answer.
    """
    values = np.atleast_1d(np.asarray(eigenvalues, complex))
    answer = np.asarray(response, float)
    if values.size == 0 or answer.ndim != 1 or answer.size == 0:
        raise ValueError("eigenvalues and response must not be empty")
    fig, (disk, right) = figure(1, 2, height=height, width_ratios=[1, 1.35])
    disk.add_patch(Circle((0, 0), 1, facecolor=TINTS["gray"], edgecolor=MUTED, lw=1.0, zorder=0))
    disk.axhline(0, color=MUTED, lw=0.8, zorder=0.5)
    disk.axvline(0, color=MUTED, lw=0.8, zorder=0.5)
    if path is not None:
        trail = np.ravel(np.asarray(path, complex))
        disk.plot(trail.real, trail.imag, "o", color=MUTED, ms=2.6, mew=0, zorder=1)
    disk.plot(values.real, values.imag, "o", color=PALETTE["vermilion"], ms=7, mec="white", mew=0.7)
    disk.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal", xticks=[-1, 0, 1])
    disk.set(yticks=[-1, 0, 1], xlabel=r"real part of $\lambda$", ylabel="imaginary part")
    if mark is not None:
        right.axvline(mark, color=MUTED, lw=1.0, ls=(0, (2, 2)))
    steps = np.arange(answer.size)
    right.axhline(0, color=MUTED, lw=0.8)
    right.vlines(steps, 0, answer, color=PALETTE["blue"], lw=1.6)
    right.plot(steps, answer, "o", color=PALETTE["blue"], ms=4)
    right.set(ylim=(-span, span), xlabel="steps after the pulse", ylabel=ylabel)
    return fig


@in_house_style
def state_maps(maps: Mapping[str, Any], *, low: float = -1.0, high: float = 1.0) -> Figure:
    """Draw what one step makes of the state of one unit, for several inputs.

    Parameters
    ----------
    maps : mapping
        Name of the input to a function from an array of old states to the new ones.
    low, high : float
        Range of the old state.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no map.
    """
    if not maps:
        raise ValueError("maps must name at least one input")
    fig, axes = figure(1, len(maps), height=3.2, sharey=True, squeeze=False)
    old = np.linspace(low, high, 201)
    for number, (name, step) in enumerate(maps.items()):
        ax = axes[0, number]
        ax.plot([low, high], [low, high], color=MUTED, lw=1.0, ls=(0, (2, 2)))
        ax.plot(old, step(old), color=list(PALETTE.values())[number], lw=2.4)
        ax.set(xlabel=f"state before, {name}", aspect="equal")
    axes[0, 0].set_ylabel("state after")
    for ax in axes[0]:
        ax.set(xlim=(low, high), ylim=(low, high))
        ax.set(xticks=[low, (low + high) / 2, high], yticks=[low, (low + high) / 2, high])
        ax.spines[["left", "bottom"]].set_color(INK)
    return fig
