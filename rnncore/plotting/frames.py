"""Figures as pixels: rendering, small PNG files, frames that do not jitter."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from .rc import house_style


def as_figure(drawn: object, source: str = "draw") -> Figure:
    """Return the figure of what a drawing function returned, or raise `TypeError`."""
    if isinstance(drawn, Axes):
        drawn = drawn.get_figure(root=True)
    if not isinstance(drawn, Figure):
        raise TypeError(f"{source} must return a matplotlib Figure, got {type(drawn).__name__}")
    return drawn


def close(fig: Figure) -> None:
    """Make pyplot forget `fig`, if pyplot ever knew it, so that it is not shown again."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(fig)


def render(fig: Figure, dpi: float) -> Image.Image:
    """Return `fig` drawn at `dpi` on opaque white, its size its own (nothing is cropped)."""
    old_dpi, old_canvas = fig.dpi, fig.canvas
    try:
        with house_style():
            fig.set_dpi(dpi)
            canvas = FigureCanvasAgg(fig)
            canvas.draw()
            pixels = np.asarray(canvas.buffer_rgba())
    finally:
        fig.set_dpi(old_dpi)
        fig.set_canvas(old_canvas)
    image = Image.fromarray(pixels)
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page


def encode_png(image: Image.Image, colors: int = 128) -> bytes:
    """Return `image` as a PNG with at most `colors` colors (2 to 256).

    The palette is exact where the image has few colors. Otherwise half of it goes to the most
    frequent colors as they are (white, the fills, the lines) and the rest to a median cut of
    what remains, so that a thin line keeps its color.
    """
    if not 2 <= colors <= 256:
        raise ValueError(f"colors must be between 2 and 256, got {colors}")
    buffer = io.BytesIO()
    _quantize(image, colors).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _quantize(image: Image.Image, colors: int) -> Image.Image:
    pixels = np.asarray(image.convert("RGB")).astype(np.uint32)
    packed = (pixels[..., 0] << 16) | (pixels[..., 1] << 8) | pixels[..., 2]
    unique, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
    table = np.stack([unique >> 16, (unique >> 8) & 255, unique & 255], axis=1).astype(np.uint8)
    if len(unique) <= colors:
        palette, index = table, np.arange(len(unique))
    else:
        order = np.argsort(-counts.astype(np.int64), kind="stable")
        exact, rest = table[order[: colors // 2]], table[order[colors // 2 :]]
        cut = Image.fromarray(rest[None]).quantize(
            colors=colors - len(exact), method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        merged = np.array(cut.getpalette(), dtype=np.uint8).reshape(-1, 3)
        palette = np.concatenate([exact, merged[: colors - len(exact)]])
        index = _nearest(table, palette)
    small = Image.fromarray(index[where].reshape(packed.shape).astype(np.uint8), mode="P")
    small.putpalette([int(v) for v in palette.ravel()])
    return small


def _nearest(table: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return for each color of `table` the index of the nearest color of `palette`."""
    points, centers = table.astype(np.float32), palette.astype(np.float32)
    # |p - c|^2 less |p|^2, which does not change the winner; exact in float32 for 8-bit colors.
    return np.argmin((centers**2).sum(axis=1) - 2 * points @ centers.T, axis=1)


def data_uri(png: bytes) -> str:
    """Return PNG bytes as a ``data:`` address."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def hold_still(figures: Sequence[Figure]) -> list[np.ndarray] | None:
    """Give the axes of all `figures` the same places, so that frames do not jitter.

    Layout is run on each figure; then each axes takes the part of the page that it has in every
    figure (room for the longest tick labels), and automatic layout is switched off.

    Returns
    -------
    list of ndarray or None
        Places of the axes as (left, bottom, right, top), or None where the figures do not have
        the same number of axes (then nothing is changed).
    """
    counts = {len(fig.axes) for fig in figures}
    if len(counts) != 1 or counts == {0}:
        return None
    boxes = []
    with house_style():
        for fig in figures:
            FigureCanvasAgg(fig)
            fig.draw_without_rendering()
            boxes.append([ax.get_position(original=True).extents for ax in fig.axes])
    stacked = np.array(boxes)
    low, high = stacked[..., :2].max(axis=0), stacked[..., 2:].min(axis=0)
    if (high - low <= 0.02).any():
        return None
    places = [np.concatenate(pair) for pair in zip(low, high, strict=True)]
    for fig in figures:
        place(fig, places)
    return places


def place(fig: Figure, places: Sequence[np.ndarray]) -> None:
    """Put the axes of `fig` where `hold_still` put those of the frames."""
    if len(fig.axes) != len(places):
        return
    fig.set_layout_engine("none")
    for ax, (left, bottom, right, top) in zip(fig.axes, places, strict=True):
        ax.set_position((left, bottom, right - left, top - bottom))
