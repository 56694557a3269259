"""Pascanu's regularizer: the paper's immediate gradient, and the full one on every cell."""

import numpy as np
import pytest

from rnncore import BPTT, LSTM, Batch, Linear, Network, Params, SquaredError, Vanilla
from rnncore.learners.regularizer import Omega, PascanuOmega, Regularized
from rnncore.optimizers import SGD
from rnncore.training import train
from rnncore.verify import compare, complex_step, relative_error
from tests.support import zoo

SIMPLE = ("vanilla tanh", "vanilla logistic", "vanilla without bias", "fully recurrent")
RECURRENT = ("squared error", "teacher, learned start")


def case(cell, setting="squared error", steps=5, size=2):
    rng = np.random.default_rng([7, len(cell), len(setting)])
    net = zoo.network(cell, setting)
    params = zoo.random_params(net, rng, 0.5)  # small: a saturated output has no digits left
    return net, params, zoo.random_batch(net, setting, rng, steps, size)


def omega_by_jacobians(net, params, batch):
    """The definition on states: dL/ds_k from BPTT, D from the cell's Jacobian, a loop."""
    adjoints = BPTT(net).adjoints(params, batch)
    weights = net.prepare(params, batch.inputs, batch.initial_state).cell
    states, total = net.forward(params, batch).states, 0.0
    for k in range(batch.steps):
        _, tape = net.cell.step(weights, states[k], batch.inputs[k])
        jacobian = net.cell.state_jacobian(weights, tape)
        for b in range(batch.size):
            g = adjoints[k + 1, b]
            total += (np.linalg.norm(g @ jacobian[b]) / np.linalg.norm(g) - 1) ** 2
    return total / batch.size


def run_by_hand(net, params, batch):
    """Pre-activations a_1 … a_T and dL/da_1 … dL/da_T of a simple network without a teacher."""
    w, u, b = params["cell.W"], params["cell.U"], params.get("cell.b", 0)
    h = net.initial(net.prepare(params), batch.size, batch.initial_state)
    pre = []
    for x in batch.inputs:
        pre.append(x @ w.T + h @ u.T + b)
        h = net.cell.activation(pre[-1])
    errors = []
    for t in range(batch.steps):  # one complex step for each entry of each a_t

        def loss(moved, t=t):
            a, total = moved, 0.0
            for k in range(t, batch.steps):
                h = net.cell.activation(a)
                z, y = net.readout.forward(params.select("readout."), h)
                values = net.loss.values(z, y, batch.targets[k])
                total += (values * batch.weights[k]).sum() / batch.size
                if k + 1 < batch.steps:
                    a = batch.inputs[k + 1] @ w.T + h @ u.T + b
            return total

        errors.append(complex_step(lambda p, f=loss: f(p["a"]), Params({"a": pre[t]}))["a"])
    return pre, errors


def paper(net, u, pre, errors):
    """Equation 9 with x_k = a_k and dE/dx_{k+1} given: a function of U alone."""
    total = 0.0
    for k in range(len(pre) - 1):
        slope = net.cell.activation.derivative(pre[k], net.cell.activation(pre[k]))
        v = errors[k + 1] @ u * slope
        for top, low in zip((v**2).sum(1), (errors[k + 1] ** 2).sum(1), strict=True):
            total = total + (np.sqrt(top) / np.sqrt(low) - 1) ** 2
    return total / len(pre[0])


@pytest.mark.parametrize("cell", SIMPLE)
def test_the_paper_s_value_and_immediate_gradient(cell):
    net, params, batch = case(cell)
    pre, errors = run_by_hand(net, params, batch)
    omega = PascanuOmega(net)
    value, grads = omega.gradient(params, batch)
    assert value == pytest.approx(paper(net, params["cell.U"], pre, errors), rel=1e-12)
    assert omega.value(params, batch) == value > 0.01
    only = Params({"U": params["cell.U"]})
    truth = complex_step(lambda p: paper(net, p["U"], pre, errors), only)
    assert relative_error(grads["cell.U"], truth["U"]) < 1e-12
    assert all(not array.any() for name, array in grads.items() if name != "cell.U")


@pytest.mark.parametrize("cell", SIMPLE)
def test_the_immediate_gradient_is_not_the_derivative(cell):
    net, params, batch = case(cell)
    omega = PascanuOmega(net)
    full = complex_step(lambda p: omega.value(p, batch), params)
    assert relative_error(omega.gradient(params, batch).grads["cell.U"], full["cell.U"]) > 0.1


def test_on_a_single_pair_of_steps_it_can_be_done_on_paper():
    """T = 2, one linear unit: r = |u|, so Omega = (|u| - 1)^2 and its slope is 2 (|u| - 1)."""
    net = Network(Vanilla(1, 1, "identity", bias=False), Linear(1, 1, bias=False), SquaredError())
    params = Params({"cell.W": [[0.3]], "cell.U": [[0.4]], "readout.V": [[2.0]]})
    batch = Batch(np.ones((2, 1)), np.zeros((2, 1)))
    value, grads = PascanuOmega(net).gradient(params, batch)
    assert value == pytest.approx(0.36) and grads["cell.U"][0, 0] == pytest.approx(-1.2)
    # on the states the step from the initial state counts as well
    assert Omega(net).value(params, batch) == pytest.approx(0.72)
    assert Omega(net).gradient(params, batch).grads["cell.U"][0, 0] == pytest.approx(-2.4)


def test_forced_units_pass_nothing_on():
    net, params, batch = case("vanilla tanh", "teacher")
    errors, slopes = PascanuOmega(net).signals(params, batch)
    unit = net.readout.indices[0]
    forced = batch.weights[:-1, :, 0] > 0
    assert forced.any() and not forced.all()
    assert (slopes[:, :, unit][forced] == 0).all() and (slopes[:, :, unit][~forced] > 0).all()
    assert errors.shape == slopes.shape == (batch.steps - 1, batch.size, 3)


# The same lines as the tests beside it, on more cells: not worth a trace.
@pytest.mark.no_cover
@pytest.mark.parametrize("setting", RECURRENT)
@pytest.mark.parametrize("cell", zoo.CELLS)
def test_the_full_gradient_on_every_cell(cell, setting):
    net, params, batch = case(cell, setting)
    omega = Omega(net)
    value, grads = omega.gradient(params, batch)
    assert value == omega.value(params, batch) > 1e-3
    truth = complex_step(lambda p: omega.value(p, batch), params)
    assert relative_error(grads.flat(), truth.flat()) < 1e-12
    if setting == "squared error":
        assert value == pytest.approx(omega_by_jacobians(net, params, batch), rel=1e-12)


@pytest.mark.parametrize("cell", ["vanilla tanh", "LSTM peepholes", "GRU", "mixed stack"])
def test_the_immediate_gradient_on_states(cell):
    """s_k and dL/ds_{k+1} held, theta moved inside D alone."""
    net, params, batch = case(cell)
    adjoints = BPTT(net).adjoints(params, batch)
    states = net.forward(params, batch).states

    def held(p):
        weights, total = net.prepare(p).cell, 0.0
        for k in range(batch.steps):
            _, tape = net.cell.step(weights, states[k], batch.inputs[k])
            jacobian = net.cell.state_jacobian(weights, tape)
            v = np.einsum("bi,bij->bj", adjoints[k + 1], jacobian)
            ratio = np.sqrt((v**2).sum(1)) / np.sqrt((adjoints[k + 1] ** 2).sum(1))
            total = total + ((ratio - 1) ** 2).sum()
        return total / batch.size

    value, grads = Omega(net).immediate(params, batch)
    assert value == pytest.approx(held(params), rel=1e-12)
    truth = complex_step(held, params)
    assert relative_error(grads.flat(), truth.flat()) < 1e-12
    full = Omega(net).gradient(params, batch).grads
    assert relative_error(grads.flat(), full.flat()) > 0.1
    assert not grads.select("readout.").flat().any() and full.select("readout.").flat().any()


def test_steps_behind_the_last_loss_add_nothing():
    net, params, batch = case("vanilla tanh", "no mask")
    longer = Batch(
        np.concatenate([batch.inputs, batch.inputs]),
        np.concatenate([batch.targets, batch.targets]),
        np.repeat([1.0, 0.0], batch.steps)[:, None] * np.ones(batch.size),
        batch.initial_state,
    )
    for omega in (Omega(net), PascanuOmega(net)):
        short, long = omega.gradient(params, batch), omega.gradient(params, longer)
        assert long.value == pytest.approx(short.value, rel=1e-13)
        assert (
            compare({"U": long.grads["cell.U"]}, {"U": short.grads["cell.U"]}).max_relative < 1e-12
        )


def test_dead_signals_are_no_division_by_zero():
    """U = 0 passes nothing: Omega is the number of ratios, and nothing is NaN."""
    net, params, batch = case("vanilla tanh", "no mask")
    params = params.replace(**{"cell.U": np.zeros((3, 3))})
    value, grads = PascanuOmega(net).gradient(params, batch)
    assert value == batch.steps - 1 and not grads.flat().any()
    value, grads = Omega(net).gradient(params, batch)
    assert value == batch.steps and np.isfinite(grads.flat()).all()
    one = Batch(batch.inputs[:1], batch.targets[:1], None, batch.initial_state)
    assert PascanuOmega(net).gradient(params, one).value == 0


def test_float32_stays_so():
    net, params, batch = case("GRU", "learned start")
    half = Batch(batch.inputs.astype("f4"), batch.targets.astype("f4"), batch.mask)
    single = Omega(net).gradient(params.astype("f4"), half)
    assert single.grads.dtype == np.float32 and np.asarray(single.value).dtype == np.float32
    double = Omega(net).gradient(params, batch)
    assert relative_error(single.grads.flat(), double.grads.flat()) < 1e-4


def test_the_signal_is_kept_alive_in_training():
    """A step along minus the paper's gradient makes Omega smaller, though it is not exact."""
    rng = np.random.default_rng(0)
    net = Network(Vanilla(1, 4), Linear(4, 1), SquaredError())
    params = net.init_params(rng).map(lambda a: 0.5 * a)
    batch = Batch(rng.standard_normal((10, 5, 1)), rng.standard_normal((10, 5, 1)))
    omega = PascanuOmega(net)
    learner = Regularized(BPTT(net), omega, 0.5)
    loss, grads = learner.gradient(params, batch)
    plain = BPTT(net).gradient(params, batch)
    assert loss == pytest.approx(plain.loss + 0.5 * omega.value(params, batch))
    difference = grads - plain.grads
    assert (
        relative_error(difference["cell.U"], 0.5 * omega.gradient(params, batch).grads["cell.U"])
        < 1e-12
    )
    with_it = train(learner, params, batch, SGD(0.02), steps=60).params
    without = train(BPTT(net), params, batch, SGD(0.02), steps=60).params
    assert omega.value(with_it, batch) < 0.5 * omega.value(without, batch)


def test_bad_arguments_are_refused_by_name():
    lstm = Network(LSTM(1, 2), Linear(2, 1), SquaredError())
    with pytest.raises(TypeError, match="Vanilla cell, got LSTM"):
        PascanuOmega(lstm)
    with pytest.raises(TypeError, match="network"):
        Omega(None)
    other = Network(LSTM(1, 3), Linear(3, 1), SquaredError())
    with pytest.raises(ValueError, match="regularizer"):
        Regularized(BPTT(lstm), Omega(other), 1.0)
    with pytest.raises(ValueError, match="weight"):
        Regularized(BPTT(lstm), Omega(lstm), 0.0)
