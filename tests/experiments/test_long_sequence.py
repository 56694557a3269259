"""The stored run of a million steps: its first 2000 steps again, and what chapter 4 reads of it."""

import json

import numpy as np
import pytest

from experiments.long_sequence import run as long_sequence
from rnncore import BPTT


@pytest.fixture(scope="module")
def result():
    return json.loads(long_sequence.RESULT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def again():
    return long_sequence.run(2_000)


def test_a_short_slice_agrees_with_the_stored_checkpoints(result, again):
    records, _ = again
    assert [record["steps"] for record in records] == [1_000, 2_000]
    for new, old in zip(records, result["checkpoints"], strict=False):
        assert new["steps"] == old["steps"]
        assert new["bytes_carried"] == old["bytes_carried"]
        assert new["mean_loss"] == pytest.approx(old["mean_loss"], rel=1e-9)
        assert new["norms_of_mean_gradient"] == pytest.approx(
            old["norms_of_mean_gradient"], rel=1e-9
        )


def test_the_slice_is_the_exact_gradient_of_the_same_stream(again):
    _, total = again
    params, batch = long_sequence.stored(2_000)
    truth = BPTT(long_sequence.network()).gradient(params, batch).grads
    np.testing.assert_allclose(total.flat(), truth.flat(), atol=1e-11 * np.abs(truth.flat()).max())


def test_the_stored_run_is_whole(result):
    assert result["seed"] == long_sequence.SEED
    assert result["steps"] == long_sequence.STEPS
    steps = [record["steps"] for record in result["checkpoints"]]
    assert steps == list(long_sequence.CHECKPOINTS)
    assert result["relative_difference_from_checkpointed_bptt"] < 1e-11
    carried = {record["bytes_carried"] for record in result["checkpoints"]}
    assert carried == {8 * (16 + 16 * (16 * 2 + 16 * 16 + 16))}
    peaks = [record["peak_bytes_of_process"] for record in result["checkpoints"]]
    assert peaks[-1] < 1.01 * peaks[0]
    growth = result["bptt_peak_bytes"]["10000"] / result["bptt_peak_bytes"]["1000"]
    assert 9 < growth < 11


def test_the_stream_is_the_same_each_time_and_its_target_is_an_earlier_input():
    _, batch = long_sequence.stored(20)
    _, other = long_sequence.stored(20)
    np.testing.assert_array_equal(batch.inputs, other.inputs)
    lag = long_sequence.LAG
    np.testing.assert_array_equal(batch.targets[lag:, 0, 0], batch.inputs[:-lag, 0, 0])
