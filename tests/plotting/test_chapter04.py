"""The figures of chapter 4 show what they are given, and refuse what does not fit."""

import numpy as np
import pytest

from rnncore.plotting.chapter04 import contribution_triangle, influence_growth

SHAPES = {"W": (3, 1), "U": (3, 3)}


def influences(rng):
    runs = rng.normal(size=(5, 12, 3))
    runs[0] = 0
    return runs


def written(ax):
    return [text.get_text() for text in ax.texts]


def test_growth_shows_the_matrix_of_its_step(rng):
    runs = influences(rng)
    fig = influence_growth(runs, 3, SHAPES, limit=10.0)
    top, below = fig.axes[:2]
    np.testing.assert_array_equal(top.images[0].get_array().data, runs[3].T)
    curve = below.get_lines()[0]
    np.testing.assert_array_equal(curve.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(curve.get_ydata()[2], np.linalg.norm(runs[3]))


def test_growth_starts_with_nothing_and_takes_a_second_run(rng):
    runs = influences(rng)
    fig = influence_growth(runs, 0, SHAPES, other=2 * runs, other_name="twice")
    assert not fig.axes[0].images[0].get_array().any()
    names = [text.get_text() for text in fig.axes[1].get_legend().get_texts()]
    assert names == ["these units", "twice"]


@pytest.mark.parametrize("t", [-1, 5])
def test_growth_refuses_a_step_that_is_not_there(rng, t):
    with pytest.raises(ValueError, match="t must lie between 0 and 4"):
        influence_growth(influences(rng), t, SHAPES)


def test_growth_refuses_a_single_matrix(rng):
    with pytest.raises(ValueError, match="influences"):
        influence_growth(rng.normal(size=(12, 3)), 0, SHAPES)


PARTS = np.array([[1.0, 0, 0], [2.0, 3.0, 0], [-4.0, 5.0, 6.0]])


def test_rtrl_has_rows():
    known = np.arange(3)[:, None] < 2
    fig = contribution_triangle(PARTS, known & np.ones(3, bool), learner="RTRL", done=2)
    triangle, right, below, corner = fig.axes
    assert written(triangle) == ["1.00", "2.00", "3.00"]
    assert written(right) == ["1.00", "5.00"]
    assert written(below) == [] and written(corner) == ["total\n6.00"]


def test_bptt_has_columns():
    known = np.ones((3, 1), bool) & (np.arange(3) >= 1)
    fig = contribution_triangle(PARTS, known, learner="BPTT", done=2)
    triangle, right, below, corner = fig.axes
    assert written(triangle) == ["3.00", "5.00", "6.00"]
    assert written(below) == ["8.00", "6.00"]
    assert written(right) == [] and written(corner) == ["total\n14.00"]


def test_both_have_the_same_total_in_the_end():
    totals = {
        written(contribution_triangle(PARTS, PARTS != 0, learner=name, done=3).axes[3])[0]
        for name in ("RTRL", "BPTT")
    }
    assert totals == {"total\n13.00"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learner": "UORO"}, "learner"),
        ({"done": 4}, "done"),
        ({"contributions": PARTS.T}, "triangular"),
    ],
)
def test_triangle_refuses_what_does_not_fit(change, message):
    given = {"contributions": PARTS, "known": PARTS != 0, "learner": "RTRL", "done": 3} | change
    with pytest.raises(ValueError, match=message):
        contribution_triangle(given.pop("contributions"), given.pop("known"), **given)
