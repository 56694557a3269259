"""Figures of chapter 3 show what they are given and refuse what they cannot draw."""

import numpy as np
import pytest

from rnncore.plotting.chapter03 import backward_sweep, seed_strip, storage_map

RNG = np.random.default_rng(3)
DELTAS, STATES = RNG.normal(size=(5, 3)), RNG.normal(size=(6, 3))


@pytest.mark.parametrize("arrived, missing", [(0, "100%"), (5, "0%")])
def test_the_sweep_says_what_is_missing(arrived, missing):
    fig = backward_sweep(DELTAS, STATES, arrived)
    assert any(f"missing: {missing}" in ax.get_title() for ax in fig.axes)


def test_the_sweep_hides_what_has_not_arrived():
    fig = backward_sweep(DELTAS, STATES, 2)
    shown = [ax.images[0].get_array() for ax in fig.axes if ax.images]
    top = next(a for a in shown if a.shape == (3, 5))
    assert np.ma.getmaskarray(top)[:, :3].all()
    np.testing.assert_array_equal(top[:, 3:], DELTAS[3:].T)
    total = next(a for a in shown if a.shape == (3, 3))
    np.testing.assert_allclose(total, DELTAS[3:].T @ STATES[3:5])


def test_the_sweep_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="states must have shape"):
        backward_sweep(DELTAS, STATES[:-1], 1)
    with pytest.raises(ValueError, match="arrived must lie"):
        backward_sweep(DELTAS, STATES, 6)


def test_a_storage_map_has_a_color_for_each_kind():
    fig = storage_map([[1, 0, 0], [1, 2, 0], [1, 2, 2]])
    pixels = np.asarray(fig.axes[0].images[0].get_array())
    assert pixels.shape == (3, 3, 3)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) == 3
    with pytest.raises(ValueError, match="0, 1 and 2"):
        storage_map([[3.0]])


def test_a_strip_has_a_dot_for_each_seed():
    fig = seed_strip({"one": [1.0, 2.0, 4.0], "two": [3.0]}, xlabel="loss", log=True,
                     guide=(2.5, "chance"))  # fmt: skip
    ax = fig.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
    assert sum(line.get_marker() == "o" and len(line.get_xdata()) for line in ax.lines) == 4


@pytest.mark.parametrize(
    "results, log", [({}, False), ({"a": []}, False), ({"a": [np.nan]}, False), ({"a": [0]}, True)]
)
def test_a_strip_refuses_what_it_cannot_draw(results, log):
    with pytest.raises(ValueError, match="results"):
        seed_strip(results, xlabel="loss", log=log)
