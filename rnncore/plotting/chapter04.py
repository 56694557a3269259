"""Figures of chapter 4: the influence matrix as it grows, and the triangle of contributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .colors import INK, MUTED, color_of, contrast, text_color
from .jacobians import show_influence
from .matrices import as_matrix, heatmap, shared_limit
from .rc import in_house_style
from .style import figure


@in_house_style
def influence_growth(
    influences: Any,
    t: int,
    shapes: Mapping[str, Sequence[int]],
    *,
    other: Any = None,
    other_name: str = "other",
    limit: float = 1.0,
    floor: float = 0.1,
    ceiling: float = 1e6,
    height: float = 4.6,
) -> Figure:
    """Draw the influence matrix at step `t`, and its size from step 1 to step `t`.

    Parameters
    ----------
    influences : array, shape (T + 1, P, N)
        The influence matrix at the steps 0 to T, parameters in rows as `RTRL` keeps it.
    t : int
        The step that is shown, 0 to T.
    shapes : mapping
        Shape of each parameter, in the order of the rows.
    other : array, shape (T + 1, P, N), optional
        A second run, of which only the size is drawn, under the name `other_name`.
    limit : float
        The color scale ends here, at every step.
    floor, ceiling : float
        The ends of the logarithmic axis of the sizes; what leaves it is cut off.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the shapes do not fit or `t` is no step.
    """
    runs = np.asarray(influences, float)
    if runs.ndim != 3 or len(runs) < 2:
        raise ValueError(f"influences must have shape (T + 1, P, N), got {runs.shape}")
    if not 0 <= t < len(runs):
        raise ValueError(f"t must lie between 0 and {len(runs) - 1}, got {t}")
    fig, (top, below) = figure(2, 1, height=height, height_ratios=[1.25, 1])
    show_influence(
        np.clip(runs[t], -limit, limit), shapes, ax=top, limit=limit, symbol="h", xlabel=""
    )
    image = top.images[0]
    bar = fig.colorbar(image, ax=top, fraction=0.04, pad=0.02, aspect=10, extend="both")
    bar.outline.set_visible(False)
    _sizes(below, runs, t, INK, "these units", 2.2)
    if other is not None:
        _sizes(below, np.asarray(other, float), t, MUTED, other_name, 1.4)
    below.set(yscale="log", ylim=(floor, ceiling), xlim=(0, len(runs) - 1))
    below.set(xlabel="time step t", ylabel="size of $J_t$")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.axvline(t, color=color_of("RTRL"), lw=1.2)
    return fig


def _sizes(ax: Axes, runs: np.ndarray, t: int, color: str, name: str, width: float) -> None:
    """Draw the Frobenius norms up to `t`, and name the curve where it ends."""
    sizes = np.sqrt((runs**2).sum(axis=(1, 2)))
    low = sizes[1 : t + 1]
    ax.plot(np.arange(1, t + 1), low, color=color, lw=width, marker="o", markersize=3)
    ax.plot([], [], color=color, lw=width, label=name)
    # Opaque, so that the line at the present step does not run through the words.
    plain = {"frameon": True, "framealpha": 1, "edgecolor": "none", "facecolor": "white"}
    ax.legend(loc="upper left", ncols=2, borderaxespad=0.1, **plain)


@in_house_style
def contribution_triangle(
    contributions: Any,
    known: Any,
    *,
    learner: str,
    done: int,
    limit: float | None = None,
    height: float = 4.6,
) -> Figure:
    """Draw the share of each weight copy in each loss, as far as a learner knows it.

    Row t, column k is the contribution of weight copy k to the gradient of the loss at step t;
    there is none for k > t (gray). RTRL's sums of finished rows stand at the right, BPTT's sums
    of finished columns below.

    Parameters
    ----------
    contributions : array, shape (T, T)
        Lower triangular.
    known : array of bool, shape (T, T)
        Which of them the learner has added up by now; the others stay white.
    learner : "RTRL" or "BPTT"
        Which sums to show.
    done : int
        How many of its T steps the learner has made.
    limit : float, optional
        End of the color scale; by default the largest entry or sum of the whole triangle.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `contributions` is not lower triangular, or `learner` or `done` is unknown.
    """
    parts, seen = as_matrix(contributions, "contributions"), np.asarray(known, bool)
    steps = len(parts)
    if parts.shape != (steps, steps) or seen.shape != parts.shape or np.triu(parts, 1).any():
        raise ValueError("contributions and known must be square, contributions lower triangular")
    if learner not in ("RTRL", "BPTT"):
        raise ValueError(f'learner must be "RTRL" or "BPTT", got {learner!r}')
    if not 0 <= done <= steps:
        raise ValueError(f"done must lie between 0 and {steps}, got {done}")
    rows, columns = parts.sum(axis=1), parts.sum(axis=0)
    limit = limit or shared_limit(parts, rows[None], columns[None])
    order = np.arange(steps)
    finished = (order < done) if learner == "RTRL" else (order >= steps - done)
    labels = [str(t + 1) for t in order]
    fig, axes = figure(2, 2, height=height, width_ratios=[steps, 1.3], height_ratios=[steps, 1])
    exists = np.where(np.tri(steps, dtype=bool), np.where(seen, parts, 0.0), np.nan)
    style: dict[str, Any] = {"limit": limit, "signed": True, "annotate": False, "square": False}
    heatmap(
        exists,
        ax=axes[0, 0],
        row_labels=labels,
        column_labels=labels,
        xlabel="",
        ylabel="loss at step t",
        **style,
    )
    _write(axes[0, 0], parts, seen & np.tri(steps, dtype=bool))
    for ax, sums, mine in (
        (axes[0, 1], rows[:, None], "RTRL"),
        (axes[1, 0], columns[None], "BPTT"),
    ):
        shown = finished.reshape(sums.shape) & (learner == mine)
        heatmap(np.where(shown, sums, 0.0), ax=ax, xlabel="", ylabel="", **style)
        ax.set(xticks=[], yticks=[])
        _write(ax, sums, shown)
    axes[0, 1].set_xlabel("row sums:\nRTRL", color=text_color(color_of("RTRL")))
    axes[1, 0].set_xlabel("weight copy k")
    axes[1, 0].set_ylabel(
        "column\nsums:\nBPTT",
        color=text_color(color_of("BPTT")),
        rotation=0,
        ha="right",
        va="center",
    )
    total = (rows if learner == "RTRL" else columns)[finished].sum()
    axes[1, 1].axis("off")
    axes[1, 1].text(
        0.5,
        0.5,
        f"total\n{_text(total)}",
        ha="center",
        va="center",
        fontsize=11.5,
        transform=axes[1, 1].transAxes,
    )
    return fig


def _text(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "\N{MINUS SIGN}")


def _write(ax: Axes, values: np.ndarray, shown: np.ndarray) -> None:
    """Write the `shown` ones of `values` into their cells, dark or white."""
    image = ax.images[0]
    for (row, column), value in np.ndenumerate(values):
        if shown[row, column]:
            shade = image.cmap(image.norm(value))
            color = INK if contrast(INK, shade) >= contrast("white", shade) else "white"
            ax.text(
                column,
                row,
                _text(float(value)),
                ha="center",
                va="center",
                fontsize=9.5,
                color=color,
            )
