"""Optimizers against steps worked out by hand and against torch.optim."""

import numpy as np
import pytest

from rnncore.optimizers import (
    SGD,
    Adam,
    Momentum,
    clip_by_norm,
    clip_by_value,
    global_norm,
)
from rnncore.params import Params

RULES = [
    SGD(0.1),
    Momentum(0.1, 0.8),
    Momentum(0.1, 0.8, nesterov=True),
    Adam(0.01, 0.8, 0.95, 1e-4),
]


def params_like(rng, dtype=np.float64):
    return Params({"W": rng.normal(size=(2, 3)).astype(dtype), "b": np.zeros(2, dtype)})


def walk(rule, params, gradient, steps):
    state = rule.init(params)
    for _ in range(steps):
        params, state = rule.step(params, state, gradient(params))
    return params, state


def test_momentum_by_hand():
    one = Params({"w": [1.0]})
    params, state = walk(Momentum(0.25, 0.5), one, lambda p: 2.0 * p, 2)
    # v1 = -0.5, w1 = 0.5; v2 = -0.25 - 0.25 = -0.5, w2 = 0
    assert params["w"][0] == 0.0 and state.slots["velocity"]["w"][0] == -0.5
    assert state.step == 2


def test_nesterov_is_the_gradient_taken_ahead():
    """The parameters are theta + mu v of Sutskever et al. (2013), equations 3 and 4."""
    mu, eta = 0.5, 0.25
    theta, v, phis = 1.0, 0.0, []
    for _ in range(5):
        v = mu * v - eta * 2.0 * (theta + mu * v)
        theta += v
        phis.append(theta + mu * v)
    rule, params = Momentum(eta, mu, nesterov=True), Params({"w": [1.0]})
    state = rule.init(params)
    for phi in phis:
        params, state = rule.step(params, state, 2.0 * params)
        assert params["w"][0] == pytest.approx(phi, rel=1e-14)


def test_adam_by_hand():
    rule = Adam(0.5, 0.5, 0.75, 1.0)
    params, state = rule.step(
        Params({"w": [1.0]}), rule.init(Params({"w": [1.0]})), Params({"w": [2.0]})
    )
    # m = 1, m_hat = 2; v = 1, v_hat = 4: the step is 0.5 * 2 / (2 + 1)
    assert params["w"][0] == pytest.approx(1 - 1 / 3)
    params, state = rule.step(params, state, Params({"w": [0.0]}))
    # m = 0.5, m_hat = 0.5 / 0.75; v = 0.75, v_hat = 0.75 / (1 - 0.5625) = 12/7
    move = 0.5 * (2 / 3) / (np.sqrt(12 / 7) + 1)
    assert params["w"][0] == pytest.approx(1 - 1 / 3 - move)


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_step_is_pure_and_keeps_the_dtype(rule, dtype, rng):
    params, grads = params_like(rng, dtype), params_like(rng, dtype)
    state = rule.init(params)
    first, after = rule.step(params, state, grads)
    second, _ = rule.step(params, state, grads)
    assert state.step == 0 and all(slot.norm() == 0 for slot in state.slots.values())
    np.testing.assert_array_equal(first.flat(), second.flat())
    assert not np.array_equal(first.flat(), params.flat())
    assert first.dtype == dtype
    assert all(slot.dtype == dtype for slot in after.slots.values())
    assert tuple(after.slots) == rule.slot_names and after.step == 1


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_gradient_of_another_network_is_refused(rule, rng):
    params = params_like(rng)
    with pytest.raises(ValueError, match="unknown"):
        rule.step(params, rule.init(params), Params({"V": [1.0]}))


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_parity_with_torch(rule, rng):
    torch = pytest.importorskip("torch", reason="torch, an extra, is not installed")
    makers = {
        SGD: lambda p, r: torch.optim.SGD(p, r.learning_rate),
        Momentum: lambda p, r: torch.optim.SGD(
            p, r.learning_rate, momentum=r.momentum, nesterov=r.nesterov
        ),
        Adam: lambda p, r: torch.optim.Adam(
            p, r.learning_rate, betas=(r.beta1, r.beta2), eps=r.epsilon
        ),
    }
    params = params_like(rng)
    theirs = {name: torch.tensor(np.array(array)) for name, array in params.items()}
    optimizer = makers[type(rule)](list(theirs.values()), rule)
    state = rule.init(params)
    for _ in range(7):
        grads = params_like(rng)
        for name, tensor in theirs.items():
            tensor.grad = torch.tensor(np.array(grads[name]))
        optimizer.step()
        params, state = rule.step(params, state, grads)
    for name, tensor in theirs.items():
        np.testing.assert_allclose(params[name], tensor.numpy(), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_bowl_is_descended(rule):
    start = Params({"w": [3.0, -2.0]})
    params, _ = walk(rule, start, lambda p: p, 600)
    assert params.norm() < 0.01


@pytest.mark.parametrize("value", [0, -1.0, np.inf, np.nan, "fast", None, True])
def test_bad_settings_are_refused_by_name(value):
    for rule in (SGD, Momentum, Adam):
        with pytest.raises(ValueError, match="learning_rate"):
            rule(value)
    for clip in (clip_by_norm, clip_by_value):
        with pytest.raises(ValueError, match="limit"):
            clip(Params({"w": [1.0]}), value)


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: Momentum(0.1, 1.0), "momentum"),
        (lambda: Adam(0.1, beta1=-0.1), "beta1"),
        (lambda: Adam(0.1, beta2=1.0), "beta2"),
        (lambda: Adam(0.1, epsilon=0.0), "epsilon"),
    ],
)
def test_bad_factors_are_refused_by_name(make, name):
    with pytest.raises(ValueError, match=name):
        make()


def test_clipping_by_norm_keeps_the_direction(rng):
    grads = 10.0 * params_like(rng)
    clipped = clip_by_norm(grads, 0.5)
    assert clipped.norm() == pytest.approx(0.5)
    np.testing.assert_allclose(clipped.flat() / 0.5, grads.flat() / grads.norm())
    assert clip_by_norm(grads, 1e6) is grads
    assert clip_by_norm(grads.zeros_like(), 1.0).norm() == 0


def test_clipping_by_value_keeps_small_entries():
    grads = Params({"w": [0.5, -7.0, 3.0]})
    np.testing.assert_array_equal(clip_by_value(grads, 1.0)["w"], [0.5, -1.0, 1.0])


def test_a_huge_gradient_has_a_norm_and_can_be_clipped():
    huge = Params({"w": np.array([3e30, 4e30], np.float32), "b": np.zeros(2, np.float32)})
    assert global_norm(huge) == pytest.approx(5e30)
    clipped = clip_by_norm(huge, 1.0)
    assert clipped.norm() == pytest.approx(1.0) and clipped.dtype == np.float32
    assert global_norm(Params({"w": [np.inf]})) == np.inf
    assert np.isnan(global_norm(Params({"w": [np.nan, 1.0]})))
