"""The figures of chapter 2 draw what they are given, and refuse what they cannot draw."""

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from rnncore.plotting import chapter02, figure

CYCLE = np.array([[0.0, 0.0, 0.8], [0.9, -0.5, 0.0], [0.0, 1.1, 0.0]])


def arrows(fig):
    return [p for ax in fig.axes for p in ax.patches if isinstance(p, FancyArrowPatch)]


def texts(fig):
    return [text.get_text() for ax in fig.axes for text in ax.texts]


def test_a_cycle_has_one_arrow_for_each_connection():
    assert len(arrows(chapter02.draw_cycle(CYCLE))) == 4


def test_space_time_has_one_arrow_for_each_connection_and_step():
    fig = chapter02.draw_space_time(CYCLE, 5)
    assert len(arrows(fig)) == 4 * 5
    colors = {arrow.get_edgecolor() for arrow in arrows(fig)}
    assert len(colors) == 4  # all copies of a connection share one
    with_ends = chapter02.draw_space_time(CYCLE, 5, read_by=[0], shown=[2])
    assert len(arrows(with_ends)) == 4 * 5 + 5 + 5
    assert "$x_{5}$" in texts(with_ends) and "$y_{1}$" in texts(with_ends)


def test_arrows_run_from_source_to_target():
    """A single connection from unit 0 to unit 1 points down, forward in time."""
    (arrow,) = arrows(chapter02.draw_space_time([[0.0, 0.0], [2.0, 0.0]], 1))
    (x0, y0), (x1, y1) = arrow._posA_posB
    assert (x0, y0) == (0, 0) and (x1, y1) == (1, -1)


def test_paths_show_each_product_and_the_sum():
    weights = np.array([[1, -1], [2, 0]])
    fig = chapter02.draw_paths(weights, 3, 1, [[0, 0, 0], [0, 1, 0]], columns=4)
    assert {"1", "\N{MINUS SIGN}2", "2 paths, sum \N{MINUS SIGN}1"} <= set(texts(fig))
    alone = chapter02.draw_paths(weights, 3, 3, [[0]], columns=4)
    assert "1 path, sum 1" in texts(alone)
    none = chapter02.draw_paths(weights, 3, 4, [], columns=4)
    assert "0 paths, sum 0" in texts(none) and "$x_{4}$" in texts(none)


def test_a_delay_slants_the_arrows_between_layers():
    counts = [len(arrows(chapter02.draw_grid(2, 4, delay=delay))) for delay in (False, True)]
    assert counts == [2 * 3 + 4 + 4, 2 * 3 + 3 + 4]


def test_seed_dots_draw_every_seed():
    fig = chapter02.seed_dots(
        {"a": {"p": [0.1, 0.2, 0.3], "q": [0.0, 0.0, 0.1]}, "b": {"p": [0.5, 0.5, 0.6]}},
        xlabel="errors",
        levels={"chance": 0.5},
    )
    points = [line.get_xdata() for line in fig.axes[0].lines if line.get_marker() == "o"]
    assert sum(len(xs) for xs in points) == 9


def test_axes_are_used_where_given():
    fig, (left, right) = figure(1, 2)
    assert chapter02.draw_cycle(CYCLE, ax=left) is fig
    assert chapter02.draw_grid(3, 2, ax=right) is fig


@pytest.mark.parametrize(
    "call",
    [
        lambda: chapter02.draw_cycle(np.ones((2, 3))),
        lambda: chapter02.draw_space_time(CYCLE, 0),
        lambda: chapter02.draw_space_time(CYCLE, 2, read_by=[3]),
        lambda: chapter02.draw_paths(CYCLE, 3, 1, [[0, 1]]),
        lambda: chapter02.draw_paths(CYCLE, 3, 1, [[0, 1, 2]]),
        lambda: chapter02.draw_grid(0, 2),
        lambda: chapter02.seed_dots({}, xlabel="x"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call):
    with pytest.raises(ValueError):
        call()
