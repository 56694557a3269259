"""The figures of chapter 9 show what they are given, and refuse what does not fit."""

import numpy as np
import pytest

from rnncore.plotting.chapter09 import (
    draw_focused_network,
    eigenvalue_disk,
    influence_pair,
    state_maps,
)


def written(ax):
    return [text.get_text() for text in ax.texts]


def test_the_network_has_all_its_units():
    texts = written(draw_focused_network(2, 3, 4).axes[0])
    for name in ("x_{2}", "c_{3}", "h_{4}", "y", "d_{1}", "d_{3}"):
        assert f"${name}$" in texts
    assert "$d_{4}$" not in texts and "errors, backwards in space" in texts


@pytest.mark.parametrize("change", [{"inputs": 0}, {"context": 5}, {"hidden": -1}])
def test_the_network_refuses_other_sizes(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        draw_focused_network(**change)


def test_the_pair_counts_what_is_filled():
    rng = np.random.default_rng(0)
    dense, diagonal = rng.normal(size=(8, 2)), np.kron(np.ones((3, 1)), np.eye(2))
    shapes = ({"W": (2, 1), "U": (2, 2), "b": (2,)}, {"W": (2, 1), "b": (2,), "d": (2,)})
    fig = influence_pair(dense, diagonal, shapes, limit=9.0, names=("one", "two"))
    top, below = fig.axes[:2]
    assert top.get_xlabel().startswith("16 of 16") and below.get_xlabel().startswith("6 of 12")
    np.testing.assert_array_equal(below.images[0].get_array().data, diagonal.T)
    assert top.get_ylabel().startswith("one") and below.get_ylabel().startswith("two")


def test_the_disk_shows_eigenvalues_and_answer():
    values, answer = np.array([0.5 + 0.2j, -0.9]), [1.0, 0.5, 0.25]
    fig = eigenvalue_disk(values, answer, path=[0.1, 0.2j], mark=2)
    disk, right = fig.axes
    np.testing.assert_allclose(disk.lines[-1].get_xdata(), values.real)
    np.testing.assert_allclose(disk.lines[-1].get_ydata(), values.imag)
    np.testing.assert_allclose(disk.lines[-2].get_ydata(), [0, 0.2])
    np.testing.assert_allclose(right.lines[-1].get_ydata(), answer)
    assert list(right.lines[0].get_xdata()) == [2, 2]
    assert len(eigenvalue_disk(0.5, answer).axes[1].lines) == 2  # no mark


@pytest.mark.parametrize(("values", "answer"), [([], [1.0]), ([0.5], []), ([0.5], [[1.0]])])
def test_the_disk_refuses_nothing(values, answer):
    with pytest.raises(ValueError, match="eigenvalues and response"):
        eigenvalue_disk(values, answer)


def test_maps_are_drawn_as_they_are():
    fig = state_maps({"bit 0": np.sin, "bit 1": lambda c: -c}, low=-2.0, high=2.0)
    left, right = fig.axes
    np.testing.assert_allclose(left.lines[1].get_ydata(), np.sin(np.linspace(-2, 2, 201)))
    np.testing.assert_allclose(right.lines[1].get_ydata(), -np.linspace(-2, 2, 201))
    assert right.get_xlabel() == "state before, bit 1"
    with pytest.raises(ValueError, match="maps"):
        state_maps({})
