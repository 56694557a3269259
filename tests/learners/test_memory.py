"""Memory against T: constant for RTRL and the hybrid, T for BPTT, sqrt T with checkpoints."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from rnncore import (
    BPTT,
    RTRL,
    Batch,
    CheckpointedBPTT,
    Hybrid,
    Linear,
    Network,
    SquaredError,
    Vanilla,
)

NET = Network(Vanilla(1, 3), Linear(3, 1), SquaredError())
PARAMS = NET.init_params(np.random.default_rng(0))


@contextmanager
def peak() -> Iterator[Callable[[], int]]:
    """The most bytes that were allocated within, over those at the start."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        yield lambda: tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def online_bytes(learner: RTRL | Hybrid, marks: list[int]) -> list[int]:
    """Peak memory of one run up to each mark.

    The stream is made as it goes, so that only the learner can grow.
    """
    rng, used = np.random.default_rng(1), []
    weights = NET.prepare(PARAMS)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        memory, total = learner.init(PARAMS), np.zeros(PARAMS.size)
        for t in range(1, max(marks) + 1):
            x = rng.standard_normal((1, 1))
            memory, out = learner.advance(weights, memory, x, x, None)
            total += out.grads.flat()
            if t in marks:
                used.append(tracemalloc.get_traced_memory()[1] - before)
                tracemalloc.reset_peak()
        assert np.isfinite(total).all()
    finally:
        tracemalloc.stop()
    return used


def offline_bytes(learner: BPTT | CheckpointedBPTT, steps: int, size: int = 1) -> int:
    """Peak memory of one gradient of ``size`` sequences, the inputs not counted."""
    params = learner.network.init_params(np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((steps, size, 1))
    learner.gradient(params, Batch(x[:9], x[:9]))
    with peak() as used:
        learner.gradient(params, Batch(x, x))
        return used()


def slope(steps: list[int], bytes_: list[int]) -> float:
    """The exponent of the growth, by least squares on logarithms."""
    return float(np.polyfit(np.log(steps), np.log(bytes_), 1)[0])


@pytest.mark.slow
@pytest.mark.parametrize("learner", [RTRL(NET), Hybrid(NET, block=6)])
def test_online_memory_does_not_grow(learner: RTRL | Hybrid) -> None:
    online_bytes(learner, [100])  # what the first call of anything allocates for good
    used = online_bytes(learner, [100, 3000, 10_000, 100_000])
    # Caches and collectors of the interpreter settle at some 100 kB within the first few
    # thousand steps, and stir by some 10 kB after. A single number kept at each step would be
    # 776 kB from the second mark to the end.
    assert used[-1] < used[1] + 50_000
    assert max(used) < used[0] + 300_000
    assert offline_bytes(BPTT(NET), 10_000) > 30 * max(used)


def test_bptt_memory_grows_with_t() -> None:
    """The negative control: the same measurement sees growth where there is some."""
    steps = [100, 400, 1600, 6400]
    assert 0.9 < slope(steps, [offline_bytes(BPTT(NET), t) for t in steps]) < 1.1


@pytest.mark.slow
def test_checkpointed_memory_grows_with_the_square_root() -> None:
    """Beyond the batch-sized arrays that any forward pass needs: inputs are given."""
    # States so large that some 100 kB of the interpreter's own do not matter.
    wide = Network(Vanilla(1, 32), Linear(32, 1), SquaredError())
    steps = [1000, 5_000, 20_000]
    used = [offline_bytes(CheckpointedBPTT(wide), t, size=6) for t in steps]
    assert 0.4 < slope(steps, used) < 0.6
    assert used[1] < 0.08 * offline_bytes(BPTT(wide), 5_000, size=6)
