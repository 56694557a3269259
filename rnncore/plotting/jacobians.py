"""State Jacobians in blocks and influence matrices with their columns grouped by parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .colors import INK
from .matrices import as_matrix, heatmap
from .rc import in_house_style


def _blocks(blocks: Mapping[str, int] | Sequence[str] | None, size: int) -> dict[str, int]:
    """Return block names and sizes that fill `size` entries."""
    if blocks is None:
        return {}
    if not isinstance(blocks, Mapping):
        if not blocks or size % len(blocks):
            raise ValueError(f"blocks: {len(blocks)} equal blocks do not fill {size} entries")
        blocks = {name: size // len(blocks) for name in blocks}
    if sum(blocks.values()) != size or min(blocks.values()) < 1:
        raise ValueError(f"blocks must fill the {size} entries of the state, got {dict(blocks)}")
    return dict(blocks)


def _edges_and_middles(sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    edges = np.concatenate([[0], np.cumsum(sizes)]) - 0.5
    return edges[1:-1], (edges[1:] + edges[:-1]) / 2


@in_house_style
def show_jacobian(
    jacobian: Any,
    *,
    blocks: Mapping[str, int] | Sequence[str] | None = None,
    ax: Axes | None = None,
    symbol: str = "s",
    **options: Any,
) -> Figure:
    r"""Draw a state Jacobian: entry (i, j) is :math:`\partial s_{t,i} / \partial s_{t-1,j}`.

    Parameters
    ----------
    jacobian : array_like, shape (N, N)
    blocks : mapping or sequence, optional
        The blocks of the state, as ``{"h": 4, "c": 4}`` or, of equal size, ``["h", "c"]``. Lines
        part them, and they are named at the edges.
    ax : matplotlib Axes, optional
    symbol : str
        The state's letter in the labels of the axes.
    **options
        As in `heatmap` (``limit``, ``annotate``, ``colorbar``, ...).

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `jacobian` is not square, or `blocks` do not fill the state.
    """
    array = as_matrix(jacobian, "jacobian")
    if array.shape[0] != array.shape[1]:
        raise ValueError(f"jacobian must be square, got shape {array.shape}")
    sizes = _blocks(blocks, len(array))
    options = {
        "xlabel": rf"unit $j$ of ${symbol}_{{t-1}}$",
        "ylabel": rf"unit $i$ of ${symbol}_t$",
        "colorbar_label": rf"$\partial {symbol}_{{t,i}}\,/\,\partial {symbol}_{{t-1,j}}$",
        "signed": True,
        **options,
    }
    if sizes:
        within = [str(i) for size in sizes.values() for i in range(size)]
        if len(within) <= 16:
            options.setdefault("row_labels", within)
            options.setdefault("column_labels", within)
    fig = heatmap(array, ax=ax, **options)
    ax = ax or fig.axes[0]
    if sizes:
        edges, middles = _edges_and_middles(list(sizes.values()))
        for edge in edges:
            ax.axhline(edge, color=INK, lw=1.6, zorder=3)
            ax.axvline(edge, color=INK, lw=1.6, zorder=3)
        for name, middle in zip(sizes, middles, strict=True):
            _edge_name(ax, f"${name}_{{t-1}}$", middle, top=True)
            _edge_name(ax, f"${name}_t$", middle, top=False)
    return fig


def _edge_name(ax: Axes, text: str, at: float, top: bool, fontsize: float = 11.5) -> None:
    """Write the name of a block above its columns (`top`) or to the right of its rows."""
    ax.annotate(
        text,
        (at, 1.0) if top else (1.0, at),
        xycoords=("data", "axes fraction") if top else ("axes fraction", "data"),
        xytext=(0, 5) if top else (6, 0),
        textcoords="offset points",
        ha="center" if top else "left",
        va="bottom" if top else "center",
        fontsize=fontsize,
        annotation_clip=False,
    )


def _influence(
    influence: Any, shapes: Mapping[str, int | Sequence[int]]
) -> tuple[np.ndarray, dict[str, tuple[int, ...]]]:
    """Return the influence matrix as (N, P) and the shapes of the parameters."""
    if not shapes:
        raise ValueError("shapes must name at least one parameter")
    kept = {
        name: (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
        for name, shape in shapes.items()
    }
    total = sum(math.prod(shape) for shape in kept.values())
    array = as_matrix(influence, "influence")
    if array.shape[0] == total:
        return array.T, kept
    if array.shape[1] == total:
        return array, kept
    raise ValueError(
        f"influence must have one axis of {total} parameters ({kept}), got shape {array.shape}"
    )


@in_house_style
def show_influence(
    influence: Any,
    shapes: Mapping[str, int | Sequence[int]],
    *,
    blocks: Mapping[str, int] | Sequence[str] | None = None,
    ax: Axes | None = None,
    entries: bool | None = None,
    symbol: str = "s",
    **options: Any,
) -> Figure:
    r"""Draw the influence matrix of RTRL, its columns grouped by parameter.

    Row i, column p is :math:`\mathrm{d} s_{t,i} / \mathrm{d} \theta_p`.

    Parameters
    ----------
    influence : array_like, shape (P, N) or (N, P)
        Turned so that the parameters run to the right. A square matrix is taken as (P, N),
        the layout of `RTRL`'s memory.
    shapes : mapping
        Shape of each parameter, in the order of the columns: ``params.select("cell.").shapes``.
    blocks : mapping or sequence, optional
        Blocks of the state, as in `show_jacobian`.
    ax : matplotlib Axes, optional
    entries : bool, optional
        Label each column with the indices of its weight; by default where they have room.
    symbol : str
        The state's letter in the labels.
    **options
        As in `heatmap`.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If no axis of `influence` has as many entries as the shapes together.
    """
    array, kept = _influence(influence, shapes)
    units, count = array.shape
    sizes = _blocks(blocks, units)
    if entries is None:
        entries = count <= 24
    if sizes and units <= 16:
        options.setdefault("row_labels", [str(i) for n in sizes.values() for i in range(n)])
    options = {
        "xlabel": "parameter",
        "ylabel": rf"unit $i$ of ${symbol}_t$",
        "colorbar_label": rf"$\mathrm{{d}}{symbol}_{{t,i}}\,/\,\mathrm{{d}}\theta_p$",
        "signed": True,
        "square": count <= 6 * units,
        "height": float(np.clip(0.7 + 5.2 * units / count, 1.9, 4.2)) + 0.5,
        **options,
    }
    if entries:
        names = [
            "".join(map(str, place)) for shape in kept.values() for place in np.ndindex(*shape)
        ]
        options.setdefault("column_labels", names)
    fig = heatmap(array, ax=ax, **options)
    ax = ax or fig.axes[0]
    if not entries:
        ax.set_xticks([])
    elif count > 14:
        ax.tick_params(axis="x", rotation=90, labelsize=9)
    counts = [math.prod(shape) for shape in kept.values()]
    edges, middles = _edges_and_middles(counts)
    for edge in edges:
        ax.axvline(edge, color=INK, lw=1.6, zorder=3)
    for (name, number), middle in zip(zip(kept, counts, strict=True), middles, strict=True):
        if number / count * 60 >= len(name):
            _edge_name(ax, name, middle, top=True, fontsize=10.5)
    if sizes:
        edges, middles = _edges_and_middles(list(sizes.values()))
        for edge in edges:
            ax.axhline(edge, color=INK, lw=1.6, zorder=3)
        for name, middle in zip(sizes, middles, strict=True):
            _edge_name(ax, f"${name}_t$", middle, top=False)
    return fig
