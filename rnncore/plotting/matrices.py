"""Matrices as pictures: heat maps with a scale that readers can compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from .colors import INK, SEQUENTIAL, SIGNED, contrast
from .rc import WIDTH, in_house_style
from .style import axes_for

_GRID = "#d9d9d9"
_MOST_BORDERS = 40


def as_matrix(matrix: Any, name: str = "matrix") -> np.ndarray:
    """Return `matrix` as a real two-dimensional array of finite or missing entries."""
    array = np.asarray(matrix)
    if array.dtype == object or array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} must have two axes, neither empty, got shape {array.shape}")
    array = array.astype(float)
    if np.isinf(array).any():
        raise ValueError(f"{name} must not hold infinities")
    return array


def shared_limit(*matrices: Any) -> float:
    """Return the largest absolute entry of all `matrices`, to give as ``limit`` to each.

    Examples
    --------
    >>> shared_limit([[1.0, -3.0]], [[2.0, 0.5]])
    3.0
    """
    sizes = [np.abs(as_matrix(m)) for m in matrices]
    return max((float(np.nanmax(m)) for m in sizes if not np.isnan(m).all()), default=0.0) or 1.0


def _number(value: float, whole: bool) -> str:
    """Return an entry as short text: integers bare in a `whole` matrix, else two decimals."""
    if value == 0 or whole:
        return f"{value:.0f}".replace("-", "\N{MINUS SIGN}")
    text = f"{value:.2f}" if abs(value) < 9.995 else f"{value:.3g}"
    text = text.removeprefix("-").removeprefix("0")
    return ("\N{MINUS SIGN}" if value < 0 else "") + text


def _entry_texts(array: np.ndarray) -> dict[tuple[int, ...], str]:
    """Return what to write in each cell; missing entries are left out."""
    finite = array[np.isfinite(array)]
    whole = bool((finite == np.round(finite)).all() and (np.abs(finite) < 1e5).all())
    return {
        place: _number(float(value), whole)
        for place, value in np.ndenumerate(array)
        if np.isfinite(value)
    }


def _entry_size(shape: tuple[int, int], width: float, height: float) -> float:
    """Return the side of a cell in points for a figure of the given inches."""
    return 72 * min(width / shape[1], height / shape[0])


@in_house_style
def heatmap(
    matrix: Any,
    *,
    ax: Axes | None = None,
    limit: float | None = None,
    signed: bool | None = None,
    annotate: bool | None = None,
    borders: bool | None = None,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    xlabel: str = "column",
    ylabel: str = "row",
    colorbar: bool | None = None,
    colorbar_label: str = "",
    square: bool = True,
    height: float | None = None,
) -> Figure:
    """Draw a matrix, zero in white, negative entries blue, positive ones vermilion.

    Parameters
    ----------
    matrix : array_like, shape (rows, columns)
        Real numbers; NaN stays gray (an entry that does not exist yet).
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    limit : float, optional
        The color scale ends at this absolute value; give `shared_limit` of all matrices that a
        reader compares. The largest absolute entry by default.
    signed : bool, optional
        False for quantities without a sign (white to dark). By default true if any entry is
        negative, or if all entries are zero.
    annotate : bool, optional
        Write the entries in the cells; by default where they have room.
    borders : bool, optional
        Draw lines between the cells; by default up to 40 rows and columns.
    row_labels, column_labels : sequences of str, optional
        Names instead of numbers.
    xlabel, ylabel : str
        Names of the axes; "" for none.
    colorbar : bool, optional
        Show the scale; by default where the entries are not written.
    colorbar_label : str
        What the entries are.
    square : bool
        Square cells.
    height : float, optional
        Height of a new figure in inches; from the shape of the matrix by default.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError, ValueError
        If `matrix` is not a real matrix, `limit` not positive, or labels do not fit.

    Examples
    --------
    >>> fig = heatmap([[1, 0], [-2, 3]])
    >>> [text.get_text() for text in fig.axes[0].texts]
    ['1', '0', '−2', '3']
    """
    array = as_matrix(matrix)
    if limit is None:
        limit = shared_limit(array)
    if not (np.isfinite(limit) and limit > 0):
        raise ValueError(f"limit must be positive, got {limit}")
    if signed is None:
        signed = bool((array < 0).any()) or not np.nan_to_num(array).any()
    if not signed and (array < 0).any():
        raise ValueError("signed=False, but the matrix has negative entries")
    rows, columns = array.shape
    fresh = ax is None
    if height is None:
        cell_inches = min(0.72, (WIDTH - 1.4) / columns, 4.6 / rows) if square else 0.4
        height = max(1.2, min(4.6, cell_inches * rows)) + 0.75
    fig, ax = axes_for(ax, height=height)
    box = ax.get_window_extent()
    cell = _entry_size(array.shape, box.width / fig.dpi, box.height / fig.dpi)
    texts = _entry_texts(array) if annotate or (annotate is None and array.size <= 200) else {}
    if annotate is None:
        longest = max(map(len, texts.values()), default=99)
        annotate = cell >= max(14, 3 + 5.7 * longest)
    if colorbar is None:
        colorbar = fresh and not annotate
    image = ax.imshow(
        np.ma.masked_invalid(array),
        cmap=SIGNED if signed else SEQUENTIAL,
        norm=Normalize(-limit if signed else 0, limit),
        aspect="equal" if square else "auto",
    )
    ax.set_facecolor("#ececec")
    _style_cells(
        ax, array.shape, max(rows, columns) <= _MOST_BORDERS if borders is None else borders
    )
    _label_axis(ax, "x", columns, column_labels, xlabel)
    _label_axis(ax, "y", rows, row_labels, ylabel)
    if annotate:
        _annotate(ax, image, array, texts, float(np.clip(0.3 * cell, 9.5, 13)))
    if colorbar:
        bar = fig.colorbar(image, ax=ax, fraction=0.05, pad=0.03, aspect=18)
        bar.outline.set_visible(False)
        bar.set_label(colorbar_label)
    return fig


def _style_cells(ax: Axes, shape: tuple[int, int], borders: bool) -> None:
    rows, columns = shape
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set(visible=True, color="#9a9a9a", linewidth=0.8)
    if borders:
        ax.set_xticks(np.arange(0.5, columns - 1), minor=True)
        ax.set_yticks(np.arange(0.5, rows - 1), minor=True)
        ax.grid(which="minor", color=_GRID, linewidth=0.8)
        ax.tick_params(which="minor", length=0)
        ax.set_axisbelow(False)


def _label_axis(ax: Axes, axis: str, count: int, labels: Sequence[str] | None, title: str) -> None:
    if labels is None:
        step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 10**9) if count / s <= 12)
        places: list[int] = list(range(0, count, step))
        names = [str(i) for i in places]
    else:
        if len(labels) != count:
            kind = "column_labels" if axis == "x" else "row_labels"
            raise ValueError(f"{kind} must have {count} entries, got {len(labels)}")
        places, names = list(range(count)), [str(label) for label in labels]
    (ax.set_xticks if axis == "x" else ax.set_yticks)(places, names)
    if title:
        (ax.set_xlabel if axis == "x" else ax.set_ylabel)(title)


def _annotate(
    ax: Axes, image: Any, array: np.ndarray, texts: dict[tuple[int, ...], str], fontsize: float
) -> None:
    for (row, column), text in texts.items():
        shade = image.cmap(image.norm(array[row, column]))
        color = INK if contrast(INK, shade) >= contrast("white", shade) else "white"
        ax.text(column, row, text, ha="center", va="center", fontsize=fontsize, color=color)
