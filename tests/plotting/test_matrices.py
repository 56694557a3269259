"""Heat maps, Jacobians, influence matrices: the numbers, the labels, the errors."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from rnncore.plotting import (
    SEQUENTIAL,
    SIGNED,
    figure,
    heatmap,
    shared_limit,
    show_influence,
    show_jacobian,
)


def image_of(fig):
    return fig.axes[0].get_images()[0]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def words(fig):
    return [text.get_text() for text in fig.axes[0].texts]


def test_zero_is_white_and_the_scale_symmetric():
    fig = heatmap([[0, 1], [-4, 2]])
    image = image_of(fig)
    assert image.cmap.name == SIGNED.name and (image.norm.vmin, image.norm.vmax) == (-4, 4)
    assert image.to_rgba(np.zeros((1, 1)))[0, 0] == pytest.approx((1, 1, 1, 1), abs=0.02)
    assert isinstance(fig, Figure) and len(fig.axes) == 1


def test_positive_quantities_use_the_sequential_map():
    image = image_of(heatmap([[0.5, 1.0]]))
    assert image.cmap.name == SEQUENTIAL.name and image.norm.vmin == 0
    assert image_of(heatmap([[0.0, 0.0]])).cmap.name == SIGNED.name


def test_limits_can_be_shared():
    one, two = np.array([[1.0, -2.0]]), np.array([[5.0, 0.0]])
    assert shared_limit(one, two) == 5 and shared_limit(0 * one) == 1
    assert image_of(heatmap(one, limit=shared_limit(one, two))).norm.vmax == 5


def test_entries_are_written_where_they_have_room():
    assert words(heatmap([[1.0, -0.25], [0.0, 12.5]])) == [
        "1.00", "\N{MINUS SIGN}.25", "0", "12.5",
    ]  # fmt: skip
    assert words(heatmap([[True, False]])) == ["1", "0"]
    large = heatmap(np.ones((30, 30)))
    assert not words(large) and len(large.axes) == 2  # a color scale instead
    assert not words(heatmap([[1, 2]], annotate=False))


def test_missing_entries_are_left_gray():
    fig = heatmap([[1, np.nan]])
    assert words(fig) == ["1"] and np.ma.is_masked(image_of(fig).get_array())
    assert len(words(heatmap([[np.nan, np.nan]]))) == 0


def test_dark_cells_carry_white_text():
    fig = heatmap([[-1, 0, 1]])
    assert [text.get_color() for text in fig.axes[0].texts] == ["white", "#222222", "white"]


def test_labels():
    fig = heatmap([[1, 2], [3, 4]], row_labels=["a", "b"], column_labels=["c", "d"], xlabel="")
    assert ticks(fig.axes[0].yaxis) == ["a", "b"] and ticks(fig.axes[0].xaxis) == ["c", "d"]
    assert fig.axes[0].get_xlabel() == "" and fig.axes[0].get_ylabel() == "row"
    many = heatmap(np.eye(50))
    assert ticks(many.axes[0].xaxis)[:3] == ["0", "5", "10"]


def test_it_draws_where_it_is_told():
    fig, (left, right) = figure(1, 2)
    assert heatmap(np.eye(2), ax=right) is fig
    assert not left.get_images() and len(right.get_images()) == 1


@pytest.mark.parametrize(
    ("matrix", "options", "message"),
    [
        ([1, 2], {}, "two axes"),
        (np.zeros((0, 2)), {}, "neither empty"),
        ([[np.inf]], {}, "infinities"),
        ([[1]], {"limit": 0}, "limit must be positive"),
        ([[-1]], {"signed": False}, "negative entries"),
        ([[1]], {"row_labels": ["a", "b"]}, "row_labels must have 1"),
        ([[1]], {"column_labels": []}, "column_labels must have 1"),
    ],
)
def test_bad_matrices(matrix, options, message):
    with pytest.raises(ValueError, match=message):
        heatmap(matrix, **options)


def test_bad_types():
    with pytest.raises(TypeError, match="real numbers"):
        heatmap([[1j]])
    with pytest.raises(TypeError, match="ax must be"):
        heatmap([[1]], ax="here")


def test_jacobian_names_its_blocks():
    fig = show_jacobian(np.eye(4), blocks=["h", "c"])
    names = [w for w in words(fig) if w.startswith("$")]
    assert names == ["$h_{t-1}$", "$h_t$", "$c_{t-1}$", "$c_t$"]
    assert ticks(fig.axes[0].xaxis) == ["0", "1", "0", "1"]
    assert len(fig.axes[0].get_lines()) == 2
    assert not show_jacobian(np.eye(2)).axes[0].get_lines()
    assert show_jacobian(np.eye(3), blocks={"h": 1, "c": 2})


@pytest.mark.parametrize(
    ("shape", "blocks", "message"),
    [
        ((2, 3), None, "must be square"),
        ((3, 3), ["h", "c"], "do not fill 3"),
        ((3, 3), {"h": 1, "c": 1}, "must fill the 3"),
    ],
)
def test_bad_jacobians(shape, blocks, message):
    with pytest.raises(ValueError, match=message):
        show_jacobian(np.ones(shape), blocks=blocks)


SHAPES = {"W": (2, 1), "U": (2, 2), "b": 2}


@pytest.mark.parametrize("turned", [False, True])
def test_influence_is_grouped_by_parameter(turned):
    influence = np.arange(16.0).reshape(8, 2)
    fig = show_influence(influence.T if turned else influence, SHAPES)
    assert (image_of(fig).get_array() == influence.T).all()
    assert [w for w in words(fig) if w in SHAPES] == ["W", "U", "b"]
    assert ticks(fig.axes[0].xaxis) == ["00", "10", "00", "01", "10", "11", "0", "1"]
    edges = [line.get_xdata()[0] for line in fig.axes[0].get_lines()]
    assert edges == [1.5, 5.5]


def test_influence_of_a_large_network():
    shapes = {"W": (32, 4), "U": (32, 8), "b": 32}
    fig = show_influence(np.ones((416, 16)), shapes, blocks=["h", "c"])
    assert not ticks(fig.axes[0].xaxis)
    assert [w for w in words(fig)] == ["W", "U", "b", "$h_t$", "$c_t$"]


def test_bad_influence():
    with pytest.raises(ValueError, match="one axis of 8 parameters"):
        show_influence(np.ones((7, 2)), SHAPES)
    with pytest.raises(ValueError, match="at least one parameter"):
        show_influence(np.ones((7, 2)), {})
