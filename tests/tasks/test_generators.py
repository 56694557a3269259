"""The generators: seeds, shapes, definitions, refusals; and the shared helpers."""

import numpy as np
import pytest

from rnncore import tasks
from rnncore.data import Batch

DRAWS = {
    "which_came_first": lambda rng: tasks.which_came_first(rng, 8, 5),
    "temporal_order": lambda rng: tasks.temporal_order(rng, 20, 5),
    "delayed_xor": lambda rng: tasks.delayed_xor(rng, 9, 5, delay=2),
    "running_count": lambda rng: tasks.running_count(rng, [3, 1, 7, 2, 2]),
    "running_parity": lambda rng: tasks.running_parity(rng, [3, 1, 7, 2, 2]),
    "latch": lambda rng: tasks.latch(rng, 6, 5, noise=0.1),
    "recall": lambda rng: tasks.recall(rng, 9, 5, lag=3),
    "adding": lambda rng: tasks.adding(rng, 11, 5),
    "oscillation": lambda rng: tasks.oscillation(rng, 9, 5),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_settles_everything(name):
    first, again, other = (DRAWS[name](np.random.default_rng(seed)) for seed in (1, 1, 2))
    for part in ("inputs", "targets", "mask"):
        np.testing.assert_array_equal(getattr(first, part), getattr(again, part))
    different = not np.array_equal(first.inputs, other.inputs)
    assert different or not np.array_equal(first.targets, other.targets)
    assert first.size == 5 and first.targets.dtype == np.float64


@pytest.mark.parametrize("name", DRAWS)
def test_only_a_generator_is_a_source_of_randomness(name):
    with pytest.raises(TypeError, match="rng"):
        DRAWS[name](0)


def test_both_symbols_appear_once_before_the_last_step(rng):
    batch = tasks.which_came_first(rng, 4, 200)
    np.testing.assert_array_equal(batch.inputs.sum(axis=0), np.ones((200, 2)))
    assert not batch.inputs[-1].any()
    assert batch.inputs.sum(axis=2).max() == 1
    np.testing.assert_array_equal(batch.mask.sum(axis=0), np.ones(200))
    first = batch.inputs.argmax(axis=0)
    np.testing.assert_array_equal(batch.targets[-1, :, 0], first[:, 0] < first[:, 1])
    assert set(first.ravel()) == {0, 1, 2}


def test_temporal_order_places_its_symbols_where_the_paper_does(rng):
    steps = 30
    batch = tasks.temporal_order(rng, steps, 500)
    np.testing.assert_array_equal(batch.inputs.sum(axis=2), np.ones((steps, 500)))
    relevant = batch.inputs[:, :, :2].any(axis=2)
    assert set(np.flatnonzero(relevant.any(axis=1))) == {3, 4, 5, 12, 13, 14}
    np.testing.assert_array_equal(relevant.sum(axis=0), np.full(500, 2))
    for b in range(500):
        early, late = batch.inputs[relevant[:, b], b, :2].argmax(axis=1)
        assert batch.targets[-1, b].argmax() == 2 * early + late
    assert set(batch.targets[-1].argmax(axis=1)) == {0, 1, 2, 3}


@pytest.mark.parametrize("delay", [0, 1, 4])
def test_delayed_xor(delay, rng):
    batch = tasks.delayed_xor(rng, 12, 3, delay=delay, constant_input=True)
    assert batch.inputs.shape == (12, 3, 3)
    assert (batch.inputs[..., 2] == 1).all()
    np.testing.assert_array_equal(batch.mask.sum(axis=0), np.full(3, 12 - delay))
    for t in range(delay, 12):
        a, b = batch.inputs[t - delay, :, 0], batch.inputs[t - delay, :, 1]
        np.testing.assert_array_equal(batch.targets[t, :, 0], (a + b) % 2)


def test_the_count_reaches_all_lengths_and_stops_at_each(rng):
    lengths = [3, 1, 6]
    batch = tasks.running_count(rng, lengths)
    parity = tasks.running_parity(np.random.default_rng(20240229), lengths)
    np.testing.assert_array_equal(batch.mask.sum(axis=0), lengths)
    np.testing.assert_array_equal(parity.targets, batch.targets % 2)
    for b, n in enumerate(lengths):
        assert batch.targets[n - 1, b, 0] == batch.inputs[:, b, 0].sum()


def test_random_lengths_cover_both_ends(rng):
    assert set(tasks.random_lengths(rng, 200, 2, 4)) == {2, 3, 4}


def test_the_latch_shows_its_bit_once(rng):
    batch = tasks.latch(rng, 5, 300, noise=0.2)
    assert set(batch.inputs[0].ravel()) == {-1.0, 1.0}
    assert batch.inputs[1:].std() == pytest.approx(0.2, rel=0.1)
    np.testing.assert_array_equal(batch.targets[-1], batch.inputs[0] > 0)


def test_recall_asks_for_the_bit_under_the_write_flag(rng):
    batch = tasks.recall(rng, 10, 300, lag=4)
    write, read = batch.inputs[:, :, 1].argmax(axis=0), batch.inputs[:, :, 2].argmax(axis=0)
    np.testing.assert_array_equal(read - write, np.full(300, 4))
    assert set(write) == set(range(6))
    each = np.arange(300)
    np.testing.assert_array_equal(batch.targets[read, each, 0], batch.inputs[write, each, 0] > 0)
    np.testing.assert_array_equal(np.argwhere(batch.mask.T)[:, 1], read)
    assert tasks.recall(rng, 7, 1).inputs[0, 0, 1] == 1, "the longest lag is the default"


def test_adding_marks_one_value_in_each_half(rng):
    batch = tasks.adding(rng, 9, 400)
    marked = batch.inputs[:, :, 1]
    np.testing.assert_array_equal(marked[:4].sum(axis=0), np.ones(400))
    np.testing.assert_array_equal(marked[4:8].sum(axis=0), np.ones(400))
    assert not marked[8].any() and marked.any(axis=1)[:8].all()
    total = (batch.inputs[..., 0] * marked).sum(axis=0)
    np.testing.assert_allclose(batch.targets[-1, :, 0], total)


def test_the_wave_repeats_and_keeps_to_its_extremes(rng):
    batch = tasks.oscillation(rng, 40, 6, period=8, low=-1.0, high=3.0)
    d = batch.targets[..., 0]
    np.testing.assert_allclose(d[8:], d[:-8], atol=1e-14)
    assert d.min() == pytest.approx(-1) and d.max() == pytest.approx(3)
    assert (batch.inputs == 1).all() and batch.mask is None
    quarter = tasks.oscillation(rng, 3, period=8, phase=2.0).targets[0, 0, 0]
    assert quarter == pytest.approx(0.9)


REFUSED = {
    "steps": lambda rng: tasks.which_came_first(rng, 2, 5),
    "steps ": lambda rng: tasks.delayed_xor(rng, 2, 5, delay=2),
    "steps  ": lambda rng: tasks.temporal_order(rng, 9, 5),
    "steps   ": lambda rng: tasks.recall(rng, 4, 5, lag=4),
    "batch_size": lambda rng: tasks.adding(rng, 9, 0),
    "delay": lambda rng: tasks.delayed_xor(rng, 9, 5, delay=-1),
    "lag": lambda rng: tasks.latch(rng, 0, 5),
    "noise": lambda rng: tasks.latch(rng, 3, 5, noise=-1.0),
    "lengths": lambda rng: tasks.running_count(rng, []),
    r"lengths\[1\]": lambda rng: tasks.running_parity(rng, [2, 0]),
    "longest": lambda rng: tasks.random_lengths(rng, 5, 3, 2),
    "period": lambda rng: tasks.oscillation(rng, 5, period=1),
    "period ": lambda rng: tasks.oscillation(rng, 5, period=5, waveform="square"),
    "waveform": lambda rng: tasks.oscillation(rng, 5, waveform="saw"),
    "low": lambda rng: tasks.oscillation(rng, 5, low=1.0, high=0.0),
    "phase": lambda rng: tasks.oscillation(rng, 5, phase=np.nan),
    "width": lambda rng: tasks.windowed(np.zeros((3, 1)), 0),
    "inputs": lambda rng: tasks.windowed(np.zeros(3), 2),
    "probability": lambda rng: tasks.binary_baseline("", 1.5),
}


@pytest.mark.parametrize("argument", REFUSED)
def test_bad_arguments_are_refused_by_name(argument, rng):
    with pytest.raises(ValueError, match=argument.strip()):
        REFUSED[argument](rng)


def test_wrong_types_are_refused_by_name(rng):
    with pytest.raises(TypeError, match="lengths"):
        tasks.running_count(rng, 5)
    with pytest.raises(TypeError, match="steps"):
        tasks.adding(rng, 9.0, 2)


def test_a_window_of_one_changes_nothing_and_a_wider_one_starts_with_zeros(rng):
    x = rng.normal(size=(4, 2, 3))
    np.testing.assert_array_equal(tasks.windowed(x, 1), x)
    wide = tasks.windowed(x, 3)
    assert wide.shape == (4, 2, 9)
    np.testing.assert_array_equal(wide[0, :, :6], np.zeros((2, 6)))
    np.testing.assert_array_equal(wide[3], np.concatenate([x[1], x[2], x[3]], axis=1))
    np.testing.assert_array_equal(tasks.windowed(x[:, 0], 3), wide[:, 0])
    assert tasks.windowed(x.astype(np.float32), 6).dtype == np.float32


def test_error_rate_counts_the_scored_steps_only():
    targets = np.array([1.0, 0.0, 1.0]).reshape(3, 1, 1)
    batch = Batch(np.zeros((3, 1, 1)), targets, np.array([[1.0], [1.0], [0.0]]))
    assert tasks.error_rate(np.full((3, 1, 1), 0.7), batch) == 0.5
    one_hot = Batch(np.zeros((2, 1, 1)), np.eye(3)[[0, 2]][:, None])
    classes = Batch(np.zeros((2, 1, 1)), np.array([[0], [2]]))
    outputs = np.array([[[0.5, 0.3, 0.2]], [[0.2, 0.5, 0.3]]])
    assert tasks.error_rate(outputs, one_hot) == tasks.error_rate(outputs, classes) == 0.5


def test_error_rate_and_per_score_refuse_what_they_cannot_judge():
    x, d = np.zeros((2, 1, 1)), np.zeros((2, 1, 1))
    with pytest.raises(ValueError, match="outputs"):
        tasks.error_rate(np.zeros((3, 1, 1)), Batch(x, d))
    with pytest.raises(ValueError, match="mask"):
        tasks.error_rate(d, Batch(x, d, np.zeros((2, 1))))
    with pytest.raises(ValueError, match="mask"):
        tasks.per_score(1.0, Batch(x, d, np.zeros((2, 1))))
    with pytest.raises(ValueError, match="targets"):
        tasks.per_score(1.0, Batch(x))


def test_per_score_puts_a_loss_on_the_scale_of_the_baseline(rng):
    batch = tasks.delayed_xor(rng, 200, 50, delay=3)
    half = 0.5 * (0.5 - batch.targets) ** 2 * batch.weights
    loss = half.sum() / batch.size
    assert tasks.per_score(loss, batch) == pytest.approx(0.125)
    units = Batch(np.zeros((2, 1, 1)), np.zeros((2, 1, 2)), [[[1.0, 1.0]], [[0.0, 1.0]]])
    assert tasks.per_score(4.0, units) == 2.0
