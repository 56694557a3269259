"""The figures of chapter 1 show the numbers that they are given."""

import numpy as np
import pytest

from rnncore.plotting.chapter01 import state_portrait, unrolled_run

PATH = np.array([[0.0, 0.0], [0.5, -0.2], [0.25, 0.75]])


def test_the_left_panel_holds_both_units_and_the_right_one_their_path():
    fig = state_portrait(PATH)
    left, right = fig.axes
    shown = [line.get_ydata() for line in left.get_lines()[:2]]
    assert np.array_equal(np.column_stack(shown), PATH)
    assert any(np.array_equal(line.get_xydata(), PATH) for line in right.get_lines())
    assert left.get_xlabel() and right.get_xlabel() == "unit 1"


def test_the_limit_is_shared_by_both_panels():
    left, right = state_portrait(PATH, limit=2.0, names=("p", "q")).axes
    assert left.get_ylim() == right.get_xlim() == right.get_ylim() == (-2.0, 2.0)
    assert right.get_ylabel() == "q"


def test_a_state_at_rest_can_be_drawn():
    assert state_portrait(np.zeros((3, 2))).axes[1].get_xlim() == (-1.0, 1.0)


@pytest.mark.parametrize(
    "states, options, message",
    [
        (np.zeros((4, 3)), {}, "shape"),
        (np.zeros((1, 2)), {}, "shape"),
        ([[0.0, np.nan], [0.0, 1.0]], {}, "finite"),
        (PATH, {"names": ("only",)}, "two"),
    ],
)
def test_what_cannot_be_drawn_is_refused(states, options, message):
    with pytest.raises(ValueError, match=message):
        state_portrait(states, **options)


def test_an_unrolled_run_shows_every_number_and_every_weight_once():
    states = [[0, 0], [1, 3], [-2, 6]]
    fig = unrolled_run(states, [[5, -7], [0, 4]], inputs=[8, 9], outputs=[-11, 12])
    texts = [text.get_text() for text in fig.axes[0].texts]
    for number in ("1", "3", "−2", "6", "8", "9", "−11", "12", "5", "−7", "4"):
        assert texts.count(number) == 1
    assert texts.count("0") == 2  # the initial state; the weight of zero has no arrow


@pytest.mark.parametrize(
    "states, weights, inputs",
    [
        (np.zeros((3, 4)), np.eye(4), [1, 2]),
        (np.zeros((9, 2)), np.eye(2), [1] * 8),
        (np.zeros((3, 2)), np.eye(3), [1, 2]),
        (np.zeros((3, 2)), np.eye(2), [1, 2, 3]),
    ],
)
def test_a_run_that_does_not_fit_is_refused(states, weights, inputs):
    with pytest.raises(ValueError):
        unrolled_run(states, weights, inputs, inputs)
