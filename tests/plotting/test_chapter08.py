"""The figures of chapter 8 show what they are given, and refuse what does not fit."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from rnncore.plotting.chapter08 import chain_influence, window_triangle


def windows(steps, k1, k2):
    """The definition, loop by loop."""
    kept = np.zeros((steps, steps), bool)
    for t in range(1, steps + 1):
        end = k1 * -(-t // k1)
        for k in range(1, t + 1):
            kept[t - 1, k - 1] = k > end - k2
    return kept


def written(fig):
    return [text.get_text() for text in fig.axes[1].texts]


def test_it_counts_shares_work_and_waiting():
    fig = window_triangle(windows(10, 3, 5), 3, 5, lag=4)
    texts = written(fig)
    assert texts[0] == "33 of 55" and texts[2] == "1.6" and texts[4] == "2"
    assert texts[6] == "2 of 6" and texts[-1] == "biased"


def test_every_update_has_a_line_over_its_window():
    fig = window_triangle(windows(10, 3, 5), 3, 5)
    spans = [tuple(line.get_xdata()) for line in fig.axes[0].get_lines()]
    assert spans == [(-0.5, 2.5), (0.5, 5.5), (3.5, 8.5), (6.5, 9.5)]


def test_the_lag_is_framed():
    fig = window_triangle(windows(6, 1, 2), 1, 2, lag=4)
    frames = [patch for patch in fig.axes[0].patches if isinstance(patch, Rectangle)]
    assert len(frames) == 2
    assert "0 of 2" in written(fig)


@pytest.mark.parametrize(("k1", "k2", "verdict"), [(1, 6, "exact"), (4, 6, "biased")])
def test_the_verdict(k1, k2, verdict):
    assert written(window_triangle(windows(6, k1, k2), k1, k2))[-1] == verdict


def test_losses_that_no_window_reaches_are_counted():
    fig = window_triangle(windows(6, 3, 1), 3, 1)
    assert written(fig)[-1] == "4 losses are never used"


@pytest.mark.parametrize(
    ("kept", "k1", "message"),
    [(np.ones((3, 3)), 1, "triangular"), (np.ones((2, 3)), 1, "square"), (np.eye(3), 0, "k1")],
)
def test_windows_that_do_not_fit_are_refused(kept, k1, message):
    with pytest.raises(ValueError, match=message):
        window_triangle(kept, k1, 1)


SHARES = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0.25, 0.5, 0.25]])
SIGNS = np.array([1, -1, -1])


def test_the_chain_shows_signed_shares_and_the_sum_so_far():
    totals = np.cumsum(SHARES @ SIGNS)
    top, below = chain_influence(SHARES, SIGNS, totals, 2).axes
    assert [bar.get_height() for bar in top.patches] == [0.25, -0.5, -0.25]
    whole, so_far, point = below.get_lines()[:3]
    np.testing.assert_array_equal(whole.get_ydata(), totals)
    np.testing.assert_array_equal(so_far.get_ydata(), totals)
    assert point.get_xdata()[0] == 3 and point.get_ydata()[0] == totals[2]


def test_the_chain_of_an_earlier_age_has_less_of_the_sum():
    totals = np.cumsum(SHARES @ SIGNS)
    below = chain_influence(SHARES, SIGNS, totals, 0).axes[1]
    assert len(below.get_lines()[1].get_xdata()) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": 3}, "age must lie between 0 and 2"),
        ({"signs": SIGNS[:2]}, "do not fit"),
        ({"totals": np.zeros(2)}, "do not fit"),
    ],
)
def test_a_chain_that_does_not_fit_is_refused(change, message):
    given = {"shares": SHARES, "signs": SIGNS, "totals": np.zeros(3), "age": 1} | change
    with pytest.raises(ValueError, match=message):
        chain_influence(**given)
