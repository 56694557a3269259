"""Influence balancing: derivatives, the horizon found three ways, who learns and who drifts."""

from collections.abc import Callable

import numpy as np
import pytest

from rnncore import BPTT, RTRL, Hybrid
from rnncore.learners import UORO, OnlineLearner
from rnncore.learners.artbp import ARTBP
from rnncore.learners.truncated import TruncatedBPTT
from rnncore.network import Network
from rnncore.tasks.influence_balancing import (
    BalancedChain,
    balancing_horizon,
    balancing_influence,
    influence_balancing,
    influence_by_running,
)
from rnncore.verify import complex_step, complex_step_jacobian, relative_error

SIZES = [(3, 1), (7, 3), (7, 2), (9, 4), (23, 10)]
SMALL = {"units": 7, "plus": 3}


def test_the_chain() -> None:
    chain = BalancedChain(5, 2)
    np.testing.assert_array_equal(chain.sign, [1, 1, -1, -1, -1])
    np.testing.assert_array_equal(chain.matrix[1], [0, 0.5, 0.5, 0, 0])
    s, x, params = np.array([[1.0, 2, 3, 4, 6]]), np.ones((1, 1)), {"theta": np.array([10.0])}
    after, _ = chain.step(params, s, x)
    np.testing.assert_array_equal(after, [[11.5, 12.5, -6.5, -5, -7]])
    for other in (chain, BalancedChain(6, 2)):
        rest = other.rest(10.0)[None]
        np.testing.assert_allclose(other.step(params, rest, x)[0], rest, rtol=1e-15)


def test_derivatives_of_the_chain() -> None:
    """By state, input and parameter, on a batch of two with inputs other than 1."""
    chain, rng = BalancedChain(5, 2), np.random.default_rng(6)
    params = chain.init_params(rng)
    s, x, s_bar = (
        rng.standard_normal((2, 5)),
        rng.standard_normal((2, 1)),
        rng.standard_normal((2, 5)),
    )
    _, tape = chain.step(params, s, x)
    pulled, delta = chain.pull(params, tape, s_bar)

    def through(part: str) -> np.ndarray:
        start = {"s": s, "x": x, "theta": params["theta"]}
        own = lambda a: {**start, part: a}  # noqa: E731
        run = lambda p: chain.step({"theta": p["theta"]}, p["s"], p["x"])[0]  # noqa: E731
        return np.tensordot(s_bar, complex_step_jacobian(lambda a: run(own(a)), start[part]), 2)

    assert relative_error(pulled, through("s")) < 1e-13
    assert relative_error(chain.input_adjoint(params, tape, delta), through("x")) < 1e-13
    assert relative_error(chain.collect(params, [tape], [delta])["theta"], through("theta")) < 1e-13
    each = chain.collect(params, [tape], [delta], per_example=True)["theta"]
    assert each.shape == (2, 1)
    assert relative_error(each.sum(axis=0), through("theta")) < 1e-13


def test_every_exact_learner_on_it() -> None:
    network, params, batch, _ = influence_balancing(30, **SMALL)
    truth = complex_step(lambda p: network.evaluate(p, batch), params)
    for learner in (BPTT(network), RTRL(network), Hybrid(network, block=4)):
        grads = learner.gradient(params, batch).grads
        assert relative_error(grads.flat(), truth.flat()) < 1e-12


@pytest.mark.parametrize(("units", "plus"), SIZES)
def test_influence_in_closed_form_and_by_running(units: int, plus: int) -> None:
    windows = range(1, 60)
    closed = [float(balancing_influence(w, units, plus)) for w in windows]
    run = [influence_by_running(w, units, plus) for w in windows]
    assert relative_error(run, closed) < 1e-13
    assert balancing_influence(0, units, plus) == 0
    assert float(balancing_influence(2000, units, plus)) == pytest.approx(2 * (2 * plus - units))


@pytest.mark.parametrize(("units", "plus"), SIZES)
def test_horizon(units: int, plus: int) -> None:
    """In closed form, by running the chain, and by the sign of truncated BPTT."""
    horizon = balancing_horizon(units, plus)
    assert balancing_horizon(units, plus, influence_by_running) == horizon
    network, params, batch, optimum = influence_balancing(8 * horizon, units=units, plus=plus)
    right = np.sign(BPTT(network).gradient(params, batch).grads["cell.theta"][0])
    assert right == np.sign(params["cell.theta"][0] - optimum)
    late = batch.steps - horizon  # losses whose window is full
    for window in (1, horizon // 2, horizon - 1, horizon, 2 * horizon):
        learner = TruncatedBPTT(network, 1, window)
        memory, found = learner.init(params, 1, batch.initial_state), 0.0
        for t in range(batch.steps):
            memory, out = learner.step(params, memory, batch.inputs[t], batch.targets[t])
            found = out.grads["cell.theta"][0]
            error = out.output[0, 0] - 1
        assert late > 0
        assert found == pytest.approx(error * float(balancing_influence(window, units, plus)))
        assert (np.sign(found) == right) == (window >= horizon)


def test_the_sign_changes_once() -> None:
    """Shorter windows are all wrong (or blind), longer ones all right."""
    for units, plus in SIZES:
        signs = [balancing_influence(w, units, plus) < 0 for w in range(1, 300)]
        assert signs == sorted(signs)
        assert signs.index(True) + 1 == balancing_horizon(units, plus)
        assert 3 * plus < balancing_horizon(units, plus) <= 5 * plus


def learn(
    make: Callable[[Network], OnlineLearner], steps: int, rate: float, seed: int = 0, **sizes: int
) -> tuple:
    """Learn along one endless run; theta at the start, halfway and at the end, and the optimum."""
    network, params, batch, optimum = influence_balancing(1, **sizes)
    learner, found = make(network), [params["cell.theta"][0]]
    memory = learner.init(params, 1, batch.initial_state, np.random.default_rng(seed))
    for t in range(steps):
        weights = network.prepare(params)
        memory, out = learner.advance(weights, memory, batch.inputs[0], batch.targets[0], None)
        params = params - rate / np.sqrt(1 + t / 200) * out.grads
        found.append(params["cell.theta"][0])
    return found[0], found[steps // 2], found[-1], optimum


@pytest.mark.parametrize(
    "make",
    [
        RTRL,
        lambda net: Hybrid(net, block=5),
        lambda net: ARTBP(net, 0.05),
        lambda net: TruncatedBPTT(net, 1, 26),
    ],
    ids=["RTRL", "hybrid", "ARTBP", "window of twice the horizon"],
)
def test_who_learns(make: Callable[[Network], OnlineLearner]) -> None:
    start, _, end, optimum = learn(make, 1500, 5e-3, **SMALL)
    assert abs(end - optimum) < 1e-2 * abs(start - optimum)


# Long, and the same lines as the tests beside it: not worth a trace.
@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(3))
def test_uoro_learns_at_a_lower_rate(seed: int) -> None:
    """Its noise asks for small steps; a window that is too short drifts at that rate too."""
    start, _, end, optimum = learn(UORO, 6000, 1e-3, seed, **SMALL)
    assert abs(end - optimum) < 0.1 * abs(start - optimum)
    start, _, end, optimum = learn(lambda net: TruncatedBPTT(net, 1, 12), 1500, 1e-3, **SMALL)
    assert abs(end - optimum) > 1.5 * abs(start - optimum)


@pytest.mark.parametrize("window", [1, 6, 12])
def test_who_drifts_away(window: int) -> None:
    assert window < balancing_horizon(**SMALL) == 13
    start, half, end, optimum = learn(
        lambda net: TruncatedBPTT(net, 1, window), 1000, 5e-3, **SMALL
    )
    assert 5 * abs(start - optimum) < abs(half - optimum) < 0.5 * abs(end - optimum)


def test_the_full_size() -> None:
    """23 units, 13 of them with a minus: a window of 40 drifts, one of 80 arrives."""
    assert balancing_horizon() == 41
    for make, steps, arrives in (
        (RTRL, 1000, True),
        (Hybrid, 1000, True),
        (lambda net: ARTBP(net, 0.03), 4000, True),
        (lambda net: TruncatedBPTT(net, 1, 80), 1000, True),
        (lambda net: TruncatedBPTT(net, 1, 40), 1000, False),
        (lambda net: TruncatedBPTT(net, 1, 10), 1000, False),
    ):
        start, _, end, optimum = learn(make, steps, 2e-4)
        assert (abs(end - optimum) < 0.01 * abs(start - optimum)) == arrives
        assert (abs(end - optimum) > 1.5 * abs(start - optimum)) == (not arrives)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="plus: expected fewer than half of the 6 units"):
        influence_balancing(5, units=6, plus=3)
    with pytest.raises(ValueError, match="plus: expected"):
        balancing_horizon(4, 2)
    with pytest.raises(ValueError, match="steps: expected"):
        influence_balancing(0)
    with pytest.raises(ValueError, match="theta: expected a finite number"):
        influence_balancing(5, theta=np.inf)
    with pytest.raises(ValueError, match="window: expected"):
        balancing_influence(-1)
    with pytest.raises(ValueError, match="window: expected a positive integer"):
        influence_by_running(0)
    with pytest.raises(TypeError, match="rng"):
        BalancedChain().init_params(0)  # type: ignore[arg-type]
