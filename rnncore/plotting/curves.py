"""Curves: learning curves over several seeds, scaling laws, time series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from .colors import INK, MUTED, PALETTE, color_of, line_style
from .rc import in_house_style
from .style import axes_for, figure, label_lines


def styles_for(
    names: Iterable[str], colors: Mapping[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """Return ``color`` and ``linestyle`` for each name.

    Learners and cells get their fixed ones, other names the next colors of the palette that no
    fixed one uses. `colors` overrides both.
    """
    names, styles = list(names), {}
    for name in names:
        try:
            styles[name] = line_style(name)
        except ValueError:
            continue
    taken = {style["color"] for style in styles.values()} | set((colors or {}).values())
    free = [c for c in PALETTE.values() if c not in taken] or list(PALETTE.values())
    others = [name for name in names if name not in styles]
    for number, name in enumerate(others):
        styles[name] = {"color": free[number % len(free)], "linestyle": "-"}
    for name, color in (colors or {}).items():
        if name not in styles:
            raise ValueError(f"colors names {name!r}, which is not drawn: {names}")
        styles[name] = {"color": color, "linestyle": "-"}
    return styles


def _numbers(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty")
    return array.astype(float)


def _runs(history: Any, name: str) -> np.ndarray:
    """Return a history as (seeds, steps); a run that ended early keeps its last value."""
    if isinstance(history, np.ndarray):
        runs = list(np.atleast_2d(history))
    else:
        history = list(history)
        runs = [history] if history and np.ndim(history[0]) == 0 else history
    arrays = [_numbers(run, f"histories[{name!r}]") for run in runs]
    if not arrays or any(run.ndim != 1 for run in arrays):
        raise ValueError(f"histories[{name!r}] must be one run or a list of runs of numbers")
    longest = max(map(len, arrays))
    return np.stack([np.pad(run, (0, longest - len(run)), mode="edge") for run in arrays])


def _band(runs: np.ndarray, band: str) -> tuple[np.ndarray, np.ndarray]:
    if band == "range":
        return np.nanmin(runs, axis=0), np.nanmax(runs, axis=0)
    low, high = np.nanquantile(runs, [0.25, 0.75], axis=0)
    return low, high


@in_house_style
def learning_curves(
    histories: Mapping[str, Any],
    *,
    steps: Sequence[float] | Mapping[str, Sequence[float]] | None = None,
    band: str | None = "range",
    log: bool = True,
    baselines: Mapping[str, float] | None = None,
    xlabel: str = "update",
    ylabel: str = "loss",
    colors: Mapping[str, str] | None = None,
    ax: Axes | None = None,
    height: float = 3.6,
) -> Figure:
    """Draw the median of several runs and the spread around it, one color for each name.

    Parameters
    ----------
    histories : mapping
        Name to one run, a list of runs (which may differ in length: a run that stopped early
        keeps its last value), or an array (seeds, steps). Names of learners and cells have
        their fixed colors.
    steps : sequence or mapping, optional
        The horizontal values, shared or by name; 1, 2, 3, ... by default.
    band : "range", "quartiles" or None
        The shade: from least to greatest, or the middle half of the runs.
    log : bool
        Logarithmic vertical axis.
    baselines : mapping, optional
        Level lines with a name, for instance the error of the best constant guess.
    xlabel, ylabel : str
    colors : mapping, optional
        Colors for names that are neither learners nor cells.
    ax : matplotlib Axes, optional
    height : float
        Of a new figure, in inches.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError, ValueError
        If a history is empty, not numbers, or does not match its `steps`; if a logarithmic axis
        meets a value that is not positive.
    """
    if not histories:
        raise ValueError("histories must name at least one run")
    if band not in ("range", "quartiles", None):
        raise ValueError(f'band must be "range", "quartiles" or None, got {band!r}')
    runs = {name: _runs(history, name) for name, history in histories.items()}
    fig, ax = axes_for(ax, height=height)
    for name, style in styles_for(runs, colors).items():
        if log and not (runs[name][np.isfinite(runs[name])] > 0).all():
            raise ValueError(f"histories[{name!r}] must be positive on a logarithmic axis")
        given = steps.get(name) if isinstance(steps, Mapping) else steps
        x = np.arange(1, runs[name].shape[1] + 1) if given is None else _numbers(given, "steps")
        if len(x) < runs[name].shape[1]:
            raise ValueError(
                f"steps must have {runs[name].shape[1]} entries for {name!r}, got {len(x)}"
            )
        x = x[: runs[name].shape[1]]
        if band is not None and len(runs[name]) > 1:
            low, high = _band(runs[name], band)
            ax.fill_between(x, low, high, color=style["color"], alpha=0.18, lw=0)
        ax.plot(x, np.nanmedian(runs[name], axis=0), label=name, **style)
    if log:
        ax.set_yscale("log")
    _level_lines(ax, baselines)
    ax.margins(x=0.01)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    label_lines(ax)
    return fig


def _level_lines(ax: Axes, levels: Mapping[str, float] | None) -> None:
    """Draw named level lines, each over the whole width, labeled with the curves."""
    for name, level in (levels or {}).items():
        if not np.isfinite(level):
            raise ValueError(f"baselines[{name!r}] must be finite, got {level}")
        left, right = ax.get_xlim()
        ax.plot([left, right], [level, level], color=MUTED, lw=1.2, ls=(0, (2, 2)), label=name)
        ax.set_xlim(left, right)


def fitted_slope(x: Any, y: Any) -> float:
    """Return the slope of log y over log x by least squares.

    Examples
    --------
    >>> round(fitted_slope([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    return float(np.polyfit(np.log(_numbers(x, "x")), np.log(_numbers(y, "y")), 1)[0])


@in_house_style
def scaling_plot(
    x: Sequence[float],
    series: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str,
    fit_from: float | None = None,
    fit: bool = True,
    colors: Mapping[str, str] | None = None,
    ax: Axes | None = None,
    height: float = 3.8,
) -> Figure:
    """Draw measured costs on two logarithmic axes with the fitted power in each label.

    Parameters
    ----------
    x : sequence of float
        Sizes, positive.
    series : mapping
        Name to costs: one for each size, or an array (repeats, sizes) whose median is drawn with
        its whole range.
    xlabel, ylabel : str
        Say the unit.
    fit_from : float, optional
        The power is fitted to sizes from here on, where the largest term rules.
    fit : bool
        Fit and show the powers.
    colors, ax, height
        As in `learning_curves`.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If sizes and costs differ in number, are not positive, or fewer than two can be fitted.
    """
    size = _numbers(x, "x")
    if size.ndim != 1 or (size <= 0).any():
        raise ValueError("x must be a list of positive sizes")
    if not series:
        raise ValueError("series must name at least one cost")
    chosen = size >= (-np.inf if fit_from is None else fit_from)
    if fit and len(np.unique(size[chosen])) < 2:
        raise ValueError("fit needs at least two different sizes")
    fig, ax = axes_for(ax, height=height)
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    for name, style in styles_for(series, colors).items():
        cost = np.atleast_2d(_numbers(series[name], f"series[{name!r}]"))
        if cost.shape[1] != len(size) or not (cost > 0).all():
            raise ValueError(
                f"series[{name!r}] must hold {len(size)} positive costs, got shape {cost.shape}"
            )
        middle = np.median(cost, axis=0)
        label = name
        if fit:
            power = fitted_slope(size[chosen], middle[chosen])
            scale = np.exp(np.mean(np.log(middle[chosen]) - power * np.log(size[chosen])))
            label = f"{name}, slope {round(power, 2) + 0.0:.2f}"
            ax.plot(
                size[chosen], scale * size[chosen] ** power, color=style["color"], lw=5, alpha=0.22
            )
        if len(cost) > 1:
            ax.vlines(size, cost.min(axis=0), cost.max(axis=0), color=style["color"], lw=1.2)
        ax.plot(size, middle, label=label, marker="o", **style)
    _size_ticks(ax, size)
    ax.margins(x=0.03)
    label_lines(ax)
    return fig


def _size_ticks(ax: Axes, size: np.ndarray) -> None:
    """Put the ticks at the sizes themselves where they are few, at powers of ten otherwise."""
    unique = np.unique(size)
    if len(unique) <= 8 and (np.diff(np.log10(unique)) > 0.08).all():
        ax.set_xticks(unique, [f"{v:g}" for v in unique])
        ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_locator(LogLocator(numticks=8))
    ax.yaxis.set_minor_formatter(NullFormatter())


@in_house_style
def time_series(
    series: Mapping[str, Any] | Any,
    *,
    times: Sequence[float] | None = None,
    stacked: bool = False,
    points: bool | None = None,
    marks: Mapping[float, str] | None = None,
    xlabel: str = "time step t",
    ylabel: str = "",
    colors: Mapping[str, str] | None = None,
    ax: Axes | None = None,
    height: float | None = None,
) -> Figure:
    """Draw values over time, labeled at the right end.

    Parameters
    ----------
    series : mapping or array_like
        Name to values (T,); or an array (T,) or (T, K), whose columns are then numbered.
        The name "target" is drawn in ink, thin and dashed.
    times : sequence, optional
        The horizontal values; 0, 1, 2, ... by default.
    stacked : bool
        One row for each series, above each other on one time axis.
    points : bool, optional
        Mark each step; by default up to 40 steps.
    marks : mapping, optional
        Vertical lines: time to its name.
    xlabel, ylabel : str
    colors, ax
        As in `learning_curves`; `ax` excludes `stacked`.
    height : float, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError, ValueError
        If a series is empty, not numbers, or has not one value for each time.
    """
    named = _named_series(series)
    length = len(next(iter(named.values())))
    t = np.arange(length) if times is None else _numbers(times, "times")
    for name, values in named.items():
        if values.shape != t.shape:
            raise ValueError(
                f"series[{name!r}] must have one value for each of {len(t)} times, "
                f"got shape {values.shape}"
            )
    if stacked and ax is not None:
        raise ValueError("stacked=True makes its own axes: leave ax out")
    styles = styles_for(named, colors)
    if "target" in styles and "target" not in (colors or {}):
        styles["target"] = {"color": INK, "linestyle": (0, (2, 2)), "lw": 1.3}
    marker = (
        {"marker": "o", "markersize": 3.8} if points or (points is None and length <= 40) else {}
    )
    fig: Figure
    if stacked:
        rows = len(named)
        fig, axes = figure(rows, 1, height=height or 0.7 + 1.05 * rows, sharex=True, squeeze=False)
        groups = [(axes[k, 0], [name]) for k, name in enumerate(named)]
    else:
        fig, one = axes_for(ax, height=height or 3.2)
        groups = [(one, list(named))]
    for axes_of_group, names in groups:
        for name in names:
            axes_of_group.plot(t, named[name], label=name, **{**marker, **styles[name]})
        _marks(axes_of_group, marks if axes_of_group is groups[0][0] else None, marks)
        axes_of_group.set_ylabel(ylabel)
        axes_of_group.margins(x=0.015)
        if len(named) > 1 or isinstance(series, Mapping):
            label_lines(axes_of_group)
    groups[-1][0].set_xlabel(xlabel)
    return fig


def _named_series(series: Any) -> dict[str, np.ndarray]:
    if isinstance(series, Mapping):
        if not series:
            raise ValueError("series must name at least one list of values")
        return {name: _numbers(values, f"series[{name!r}]") for name, values in series.items()}
    array = _numbers(series, "series")
    if array.ndim not in (1, 2):
        raise ValueError(f"series must have shape (T,) or (T, K), got {array.shape}")
    columns = array.reshape(len(array), -1).T
    return {str(k): column for k, column in enumerate(columns)}


def _marks(ax: Axes, named: Mapping[float, str] | None, lines: Mapping[float, str] | None) -> None:
    """Draw vertical lines at `lines` and write the names of `named` above the axes."""
    for time in lines or {}:
        ax.axvline(time, color=MUTED, lw=1.0, ls=(0, (2, 2)), zorder=0.5, label="_mark")
    for time, text in (named or {}).items():
        ax.annotate(
            text,
            (time, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=10,
            color=MUTED,
            annotation_clip=False,
        )


__all__ = [
    "color_of",
    "fitted_slope",
    "learning_curves",
    "scaling_plot",
    "styles_for",
    "time_series",
]
