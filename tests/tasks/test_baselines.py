"""Each baseline against a simulation that knows nothing of its formula.

The simulated predictor is the best one by construction: it groups the scored steps by the
present input (or window) and predicts each group's own mean.
"""

import numpy as np
import pytest

from rnncore import tasks
from rnncore.data import Batch

SIZE = 4000


def best_predictor(batch: Batch, visible=None):
    """(squared error, cross-entropy, error rate) of the mean target of each distinct input."""
    x = batch.inputs if visible is None else visible
    scored = np.ones(x.shape[:2], bool) if batch.mask is None else batch.mask > 0
    x, d = x[scored], batch.targets[scored]
    _, group = np.unique(x, axis=0, return_inverse=True)
    means = np.stack([np.bincount(group, d[:, k]) / np.bincount(group) for k in range(d.shape[1])])
    y = means[:, group].T
    squared = 0.5 * ((y - d) ** 2).sum(axis=1).mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        both = np.nan_to_num(-d * np.log(y)) - np.nan_to_num((1 - d) * np.log(1 - y))
        entropy = (both if d.shape[1] == 1 else np.nan_to_num(-d * np.log(y))).sum(axis=1).mean()
    if d.shape[1] == 1:
        wrong = (y > 0.5) != (d > 0.5)
    else:
        wrong = y.argmax(axis=1) != d.argmax(axis=1)
    return squared, entropy, wrong.mean()


LENGTHS = [1, 2, 3, 5, 8] * (SIZE // 5)

BINARY = {
    "order": (
        lambda rng: tasks.which_came_first(rng, 8, SIZE),
        tasks.which_came_first_baseline(8),
    ),
    "temporal order": (
        lambda rng: tasks.temporal_order(rng, 12, SIZE),
        tasks.temporal_order_baseline(),
    ),
    "xor": (lambda rng: tasks.delayed_xor(rng, 20, SIZE, delay=2), tasks.delayed_xor_baseline(2)),
    "xor, no delay": (
        lambda rng: tasks.delayed_xor(rng, 5, SIZE, delay=0),
        tasks.delayed_xor_baseline(0),
    ),
    "parity": (
        lambda rng: tasks.running_parity(rng, LENGTHS),
        tasks.running_parity_baseline(LENGTHS),
    ),
    "latch": (lambda rng: tasks.latch(rng, 6, SIZE), tasks.latch_baseline()),
    "recall": (lambda rng: tasks.recall(rng, 9, SIZE, lag=4), tasks.recall_baseline()),
    "square": (
        lambda rng: tasks.oscillation(rng, 7, SIZE, period=4, waveform="square", low=0.0, high=1.0),
        tasks.oscillation_baseline(period=4, waveform="square", low=0.0, high=1.0),
    ),
}


@pytest.mark.parametrize("name", BINARY)
def test_a_class_baseline_is_what_the_best_memoryless_predictor_reaches(name, rng):
    draw, baseline = BINARY[name]
    squared, entropy, wrong = best_predictor(draw(rng))
    assert squared == pytest.approx(baseline.squared_error, abs=0.01)
    assert entropy == pytest.approx(baseline.cross_entropy, abs=0.02)
    assert wrong == pytest.approx(baseline.error_rate, abs=0.03)


def test_the_count_baseline(rng):
    squared, _, _ = best_predictor(tasks.running_count(rng, LENGTHS))
    assert squared == pytest.approx(tasks.running_count_baseline(LENGTHS).squared_error, rel=0.05)


def test_the_sine_baseline(rng):
    batch = tasks.oscillation(rng, 10, SIZE, period=7, low=-1.0, high=2.0)
    squared, _, _ = best_predictor(batch)
    baseline = tasks.oscillation_baseline(period=7, low=-1.0, high=2.0)
    assert squared == pytest.approx(baseline.squared_error, rel=0.02)
    assert tasks.oscillation_baseline(period=2).squared_error == 0.0
    assert np.ptp(tasks.oscillation(rng, 9, 5, period=2).targets) < 1e-15


def test_the_square_wave_baseline_between_other_extremes(rng):
    batch = tasks.oscillation(rng, 10, SIZE, period=6, waveform="square", low=0.2, high=0.6)
    baseline = tasks.oscillation_baseline(period=6, waveform="square", low=0.2, high=0.6)
    assert best_predictor(batch)[0] == pytest.approx(baseline.squared_error, rel=0.02)


def test_the_adding_baseline_and_that_the_last_input_says_nothing(rng):
    batch = tasks.adding(rng, 10, 20_000)
    d = batch.targets[-1, :, 0]
    baseline = tasks.adding_baseline()
    assert 0.5 * np.mean((1 - d) ** 2) == pytest.approx(baseline.squared_error, rel=0.03)
    assert not batch.inputs[-1, :, 1].any()
    assert abs(np.corrcoef(batch.inputs[-1, :, 0], d)[0, 1]) < 0.03


@pytest.mark.parametrize("width", [1, 2, 3, 4, 6, 7, 9])
def test_a_window_solves_the_order_task_as_far_as_it_reaches(width, rng):
    steps = 7
    batch = tasks.which_came_first(rng, steps, SIZE)
    squared, _, wrong = best_predictor(batch, tasks.windowed(batch.inputs, width))
    baseline = tasks.which_came_first_baseline(steps, width)
    assert squared == pytest.approx(baseline.squared_error, abs=0.01)
    assert wrong == pytest.approx(baseline.error_rate, abs=0.02)
    assert (baseline.error_rate == 0) == (width >= steps - 1)


def test_memory_is_what_is_missing(rng):
    """The same predictor, shown the whole past, makes no error where the baseline is chance."""
    steps = 6
    for batch in (
        tasks.which_came_first(rng, steps, SIZE),
        tasks.delayed_xor(rng, steps, SIZE, delay=3),
        tasks.latch(rng, steps - 1, SIZE),
        tasks.recall(rng, steps, SIZE, lag=4),
        tasks.running_parity(rng, [steps] * SIZE),
    ):
        past = tasks.windowed(batch.inputs, steps)
        clock = np.broadcast_to(np.arange(steps)[:, None, None], (steps, batch.size, 1))
        assert best_predictor(batch, np.concatenate([past, clock], axis=2))[2] == 0.0
