"""Online learners over many steps at once: what they give is the sum of what single steps give."""

import numpy as np
import pytest

from rnncore import Params
from rnncore.cells import base, chain
from rnncore.learners import OnlineLearner, every_learner, make_learner
from rnncore.verify import compare
from tests.support import zoo

ONLINE = {cls.__name__: cls for cls in every_learner() if issubclass(cls, OnlineLearner)}
CELLS = ("LSTM peepholes", "GRU", "masked LSTM", "mixed stack", "linear recurrent unit")


def agrees(name: str, cell: str, setting: str) -> bool:
    """Whether stretches of 3, 3 and 2 steps give what 8 steps do; False if the learner refuses."""
    rng = np.random.default_rng(21)
    net = zoo.network(cell, setting)
    params = zoo.random_params(net, rng)
    batch = zoo.random_batch(net, setting, rng, steps=8)
    try:
        learner = make_learner(ONLINE[name], net)
    except ValueError:
        return False
    learner.at_once = 3
    with pytest.MonkeyPatch.context() as patch:
        if name == "Hybrid":
            learner.block = 3
            for module in (base, chain):  # so that a block is swept in two parts
                patch.setattr(module, "EVERY", 2)
        whole = learner.gradient(params, batch, np.random.default_rng(5))

    memory = learner.init(params, batch.size, batch.initial_state, np.random.default_rng(5))
    total, loss = params.zeros_like(), 0.0
    for t in range(batch.steps):
        weight = None if batch.weights is None else batch.weights[t]
        memory, out = learner.step(params, memory, batch.inputs[t], batch.targets[t], weight)
        total, loss = total + out.grads, loss + out.loss
    total = total + learner.flush(params, memory)
    got, want = whole.grads.flat(), total.flat()
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * np.abs(want).max())
    assert whole.grads.select("cell.").norm() > 1e-3
    assert whole.loss == pytest.approx(loss, rel=1e-13)
    return True


@pytest.mark.parametrize("setting", ["squared error", "teacher, learned start"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", ONLINE)
def test_many_steps_are_the_sum_of_single_ones(name: str, cell: str, setting: str) -> None:
    if not agrees(name, cell, setting):
        pytest.skip("the learner does not take this network")


def test_each_learner_takes_some_of_these_networks() -> None:
    for name in ONLINE:
        assert any(agrees(name, cell, "squared error") for cell in CELLS), name


@pytest.mark.parametrize("name", ONLINE)
def test_a_subclass_with_steps_of_its_own_is_heard(name: str) -> None:
    """One that redefines ``learn``, or ``advance``, is asked at every step."""
    cell = next(cell for cell in CELLS if agrees(name, cell, "squared error"))
    net = zoo.network(cell, "squared error")
    rng = np.random.default_rng(22)
    params, batch = (
        zoo.random_params(net, rng),
        zoo.random_batch(net, "squared error", rng, steps=5),
    )
    for method in ("learn", "advance"):
        calls = []

        def counted(self, *given, method=method, calls=calls):  # type: ignore[no-untyped-def]
            calls.append(method)
            return getattr(ONLINE[name], method)(self, *given)

        own = make_learner(type(name, (ONLINE[name],), {method: counted}), net)
        if name == "Hybrid":
            own.block = own.at_once = 2
        got = own.gradient(params, batch, np.random.default_rng(5)).grads
        assert len(calls) == 5
        plain = make_learner(ONLINE[name], net).gradient(params, batch, np.random.default_rng(5))
        assert compare(got, Params(plain.grads)).max_relative < 1e-12
