"""The figures of chapter 7 show what they are given, and refuse what does not fit."""

import numpy as np
import pytest
from matplotlib.patches import Circle, FancyArrowPatch

from rnncore.plotting.chapter07 import draw_automaton, phase_portrait, weight_paths

PLANE = np.array([[1.0, 0, 0], [0, 0, 1.0]])
COLORS = {"a": "#000000", "b": "#0072b2"}


def test_paths_are_seen_in_the_plane_from_their_start(rng):
    way = rng.normal(size=(5, 3))
    fig = weight_paths({"a": way, "b": 2 * way}, PLANE, colors=COLORS, note="rate 1")
    lines = {line.get_label(): line for line in fig.axes[0].get_lines()}
    np.testing.assert_allclose(lines["a"].get_xdata(), way[:, 0] - way[0, 0])
    np.testing.assert_allclose(lines["b"].get_ydata(), 2 * (way[:, 2] - way[0, 2]))
    assert lines["b"].get_color() == COLORS["b"]
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert {"start", "rate 1", "a", "b"} <= set(texts)


def test_paths_keep_to_the_limits_that_are_given(rng):
    fig = weight_paths(
        {"a": rng.normal(size=(5, 3))}, PLANE, colors=COLORS, limits=((-1, 2), (-3, 4))
    )
    assert fig.axes[0].get_xlim() == (-1, 2) and fig.axes[0].get_ylim() == (-3, 4)


def test_paths_refuse_another_plane(rng):
    with pytest.raises(ValueError, match=r"plane: expected shape \(2, 4\)"):
        weight_paths({"a": rng.normal(size=(5, 4))}, PLANE, colors=COLORS)


def test_a_machine_has_a_circle_for_each_state_and_an_arrow_for_each_pair():
    edges = {(0, 1): ["A"], (1, 0): ["B", "C"], (1, 1): ["A"]}
    ax = draw_automaton(["off", "on", "lost"], edges, start=1).axes[0]
    circles = [patch for patch in ax.patches if isinstance(patch, Circle)]
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    assert len(circles) == 3 and len(arrows) == 3
    texts = [text.get_text() for text in ax.texts]
    assert sorted(texts) == sorted(["off", "on", "lost", "A", "B\nC", "A"])
    assert np.argmax([circle.get_linewidth() for circle in circles]) == 1


def test_a_machine_may_have_one_state_and_given_places():
    ax = draw_automaton(["all"], {(0, 0): ["x"]}, positions=[[2.0, 1.0]]).axes[0]
    assert ax.patches[-1].center == pytest.approx((2.0, 1.0))


def test_a_machine_refuses_edges_to_nowhere():
    with pytest.raises(ValueError, match="edges"):
        draw_automaton(["off", "on"], {(0, 2): ["A"]})


def latch(s, x=0.0):
    return np.tanh(np.array([2.0, 0.5]) * s + x)


def test_a_portrait_colors_basins_and_marks_fixed_points():
    root = 0.957504
    points = np.array([[-root, 0.0], [0.0, 0.0], [root, 0.0]])
    np.testing.assert_allclose(latch(points), points, atol=1e-5)
    orbit = np.array([[0.1, 0.5], [0.2, 0.3]])
    fig = phase_portrait(latch, points, [True, False, True], orbit=orbit, note="three")
    ax = fig.axes[0]
    marks = [line for line in ax.get_lines() if line.get_marker() == "o"]
    np.testing.assert_allclose([mark.get_xdata()[0] for mark in marks], [0.0, -root, root])
    assert marks[0].get_markerfacecolor() == "white"
    assert marks[1].get_markerfacecolor() != marks[2].get_markerfacecolor()
    np.testing.assert_array_equal(ax.get_lines()[0].get_xdata(), orbit[:, 0])
    assert ax.get_title(loc="left") == "three"


def test_a_sink_keeps_its_color_when_it_is_left_alone():
    def face(x, points, stable):
        fig = phase_portrait(lambda s: latch(s, x), points, stable)
        return fig.axes[0].get_lines()[-1].get_markerfacecolor()

    both = face(0.0, [[-0.96, 0.0], [0.96, 0.0]], [True, True])
    alone = face(0.9, [[0.99, 0.9]], [True])
    other = face(-0.9, [[-0.99, -0.9]], [True])
    assert both == alone != other


@pytest.mark.parametrize(
    ("points", "stable"),
    [([[0.0, 0.0]], [False]), ([[0.0, 0.0]], [True, True]), ([[0.0, 0.0, 0.0]], [True])],
)
def test_a_portrait_refuses_what_does_not_fit(points, stable):
    with pytest.raises(ValueError, match="points"):
        phase_portrait(latch, points, stable)
