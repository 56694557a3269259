"""Diagrams: everything is on the sheet, no text covers another, the drawing follows the weights."""

import itertools

import numpy as np
import pytest
from matplotlib.patches import Circle, FancyArrowPatch
from matplotlib.text import Text

from rnncore.plotting import PALETTE, draw_cell, draw_network, draw_neuron, draw_unrolled, figure
from rnncore.plotting.canvas import Canvas, rounded
from rnncore.plotting.cell_diagrams import KINDS

RING = np.roll(np.eye(5), 1, axis=0)
DENSE = np.array([[1.0, -2.0, 0.5], [1.0, 1.0, -1.0], [0.5, 2.0, 1.0]])
DRAWINGS = {
    "neuron": lambda: draw_neuron(),
    "neuron, 1 input": lambda: draw_neuron(1, bias=False, activation="relu", weights=[-2]),
    "neuron, feedback": lambda: draw_neuron(5, recurrent=True, activation="logistic"),
    "ring": lambda: draw_network(RING, inputs=[0], outputs=[4]),
    "dense": lambda: draw_network(DENSE, inputs=np.ones((3, 2)), outputs=np.ones((1, 3))),
    "one unit": lambda: draw_network([[2]], inputs=[0], outputs=[0], show_weights=True),
    "two units": lambda: draw_network([[1, -1], [2, 0]], show_weights=True, highlight=[(0, 1)]),
    "twelve units": lambda: draw_network(np.roll(np.eye(12), 3, axis=0), inputs=[0, 1, 2]),
    "unrolled": lambda: draw_unrolled(4),
    "unrolled, folded": lambda: draw_unrolled(5, folded=True, losses=True),
    "unrolled, back": lambda: draw_unrolled(6, direction="backward", window=3, losses=True),
    "unrolled, two layers": lambda: draw_unrolled(3, 2, folded=True, highlight=(1, 3)),
    "unrolled, last output": lambda: draw_unrolled(4, 3, direction="both", outputs=[4]),
    "unrolled, no output": lambda: draw_unrolled(7, outputs=False, tied=False, folded=True),
    **{kind: (lambda kind=kind: draw_cell(kind)) for kind in KINDS},
}


def texts(fig):
    return [t for t in fig.axes[0].texts if t.get_text()]


def arrows(fig):
    return [p for p in fig.axes[0].patches if isinstance(p, FancyArrowPatch)]


def circles(fig):
    return [p for p in fig.axes[0].patches if isinstance(p, Circle) and p.get_radius() > 0.2]


@pytest.mark.parametrize("name", DRAWINGS)
def test_texts_are_readable_on_the_sheet_and_apart(name):
    fig = DRAWINGS[name]()
    fig.draw_without_rendering()
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts(fig)]
    assert all(t.get_fontsize() >= 9 for t in texts(fig))
    for text, box in boxes:
        assert 0 <= box.x0 and box.x1 <= fig.bbox.x1 and 0 <= box.y0 and box.y1 <= fig.bbox.y1, text
    for (one, a), (two, b) in itertools.combinations(boxes, 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide <= 1 or high <= 3, f"{one} covers {two}"
    assert fig.get_figwidth() == 6.4 and fig.get_figheight() <= 7


@pytest.mark.parametrize("name", DRAWINGS)
def test_shapes_are_on_the_sheet(name):
    fig = DRAWINGS[name]()
    low, high = fig.axes[0].get_xlim(), fig.axes[0].get_ylim()
    for circle in circles(fig):
        (x, y), r = circle.center, circle.get_radius()
        assert low[0] <= x - r and x + r <= low[1] and high[0] <= y - r and y + r <= high[1]
    for one, two in itertools.combinations(circles(fig), 2):
        distance = np.hypot(*np.subtract(one.center, two.center))
        assert distance >= one.get_radius() + two.get_radius()


# The same lines as the tests before it: not worth a trace.
@pytest.mark.no_cover
@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_repeat(name):
    assert DRAWINGS[name]().to_png(50) == DRAWINGS[name]().to_png(50)


def test_network_has_one_arrow_for_each_weight():
    assert len(arrows(draw_network(RING))) == 5
    assert len(arrows(draw_network(RING, inputs=[0, 2], outputs=[4]))) == 8
    assert len(arrows(draw_network(np.eye(3, dtype=bool)))) == 3
    assert len(circles(draw_network(RING, inputs=[0, 2], outputs=[4]))) == 8


def test_network_colors_signs_only_where_both_occur():
    colors = {a.get_edgecolor() for a in arrows(draw_network([[0, -1], [-2, 0]]))}
    assert len(colors) == 1
    fig = draw_network([[0, -1], [2, 0]])
    assert {t.get_text() for t in texts(fig)} == {"0", "1", "positive", "negative"}


def test_network_names_and_weights():
    fig = draw_network([[0, 3], [0, 0]], names=["a", "b"], show_weights=True)
    assert {t.get_text() for t in texts(fig)} == {"a", "b", "3"}


@pytest.mark.parametrize(
    ("weights", "options", "message"),
    [
        (np.ones((2, 3)), {}, "square"),
        (np.eye(13), {}, "at most 12"),
        (np.eye(2), {"inputs": [2]}, "between 0 and 1"),
        (np.eye(2), {"inputs": np.ones((3, 1))}, r"\(units, inputs\)"),
        (np.eye(2), {"outputs": np.ones((1, 3))}, r"\(outputs, units\)"),
        (np.eye(2), {"names": ["a"]}, "names must have 2"),
        (np.eye(2), {"highlight": [(0, 1)]}, "no connection from 0 to 1"),
    ],
)
def test_bad_networks(weights, options, message):
    with pytest.raises(ValueError, match=message):
        draw_network(weights, **options)


def test_neuron_letters_and_numbers():
    words = {t.get_text() for t in texts(draw_neuron(2))}
    assert {"$w_{1}$", "$w_{2}$", "$b$", "tanh", "sum"} <= words
    words = {t.get_text() for t in texts(draw_neuron(1, weights=[0.5, -1]))}
    assert {"0.5", "\N{MINUS SIGN}1"} <= words


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": 0}, "between 1 and 5"),
        ({"activation": "sine"}, "activation must be"),
        ({"weights": [1.0]}, "weights must have 4"),
    ],
)
def test_bad_neurons(options, message):
    with pytest.raises(ValueError, match=message):
        draw_neuron(**options)


def strong(fig):
    return [a for a in arrows(fig) if a.get_linewidth() == 3.0]


def test_unrolled_counts():
    fig = draw_unrolled(4, tied=False)
    assert len(circles(fig)) == 4 + 5 + 4 and len(arrows(fig)) == 12
    assert len(arrows(draw_unrolled(3, 2, outputs=[3]))) == 3 * 4 + 1


def test_highlight_is_the_union_of_the_paths():
    assert len(strong(draw_unrolled(4, highlight=(1, 4)))) == 1 + 3 + 1
    assert len(strong(draw_unrolled(4, highlight=(0, 2)))) == 2 + 1
    assert len(strong(draw_unrolled(3, 2, highlight=(2, 3)))) == 1 + 2 + 2 + 1


def backward(fig):
    from matplotlib.colors import to_rgba

    return [a for a in arrows(fig) if a.get_edgecolor() == to_rgba(PALETTE["purple"])]


def test_window_cuts_the_way_back():
    assert len(backward(draw_unrolled(4, direction="backward"))) == 4 + 4
    assert len(backward(draw_unrolled(4, direction="backward", outputs=[4]))) == 4 + 1
    cut = draw_unrolled(4, direction="backward", outputs=[4], window=2)
    assert len(backward(cut)) == 1 + 1 and "cut" in {t.get_text() for t in texts(cut)}
    assert len(backward(draw_unrolled(4, direction="both", outputs=[4], window=4))) == 4 + 1
    assert not backward(draw_unrolled(4))
    assert len(backward(draw_unrolled(4, direction="both", losses=True))) == 4 + 4 + 4
    assert len(backward(draw_unrolled(4, direction="both", losses=True, window=1))) == 1 + 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 8}, "steps must be"),
        ({"layers": 0}, "layers must be"),
        ({"direction": "up"}, "direction must be"),
        ({"window": 9}, "window must be"),
        ({"outputs": [0]}, "outputs must be steps"),
        ({"highlight": (3, 2)}, "highlight must be"),
    ],
)
def test_bad_unrolled(options, message):
    with pytest.raises(ValueError, match=message):
        draw_unrolled(**options)


def words_of(kind):
    return {t.get_text() for t in texts(draw_cell(kind))}


def test_cells_show_their_gates():
    assert {"forget", "input", "candidate", "output", "$c_t$"} <= words_of("LSTM")
    assert "forget" not in words_of("LSTM no forget gate")
    assert "$1 - i_t$" in words_of("LSTM coupled")
    assert {"keep", "write", "read", "linear"} <= words_of("memory cell")
    assert {"reset", "update", "$1 - z_t$"} <= words_of("GRU")
    assert "$b$" in words_of("vanilla") and "$b$" not in words_of("fully recurrent")
    assert len(arrows(draw_cell("LSTM peepholes"))) > len(arrows(draw_cell("LSTM")))


def test_cell_kinds_are_checked():
    assert draw_cell("lstm") is not None
    for kind in ("transformer", 3):
        with pytest.raises(ValueError, match="kind must be one of"):
            draw_cell(kind)


def test_fonts_shrink_with_the_axes_but_stay_readable():
    fig, (left, _) = figure(1, 2)
    assert draw_unrolled(3, ax=left) is fig
    drawn = [t for t in left.texts if isinstance(t, Text)]
    assert all(9 <= t.get_fontsize() < 11 for t in drawn)


def test_canvas_checks_its_lines():
    sheet = Canvas((0, 1), (0, 1))
    with pytest.raises(ValueError, match="must differ"):
        sheet.link((0, 0), (0, 0))
    with pytest.raises(ValueError, match="at least two pairs"):
        rounded([(0, 0)], 0.1)
