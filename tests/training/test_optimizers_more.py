"""RMSProp by hand and against torch; what second-order training costs, counted."""

import numpy as np
import pytest

from rnncore import BPTT, Batch, Linear, Network, SquaredError, Vanilla
from rnncore.learners import Omega, PascanuOmega
from rnncore.optimizers import ExtendedKalman, GaussNewton, HessianFree, Momentum, RMSProp
from rnncore.params import Params
from rnncore.tasks import adding
from rnncore.training import train


def test_rmsprop_by_hand():
    rule, params = RMSProp(0.5, decay=0.75, epsilon=1.0), Params({"w": [1.0, 0.0]})
    params, state = rule.step(params, rule.init(params), Params({"w": [4.0, 0.0]}))
    # r = 4, its root 2: the step is 0.5 * 4 / 3; an entry without gradient stays
    np.testing.assert_allclose(params["w"], [1 - 2 / 3, 0.0])
    params, state = rule.step(params, state, Params({"w": [2.0, -1.0]}))
    # r = (3 + 1, 1/4), its root (2, 1/2)
    np.testing.assert_allclose(params["w"], [1 - 2 / 3 - 1 / 3, 1 / 3])
    np.testing.assert_allclose(state.slots["square"]["w"], [4.0, 0.25])
    assert state.step == 2


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rmsprop_is_pure_and_keeps_the_dtype(dtype, rng):
    params = Params({"w": rng.normal(size=(2, 3)).astype(dtype)})
    grads = Params({"w": rng.normal(size=(2, 3)).astype(dtype)})
    rule = RMSProp(0.1)
    state = rule.init(params)
    new, after = rule.step(params, state, grads)
    assert state.slots["square"].norm() == 0 and new != params
    assert new.dtype == dtype and after.slots["square"].dtype == dtype


def test_parity_with_torch(rng):
    torch = pytest.importorskip("torch", reason="torch, an extra, is not installed")
    params = Params({"w": rng.normal(size=(2, 3))})
    theirs = torch.tensor(np.array(params["w"]))
    optimizer = torch.optim.RMSprop([theirs], 0.02, alpha=0.8, eps=1e-4)
    rule = RMSProp(0.02, decay=0.8, epsilon=1e-4)
    state = rule.init(params)
    for _ in range(7):
        grads = Params({"w": rng.normal(size=(2, 3))})
        theirs.grad = torch.tensor(np.array(grads["w"]))
        optimizer.step()
        params, state = rule.step(params, state, grads)
    np.testing.assert_allclose(params["w"], theirs.numpy(), rtol=1e-13)


def test_the_step_does_not_depend_on_the_gradient_s_scale():
    steps = []
    for scale in (1e-3, 1e3):
        rule, params = RMSProp(0.1, epsilon=1e-30), Params({"w": [1.0]})
        state = rule.init(params)
        for g in (1.0, -2.0, 0.5):
            params, state = rule.step(params, state, Params({"w": [scale * g]}))
        steps.append(params["w"][0])
    assert steps[0] == pytest.approx(steps[1], rel=1e-12)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: RMSProp(0.0), "learning_rate"),
        (lambda: RMSProp(0.1, decay=1.0), "decay"),
        (lambda: RMSProp(0.1, epsilon=-1.0), "epsilon"),
    ],
)
def test_bad_settings_are_refused_by_name(make, name):
    with pytest.raises(ValueError, match=name):
        make()


@pytest.mark.parametrize("rule", [RMSProp(0.01), Momentum(0.05, 0.9, nesterov=True)], ids=str)
def test_a_network_learns(rule):
    rng = np.random.default_rng(0)
    net = Network(Vanilla(2, 6), Linear(6, 1), SquaredError())
    batch = adding(rng, 4, 50)
    result = train(BPTT(net), net.init_params(rng), batch, rule, steps=150, clip=1.0)
    assert result.history.loss[-1] < 0.2 * result.history.loss[0]


class Counted(Vanilla):
    """Counts what is asked of it."""

    def __init__(self, size):
        super().__init__(2, size)
        self.calls = dict.fromkeys(("step", "pull", "jvp", "influence_step"), 0)

    def step(self, *args):
        self.calls["step"] += 1
        return super().step(*args)

    def pull(self, weights, tape, s_bar):
        self.calls["pull"] += 1
        return super().pull(weights, tape, s_bar)

    def jvp(self, *args):
        self.calls["jvp"] += 1
        return super().jvp(*args)

    def influence_step(self, *args, **kwargs):
        self.calls["influence_step"] += 1
        return super().influence_step(*args, **kwargs)

    def since(self):
        calls, self.calls = self.calls, dict.fromkeys(self.calls, 0)
        return {name: count for name, count in calls.items() if count}


@pytest.mark.parametrize(("steps", "size"), [(4, 2), (8, 4), (16, 8)])
def test_costs_by_counting(steps, size):
    """Steps, pulls and tangents of the cell; the matrices that the filter keeps."""
    rng = np.random.default_rng(0)
    net = Network(Counted(size), Linear(size, 2), SquaredError())
    params = net.init_params(rng)
    batch = Batch(rng.standard_normal((steps, 1, 2)), rng.standard_normal((steps, 1, 2)))
    count, t = net.cell.since, steps
    BPTT(net).gradient(params, batch)
    assert count() == {"step": t, "pull": t}
    Omega(net).gradient(params, batch)  # a real and a complex BPTT, and the ratios
    assert count() == {"step": 2 * t, "pull": 3 * t}
    PascanuOmega(net).gradient(params, batch)
    assert count() == {"step": t, "pull": 2 * t}
    model = GaussNewton(net, params, batch)
    assert count() == {"step": t, "pull": t}
    model.product(params, 0.1)  # structural damping is in it
    assert count() == {"jvp": t, "pull": t}
    model.squared_gradients()
    assert count() == {}
    optimizer = HessianFree(net)
    _, _, report = optimizer.step(params, optimizer.init(params), batch)
    calls = count()
    evaluations = 2 * (report.passes - 1 - calls["jvp"] / t)
    assert calls["pull"] == calls["jvp"] + t
    assert calls["step"] == t * (1 + evaluations) and calls["jvp"] == t * report.iterations
    rows = size * (2 + size + 1) + 2 * (size + 1)
    for groups, kept in (
        ("global", rows**2),
        ("node", size * (size + 3) ** 2 + 2 * (size + 1) ** 2),
    ):
        _, memory, _ = ExtendedKalman(net, groups=groups).run(params, batch)
        assert count() == {"step": t, "influence_step": t}
        assert sum(p.size for p in memory.covariance) == kept
        assert memory.influence.size == size * size * (size + 3)
    ExtendedKalman(net, "bptt", window=3).run(params, batch)
    assert count() == {"step": t, "pull": 1 + 2 + 3 * (t - 2)}
