"""The figures of chapter 10 show what they are given, and refuse what does not fit."""

import numpy as np
import pytest

from rnncore.plotting.chapter10 import reach_map, rule_paths, worth_of_alignment

RING = np.eye(3, dtype=bool) | np.roll(np.eye(3, dtype=bool), 1, axis=0)
ALL, KEPT = np.ones((2, 3, 3), bool), np.ones((2, 3), bool)


def reached(fig):
    """How many units are drawn as reached: their circles have a fill."""
    circles = [p for p in fig.axes[0].patches if type(p).__name__ == "Circle"]
    return sum(p.get_facecolor()[:3] != (1.0, 1.0, 1.0) for p in circles)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_paths_spread_from_the_unit_as_far_as_the_rule_follows_them():
    # 1 unit at step 1, then 2, then 3; with the unit's own state alone, 1 at each step.
    assert reached(rule_paths(RING, ALL, KEPT)) == 1 + 2 + 3
    assert reached(rule_paths(RING, ~ALL, KEPT)) == 3
    assert reached(rule_paths(RING, ~ALL, ~KEPT)) == 1
    assert reached(rule_paths(RING, ALL, KEPT, start=2, unit=1)) == 1 + 2


def test_a_connection_that_does_not_exist_is_not_followed():
    assert reached(rule_paths(np.eye(3), ALL, KEPT)) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"carried": KEPT[:1]}, "carried"),
        ({"through": ALL[:, :2]}, "through"),
        ({"unit": 3}, "unit must lie between 0 and 2"),
        ({"start": 4}, "start must lie between 1 and 3"),
    ],
)
def test_paths_refuse_what_does_not_fit(change, message):
    given = {"mask": RING, "through": ALL, "carried": KEPT} | change
    with pytest.raises(ValueError, match=message):
        rule_paths(given.pop("mask"), given.pop("through"), given.pop("carried"), **given)


def test_reach_counts_what_is_kept():
    reach = np.array([[1, 2, 3], [0, 1, 2]])
    fig = reach_map(RING, reach, 2, {"W": 1, "U": 1})
    below = fig.axes[1]
    assert "kept: 4 of the 5 entries" in below.get_xlabel()
    shown = below.images[0].get_array()
    np.testing.assert_array_equal(shown.T, [[2, 3, 1], [0, 2, 3]])
    assert texts(below) == ["W", "U"]
    with pytest.raises(ValueError, match="groups must fill 2 parameters"):
        reach_map(RING, reach, 2, {"W": 3})


def test_worth_places_each_learner_at_its_mean():
    cosines = {"RTRL": [1.0, 1.0], "UORO": [0.0, 0.2]}
    losses = {"RTRL": [0.4, 0.5], "UORO": [0.6, 0.8]}
    fig = worth_of_alignment(cosines, losses, levels={"floor": 0.3}, note="a note")
    (ax,) = fig.axes
    points = [line.get_xydata()[0] for line in ax.get_lines() if line.get_marker() == "o"]
    np.testing.assert_allclose(points, [[1.0, 0.45], [0.1, 0.7]])
    assert {"RTRL", "UORO", "floor", "a note"} == set(texts(ax))
    assert ax.get_ylim()[0] < 0.3
    with pytest.raises(ValueError, match="losses must name"):
        worth_of_alignment(cosines, {"RTRL": [0.4]})
