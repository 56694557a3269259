"""One call draws an interactive figure in both worlds: the built page and the live notebook.

The built page has no kernel and no network. There, the frames over a grid of values are drawn
beforehand and stored in the HTML; native controls of the browser switch between them. With a
kernel, ipywidgets controls draw the figure again at any value.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .frames import as_figure, close, data_uri, encode_png, hold_still, place, render
from .page import Control, page

Value = int | float | str | bool

FRAME_DPI = 120
MAX_FRAMES = 240
MAX_BYTES = 1_000_000
_COLORS = (128, 64, 32, 16)
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")


class Interactive:
    """An interactive figure. Make it with `interactive`; a notebook shows it by itself.

    Attributes
    ----------
    name : str
        Identifier on the page.
    values : dict
        The grid: parameter name to its list of values.
    html : str
        The self-contained HTML of the built page.
    """

    def __init__(
        self,
        draw: Callable[..., Figure],
        values: dict[str, list[Value]],
        start: dict[str, Value],
        controls: list[Control],
        texts: tuple[Callable[..., str], str | None],
        name: str,
        only_grid: bool,
        max_bytes: int,
    ) -> None:
        self.name = name
        self.values = values
        self._draw, self._start, self._controls = draw, start, controls
        self._alt, self.caption = texts
        self._only_grid = only_grid
        self._widget: Any = None
        points = itertools.product(*values.values())
        grid = [dict(zip(values, point, strict=True)) for point in points]
        self._frames, self._size = self._draw_frames(grid, max_bytes)
        self._alts = [self._alt(**point) for point in grid]
        self._first = grid.index(start)
        self.html = page(
            name,
            controls,
            [data_uri(png) for png in self._frames],
            self._alts,
            self._first,
            self._size,
            caption=self.caption,
        )

    def _draw_frames(
        self, grid: list[dict[str, Value]], max_bytes: int
    ) -> tuple[list[bytes], tuple[int, int]]:
        figures = []
        for point in grid:
            figures.append(as_figure(self._draw(**point)))
            close(figures[-1])
        self._places = hold_still(figures)
        images = [render(fig, FRAME_DPI) for fig in figures]
        sizes = sorted({image.size for image in images})
        if len(sizes) > 1:
            raise ValueError(f"draw must return figures of one size, got {sizes} pixels")
        for colors in _COLORS:
            frames = [encode_png(image, colors) for image in images]
            total = sum(map(len, frames))
            if total * 4 / 3 <= max_bytes:
                return frames, sizes[0]
        raise ValueError(
            f"the {len(frames)} frames of {self.name!r} take {total * 4 // 3} bytes, more than "
            f"max_bytes={max_bytes}: use fewer values, or a figure of less height or detail"
        )

    def frame(self, **values: Value) -> bytes:
        """Return the PNG of the frame at grid values (those not given: the start)."""
        point = {**self._start, **values}
        for key, value in point.items():
            if key not in self.values:
                raise ValueError(f"unknown parameter {key!r}, expected one of {list(self.values)}")
            if value not in self.values[key]:
                raise ValueError(f"{key} must be a value of the grid, got {value!r}")
        index = 0
        for key, choices in self.values.items():
            index = index * len(choices) + choices.index(point[key])
        return self._frames[index]

    def __len__(self) -> int:
        return len(self._frames)

    def __repr__(self) -> str:
        grid = ", ".join(f"{c.name}: {c.texts[0]} to {c.texts[-1]}" for c in self._controls)
        return f"<interactive figure {self.name!r}, {len(self)} frames, {grid}>"

    def _live(self, **values: Value) -> bytes:
        """Draw at any value, for the widget: same places, full resolution."""
        fig = as_figure(self._draw(**values))
        close(fig)
        if self._places is not None:
            place(fig, self._places)
        return encode_png(render(fig, 150), colors=256)

    def widget(self) -> Any:
        """Return the live ipywidgets controls and picture (needs ipywidgets)."""
        if self._widget is None:
            from .widget import build

            self._widget = build(
                self._live,
                self.values,
                self._start,
                self._controls,
                self._alt,
                self.caption,
                only_grid=self._only_grid,
            )
        return self._widget

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {
            "text/plain": repr(self),
            "text/html": self.html,
            "image/png": self._frames[self._first],
        }
        bundle.update(self._widget_view())
        return bundle

    def _widget_view(self) -> dict[str, Any]:
        """Return the widget's part of the bundle; nothing without a kernel or ipywidgets."""
        try:
            from IPython import get_ipython

            shell = get_ipython()
            if shell is None or not hasattr(shell, "kernel"):
                return {}
            view = self.widget()._repr_mimebundle_()
        except ImportError:
            return {}
        mime = "application/vnd.jupyter.widget-view+json"
        return {mime: view[mime]} if view and mime in view else {}


def interactive(
    draw: Callable[..., Figure],
    values: Mapping[str, Sequence[Value]],
    *,
    name: str,
    alt: str | Callable[..., str],
    caption: str | None = None,
    labels: Mapping[str, str] | None = None,
    start: Mapping[str, Value] | None = None,
    seconds: float = 0.8,
    only_grid: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Interactive:
    """Draw an interactive figure that works with and without a kernel.

    Parameters
    ----------
    draw : callable
        ``draw(**values)`` makes and returns a matplotlib figure. All figures have one size.
    values : mapping
        Parameter name to the values of its grid: a `range`, a list of numbers, or a list of
        strings or booleans. One to three parameters, at most 240 frames together. The first has
        a play button.
    name : str
        Identifier, unique on the page: lower-case letters, digits, single hyphens.
    alt : str or callable
        What the picture shows, for those who do not see it. ``alt(**values)`` gives a text for
        each frame; a plain string is completed with the values.
    caption : str, optional
        Text under the figure.
    labels : mapping, optional
        Visible name of each control; the parameter's own name by default.
    start : mapping, optional
        Values shown first; the first of each list by default.
    seconds : float
        Time between frames when playing.
    only_grid : bool
        Set it if `draw` accepts no other values than those of the grid.
    max_bytes : int
        Budget for all frames. Colors are reduced until it holds.

    Returns
    -------
    Interactive
        Let it end a cell.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or the frames differ in size or exceed the budget.

    Examples
    --------
    >>> def draw(k):
    ...     fig, ax = figure(height=2.0)
    ...     ax.plot([0, 1], [0, k])
    ...     return fig
    >>> from rnncore.plotting import figure
    >>> interactive(draw, {"k": range(3)}, name="slope", alt="A line through the origin.")
    <interactive figure 'slope', 3 frames, k: 0 to 2>
    """
    if not callable(draw):
        raise TypeError(f"draw must be callable, got {type(draw).__name__}")
    if not isinstance(name, str) or not _NAME.match(name):
        raise ValueError(f"name must be lower-case letters, digits and hyphens, got {name!r}")
    if not (callable(alt) or (isinstance(alt, str) and alt.strip())):
        raise ValueError("alt must be a text that says what the figure shows, or a function of it")
    if not 0.1 <= seconds <= 10:
        raise ValueError(f"seconds must be between 0.1 and 10, got {seconds}")
    grid = _check_values(values)
    first = _check_start(start, grid)
    names = _check_labels(labels, grid)
    controls = [
        Control(
            key,
            names[key],
            [value_text(v) for v in choices],
            choices.index(first[key]),
            numeric=not isinstance(choices[0], str | bool),
            seconds=seconds if number == 0 else None,
        )
        for number, (key, choices) in enumerate(grid.items())
    ]
    describe = _describer(alt, controls, grid)
    return Interactive(draw, grid, first, controls, (describe, caption), name, only_grid, max_bytes)


def animate(
    draw: Callable[[int], Figure], frames: int | Sequence[int], *, name: str, alt: Any, **rest: Any
) -> Interactive:
    """Return `interactive` with one parameter ``frame``: ``draw(frame=k)`` for each frame."""
    steps = range(frames) if isinstance(frames, int) else frames
    return interactive(draw, {"frame": steps}, name=name, alt=alt, **rest)


def value_text(value: Value) -> str:
    """Return a value as the reader sees it: short, and with a real minus sign."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def _plain(key: str, value: Any) -> Value:
    """Return `value` as a plain Python value, so that grids from NumPy work."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    raise ValueError(
        f"values[{key!r}] must hold finite numbers, strings or booleans, got {value!r}"
    )


def _check_values(values: Mapping[str, Sequence[Value]]) -> dict[str, list[Value]]:
    if not isinstance(values, Mapping) or not 1 <= len(values) <= 3:
        raise ValueError("values must map one to three parameter names to lists of values")
    grid: dict[str, list[Value]] = {}
    for key, choices in values.items():
        if not isinstance(key, str) or not key.isidentifier():
            raise ValueError(f"values: parameter names must be identifiers, got {key!r}")
        if isinstance(choices, str):
            raise TypeError(f"values[{key!r}] must be a list of values, got a string")
        grid[key] = [_plain(key, value) for value in choices]
        kinds = {"number" if type(v) in (int, float) else type(v).__name__ for v in grid[key]}
        if len(grid[key]) < 2 or len(set(grid[key])) < len(grid[key]) or len(kinds) > 1:
            raise ValueError(
                f"values[{key!r}] must hold at least two different values of one kind, "
                f"got {grid[key]}"
            )
    frames = math.prod(map(len, grid.values()))
    if frames > MAX_FRAMES:
        raise ValueError(f"values make {frames} frames, more than {MAX_FRAMES}: use fewer values")
    return grid


def _check_start(
    start: Mapping[str, Value] | None, grid: dict[str, list[Value]]
) -> dict[str, Value]:
    first = {key: choices[0] for key, choices in grid.items()}
    for key, value in (start or {}).items():
        if key not in grid:
            raise ValueError(f"start names the unknown parameter {key!r}")
        if value not in grid[key]:
            raise ValueError(f"start[{key!r}] must be one of {grid[key]}, got {value!r}")
        first[key] = grid[key][grid[key].index(value)]
    return first


def _check_labels(labels: Mapping[str, str] | None, grid: dict[str, list[Value]]) -> dict[str, str]:
    unknown = set(labels or {}) - set(grid)
    if unknown:
        raise ValueError(f"labels names unknown parameters {sorted(unknown)}")
    return {key: (labels or {}).get(key, key.replace("_", " ")) for key in grid}


def _describer(
    alt: str | Callable[..., str], controls: list[Control], grid: dict[str, list[Value]]
) -> Callable[..., str]:
    def describe(**point: Value) -> str:
        if callable(alt):
            text = alt(**point)
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"alt must return a text for {point}, got {text!r}")
            return " ".join(text.split())
        shown = ", ".join(f"{c.label} = {value_text(point[c.name])}" for c in controls)
        return f"{' '.join(alt.split())} ({shown})"

    return describe
