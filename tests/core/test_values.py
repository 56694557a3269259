"""Values worked out by hand: activations, losses, read-outs, cells, the forward pass."""

import math
from fractions import Fraction

import numpy as np
import pytest

from rnncore import (
    BPTT,
    GRU,
    LSTM,
    Batch,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    FullyRecurrent,
    GRUResetBefore,
    Linear,
    Masked,
    MemoryCell,
    Network,
    OutputFeedback,
    Params,
    SecondOrder,
    SquaredError,
    Units,
    Vanilla,
    activations,
    show_source,
)
from rnncore.verify import complex_step_jacobian


@pytest.mark.parametrize("name", ["tanh", "logistic", "relu", "identity"])
def test_activations(name: str) -> None:
    act = activations.get(name)
    a = np.array([-2.0, -0.3, 0.4, 1.5])
    got = act.derivative(a, act(a))
    np.testing.assert_allclose(np.diag(got), complex_step_jacobian(act, a), rtol=1e-14)
    far = act(np.array([-1e4, 1e4]))
    assert np.isfinite(far).all()


def test_logistic_and_softmax() -> None:
    a = np.linspace(-30, 30, 13)
    np.testing.assert_allclose(activations.logistic(a), 1 / (1 + np.exp(-a)), atol=1e-16)
    np.testing.assert_allclose(activations.softmax(np.array([1e4, 0.0, 1e4])), [0.5, 0, 0.5])


def test_bptt_in_exact_fractions() -> None:
    """One identity unit, w = 1/2, inputs 1, 2, 3, targets 0: by hand in fractions."""
    w, v, xs = Fraction(1, 2), Fraction(3), [Fraction(k) for k in (1, 2, 3)]
    h = [Fraction(4)]
    for x in xs:
        h.append(x + w * h[-1])
    loss = sum((v * s) ** 2 for s in h[1:]) / 2
    delta, by_w = Fraction(0), Fraction(0)
    for t in (3, 2, 1):
        delta = v * v * h[t] + w * delta
        by_w += delta * h[t - 1]
    net = Network(Vanilla(1, 1, "identity"), Linear(1, 1), SquaredError())
    params = Params(
        {
            "cell.W": [[1.0]],
            "cell.U": [[0.5]],
            "cell.b": [0.0],
            "readout.V": [[3.0]],
            "readout.b": [0.0],
        }
    )
    batch = Batch(np.array([[1.0], [2.0], [3.0]]), np.zeros((3, 1)), initial_state=np.array([4.0]))
    result = BPTT(net).gradient(params, batch)
    assert Fraction(float(result.loss)) == loss
    assert Fraction(float(result.grads["cell.U"][0, 0])) == by_w


def test_adjoints_are_total_derivatives() -> None:
    """dL/ds_t by adding a complex disturbance to the state at t."""
    rng = np.random.default_rng(3)
    net = Network(LSTM(2, 3), Linear(3, 1), SquaredError())
    params = net.init_params(rng)
    x, d = rng.standard_normal((5, 2)), rng.standard_normal((5, 1))
    start = rng.standard_normal(6)
    adjoints = BPTT(net).adjoints(params, Batch(x, d, initial_state=start))
    assert adjoints.shape == (6, 1, 6)
    states = net.forward(params, Batch(x, d, initial_state=start)).states
    for t in range(5):  # the rest of the run, started from s_t, has dL/ds_t as its start's
        for k in range(6):
            moved = states[t, 0].astype(complex)
            moved[k] += 1e-30j
            rest = net.evaluate(params, Batch(x[t:], d[t:], initial_state=moved)).imag / 1e-30
            own = 0.0
            if t > 0 and k < 3:  # the loss at s_t itself
                y = net.forward(params, Batch(x, d, initial_state=start)).outputs[t - 1, 0]
                own = float(((y - d[t - 1]) @ params["readout.V"])[k])
            assert adjoints[t, 0, k] == pytest.approx(rest + own, rel=1e-12, abs=1e-14)


def test_memory_cell_stores_and_returns() -> None:
    """Keep 0 and write 1 store 4.2; keep 1 holds it; read 1 returns it (source C)."""
    cell = MemoryCell(4, 1)
    params = Params({"W": 1e4 * np.eye(4), "U": np.zeros((4, 1)), "b": [-5e3, -5e3, -5e3, 0]})
    params = params.replace(W=np.diag([1e4, 1e4, 1e4, 1.0]))
    s, shown = np.zeros((1, 2)), []
    for keep, write, read, value in [(0, 1, 0, 4.2), *[(1, 0, 0, 9.9)] * 300, (1, 0, 1, 9.9)]:
        s, _ = cell.step(params, s, np.array([[keep, write, read, value]], float))
        shown.append(s[0, 0])
    assert shown[-1] == 4.2
    assert not any(shown[:-1])
    s, _ = cell.step(params, s, np.array([[0.0, 0.0, 1.0, 9.9]]))
    np.testing.assert_array_equal(s, 0)


def test_gru_forms_agree_where_u_is_diagonal() -> None:
    rng = np.random.default_rng(0)
    after, before = GRU(2, 3), GRUResetBefore(2, 3)
    u = np.concatenate([np.diag(rng.standard_normal(3)) for _ in range(3)])
    params = Params({"W": rng.standard_normal((9, 2)), "U": u, "b": rng.standard_normal(9)})
    both = Params({**dict(params), "b_h": np.zeros(9)})
    s, x = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    one, two = after.step(both, s, x)[0], before.step(params, s, x)[0]
    np.testing.assert_allclose(one, two, rtol=1e-14)
    full = params.replace(U=rng.standard_normal((9, 3)))
    other = after.step(Params({**dict(full), "b_h": np.zeros(9)}), s, x)[0]
    assert np.abs(other - before.step(full, s, x)[0]).max() > 0.01


def test_second_order_cell_runs_an_automaton() -> None:
    """Parity: symbol 0 keeps the state, symbol 1 exchanges the two."""
    w = np.zeros((2, 2, 2))
    w[:, :, 0], w[:, :, 1] = np.eye(2), np.eye(2)[::-1]
    cell = SecondOrder(2, 2, "identity")
    params, s = Params({"W": w, "b": [0.0, 0.0]}), np.array([[1.0, 0.0]])
    bits = [1, 0, 1, 1, 0]
    for bit in bits:
        s, _ = cell.step(params, s, np.eye(2)[[bit]])
    np.testing.assert_array_equal(s, [[0.0, 1.0]])  # an odd number of ones


def test_fully_recurrent_network_has_one_matrix() -> None:
    cell = FullyRecurrent(2, 3)
    params = cell.init_params(np.random.default_rng(0))
    assert cell.joint_weights(params).shape == (3, 5)
    x, y = np.array([[0.3, -0.2]]), np.array([[0.1, 0.5, 0.9]])
    z = np.concatenate([x, y], axis=1)
    want = activations.logistic(z @ cell.joint_weights(params).T)
    np.testing.assert_allclose(cell.step(params, y, x)[0], want, rtol=1e-14)


def test_feedback_reads_its_own_output() -> None:
    cell = OutputFeedback(Vanilla(2, 1, "identity", bias=False), 1)
    params = Params({"cell.W": [[1.0, 10.0]], "cell.U": [[0.0]], "V": [[2.0]], "b": [1.0]})
    s, _ = cell.step(cell.prepare(params), np.array([[3.0, 7.0]]), np.array([[5.0]]))
    np.testing.assert_array_equal(s, [[71.0, 35.0]])


def test_teacher_forcing_replaces_units() -> None:
    net = Network(Vanilla(1, 2, "identity"), Units([1]), SquaredError(), teacher_forcing=True)
    params = Params({"cell.W": [[1.0], [0.0]], "cell.U": np.eye(2), "cell.b": [0.0, 1.0]})
    batch = Batch(np.ones((2, 1)), np.array([[7.0], [9.0]]), np.array([1.0, 0.0]))
    trajectory = net.forward(params, batch)
    np.testing.assert_array_equal(trajectory.outputs[:, 0, 0], [1, 8])
    np.testing.assert_array_equal(trajectory.states[:, 0], [[0, 0], [1, 7], [2, 8]])
    np.testing.assert_array_equal(trajectory.losses, [18, 0])


def test_masked_connections_count_as_zero_whatever_stands_there() -> None:
    cell = Masked(Vanilla(1, 2, "identity"), {"U": np.eye(2)})
    params = Params({"W": [[1.0], [1.0]], "U": [[1.0, 5.0], [5.0, 1.0]], "b": [0.0, 0.0]})
    s, _ = cell.step(cell.prepare(params), np.array([[2.0, 3.0]]), np.array([[1.0]]))
    np.testing.assert_array_equal(s, [[3.0, 4.0]])
    drawn = cell.init_params(np.random.default_rng(0))
    assert drawn["U"][0, 1] == 0
    assert drawn["U"][0, 0] != 0


def test_losses_by_hand() -> None:
    z = np.array([[0.3, -1.2]])
    half, one = SquaredError(), Linear(2, 2)
    np.testing.assert_allclose(half.values(z, z, np.array([[1.0, 0.0]])), [[0.245, 0.72]])
    assert half.adjoint(one, z, z, np.array([[1.0, 0.0]]), None).tolist() == [[-0.7, -1.2]]
    y = activations.logistic(z)
    binary = BinaryCrossEntropy().values(z, y, np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(binary, [[-math.log(y[0, 0]), -math.log(1 - y[0, 1])]])
    p = activations.softmax(z)
    classes = CategoricalCrossEntropy().values(z, p, np.array([1]))
    np.testing.assert_allclose(classes, [[-math.log(p[0, 1])]])
    extreme = np.array([[1e4, -1e4]])
    for loss, target in (
        (BinaryCrossEntropy(), np.array([[0.0, 1.0]])),
        (CategoricalCrossEntropy(), np.array([[0.0, 1.0]])),
    ):
        assert np.isfinite(loss.values(extreme, activations.softmax(extreme), target)).all()


def test_initial_weights_have_variance_one_over_fan_in() -> None:
    params = LSTM(100, 400).init_params(np.random.default_rng(0))
    assert np.var(params["W"]) == pytest.approx(1 / 100, rel=0.05)
    assert np.var(params["U"]) == pytest.approx(1 / 400, rel=0.05)
    assert not params["b"].any()
    single = Network(LSTM(2, 3), Linear(3, 1), SquaredError()).init_params(
        np.random.default_rng(0), np.float32
    )
    assert single.dtype == np.float32


def test_show_source_leaves_docstrings_out() -> None:
    text = str(show_source(Vanilla.pointwise, Vanilla))
    assert text.startswith("def pointwise")
    assert '"""' not in text
    assert '"""' in str(show_source(Vanilla, docstrings=True))
    assert show_source(Vanilla.partials)._repr_markdown_().startswith("```python\ndef partials")
    with pytest.raises(TypeError):
        show_source(3)
