"""The one test: every exact learner, on every cell and composite, in every setting.

The truth is complex-step differentiation of the loss, which knows no derivative.
"""

from functools import cache

import numpy as np
import pytest

from rnncore import BPTT, RTRL, Batch, CheckpointedBPTT, Hybrid, Network, Params
from rnncore.verify import compare, complex_step
from tests.support import zoo

TOLERANCE = 1e-12

LEARNERS = {
    "BPTT": BPTT,
    "checkpointed BPTT": CheckpointedBPTT,
    "checkpointed BPTT, every 4": lambda net: CheckpointedBPTT(net, every=4),
    "RTRL": RTRL,
    "hybrid": Hybrid,
    "hybrid, block 1": lambda net: Hybrid(net, block=1),
    "hybrid, block 4": lambda net: Hybrid(net, block=4),
    "hybrid, block longer than T": lambda net: Hybrid(net, block=50),
}

# Every setting on the plain cells that differ most; every cell in the three settings that
# touch the recurrent part.
RECURRENT = ("squared error", "learned start", "teacher", "teacher, learned start")
PAIRS = [(cell, setting) for cell in zoo.CELLS for setting in RECURRENT] + [
    (cell, setting)
    for cell in ("vanilla tanh", "LSTM peepholes", "mixed stack")
    for setting in zoo.SETTINGS
    if setting not in RECURRENT
]


@cache
def case(cell: str, setting: str, steps: int, size: int) -> tuple[Network, Params, Batch, Params]:
    """A network with random parameters, a batch, and the true gradient."""
    rng = np.random.default_rng([32, steps, size, len(cell), len(setting)])
    net = zoo.network(cell, setting)
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, setting, rng, steps, size)
    truth = complex_step(lambda p: net.evaluate(p, batch), params)
    return net, params, batch, truth


@pytest.mark.parametrize(("cell", "setting"), PAIRS)
def test_gradients_are_alive(cell: str, setting: str) -> None:
    """A zero gradient would agree with anything: nearly every entry must be non-zero."""
    net, _, _, truth = case(cell, setting, 6, 2)
    for name, array in truth.items():
        entries = array[zoo.uncut(net, name)]
        enough = 0.3 if cell == "vanilla relu" else 0.9
        assert np.mean(entries != 0) >= enough, name


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize(("cell", "setting"), PAIRS)
def test_exact(cell: str, setting: str, learner: str) -> None:
    net, params, batch, truth = case(cell, setting, 6, 2)
    loss, grads = LEARNERS[learner](net).gradient(params, batch)
    result = compare(grads, truth)
    assert result.max_relative <= TOLERANCE, str(result)
    assert loss == pytest.approx(net.evaluate(params, batch), rel=1e-13)


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize(("steps", "size"), [(1, 1), (1, 3), (2, 1), (7, 1), (8, 3), (13, 2)])
@pytest.mark.parametrize("cell", ["vanilla tanh", "LSTM", "GRU reset before", "masked feedback"])
def test_exact_at_every_shape(cell: str, steps: int, size: int, learner: str) -> None:
    net, params, batch, truth = case(cell, "learned start", steps, size)
    result = compare(LEARNERS[learner](net).gradient(params, batch).grads, truth)
    assert result.max_relative <= TOLERANCE, str(result)


@pytest.mark.parametrize("learner", LEARNERS)
def test_learners_declare_themselves_exact(learner: str) -> None:
    made = LEARNERS[learner](zoo.network("LSTM"))
    assert made.kind == "exact"
    assert made.online == isinstance(made, RTRL | Hybrid)
    assert learner.startswith(made.name)


@pytest.mark.parametrize("learner", LEARNERS)
def test_float32_follows_the_inputs(learner: str) -> None:
    rng = np.random.default_rng(3)
    net = zoo.network("mixed stack", "learned start")
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, "learned start", rng)
    half = Batch(batch.inputs.astype("f4"), batch.targets.astype("f4"), batch.mask)
    single = LEARNERS[learner](net).gradient(params.astype("f4"), half)
    assert single.grads.dtype == np.float32
    assert np.asarray(single.loss).dtype == np.float32
    double = BPTT(net).gradient(params, batch)
    assert compare(single.grads, double.grads).max_relative < 1e-5


def stretches(steps: int) -> list[int]:
    """The lengths of the stretches that checkpointed BPTT records."""
    plain = zoo.network("vanilla tanh", "no mask")
    lengths: list[int] = []

    class Watched(Network):
        def record(self, weights, s, batch, start, stop):  # type: ignore[no-untyped-def]
            lengths.append(stop - start)
            return super().record(weights, s, batch, start, stop)

    rng = np.random.default_rng(0)
    net = Watched(plain.cell, plain.readout, plain.loss)
    params = zoo.random_params(net, rng)
    CheckpointedBPTT(net).gradient(params, zoo.random_batch(net, "no mask", rng, steps, 1))
    return lengths


def test_checkpoints_are_square_root() -> None:
    """Both the longest recorded stretch and the number of stretches are near sqrt(T)."""
    assert stretches(1) == [1]
    assert stretches(49) == [7] * 7
    assert stretches(50) == [2, *[8] * 6]


def test_the_check_can_fail() -> None:
    """A truncated sum, a forgotten term and a transposition are all far from the truth."""
    net, params, batch, truth = case("vanilla tanh", "squared error", 6, 2)
    cut = Batch(batch.inputs[1:], batch.targets[1:], batch.mask[1:], batch.initial_state)
    assert compare(BPTT(net).gradient(params, cut).grads, truth).max_relative > 0.01
    wrong = truth.replace(**{"cell.U": truth["cell.U"].T})
    assert compare(wrong, truth).max_relative > 0.01
    assert compare(wrong, truth).parameter == "cell.U"
