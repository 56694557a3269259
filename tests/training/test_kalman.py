"""The Kalman filter against recursive least squares, and its derivatives against complex step."""

import numpy as np
import pytest

from rnncore import (
    Batch,
    BinaryCrossEntropy,
    FullyRecurrent,
    Linear,
    Network,
    SquaredError,
    Units,
    Vanilla,
)
from rnncore.learners import RTRL
from rnncore.optimizers import SGD, ExtendedKalman
from rnncore.verify import complex_step_jacobian, relative_error
from tests.support import zoo

PAIRS = [
    (cell, setting) for cell in zoo.CELLS for setting in ("squared error", "teacher, learned start")
]
PAIRS += [("GRU", "learned start"), ("LSTM", "teacher"), ("GRU", "softmax, squared error")]


class Watched(ExtendedKalman):
    """Holds the parameters and keeps the derivatives and noises that the filter was given."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seen = []

    def update(self, flat, covariance, rows, error, noise):
        self.seen.append((rows, error, noise))
        return flat, covariance


def case(cell, setting, steps=5, size=2):
    rng = np.random.default_rng([5, len(cell), len(setting)])
    net = zoo.network(cell, setting)
    return net, zoo.random_params(net, rng), zoo.random_batch(net, setting, rng, steps, size)


def output_jacobian(net, params, batch):
    """(T, O, B, P) by complex step."""
    jacobian = complex_step_jacobian(
        lambda flat: net.forward(params.unflatten(flat), batch).outputs, params.flat()
    )
    return jacobian.transpose(0, 2, 1, 3)


def counted(batch, t):
    mask = np.ones(batch.targets[t].shape) if batch.weights is None else batch.weights[t]
    return (mask * np.ones(batch.targets[t].shape)).T > 0


@pytest.mark.parametrize("how", ["rtrl", "bptt"])
@pytest.mark.parametrize(("cell", "setting"), PAIRS)
def test_derivatives_of_the_outputs(cell, setting, how):
    net, params, batch = case(cell, setting)
    kalman = Watched(net, how)
    _, _, losses = kalman.run(params, batch)
    trajectory = net.forward(params, batch)
    np.testing.assert_allclose(losses, trajectory.losses, rtol=1e-12, atol=1e-15)
    truth = output_jacobian(net, params, batch)
    steps = [t for t in range(batch.steps) if counted(batch, t).any()]
    assert len(kalman.seen) == len(steps) >= 4
    scale = np.abs(truth).max()  # one for all steps: a saturated output has next to no slope
    for t, (rows, error, _) in zip(steps, kalman.seen, strict=True):
        assert np.abs(rows - truth[t][counted(batch, t)]).max() < 1e-12 * scale
        true_error = (batch.targets[t] - trajectory.outputs[t]).T[counted(batch, t)]
        np.testing.assert_allclose(error, true_error, rtol=1e-12)


@pytest.mark.parametrize("window", [1, 2, 4])
@pytest.mark.parametrize("setting", ["squared error", "learned start", "teacher"])
@pytest.mark.parametrize("cell", ["vanilla tanh", "LSTM peepholes", "GRU", "feedback"])
def test_a_window_s_derivatives_are_those_of_the_window_alone(cell, setting, window):
    """The prefix runs as usual, the parameters are moved only inside the window."""
    net, params, batch = case(cell, setting, steps=6, size=1)
    kalman = Watched(net, "bptt", window=window)
    kalman.run(params, batch)
    states = net.forward(params, batch).states
    free = Network(net.cell, net.readout, net.loss, False, net.teacher_forcing)
    own = {name: array for name, array in params.items() if name != "initial_state"}
    inner = type(params)(own)
    mask = None if batch.mask is None else batch.mask[6 - window :]
    last = Batch(batch.inputs[6 - window :], batch.targets[6 - window :], mask, states[6 - window])
    truth = output_jacobian(free, inner, last)[-1].reshape(-1, inner.size)
    rows = kalman.seen[-1][0]
    assert relative_error(rows[:, : inner.size], truth) < 1e-12
    assert not rows[:, inner.size :].any()  # the start lies behind the window
    whole = output_jacobian(net, params, batch)[-1].reshape(-1, params.size)
    assert relative_error(rows, whole) > 1e-3


def rls(features, targets, start, variance, noise):
    """Textbook recursive least squares, one output at a time."""
    w, p = start.copy(), variance * np.eye(len(start))
    for phi, d in zip(features, targets, strict=True):
        gain = p @ phi / (noise + phi @ p @ phi)
        w = w + gain * (d - phi @ w)
        p = p - np.outer(gain, phi @ p)
    return w, p


@pytest.mark.parametrize("groups", ["global", "node"])
@pytest.mark.parametrize("how", ["rtrl", "bptt"])
def test_on_a_linear_read_out_it_is_recursive_least_squares(groups, how):
    """Outputs share no parameter, so the decoupled filter is exact as well."""
    rng = np.random.default_rng(1)
    net = Network(Vanilla(2, 5), Linear(5, 2), SquaredError())
    params = zoo.random_params(net, rng)
    batch = Batch(rng.standard_normal((40, 1, 2)), rng.standard_normal((40, 1, 2)))
    kalman = ExtendedKalman(
        net, how, groups=groups, noise=0.3, variance=7.0, learn=["readout.V", "readout.b"]
    )
    new, memory, _ = kalman.run(params, batch)
    features = np.c_[net.forward(params, batch).states[1:, 0], np.ones(40)]
    total = features.T @ features / 0.3 + np.eye(6) / 7.0
    for o in range(2):
        start = np.r_[params["readout.V"][o], params["readout.b"][o]]
        got = np.r_[new["readout.V"][o], new["readout.b"][o]]
        w, p = rls(features, batch.targets[:, 0, o], start, 7.0, 0.3)
        assert relative_error(got, w) < 1e-10
        # and both are ridge regression around the start, solved at once
        normal = features.T @ batch.targets[:, 0, o] / 0.3 + start / 7.0
        assert relative_error(got, np.linalg.solve(total, normal)) < 1e-10
        if groups == "node":
            assert relative_error(memory.covariance[o], p) < 1e-10
            assert relative_error(memory.covariance[o], np.linalg.inv(total)) < 1e-10
        assert relative_error(got, start) > 0.1
    assert new.select("cell.") == params.select("cell.")


@pytest.mark.parametrize("how", ["rtrl", "bptt"])
def test_on_a_forced_linear_network_it_is_recursive_least_squares(how):
    """All units forced, f the identity: y_t = W x_t + U d_{t-1}, linear in every parameter."""
    rng = np.random.default_rng(2)
    net = Network(
        FullyRecurrent(2, 3, "identity"), Units([0, 1, 2]), SquaredError(), teacher_forcing=True
    )
    params = zoo.random_params(net, rng)
    x, d = rng.standard_normal((30, 2)), rng.standard_normal((30, 3))
    kalman = ExtendedKalman(net, how, groups="node", noise=0.5, variance=2.0)
    new, memory, _ = kalman.run(params, Batch(x, d))
    features = np.c_[x, np.r_[np.zeros((1, 3)), d[:-1]]]
    for i in range(3):
        start = np.r_[params["cell.W"][i], params["cell.U"][i]]
        w, p = rls(features, d[:, i], start, 2.0, 0.5)
        assert relative_error(np.r_[new["cell.W"][i], new["cell.U"][i]], w) < 1e-10
        assert relative_error(memory.covariance[i], p) < 1e-10
    whole, _, _ = ExtendedKalman(net, how, noise=0.5, variance=2.0).run(params, Batch(x, d))
    assert relative_error(whole.flat(), new.flat()) < 1e-10


def textbook(flat, groups, covariance, rows, error, noise, q):
    """The recursions of the paper as they stand there."""
    inverse = np.linalg.inv(
        np.diag(noise)
        + sum(rows[:, g] @ p @ rows[:, g].T for g, p in zip(groups, covariance, strict=True))
    )
    new, result = flat.copy(), []
    for g, p in zip(groups, covariance, strict=True):
        gain = p @ rows[:, g].T @ inverse
        new[g] += gain @ error
        result.append(p - gain @ rows[:, g] @ p + q * np.eye(len(p)))
    return new, result


@pytest.mark.parametrize("groups", ["global", "node", [[0, 3, 5], [1], [7, 2]]])
def test_the_update_is_the_paper_s(groups):
    net, params, _ = case("vanilla tanh", "squared error")
    kalman = ExtendedKalman(net, groups=groups, process_noise=0.01)
    rng = np.random.default_rng(0)
    covariance = []
    for g in kalman.groups:
        a = rng.standard_normal((len(g), len(g)))
        covariance.append(a @ a.T + 0.1 * np.eye(len(g)))
    rows, error = rng.standard_normal((4, params.size)), rng.standard_normal(4)
    noise = rng.random(4) + 0.5
    got, after = kalman.update(params.flat(), tuple(covariance), rows, error, noise)
    want, true = textbook(params.flat(), kalman.groups, covariance, rows, error, noise, 0.01)
    assert relative_error(got - params.flat(), want - params.flat()) < 1e-12
    for p, q in zip(after, true, strict=True):
        assert relative_error(p, q) < 1e-11


def test_groups_of_nodes():
    net, params, _ = case("mixed stack", "learned start")
    groups = ExtendedKalman(net, groups="node").groups
    places = np.concatenate(groups)
    assert sorted(places) == list(range(params.size))
    # LSTM with 2 units: 8 pre-activations; GRU with 3: 9; second order: 2; read-out: 2; start: N
    assert len(groups) == 8 + 9 + 2 + 2 + net.cell.state_size
    for group in groups:
        entries = [params.unravel(int(place)) for place in group]
        assert len({(name.rpartition(".")[0], index[0]) for name, index in entries}) == 1
    one = [params.unravel(int(place)) for place in groups[0]]
    assert {name for name, _ in one} == {"cell.0.W", "cell.0.U", "cell.0.b"}
    (everything,) = ExtendedKalman(net).groups
    assert list(everything) == list(range(params.size))
    peepholes = ExtendedKalman(zoo.network("LSTM peepholes"), groups="node").groups
    assert len(peepholes) == 12 + 3 + 3  # gates, a unit's peepholes, outputs


def test_decoupling_drops_the_covariances_between_groups():
    net, params, batch = case("vanilla tanh", "no mask")
    whole, memory, _ = ExtendedKalman(net).run(params, batch)
    node, decoupled, _ = ExtendedKalman(net, groups="node").run(params, batch)
    assert relative_error(node.flat(), whole.flat()) > 1e-3
    # the first step starts from a diagonal P, so there the two agree
    one = Batch(batch.inputs[:1], batch.targets[:1], None, batch.initial_state)
    first, _, _ = ExtendedKalman(net).run(params, one)
    same, _, _ = ExtendedKalman(net, groups="node").run(params, one)
    assert relative_error(same.flat(), first.flat()) < 1e-13
    assert sum(p.size for p in decoupled.covariance) < 0.5 * memory.covariance[0].size


@pytest.mark.parametrize("groups", ["global", "node"])
@pytest.mark.parametrize("process_noise", [0.0, 1e-4])
def test_the_covariance_stays_symmetric_and_positive(groups, process_noise):
    """Also where the plain recursion P - K H P loses it to rounding: rows nearly the same."""
    rng = np.random.default_rng(0)
    net = Network(Vanilla(1, 4), Linear(4, 1), SquaredError())
    flat = net.init_params(rng).flat()
    kalman = ExtendedKalman(
        net, groups=groups, noise=1e-8, variance=1e4, process_noise=process_noise
    )
    covariance = kalman.init(net.init_params(rng)).covariance
    plain, lowest, noise = list(covariance), np.inf, np.array([1e-8])
    usual = rng.standard_normal((1, len(flat)))
    for _ in range(150):
        rows = usual + 1e-3 * rng.standard_normal(usual.shape)
        _, covariance = kalman.update(flat, covariance, rows, np.ones(1), noise)
        for p in covariance:
            np.testing.assert_array_equal(p, p.T)
            assert np.linalg.eigvalsh(p).min() > 0
        _, plain = textbook(flat, kalman.groups, plain, rows, np.ones(1), noise, process_noise)
        lowest = min(lowest, *(np.linalg.eigvalsh(0.5 * (p + p.T)).min() for p in plain))
    if process_noise == 0 and groups == "global":
        assert lowest < -1e-3  # the check can fail


def test_streams_masks_and_fractions():
    """Two sequences are two measurements; mask 0 is none, 1/2 has twice the noise."""
    net, params, _ = case("vanilla tanh", "no mask")
    rng = np.random.default_rng(3)
    x, d = rng.standard_normal((1, 2, 2)), rng.standard_normal((1, 2, 2))
    kalman = Watched(net, noise=0.4)
    memory = kalman.init(params, 2)
    mask = np.array([[1.0, 0.0], [0.5, 1.0]])
    _, after, out = kalman.step(params, memory, x[0], d[0], mask)
    rows, error, noise = kalman.seen[0]
    np.testing.assert_allclose(noise, [0.4, 0.8, 0.4])  # outputs first, then streams
    np.testing.assert_allclose(error, [out.error[0, 0], out.error[1, 0], out.error[1, 1]])
    assert rows.shape == (3, params.size) and out.loss > 0
    real = ExtendedKalman(net)
    same, kept, _ = real.step(params, real.init(params, 2), x[0], d[0], np.zeros((2, 1)))
    assert same == params and (kept.covariance[0] == np.eye(params.size)).all()
    assert (kept.state == after.state).all() and kept.state.any()


def test_nothing_is_changed_in_place_and_float32_stays():
    net, params, batch = case("GRU", "learned start")
    kalman = ExtendedKalman(net, "bptt", window=2, groups="node")
    memory = kalman.init(params, 2)
    for t in range(3):
        before = [p.copy() for p in memory.covariance]
        new, after, _ = kalman.step(params, memory, batch.inputs[t], batch.targets[t])
        again, _, _ = kalman.step(params, memory, batch.inputs[t], batch.targets[t])
        assert new == again and new != params
        for p, q in zip(memory.covariance, before, strict=True):
            np.testing.assert_array_equal(p, q)
        memory = after
    assert len(memory.window) == 2 and not memory.start_in_window
    single, _, _ = kalman.step(
        params.astype("f4"), kalman.init(params, 2), batch.inputs[0], batch.targets[0]
    )
    assert single.dtype == np.float32


@pytest.mark.parametrize(
    ("how", "groups"), [("rtrl", "global"), ("rtrl", "node"), ("bptt", "global"), ("bptt", "node")]
)
def test_it_learns_to_remember_online(how, groups):
    """The input two steps ago, from a stream seen once, where SGD has learned little."""
    rng = np.random.default_rng(0)
    net = Network(Vanilla(1, 6), Linear(6, 1), SquaredError())
    params = net.init_params(rng)
    x = rng.choice([-1.0, 1.0], size=(402, 1))
    d = np.r_[np.zeros((2, 1)), x[:-2]]
    kalman = ExtendedKalman(
        net, how, 6 if how == "bptt" else None, groups, noise=1.0, process_noise=1e-4, variance=10.0
    )
    _, _, losses = kalman.run(params, Batch(x, d))
    assert losses[:20].mean() > 0.08 and losses[-100:].mean() < 0.01
    learner, rule, theta = RTRL(net), SGD(0.05), params
    memory, slots, plain = learner.init(params), rule.init(params), []
    for t in range(402):
        memory, out = learner.step(theta, memory, x[t], d[t])
        theta, slots = rule.step(theta, slots, out.grads)
        plain.append(out.loss)
    assert np.mean(plain[-100:]) > 5 * losses[-100:].mean()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"derivatives": "magic"}, "derivatives"),
        ({"window": 3}, "window"),
        ({"derivatives": "bptt", "window": 0}, "window"),
        ({"groups": "unit"}, "groups"),
        ({"groups": [[0], [0, 1]]}, "groups"),
        ({"groups": [[0], []]}, "groups"),
        ({"groups": [[-1]]}, "groups"),
        ({"groups": [[0]], "learn": ["cell.W"]}, "learn"),
        ({"learn": ["cell.Z"]}, "learn"),
        ({"noise": 0.0}, "noise"),
        ({"variance": -1.0}, "variance"),
        ({"process_noise": -1.0}, "process_noise"),
    ],
)
def test_bad_settings_are_refused_by_name(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        ExtendedKalman(zoo.network("LSTM"), **arguments)


def test_what_it_has_no_meaning_for_is_refused():
    other = Network(Vanilla(1, 2), Linear(2, 1, "logistic"), BinaryCrossEntropy())
    with pytest.raises(ValueError, match="SquaredError, got BinaryCrossEntropy"):
        ExtendedKalman(other)
    with pytest.raises(TypeError, match="network"):
        ExtendedKalman(None)
    net, params, batch = case("LSTM", "learned start")
    kalman = ExtendedKalman(net)
    with pytest.raises(ValueError, match="initial_state"):
        kalman.init(params, 1, np.zeros(6))
    with pytest.raises(ValueError, match="x: expected 1 sequences, got 2"):
        kalman.step(params, kalman.init(params), batch.inputs[0], batch.targets[0])
