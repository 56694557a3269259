"""SnAp over many steps at once: when it is taken, and what it leaves in memory."""

from typing import Any

import numpy as np
import pytest

from rnncore import LSTM, Batch, Linear, Masked, Network, Params, SquaredError
from rnncore.cells import Cell
from rnncore.learners.snap import Memory, SnAp
from rnncore.verify import compare, relative_error
from tests.cells import test_stretch
from tests.support import zoo

TEACHER = "teacher, learned start"
POINTWISE = [*test_stretch.POINTWISE, *test_stretch.MASKED]


def summed(learner: SnAp, params: Params, batch: Batch) -> tuple[Memory, Params]:
    """The memory after single steps, and the sum of what they give."""
    memory = learner.init(params, batch.size, batch.initial_state)
    total = params.zeros_like()
    for t in range(batch.steps):
        weight = None if batch.weights is None else batch.weights[t]
        memory, out = learner.step(params, memory, batch.inputs[t], batch.targets[t], weight)
        total = total + out.grads
    return memory, total


def calls_of_learn(net: Network, batch: Batch, params: Params, steps: int = 1) -> int:
    """How often ``gradient`` learns from a single step."""
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        learn = SnAp.learn
        patch.setattr(SnAp, "learn", lambda *given: calls.append(1) or learn(*given))
        SnAp(net, steps).gradient(params, batch)
    return len(calls)


def taken(cell: str, setting: str, steps: int = 1) -> bool:
    """Whether all of a gradient is learned by stretches; if not, all of it is by single steps."""
    net, rng = zoo.network(cell, setting), np.random.default_rng(1)
    batch = zoo.random_batch(net, setting, rng, steps=5)
    calls = calls_of_learn(net, batch, zoo.random_params(net, rng), steps)
    assert calls in (0, 5)
    return calls == 0


@pytest.mark.parametrize("cell", zoo.CELLS)
def test_it_is_taken_by_pointwise_cells(cell: str) -> None:
    for setting in ("squared error", TEACHER):
        assert taken(cell, setting) == (cell in POINTWISE)


def test_it_is_taken_where_nothing_leaves_the_unit() -> None:
    """Also with n > 1 where units hear only themselves, and not where they hear others."""
    assert taken("linear recurrent unit", "learned start", 2)
    assert taken("diagonal LSTM", TEACHER, 3)
    assert not taken("GRU", "squared error", 2)
    assert not taken("masked LSTM", "squared error", 2)


def memory_agrees(net: Network, setting: str, steps: int = 1, imaginary: float = 0) -> None:
    """Stretches of 3, 3 and 1 steps leave the memory of 7 steps, and give their gradient."""
    rng = np.random.default_rng(6)
    params = zoo.random_params(net, rng)
    if imaginary:
        params = params.map(lambda a: a + 1j * imaginary * rng.standard_normal(a.shape))
    batch = zoo.random_batch(net, setting, rng, steps=7)
    left: list[Memory] = []

    class Watched(SnAp):
        at_once = 3

        def flush(self, params: Params, memory: Memory) -> Params:
            left.append(memory)
            return super().flush(params, memory)

    got = Watched(net, steps).gradient(params, batch).grads
    memory, want = summed(SnAp(net, steps), params, batch)
    for part in (np.real, np.imag) if imaginary else (np.real,):
        for mine, other in ((got.flat(), want.flat()), (left[0].influence, memory.influence)):
            assert relative_error(part(mine), part(other)) < 1e-12
    np.testing.assert_allclose(left[0].state, memory.state, rtol=1e-13)
    assert left[0].influence.dtype == memory.influence.dtype


@pytest.mark.parametrize("setting", ["squared error", "learned start", TEACHER])
@pytest.mark.parametrize("cell", POINTWISE)
def test_memory_is_that_of_single_steps(cell: str, setting: str) -> None:
    memory_agrees(zoo.network(cell, setting), setting)


@pytest.mark.parametrize(("cell", "steps"), [("linear recurrent unit", 2), ("diagonal LSTM", 3)])
def test_memory_with_more_steps(cell: str, steps: int) -> None:
    memory_agrees(zoo.network(cell, "learned start"), "learned start", steps)


@pytest.mark.parametrize("cell", test_stretch.CHAINED)
def test_cells_of_three_blocks(cell: str) -> None:
    """Blocks made from one another; u and v apart, or not."""
    made = test_stretch.CELLS[cell]()
    net = Network(made, Linear(3, 2), SquaredError(), learn_initial_state=True)
    memory_agrees(net, "learned start")


@pytest.mark.parametrize("cell", ["GRU", "LSTM peepholes", "masked LSTM", "leaky"])
def test_complex_numbers_pass(cell: str) -> None:
    """The imaginary parts are as exact as the real ones, however small they are."""
    memory_agrees(zoo.network(cell, TEACHER), TEACHER, imaginary=1e-30)


def test_rows_that_are_cut_off_and_units_without_themselves() -> None:
    """Whole rows of W are cut, single entries of it, and what a unit tells itself."""
    rng = np.random.default_rng(3)
    inputs = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    masks = {"W": inputs, "U": 1 - np.eye(3), "b": np.array([1.0, 0.0, 1.0])}
    inner = Masked(LSTM(2, 3), masks)
    cell = Masked(inner, {"U": np.tri(3)})
    net = Network(cell, Linear(3, 2), SquaredError())
    params, batch = zoo.random_params(net, rng), zoo.random_batch(net, "squared error", rng)
    _, want = summed(SnAp(net), params, batch)
    got = SnAp(net).gradient(params, batch).grads
    assert calls_of_learn(net, batch, params) == 0
    assert compare(got, want).max_relative < 1e-12
    for name in cell.shapes:
        cut = cell.mask[name] * inner.mask[name] == 0
        np.testing.assert_array_equal(got[f"cell.{name}"] == 0, cut)


class Halved(LSTM):
    """Deposits half of what its parent does."""

    def collect(self, *given: Any, **options: Any) -> dict[str, np.ndarray]:
        return {name: array / 2 for name, array in super().collect(*given, **options).items()}


class HalvedMask(Masked):
    """The same around another cell."""

    def collect(self, *given: Any, **options: Any) -> dict[str, np.ndarray]:
        return {name: array / 2 for name, array in super().collect(*given, **options).items()}


def halved_mask(*size: int) -> Cell:
    return HalvedMask(LSTM(*size), {"U": zoo.RING})


@pytest.mark.parametrize("make", [Halved, halved_mask])
def test_a_reverse_mode_of_its_own_is_respected(make: Any) -> None:
    rng = np.random.default_rng(4)
    net = Network(make(2, 3), Linear(3, 2), SquaredError())
    params, batch = zoo.random_params(net, rng), zoo.random_batch(net, "no mask", rng)
    assert calls_of_learn(net, batch, params) == batch.steps
    _, want = summed(SnAp(net), params, batch)
    assert compare(SnAp(net).gradient(params, batch).grads, want).max_relative < 1e-12


@pytest.mark.parametrize("cell", ["vanilla tanh", "LSTM peepholes", "GRU"])
def test_single_precision_stays_so(cell: str) -> None:
    net, rng = zoo.network(cell, "learned start"), np.random.default_rng(5)
    params, batch = zoo.random_params(net, rng), zoo.random_batch(net, "learned start", rng)
    half = Batch(batch.inputs.astype("f4"), batch.targets.astype("f4"), batch.mask)
    learner = SnAp(net)
    single = learner.gradient(params.astype("f4"), half)
    assert single.grads.dtype == np.float32
    assert np.asarray(single.loss).dtype == np.float32
    assert compare(single.grads, learner.gradient(params, batch).grads).max_relative < 1e-4
