"""The loop: what a step is, histories, early stop, divergence by name, refusals."""

import numpy as np
import pytest

from rnncore import BPTT, RTRL, Batch, Linear, Network, Params, SquaredError, Vanilla, tasks
from rnncore.optimizers import SGD, Adam, Momentum, clip_by_value
from rnncore.training import DivergenceError, train


def network(hidden=4, activation="tanh"):
    return Network(Vanilla(2, hidden, activation), Linear(hidden, 1), SquaredError())


def xor(step, rng):
    return tasks.delayed_xor(rng, 12, 4, delay=1)


@pytest.fixture
def net():
    return network()


@pytest.fixture
def params(net, rng):
    return net.init_params(rng)


@pytest.fixture
def batch(rng):
    return xor(0, rng)


class Scripted:
    """A learner with a given loss and gradient at each step."""

    def __init__(self, losses, grads=None):
        self.losses, self.grads, self.calls = list(losses), grads or {}, 0

    def gradient(self, params, batch):
        k, self.calls = self.calls, self.calls + 1
        grads = params.zeros_like()
        return self.losses[k % len(self.losses)], grads.replace(**self.grads.get(k, {}))


def scripted(losses, grads=None, optimizer=None, **options):
    start = options.pop("params", Params({"w": [1.0, 2.0], "b": [0.5]}))
    return train(
        Scripted(losses, grads),
        start,
        Batch(np.zeros((1, 1))),
        optimizer or SGD(1.0),
        **({"steps": len(losses)} | options),
    )


# -- learning -----------------------------------------------------------------


@pytest.mark.parametrize("learner", [BPTT, RTRL])
def test_delayed_xor_is_learned_far_below_its_baseline(learner, rng):
    net = network(hidden=8)
    result = train(
        learner(net), net.init_params(rng), xor, Adam(0.02), steps=400, rng=rng, clip=1.0
    )
    test = tasks.delayed_xor(rng, 50, 20, delay=1)
    reached = tasks.per_score(net.evaluate(result.params, test), test)
    assert reached < 0.05 * tasks.delayed_xor_baseline().squared_error
    assert tasks.error_rate(net.forward(result.params, test).outputs, test) == 0
    assert result.stopped == "all steps done" and not result.diverged


def test_a_step_is_gradient_then_clip_then_move(net, params, batch):
    result = train(BPTT(net), params, batch, Momentum(0.1), steps=3, clip=0.05)
    state, here = Momentum(0.1).init(params), params
    for k in range(3):
        loss, grads = BPTT(net).gradient(here, batch)
        assert result.history.loss[k] == loss
        assert result.history.gradient_norm[k] == pytest.approx(grads.norm(), rel=1e-14)
        assert grads.norm() > 0.05, "the clip is at work"
        here, state = Momentum(0.1).step(here, state, (0.05 / grads.norm()) * grads)
    np.testing.assert_allclose(result.params.flat(), here.flat(), rtol=1e-13)
    np.testing.assert_array_equal(result.history.steps, [0, 1, 2])


def test_a_clip_may_be_a_function(net, params, batch):
    def clip(grads):
        return clip_by_value(grads, 1e-3)

    result = train(BPTT(net), params, batch, SGD(1.0), steps=1, clip=clip)
    assert np.abs(result.params.flat() - params.flat()).max() <= 1e-3 * (1 + 1e-12)


def test_nothing_is_changed_and_a_seed_settles_everything(net, params):
    before = params.flat()
    first, second, other = (
        train(BPTT(net), params, xor, Adam(), steps=5, rng=np.random.default_rng(seed))
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(params.flat(), before)
    np.testing.assert_array_equal(first.params.flat(), second.params.flat())
    assert not np.array_equal(first.params.flat(), other.params.flat())


# -- batches ------------------------------------------------------------------


def seen_batches(batches, steps, rng=None):
    """Which inputs the learner was shown."""
    seen = []

    class Spy:
        def gradient(self, params, batch):
            seen.append(int(batch.inputs[0, 0, 0]))
            return 0.0, params.zeros_like()

    result = train(Spy(), Params({"w": [1.0]}), batches, SGD(1.0), steps=steps, rng=rng)
    return seen, result.stopped


def numbered(number):
    return Batch(np.full((1, 1), float(number)))


def test_one_batch_a_list_an_iterable_and_a_function():
    assert seen_batches(numbered(7), 3) == ([7, 7, 7], "all steps done")
    assert seen_batches([numbered(0), numbered(1)], 5)[0] == [0, 1, 0, 1, 0]
    stream = (numbered(k) for k in range(3))
    assert seen_batches(stream, 5) == ([0, 1, 2], "batches exhausted at step 3")
    assert seen_batches(lambda step, rng: numbered(10 * step), 3)[0] == [0, 10, 20]


def test_batches_of_a_wrong_kind_are_refused():
    with pytest.raises(ValueError, match="batches: expected at least one"):
        seen_batches([], 1)
    with pytest.raises(TypeError, match="batches: expected a Batch"):
        seen_batches(5, 1)
    with pytest.raises(TypeError, match="rng"):
        seen_batches(numbered(1), 1, rng=0)


# -- history and early stop -----------------------------------------------------


def test_evaluations_are_made_on_schedule(net, params, batch):
    def evaluate(p):
        return {"loss again": net.evaluate(p, batch), "norm": p.norm()}

    history = train(
        BPTT(net), params, batch, SGD(0.01), steps=7, evaluate=evaluate, every=3
    ).history
    np.testing.assert_array_equal(history.evaluated, [0, 3, 6])
    np.testing.assert_allclose(history.evaluations["loss again"], history.loss[[0, 3, 6]])
    assert history.evaluations["norm"][0] == params.norm()


def test_the_last_parameters_are_evaluated_when_due():
    history = scripted([1.0] * 4, evaluate=lambda p: {"x": 1.0}, every=2).history
    np.testing.assert_array_equal(history.evaluated, [0, 2, 4])


def test_target():
    result = scripted([3.0, 2.0, 1.0, 0.5], target=1.0)
    assert result.stopped == "target: loss 1 at step 3"
    np.testing.assert_array_equal(result.history.loss, [3.0, 2.0, 1.0])


def test_patience():
    result = scripted([3.0, 2.0, 2.5, 2.0, 2.1, 0.0], patience=3)
    assert result.stopped == "patience: no loss below 2 in 3 readings, at step 5"
    assert scripted([3.0, 3.0, 2.0, 2.0, 1.0, 1.0], patience=2).stopped == "all steps done"


def test_early_stop_on_an_evaluation():
    readings = iter([5.0, 4.0, 4.0, 4.0, 1.0])
    result = scripted(
        [1.0] * 50,
        evaluate=lambda p: {"error": next(readings)},
        every=10,
        monitor="error",
        patience=2,
    )
    assert result.stopped == "patience: no error below 4 in 2 readings, at step 30"
    readings = iter([5.0, 4.0, 0.5])
    result = scripted(
        [1.0] * 50,
        evaluate=lambda p: {"error": next(readings)},
        every=10,
        monitor="error",
        target=0.5,
    )
    assert result.stopped == "target: error 0.5 at step 20"


def test_a_callback_sees_each_step_and_can_stop():
    seen = []

    def callback(step, params, loss):
        seen.append((step, loss, params.names))
        return step == 2

    assert scripted([4.0, 3.0, 2.0], callback=callback).stopped == "callback at step 2"
    assert seen == [(1, 4.0, ("w", "b")), (2, 3.0, ("w", "b"))]
    assert scripted([1.0] * 3, callback=lambda *_: "go on").stopped == "all steps done"


def test_a_progress_bar_only_when_asked_for(capsys):
    scripted([1.0] * 3)
    assert capsys.readouterr() == ("", "")
    scripted([1.0] * 3, progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "3/3" in err


# -- divergence -----------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_is_named(bad):
    with pytest.raises(DivergenceError, match="^diverged: loss at step 2$") as caught:
        scripted([3.0, 2.0, bad, 1.0])
    result = caught.value.result
    assert result.diverged and result.stopped == "diverged: loss at step 2"
    np.testing.assert_array_equal(result.history.loss, [3.0, 2.0])


def test_a_gradient_that_is_not_finite_is_named():
    result = scripted([1.0] * 5, {3: {"b": [np.nan]}}, on_divergence="return")
    assert result.stopped == "diverged: gradient of b at step 3"


def test_a_parameter_that_overflows_is_named_and_the_last_finite_ones_are_kept():
    result = scripted(
        [1.0] * 3,
        {0: {"w": [-1e308, 0.0]}, 1: {"w": [-1e308, 0.0]}},
        on_divergence="return",
    )
    assert result.stopped == "diverged: w at step 1"
    np.testing.assert_array_equal(result.params["w"], [1e308, 2.0])


def test_an_optimizer_that_overflows_is_named():
    result = scripted([1.0], {0: {"w": [1e200, 0.0]}}, Adam(), on_divergence="return")
    assert result.stopped == "diverged: optimizer's square of w at step 0"


def test_a_real_network_that_explodes_is_reported_without_a_warning(rng):
    """Gradient descent on a linear network far beyond the stable learning rate."""
    net = network(activation="identity")
    params = net.init_params(rng)
    batch = Batch(rng.normal(size=(30, 2, 2)), rng.normal(size=(30, 2, 1)))
    result = train(BPTT(net), params, batch, SGD(10.0), steps=100, on_divergence="return")
    assert result.diverged and 0 < len(result.history.loss) < 100
    assert np.isfinite(result.params.flat()).all() and np.isfinite(result.history.loss).all()


# -- refusals ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, message",
    [
        ({"steps": 0}, "steps"),
        ({"every": 0}, "every"),
        ({"patience": 0}, "patience"),
        ({"clip": -1.0}, "limit"),
        ({"monitor": "error"}, "monitor: 'error' needs evaluate"),
        ({"monitor": "error", "evaluate": lambda p: {"x": 1.0}}, "not among"),
        ({"on_divergence": "ignore"}, "on_divergence"),
        ({"checkpoint_every": 5}, "checkpoint: needed"),
        ({"checkpoint_every": 0, "checkpoint": "x.npz"}, "checkpoint_every"),
        ({"checkpoint": "no/such/folder/x.npz"}, "checkpoint: there is no folder"),
        ({"params": Params({"w": [np.nan]})}, "w: expected finite"),
    ],
)
def test_bad_settings_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        scripted([1.0], **options)


def test_evaluate_must_give_the_same_named_numbers_each_time():
    with pytest.raises(TypeError, match="evaluate: expected a mapping"):
        scripted([1.0], evaluate=lambda p: 5.0)
    answers = iter([{"a": 1.0}, {"b": 1.0}])
    with pytest.raises(ValueError, match=r"expected the names \['a'\]"):
        scripted([1.0], evaluate=lambda p: next(answers), every=1)
