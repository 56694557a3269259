"""Plots of results in the house style, as SVG that is the same for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.report import Case
from benchmarks.statistics import Fit, spread
from rnncore.plotting import PALETTE, color_of, figure, house_style
from rnncore.plotting.rc import in_house_style

NEUTRAL = "#6b6b6b"
COLORS = {
    "rnncore": PALETTE["blue"],
    "rnncore[fast]": PALETTE["teal"],
    "PyTorch": PALETTE["vermilion"],
    "reservoirpy": PALETTE["vermilion"],
    "JAX": PALETTE["purple"],
    "JAX jacrev": PALETTE["purple"],
    "floor": NEUTRAL,
    "products alone": NEUTRAL,
    "hybrid, h = 2n": PALETTE["teal"],
}


def svg(drawn: Any) -> str:
    """The figure as SVG, without a date and with stable ids."""
    buffer = io.StringIO()
    with house_style():
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def color(name: str, number: int = 0) -> str:
    """The fixed color of a contender or learner, or the next of the palette."""
    if name in COLORS:
        return COLORS[name]
    try:
        return color_of(name)
    except ValueError:
        return list(PALETTE.values())[number % len(PALETTE)]


@in_house_style
def dots(
    rows: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    xlabel: str,
    marks: Sequence[float] = (1.0,),
) -> Any:
    """One row for each case, one dot for each contender, on a logarithmic axis.

    ``marks`` are vertical lines: where the contenders are equal, or a goal.
    """
    fig, ax = figure(height=1.3 + 0.24 * len(rows), width=7.2)
    places = np.arange(len(rows))[::-1]
    for number, (name, values) in enumerate(series.items()):
        found = [(v, y) for v, y in zip(values, places, strict=True) if v is not None]
        if found:
            x, y = zip(*found, strict=True)
            ax.plot(x, y, "o", ms=6, color=color(name, number), label=name, alpha=0.85)
    for mark in marks:
        ax.axvline(mark, color=NEUTRAL, lw=0.9, ls=(0, (4, 3)), zorder=0)
    ax.set(xscale="log", xlabel=xlabel, ylim=(-0.7, len(rows) - 0.3))
    ax.set_yticks(places, rows, fontsize=9)
    ax.grid(axis="x")
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=max(1, len(series)))
    _plain(ax.xaxis)
    return fig


def _plain(axis: Any) -> None:
    """Numbers like 0.5, 1, 2 on a logarithmic axis instead of powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


@in_house_style
def lines(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, Sequence[float]]]]],
    *,
    xlabel: str,
    ylabel: str,
) -> Any:
    """Panels of times over sizes: median lines with their quartiles, both axes logarithmic.

    ``panels[title][contender]`` lists ``(size, seconds of all rounds)``.
    """
    fig, axes = figure(1, len(panels), height=3.8, width=3.2 * len(panels), sharey=True)
    names: list[str] = []
    for ax, (title, contenders) in zip(np.atleast_1d(axes), panels.items(), strict=True):
        names += [name for name in contenders if name not in names]
        for name, points in contenders.items():
            shade = color(name, names.index(name))
            x = [size for size, _ in points]
            low, middle, high = zip(*(spread(seconds) for _, seconds in points), strict=True)
            ax.vlines(x, low, high, color=shade, lw=1.2)
            ax.plot(x, middle, "o-", color=shade, label=name)
        ax.set(xscale="log", yscale="log", xlabel=xlabel, title=title)
        ax.set_xticks(sorted({s for points in contenders.values() for s, _ in points}))
        _sizes(ax)
        ax.grid(True)
    np.atleast_1d(axes)[0].set_ylabel(ylabel)
    found = {h.get_label(): h for ax in np.atleast_1d(axes) for h in ax.get_lines()}
    fig.legend(found.values(), found.keys(), loc="outside upper center", ncols=3)
    return fig


def _sizes(ax: Any) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator, ScalarFormatter

    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())


@in_house_style
def fits(
    panels: Sequence[tuple[str, Mapping[str, tuple[Sequence[float], Sequence[float], Fit | None]]]],
    *,
    xlabel: str,
    columns: int = 3,
) -> Any:
    """Small panels of costs over sizes with the fitted power law through each.

    Every curve is divided by its first value, so that the panels share an axis. The label has
    the fitted exponent, and in brackets the declared one.
    """
    rows = -(-len(panels) // columns)
    fig, axes = figure(rows, columns, height=2.5 * rows + 0.4, width=9.6, squeeze=False)
    for ax, (title, curves) in zip(axes.flat, panels, strict=False):
        for number, (name, (x, y, fit)) in enumerate(curves.items()):
            shade = list(PALETTE.values())[number]
            first = y[0]
            ax.plot(x, np.asarray(y) / first, "o", ms=4.5, color=shade)
            word = f"{name}: too small to fit"
            if fit is not None:
                fitted, declared = (round(e, 2) + 0.0 for e in (fit.exponent, fit.declared))
                word = f"{name} {fitted:.2f} ({declared:.2f})"
                scale = np.exp(np.mean(np.log(y) - fit.exponent * np.log(x))) / first
                ax.plot(x, scale * np.asarray(x, float) ** fit.exponent, color=shade, lw=1.5)
            ax.text(
                0.03, 0.95 - 0.13 * number, word, color=shade, fontsize=9, va="top",
                transform=ax.transAxes,
            )  # fmt: skip
        ax.set(xscale="log", yscale="log", title=title)
        low, high = ax.get_ylim()
        ax.set_ylim(min(low, 0.5), max(high, 4.0) * 4)
        lowest, highest = ax.get_xlim()
        ax.set_xticks([4.0**k for k in range(12) if lowest <= 4.0**k <= highest])
        _sizes(ax)
        ax.tick_params(labelsize=9)
    for ax in list(axes.flat)[len(panels) :]:
        ax.set_axis_off()
    fig.supxlabel(xlabel, fontsize=11)
    fig.supylabel("cost over that of the smallest size", fontsize=11)
    return fig


def quotients(
    cases: Sequence[Case], contenders: Sequence[str], reference: str
) -> dict[str, list[float | None]]:
    """For :func:`dots`: each contender's median over the reference's, case by case."""
    from benchmarks.report import ratio

    return {name: [ratio(case, name, reference) for case in cases] for name in contenders}
