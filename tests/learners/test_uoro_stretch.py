"""UORO over many steps at once gives what its single steps give, wherever it is taken."""

from typing import Any

import numpy as np
import pytest

from rnncore import GRU, Batch, Linear, Network, Params, SquaredError, Vanilla
from rnncore.cells import PointwiseCell
from rnncore.cells.chain import chain_forward
from rnncore.learners import UORO, noise
from rnncore.learners.instant import instants
from rnncore.learners.noise import Given
from rnncore.learners.uoro import Memory
from rnncore.learners.uoro_stretch import carry, outer_products
from rnncore.verify import relative_error
from tests.support import zoo

POINTWISE = [name for name, make in zoo.CELLS.items() if isinstance(make(), PointwiseCell)]
OTHERS = [name for name in zoo.CELLS if name not in POINTWISE]
SETTINGS = ("squared error", "learned start", "teacher, learned start")


class StepByStep(UORO):
    """The definition: a ``learn`` of its own is asked at every step."""

    def learn(self, weights: Any, memory: Any, now: Any) -> Any:
        return super().learn(weights, memory, now)


def run(learner: UORO, params: Params, batch: Batch, rng: Any, at_once: int = 4) -> Any:
    """The last memory, and the gradient by name."""
    learner.at_once = at_once
    weights = learner.network.prepare(params, batch.inputs, batch.initial_state)
    held = params.astype(weights.dtype)
    memory = learner.init(held, batch.size, batch.initial_state, rng)
    memory, _, sums = learner._through(params, weights, memory, batch)
    return memory, Params(sums)


def same(one: Memory, other: Memory, tolerance: float = 1e-12) -> None:
    for name in ("state", "tangent", "row"):
        got, want = getattr(one, name), getattr(other, name)
        assert got.dtype == want.dtype and got.shape == want.shape, name
        bound = tolerance * max(1.0, np.abs(want).max())
        np.testing.assert_allclose(got, want, rtol=0, atol=bound, err_msg=name)


def agrees(cell: str, setting: str, kind: str = "signs") -> None:
    """Stretches of 4, 4 and 1 steps, three sequences: the memory and the gradient."""
    rng = np.random.default_rng(31)
    net = zoo.network(cell, setting)
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, setting, rng, 9, 3)
    last, grads = run(UORO(net, kind), params, batch, np.random.default_rng(1))
    want_last, want = run(StepByStep(net, kind), params, batch, np.random.default_rng(1))
    same(last, want_last)
    assert np.abs(last.row).max() > 1e-3
    assert relative_error(grads.flat(), want.flat()) < 1e-12


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", POINTWISE)
def test_memory_and_gradient_are_those_of_single_steps(cell: str, setting: str) -> None:
    agrees(cell, setting)


def test_normal_numbers() -> None:
    agrees("LSTM peepholes", "learned start", "gaussian")


@pytest.mark.parametrize("cell", zoo.CELLS)
def test_where_it_is_taken(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No single step on pointwise cells; nothing else on all others."""
    asked = []
    single = UORO.learn

    def counted(self: UORO, weights: Any, memory: Memory, now: Any) -> Any:
        asked.append(now)
        return single(self, weights, memory, now)

    monkeypatch.setattr(UORO, "learn", counted)
    rng = np.random.default_rng(32)
    net = zoo.network(cell)
    batch = zoo.random_batch(net, "squared error", rng, 5, 2)
    UORO(net).gradient(zoo.random_params(net, rng), batch, rng)
    assert len(asked) == (0 if cell in POINTWISE else 5)


def test_derivatives_of_its_own_are_respected() -> None:
    """A cell with a method of its own that the stretch does not call goes step by step."""
    for name in ("pull", "collect", "jvp"):
        own = type("Own", (GRU,), {name: lambda self, *given: None})
        assert not outer_products(own(2, 3)), name
    assert outer_products(type("Same", (GRU,), {})(2, 3))


def tangents_are_pushed(cell: str) -> None:
    """As ``jvp`` does it, with another tangent written at each step."""
    rng = np.random.default_rng(33)
    net = zoo.network(cell)
    weights = net.prepare(zoo.random_params(net, rng))
    batch = zoo.random_batch(net, "squared error", rng, 4, 3)
    first = net.initial(weights, 3, batch.initial_state)
    tapes = instants(net, weights, first, batch, 0, 4)[0].tapes
    given = rng.standard_normal((4, 3, net.cell.state_size))
    tangent, pushed = np.empty(given.shape[1:]), np.empty(given.shape)
    forward = chain_forward(net.cell, weights.cell, tapes.partials(0, 4), tangent, pushed)
    for t, ds in enumerate(given):
        tangent[:] = ds
        want = net.cell.jvp(weights.cell, tapes[t], ds)
        np.testing.assert_allclose(next(forward), want, rtol=0, atol=1e-13)
    assert next(forward, None) is None


@pytest.mark.parametrize("cell", POINTWISE)
def test_tangents_are_pushed(cell: str) -> None:
    tangents_are_pushed(cell)


def test_products_that_are_zero() -> None:
    """Nothing passes on what was (U = 0), or nothing is added (no inputs, no bias): no NaN."""
    rng = np.random.default_rng(34)
    net = Network(Vanilla(2, 3, bias=False), Linear(3, 1), SquaredError())
    params = zoo.random_params(net, rng)
    inputs, targets = rng.standard_normal((9, 2, 2)), rng.standard_normal((9, 2, 1))
    inputs[:3] = 0
    inputs[:, 1] = 0
    batch = Batch(inputs, targets)
    for held in (params, params.replace(**{"cell.U": np.zeros((3, 3))})):
        last, grads = run(UORO(net), held, batch, np.random.default_rng(1))
        want_last, want = run(StepByStep(net), held, batch, np.random.default_rng(1))
        same(last, want_last)
        np.testing.assert_array_equal(last.row[1], 0)
        np.testing.assert_array_equal(last.tangent[1], 0)
        assert relative_error(grads.flat(), want.flat()) < 1e-12


def test_what_cancels_to_the_last_digit_counts_as_zero() -> None:
    """A square that rounding made negative has no root; of what is left the noise stays."""
    net = zoo.network("vanilla tanh")
    rng = np.random.default_rng(35)
    weights = net.prepare(zoo.random_params(net, rng))
    batch = zoo.random_batch(net, "squared error", rng, 2, 1)
    first = net.initial(weights, 1, batch.initial_state)
    d = instants(net, weights, first, batch, 0, 2)[0].tapes.partials(0, 2)
    gram = np.zeros((1, 3, 3))
    gram[0, 0, 0] = -1e-17
    new = rng.standard_normal((2, 1, 3))
    found = carry(
        net.cell, weights.cell, d, np.ones((1, 3)), new, np.ones((2, 1)), gram, [None, None]
    )
    np.testing.assert_array_equal(found.coefficients[:, 0], np.eye(3))
    np.testing.assert_array_equal(found.tangent, new[1])


def test_single_precision_and_wider_targets() -> None:
    rng = np.random.default_rng(36)
    net = zoo.network("LSTM peepholes", "learned start")
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, "learned start", rng, 9, 2)
    single = params.astype("f4")
    for targets in (batch.targets.astype("f4"), batch.targets):
        half = Batch(batch.inputs.astype("f4"), targets, batch.mask)
        last, grads = run(UORO(net), single, half, np.random.default_rng(1))
        want_last, want = run(StepByStep(net), single, half, np.random.default_rng(1))
        same(last, want_last, 1e-5)
        assert grads.dtype == want.dtype == targets.dtype
        assert relative_error(grads.flat(), want.flat()) < 1e-5


def test_a_complex_step_passes() -> None:
    rng = np.random.default_rng(37)
    net = zoo.network("LSTM peepholes", "learned start")
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, "learned start", rng, 9, 2)
    turned = params.map(lambda a: a + 1e-30j * rng.standard_normal(a.shape))
    _, grads = run(UORO(net), turned, batch, np.random.default_rng(1))
    _, want = run(StepByStep(net), turned, batch, np.random.default_rng(1))
    assert np.abs(want.flat().imag).max() > 1e-31
    assert relative_error(grads.flat().imag, want.flat().imag) < 1e-11


@pytest.mark.parametrize("bits", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
@pytest.mark.parametrize("kind", noise.KINDS)
def test_one_draw_for_many_steps(kind: str, bits: str) -> None:
    """The same numbers, and the generator goes on from the same place, for odd counts too."""
    draw = noise.get(kind)
    one, other = [np.random.Generator(getattr(np.random, bits)(3)) for _ in range(2)]
    many = noise.draw_steps(draw, one, 5, (3, 5), np.float32)
    single = [draw(other, (3, 5), np.float32) for _ in range(5)]
    np.testing.assert_array_equal(many, single)
    assert many.dtype == np.float32 and many.shape == (5, 3, 5)
    np.testing.assert_array_equal(draw(one, (7,)), draw(other, (7,)))


def test_numbers_given_beforehand() -> None:
    """They come in the order of the steps, from left to right in the row of each sequence."""
    rows = np.arange(12.0).reshape(2, 6)
    rng = Given(rows)
    drawn = noise.draw_steps(noise.signs, rng, 2, (2, 3), np.float64)
    np.testing.assert_array_equal(drawn.swapaxes(0, 1).reshape(2, 6), rows)
    assert rng.left == 0
