"""The figure of chapter 11 shows what it is given, and refuses what does not fit."""

import numpy as np
import pytest

from rnncore.plotting.chapter11 import first_window, tradeoff

BIAS = np.array([[1.0, 0.1, 0.01, 0.0], [2.0, 0.3, 0.03, 0.0], [3.0, 0.2, 0.02, 0.0]])
NOISE = {"UORO": 50.0, "KF-RTRL": 5.0}


def curves(fig):
    return {line.get_label(): line for line in fig.axes[0].get_lines()}


def test_noise_is_divided_by_the_samples():
    lines = curves(tradeoff(BIAS, NOISE, 100))
    np.testing.assert_array_equal(lines["UORO"].get_ydata(), [0.5, 0.5])
    np.testing.assert_array_equal(lines["KF-RTRL"].get_ydata(), [0.05, 0.05])


def test_the_median_of_the_seeds_stands_for_truncation():
    (line,) = (line for name, line in curves(tradeoff(BIAS, NOISE, 1)).items() if "BPTT" in name)
    np.testing.assert_array_equal(line.get_ydata()[:3], [2.0, 0.2, 0.02])


def test_a_dot_where_the_window_wins():
    dots = [
        line.get_xydata()[0].tolist()
        for line in tradeoff(BIAS, NOISE, 100).axes[0].get_lines()
        if line.get_label() == "_crossing"
    ]
    assert dots == [[2, 0.5], [3, 0.05]]


def test_first_window():
    assert first_window([3.0, 2.0, 1.0], 5.0) == 1
    assert first_window([3.0, 2.0, 1.0], 2.5) == 2
    assert first_window([3.0, 0.1, 1.0], 0.5) is None
    assert first_window([3.0, 0.1, 1.0, 0.2], 0.5) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [({"squared_bias": BIAS[0]}, "squared_bias"), ({"samples": 0}, "samples")],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {"squared_bias": BIAS, "variances": NOISE, "samples": 3} | change
    with pytest.raises(ValueError, match=message):
        tradeoff(**given)
