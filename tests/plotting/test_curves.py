"""Learning curves, scaling plots, time series: what is drawn is what was given."""

import numpy as np
import pytest

from rnncore.plotting import (
    color_of,
    figure,
    fitted_slope,
    learning_curves,
    scaling_plot,
    time_series,
)


def lines(fig, index=0):
    return {
        line.get_label(): line
        for line in fig.axes[index].get_lines()
        if not line.get_label().startswith("_")
    }


def test_median_and_band_over_seeds():
    runs = [[4.0, 2.0, 1.0], [8.0, 4.0, 2.0], [16.0, 8.0, 4.0]]
    fig = learning_curves({"LSTM": runs, "my own": [1.0, 1.0]}, baselines={"guess": 3.0})
    drawn = lines(fig)
    assert drawn["LSTM"].get_ydata().tolist() == [8, 4, 2]
    assert drawn["LSTM"].get_xdata().tolist() == [1, 2, 3]
    assert drawn["LSTM"].get_color() == color_of("LSTM")
    assert drawn["guess"].get_ydata().tolist() == [3, 3]
    (band,) = fig.axes[0].collections
    y = band.get_paths()[0].vertices[:, 1]
    assert (y.min(), y.max()) == (1, 16)
    assert fig.axes[0].get_yscale() == "log"
    assert {text.get_text() for text in fig.axes[0].texts} == {"LSTM", "my own", "guess"}


def test_quartiles_are_narrower_and_the_band_optional():
    runs = np.arange(1.0, 6.0)[:, None] * np.ones(3)
    band = learning_curves({"a": runs}, band="quartiles").axes[0].collections[0]
    y = band.get_paths()[0].vertices[:, 1]
    assert (y.min(), y.max()) == (2, 4)
    assert not learning_curves({"a": runs}, band=None).axes[0].collections


def test_runs_that_stop_early_keep_their_last_value():
    fig = learning_curves({"a": [[4.0, 2.0], [4.0, 2.0, 1.0]]}, log=False, band=None)
    assert lines(fig)["a"].get_ydata().tolist() == [4, 2, 1.5]


def test_steps_shared_or_by_name():
    fig = learning_curves({"a": [1.0, 2.0], "b": [1.0]}, steps={"a": [10, 20]})
    assert lines(fig)["a"].get_xdata().tolist() == [10, 20]
    fig = learning_curves({"a": [1.0, 2.0]}, steps=[0, 5, 9])
    assert lines(fig)["a"].get_xdata().tolist() == [0, 5]


def test_free_names_get_free_colors():
    fig = learning_curves({"BPTT": [1.0, 2.0], "x": [1.0, 2.0], "y": [2.0, 1.0]}, colors={"y": "k"})
    drawn = lines(fig)
    assert drawn["x"].get_color() not in (color_of("BPTT"), "k") and drawn["y"].get_color() == "k"


@pytest.mark.parametrize(
    ("histories", "options", "message"),
    [
        ({}, {}, "at least one run"),
        ({"a": [[]]}, {}, "must not be empty"),
        ({"a": []}, {}, "one run or a list of runs"),
        ({"a": [[[1.0]]]}, {}, "one run or a list of runs"),
        ({"a": [1.0, 0.0]}, {}, "must be positive"),
        ({"a": [1.0, 2.0]}, {"steps": [1]}, "steps must have 2"),
        ({"a": [1.0]}, {"band": "sd"}, "band must be"),
        ({"a": [1.0]}, {"baselines": {"b": np.nan}}, "must be finite"),
        ({"a": [1.0]}, {"colors": {"b": "k"}}, "not drawn"),
    ],
)
def test_bad_histories(histories, options, message):
    with pytest.raises(ValueError, match=message):
        learning_curves(histories, **options)


def test_histories_must_be_numbers():
    with pytest.raises(TypeError, match="real numbers"):
        learning_curves({"a": ["x", "y"]})


def test_scaling_shows_the_fitted_power():
    n = np.array([2, 4, 8, 16])
    costs = {"BPTT": 3.0 * n**2, "RTRL": np.array([1.0, 2.0, 3.0])[:, None] * n**4.0}
    fig = scaling_plot(n, costs, xlabel="units", ylabel="operations")
    assert set(lines(fig)) == {"BPTT, slope 2.00", "RTRL, slope 4.00"}
    assert lines(fig)["RTRL, slope 4.00"].get_ydata() == pytest.approx(2.0 * n**4)
    assert [label.get_text() for label in fig.axes[0].get_xticklabels()] == ["2", "4", "8", "16"]


def test_fit_may_leave_out_small_sizes():
    n = np.array([1, 2, 4, 8])
    fig = scaling_plot(n, {"a": [9.0, 9.0, 16.0, 64.0]}, xlabel="n", ylabel="t", fit_from=4)
    assert list(lines(fig)) == ["a, slope 2.00"]
    fig = scaling_plot(n, {"a": [9.0, 9.0, 16.0, 64.0]}, xlabel="n", ylabel="t", fit=False)
    assert list(lines(fig)) == ["a"]
    assert fitted_slope(n, 5 * n**1.5) == pytest.approx(1.5)
    many = scaling_plot(np.arange(1, 30), {"a": np.arange(1, 30)}, xlabel="n", ylabel="t")
    assert len(many.axes[0].get_xticklabels()) < 12


@pytest.mark.parametrize(
    ("x", "series", "options", "message"),
    [
        ([0, 1], {"a": [1, 1]}, {}, "positive sizes"),
        ([1, 2], {}, {}, "at least one cost"),
        ([1, 2], {"a": [1]}, {}, "2 positive costs"),
        ([1, 2], {"a": [1, 0]}, {}, "2 positive costs"),
        ([1, 2], {"a": [1, 1]}, {"fit_from": 2}, "two different sizes"),
    ],
)
def test_bad_scaling(x, series, options, message):
    with pytest.raises(ValueError, match=message):
        scaling_plot(x, series, xlabel="n", ylabel="t", **options)


def test_time_series_of_a_mapping_and_of_an_array():
    fig = time_series({"output": [1.0, 2.0], "target": [1.0, 3.0]}, marks={1: "cue"}, ylabel="y")
    assert lines(fig)["target"].get_color() == "#222222"
    assert {t.get_text() for t in fig.axes[0].texts} == {"output", "target", "cue"}
    assert lines(fig)["output"].get_marker() == "o"
    wide = time_series(np.ones((50, 3)))
    assert set(lines(wide)) == {"0", "1", "2"} and lines(wide)["0"].get_marker() == "None"
    assert not time_series([1.0, 2.0]).axes[0].texts


def test_stacked_series_share_their_time():
    fig = time_series({"a": [1.0, 2.0], "b": [3.0, 4.0]}, stacked=True, times=[5, 6])
    assert len(fig.axes) == 2 and lines(fig, 1)["b"].get_xdata().tolist() == [5, 6]
    assert fig.axes[1].get_xlabel() == "time step t" and not fig.axes[0].get_xlabel()


def test_bad_series():
    with pytest.raises(ValueError, match="at least one list"):
        time_series({})
    with pytest.raises(ValueError, match="one value for each of 2"):
        time_series({"a": [1, 2], "b": [1]})
    with pytest.raises(ValueError, match="shape"):
        time_series(np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match="leave ax out"):
        time_series([1, 2], stacked=True, ax=figure()[1])
