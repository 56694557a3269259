"""Diagonal cells and leaky units: what they compute, and that their recurrence is diagonal."""

import numpy as np
import pytest

from rnncore import BPTT, Batch, Linear, Network, Params, SquaredError, Vanilla
from rnncore.cells.diagonal import DiagonalLSTM, FocusedContext, Leaky, LinearRecurrentUnit
from rnncore.learners.snap import patterns
from rnncore.verify import relative_error
from tests.support import zoo

DIAGONAL = ("focused context", "diagonal LSTM", "linear recurrent unit")


def run(cell, params: Params, x: np.ndarray, s: np.ndarray) -> np.ndarray:
    states = [s]
    for row in x:
        states.append(cell.step(cell.prepare(params), states[-1], row)[0])
    return np.stack(states)


@pytest.mark.parametrize("name", DIAGONAL)
def test_units_hear_themselves_alone(name: str) -> None:
    """D joins the blocks of one unit, so a parameter never reaches a second unit."""
    cell, rng = zoo.CELLS[name](), np.random.default_rng(0)
    params = cell.init_params(rng).map(lambda a: rng.standard_normal(a.shape))
    _, tape = cell.step(params, rng.standard_normal((2, cell.state_size)), np.ones((2, 2)))
    unit = np.arange(cell.state_size) % 3
    apart = unit[:, None] != unit
    jacobian = cell.state_jacobian(params, tape)
    assert (jacobian[:, apart] == 0).all()
    assert (np.abs(jacobian).max(axis=(1, 2)) > 0).all()
    assert "U" not in cell.shapes
    net = Network(cell, Linear(cell.output_size, 1), SquaredError())
    *_, last = patterns(net)
    apart = last.reshape(cell.size, -1, 3).any(axis=1)  # parameter, unit
    np.testing.assert_array_equal(apart.sum(axis=1), 1)


def test_context_units_in_closed_form() -> None:
    """c_T = d^T c_0 + sum_t d^(T - t) f(W x_t + b)."""
    cell, rng = FocusedContext(2, 3), np.random.default_rng(1)
    params = cell.init_params(rng).replace(b=rng.standard_normal(3))
    assert ((params["d"] >= 0.5) & (params["d"] <= 1)).all()
    x, c = rng.standard_normal((5, 1, 2)), rng.standard_normal((1, 3))
    net = x @ params["W"].T + params["b"]
    powers = params["d"] ** np.arange(4, -1, -1)[:, None, None]
    want = params["d"] ** 5 * c + (powers / (1 + np.exp(-net))).sum(axis=0)
    assert relative_error(run(cell, params, x, c)[-1], want) < 1e-14


def test_context_units_are_a_vanilla_cell_with_diagonal_u() -> None:
    """With the identity for f: the same states, and the gradient of d on U's diagonal."""
    rng = np.random.default_rng(2)
    focused = Network(FocusedContext(2, 3, "identity"), Linear(3, 1), SquaredError())
    vanilla = Network(Vanilla(2, 3, "identity"), Linear(3, 1), SquaredError())
    params = zoo.random_params(focused, rng)
    twin = {k: a for k, a in params.items() if k != "cell.d"} | {
        "cell.U": np.diag(params["cell.d"])
    }
    batch = zoo.random_batch(focused, "no mask", rng)
    got, want = (
        BPTT(net).gradient(p, batch) for net, p in ((focused, params), (vanilla, Params(twin)))
    )
    assert got.loss == pytest.approx(want.loss, rel=1e-14)
    assert relative_error(got.grads["cell.d"], np.diag(want.grads["cell.U"])) < 1e-13
    assert relative_error(got.grads["cell.W"], want.grads["cell.W"]) < 1e-13


def test_linear_recurrent_unit_in_complex_numbers() -> None:
    cell, rng = LinearRecurrentUnit(2, 4), np.random.default_rng(3)
    params = cell.init_params(rng)
    eigenvalue = np.exp(-np.exp(params["nu"]) + 1j * np.exp(params["theta"]))
    assert (np.abs(eigenvalue) < 1).all()
    np.testing.assert_allclose(np.exp(params["gamma"]), np.sqrt(1 - np.abs(eigenvalue) ** 2))
    x, start = rng.standard_normal((6, 1, 2)), rng.standard_normal((1, 8))
    z = start[0, :4] + 1j * start[0, 4:]
    weights = params["W"][:4] + 1j * params["W"][4:]
    for row in x[:, 0]:
        z = eigenvalue * z + np.exp(params["gamma"]) * (weights @ row)
    got = run(cell, params, x, start)[-1, 0]
    assert relative_error(got[:4] + 1j * got[4:], z) < 1e-14
    assert cell.output_size == 8


def test_eigenvalues_fill_the_disk() -> None:
    """Half of the area, and so half of the eigenvalues, lies outside radius sqrt(1/2)."""
    params = LinearRecurrentUnit(1, 4000).init_params(np.random.default_rng(4))
    radius = np.exp(-np.exp(params["nu"]))
    assert abs(np.mean(radius**2 > 0.5) - 0.5) < 0.04
    assert abs(np.mean(np.exp(params["theta"]) > np.pi) - 0.5) < 0.04


def test_diagonal_lstm_keeps_what_its_gate_says() -> None:
    cell = DiagonalLSTM(1, 2)
    params = cell.init_params(np.random.default_rng(5)).map(np.zeros_like)
    shut = params.replace(b=np.array([50.0, 50, 0, 0, 50, 50]))  # f = 1, o = 1
    s = np.array([[0.0, 0, 0.7, -2.0]])
    np.testing.assert_allclose(cell.step(shut, s, np.ones((1, 1)))[0], [[0.7, -2, 0.7, -2]])
    other = params.replace(b=np.array([-50.0, -50, 50, -50, 50, 50]))  # f = 0, z = +1, -1
    np.testing.assert_allclose(cell.step(other, s, np.ones((1, 1)))[0], [[1, -1, 1, -1]])


def test_leaky_units_between_standing_still_and_a_vanilla_cell() -> None:
    rng = np.random.default_rng(6)
    cell, vanilla = Leaky(2, 3, leak=0.25), Vanilla(2, 3)
    params = cell.init_params(rng)
    np.testing.assert_array_equal(params["a"], 0.25)
    s, x = rng.standard_normal((1, 3)), rng.standard_normal((1, 2))
    target = vanilla.step(params, s, x)[0]
    np.testing.assert_allclose(cell.step(params, s, x)[0], s + 0.25 * (target - s))
    whole = params.replace(a=np.ones(3))
    np.testing.assert_allclose(cell.step(whole, s, x)[0], target)


def test_float32_and_batch_dtype() -> None:
    for name in (*DIAGONAL, "leaky"):
        cell, rng = zoo.CELLS[name](), np.random.default_rng(7)
        params = cell.init_params(rng, np.float32)
        assert params.dtype == np.float32, name
        net = Network(cell, Linear(cell.output_size, 1), SquaredError())
        full = net.init_params(rng, np.float32)
        batch = Batch(np.ones((4, 1, 2), "f4"), np.ones((4, 1, 1), "f4"))
        assert BPTT(net).gradient(full, batch).grads.dtype == np.float32, name


@pytest.mark.parametrize("leak", [0, -0.1, 1.5, np.nan])
def test_a_leak_outside_its_range_is_refused(leak: float) -> None:
    with pytest.raises(ValueError, match="leak: expected a number in"):
        Leaky(2, 3, leak=leak)


@pytest.mark.parametrize("make", [FocusedContext, DiagonalLSTM, LinearRecurrentUnit, Leaky])
def test_bad_arguments(make) -> None:
    with pytest.raises(ValueError, match="hidden_size"):
        make(2, 0)
    with pytest.raises(TypeError, match="rng"):
        make(2, 3).init_params(0)
