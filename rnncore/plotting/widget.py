"""The live form of an interactive figure: ipywidgets controls that draw at any value.

Only Image and HTML widgets hold the result: an Output widget would take the cell's output, and
then the stored notebook could not be compared with a new run.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from .page import Control


def _slider(control: Control, choices: list[Any], start: Any, only_grid: bool) -> Any:
    import ipywidgets as w

    common = {
        "description": control.label,
        "continuous_update": False,
        "style": {"description_width": "initial"},
        "layout": w.Layout(width="95%"),
    }
    options = list(zip(control.texts, choices, strict=True))
    if not control.numeric:
        del common["continuous_update"]
        return w.Dropdown(options=options, value=start, **common)
    low, high = min(choices), max(choices)
    if only_grid:
        return w.SelectionSlider(options=options, value=start, **common)
    if all(isinstance(v, int) for v in choices):
        steps = np.diff(sorted(choices))
        step = int(steps[0]) if len(set(steps.tolist())) == 1 else 1
        return w.IntSlider(value=start, min=low, max=high, step=step, **common)
    if low > 0 and high / low >= 50:
        ends = np.log10([low, high])
        return w.FloatLogSlider(
            value=start, min=ends[0], max=ends[1], step=(ends[1] - ends[0]) / 100, **common
        )
    fine = float(np.diff(sorted(choices)).min()) / 10
    return w.FloatSlider(value=start, min=low, max=high, step=fine, readout_format=".4g", **common)


def build(
    png: Callable[..., bytes],
    values: dict[str, list[Any]],
    start: dict[str, Any],
    controls: list[Control],
    describe: Callable[..., str],
    caption: str | None,
    *,
    only_grid: bool,
) -> Any:
    """Return a box of controls, picture and description that redraws on every change."""
    import ipywidgets as w

    sliders = {c.name: _slider(c, values[c.name], start[c.name], only_grid) for c in controls}
    picture = w.Image(value=png(**start), format="png", layout=w.Layout(max_width="100%"))
    text = w.HTML()

    def say(message: str) -> None:
        text.value = f'<p role="status" aria-live="polite">{escape(message)}</p>'

    def redraw(_change: Any = None) -> None:
        point = {name: slider.value for name, slider in sliders.items()}
        try:
            picture.value = png(**point)
            say(describe(**point))
        except Exception as error:  # shown to the reader: a callback's traceback is lost
            say(f"{type(error).__name__}: {error}")

    for slider in sliders.values():
        slider.observe(redraw, names="value")
    say(describe(**start))
    rows = list(sliders.values())
    first = next(iter(sliders.values()))
    if isinstance(first, w.IntSlider):
        play = w.Play(
            min=first.min, max=first.max, step=first.step, value=first.value, interval=800
        )
        w.jslink((play, "value"), (first, "value"))
        rows.insert(0, play)
    if caption:
        rows.append(w.HTML(f"<p>{escape(caption)}</p>"))
    return w.VBox([picture, *rows, text])
