"""Figures of chapter 3: the backward sweep, what a schedule of checkpoints stores, seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .colors import INK, MUTED, PALETTE, TINTS
from .matrices import as_matrix, heatmap
from .rc import in_house_style
from .style import axes_for, figure


@in_house_style
def backward_sweep(deltas: Any, states: Any, arrived: int, *, height: float = 4.4) -> Figure:
    """Draw the backward sweep after it has handled the last `arrived` time steps.

    Above, the adjoints delta_t of all units as far as the sweep has come, the rest gray. Below
    left, the size of each step's contribution delta_t h_{t-1}^T to dL/dU; below right, the sum of
    the contributions so far. Colors are scaled to the largest entry of the whole sweep.

    Parameters
    ----------
    deltas : array (T, n)
        Adjoints of the pre-activations, row t - 1 for step t.
    states : array (T + 1, n)
        Row t is the state h_t.
    arrived : int
        0 (nothing yet) to T (all steps).

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the shapes do not fit or `arrived` is no number of steps.
    """
    d, h = as_matrix(deltas, "deltas"), as_matrix(states, "states")
    steps, units = d.shape
    if h.shape != (steps + 1, units):
        raise ValueError(f"states must have shape {(steps + 1, units)}, got {h.shape}")
    if not 0 <= arrived <= steps:
        raise ValueError(f"arrived must lie between 0 and {steps}, got {arrived}")
    parts = d[:, :, None] * h[:-1, None, :]
    first = steps - arrived  # row of the earliest step that the sweep has reached
    fig, top = figure(height=height)
    fig.set_layout_engine("none")  # dozens of frames: fixed places are faster, and cannot jitter
    top.set_position((0.09, 0.62, 0.895, 0.36))
    bars = fig.add_axes((0.09, 0.13, 0.5, 0.35))
    matrix = fig.add_axes((0.66, 0.13, 0.33, 0.31))
    shown = np.where(np.arange(steps)[:, None] >= first, d, np.nan).T
    names = [str(t + 1) for t in range(steps)]
    heatmap(
        shown,
        ax=top,
        limit=float(np.abs(d).max()) or 1.0,
        signed=True,
        annotate=False,
        square=False,
        column_labels=names,
        row_labels=[str(i + 1) for i in range(units)],
        xlabel="",
        ylabel="unit: $\\delta_t$",
        colorbar=False,
    )
    if arrived:
        frame = Rectangle((first - 0.5, -0.5), 1, units, fill=False, ec=INK, lw=2.2, zorder=5)
        top.add_patch(frame)
        frame.set_clip_on(False)
    sizes = np.sqrt((parts**2).sum(axis=(1, 2)))
    times = np.arange(1, steps + 1)
    bars.bar(times[first:], sizes[first:], color=PALETTE["blue"], width=0.75)
    bars.set(
        xlim=(0.5, steps + 0.5),
        ylim=(0, 1.05 * sizes.max()),
        xticks=times,
        xlabel="time step t",
        ylabel="size of $\\delta_t h_{t-1}^\\top$",
    )
    total = parts.sum(axis=0)
    limit = max(float(np.abs(parts[t:].sum(axis=0)).max()) for t in range(steps)) or 1.0
    heatmap(
        parts[first:].sum(axis=0),
        ax=matrix,
        limit=limit,
        signed=True,
        annotate=False,
        xlabel="from unit",
        ylabel="to unit",
        colorbar=False,
        row_labels=[str(i + 1) for i in range(units)],
        column_labels=[str(i + 1) for i in range(units)],
    )
    rest = float(np.linalg.norm(parts[:first].sum(axis=0)) / np.linalg.norm(total))
    matrix.set_title(f"sum so far\nmissing: {rest:.0%}")
    return fig


@in_house_style
def storage_map(stored: Any, *, ax: Axes | None = None, height: float = 3.6) -> Figure:
    """Draw which states are in memory while a gradient is computed.

    Parameters
    ----------
    stored : array (work, T + 1)
        Row w: after w units of work; 0 the state is not stored, 1 it is a checkpoint, 2 it is
        recorded with all that its derivative needs.
    ax : matplotlib Axes, optional
    height : float
        Of a new figure, in inches.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If an entry is none of 0, 1, 2.
    """
    array = as_matrix(stored, "stored")
    if not np.isin(array, (0, 1, 2)).all():
        raise ValueError("stored must hold 0, 1 and 2 only")
    fig, ax = axes_for(ax, height=height)
    fills = np.array([[1.0, 1.0, 1.0], _rgb(PALETTE["lilac"]), _rgb(PALETTE["blue"])])
    ax.imshow(fills[array.T.astype(int)], aspect="auto", origin="lower", interpolation="nearest")
    ax.set(xlabel="work done so far (cell steps, forward or backward)", ylabel="index t of state")
    steps = array.shape[1] - 1
    ax.set_yticks(range(0, steps + 1, max(1, steps // 4)))
    return fig


def _rgb(color: str) -> list[float]:
    return [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]


@in_house_style
def seed_strip(
    results: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    log: bool = False,
    guide: tuple[float, str] | None = None,
    ax: Axes | None = None,
    height: float | None = None,
) -> Figure:
    """Draw one row of dots for each variant, a dot for each seed, a bar at the median.

    Parameters
    ----------
    results : mapping
        Name of the variant to its results over seeds.
    xlabel : str
        What a result is.
    log : bool
        Use a logarithmic axis; all results must be positive.
    guide : (float, str), optional
        A vertical line and its name, for instance a baseline.
    ax, height
        Where to draw, or the height of a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no variant, or a result cannot be drawn.
    """
    if not results:
        raise ValueError("results must name at least one variant")
    fig, ax = axes_for(ax, height=0.9 + 0.42 * len(results) if height is None else height)
    for row, (name, values) in enumerate(results.items()):
        array = np.asarray(values, dtype=float)
        if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
            raise ValueError(f"results[{name!r}] must be finite numbers, one for each seed")
        if log and (array <= 0).any():
            raise ValueError(f"results[{name!r}] must be positive on a logarithmic axis")
        if row % 2 == 0:
            ax.axhspan(row - 0.5, row + 0.5, color=TINTS["gray"], alpha=0.6, lw=0, zorder=0)
        offsets = np.linspace(-0.22, 0.22, array.size) if array.size > 1 else np.zeros(1)
        ax.plot(array, row + offsets, "o", color=PALETTE["blue"], ms=6, mec="white", mew=0.6)
        middle = float(np.median(array))
        ax.plot([middle, middle], [row - 0.34, row + 0.34], color=INK, lw=2)
    ax.set(xlabel=xlabel, yticks=range(len(results)), ylim=(len(results) - 0.5, -0.5))
    ax.set_yticklabels(list(results))
    ax.tick_params(axis="y", length=0)
    if log:
        ax.set_xscale("log")
    if guide is not None:
        ax.axvline(guide[0], color=MUTED, lw=1.2, ls="--", zorder=1)
        ax.annotate(
            guide[1], (guide[0], 0), xycoords=("data", "axes fraction"), xytext=(-4, 4),
            textcoords="offset points", ha="right", va="bottom", color=MUTED, fontsize=9.5,
        )  # fmt: skip
    return fig
