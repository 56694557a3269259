"""The figures of chapter 5 show what they are given, and refuse what does not fit."""

from itertools import combinations

import numpy as np
import pytest

from rnncore.plotting.chapter05 import (
    bracket_chain,
    chain_cost,
    crossover_map,
    map_color,
    two_sweeps,
)
from rnncore.plotting.colors import color_of


def counted(shapes, order):
    """Multiplications of a chain when neighbors are joined in the given order."""
    shapes, total = list(shapes), 0
    for k in order:
        (a, b), (c, d) = shapes[k], shapes[k + 1]
        assert b == c
        total += a * b * d
        shapes[k : k + 2] = [(a, d)]
    return total


@pytest.mark.parametrize("meet", range(4))
def test_chain_cost_is_what_the_products_take(meet):
    rows, inner, columns, factors = 3, 4, 7, 3
    shapes = [(rows, inner), *[(inner, inner)] * factors, (inner, columns)]
    from_left = [0] * (factors - meet)
    from_right = [len(shapes) - 2 - len(from_left) - k for k in range(meet)]
    expected = counted(shapes, [*from_left, *from_right, 0])
    assert sum(chain_cost(rows, inner, columns, factors, meet)) == expected


def test_bars_carry_their_numbers_and_the_chosen_one_is_filled():
    fig = bracket_chain(1, 2, 3, 2, 0)
    below = fig.axes[1]
    heights = [bar.get_height() for bar in below.patches]
    assert heights == [14, 22, 30, 18]
    written = [text.get_text() for text in below.texts]
    assert written == ["14", "22", "30", "18"]
    filled = [bar.get_facecolor()[:3] != (1.0, 1.0, 1.0) for bar in below.patches]
    assert filled == [True, False, False, False]


def test_the_chain_shows_every_matrix_in_its_proportions():
    fig = bracket_chain(1, 4, 16, 2, 1, names=["a", "b", "c", "d"])
    top = fig.axes[0]
    boxes = [patch.get_width() / patch.get_height() for patch in top.patches]
    np.testing.assert_allclose(boxes, [2, 1, 1, 2])
    assert {text.get_text() for text in top.texts} >= {"a", "b", "c", "d"}


@pytest.mark.parametrize("case", [(0, 2, 3, 2, 0), (1, 2, 3, 2, 3), (1, 2, 3, 0, 0)])
def test_a_chain_that_is_none_is_refused(case):
    with pytest.raises(ValueError, match="must be positive"):
        bracket_chain(*case)


def test_a_chain_with_too_few_names_is_refused():
    with pytest.raises(ValueError, match="names must have 4"):
        bracket_chain(1, 2, 3, 2, 0, names=["a"])


def test_sweeps_name_every_state_loss_and_table():
    texts = {text.get_text() for text in two_sweeps(3).axes[0].texts}
    assert {
        "$s_{0}$",
        "$s_{3}$",
        r"$\ell_{3}$",
        "$J_{1}$",
        "$J_{3}$",
        "$D_{2}$",
        "$F_{3}$",
    } <= texts
    assert "$J_{4}$" not in texts
    with pytest.raises(ValueError, match="steps must lie"):
        two_sweeps(7)


UNITS, STEPS = np.geomspace(1, 100, 20), np.geomspace(1, 1000, 30)
WINNERS = (UNITS[:, None] < STEPS).astype(int)


def test_map_has_a_color_and_a_name_for_each_region_and_a_dot_for_each_point():
    points = {(10.0, 100.0): "RTRL", (50.0, 5.0): "none"}
    fig = crossover_map(UNITS, STEPS, WINNERS, names=["BPTT", "RTRL"], points=points)
    ax = fig.axes[0]
    shades = ax.collections[0].get_array().reshape(20, 30, 3)
    assert len(np.unique(shades.reshape(-1, 3), axis=0)) == 2
    np.testing.assert_array_equal(shades[0, -1], shades[10, -1])
    assert [text.get_text() for text in ax.texts] == ["BPTT", "RTRL"]
    for text, region in zip(ax.texts, (0, 1), strict=True):
        t, n = text.get_position()
        place = np.abs(UNITS - n).argmin(), np.abs(STEPS - t).argmin()
        assert WINNERS[place] == region
    dots = [(line.get_ydata()[0], line.get_xdata()[0]) for line in ax.get_lines()]
    assert dots == list(points)
    assert ax.get_lines()[0].get_color() == color_of("RTRL")


def test_a_thin_region_is_named_where_a_short_word_has_room():
    strips = np.zeros((20, 30), int)
    strips[4, 10:] = 1  # a long strip: named
    strips[10, :] = 2  # long too, but its name takes two lines
    strips[15, :3] = 3  # short
    names = ["BPTT", "RTRL", "checkpointed BPTT", "hybrid"]
    texts = crossover_map(UNITS, STEPS, strips, names=names).axes[0].texts
    assert [text.get_text() for text in texts] == ["BPTT", "RTRL"]
    assert texts[1].get_position()[1] == UNITS[4]


def test_map_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="winners must have shape"):
        crossover_map(UNITS, STEPS, WINNERS.T, names=["BPTT", "RTRL"])
    with pytest.raises(ValueError, match="indices of the 1 names"):
        crossover_map(UNITS, STEPS, WINNERS, names=["BPTT"])
    assert map_color("none") == "#ffffff"


def test_names_of_narrow_regions_neither_collide_nor_leave_the_map():
    table = np.zeros((20, 30), int)
    table[:, 20:25] = 1  # five columns are too few for the word "checkpointed"
    table[:, 25:] = 2
    names = ["BPTT", "checkpointed BPTT", "binomial checkpoints"]
    fig = crossover_map(UNITS, STEPS, table, names=names)
    ax = fig.axes[0]
    fig.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 3
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    frame = ax.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
