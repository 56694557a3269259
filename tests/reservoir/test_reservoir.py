"""The reservoir itself: its step, its matrices, its properties, its refusals."""

import numpy as np
import pytest

from rnncore import Batch, Linear, Network, Params, SquaredError, Vanilla
from rnncore.reservoir import (
    EchoState,
    Reservoir,
    echo_state_test,
    memory_capacity,
    random_matrix,
    spectral_radius,
)


def test_without_leak_it_is_the_vanilla_cell(rng) -> None:
    r = Reservoir.draw(rng, 2, 7, bias_scaling=0.5)
    net = Network(Vanilla(2, 7), Linear(7, 1), SquaredError())
    readout = {"readout.V": np.zeros((1, 7)), "readout.b": np.zeros(1)}
    params = Params({"cell.W": r.W, "cell.U": r.U, "cell.b": r.b} | readout)
    x, s = rng.standard_normal((9, 3, 2)), rng.standard_normal((3, 7))
    want = net.forward(params, Batch(x, initial_state=s)).states
    np.testing.assert_allclose(r.run(x, initial_state=s), want, rtol=0, atol=1e-15)
    assert np.abs(want[1:]).min() > 1e-6


def test_every_term_of_the_step_unit_by_unit(rng) -> None:
    r = Reservoir.draw(rng, 2, 4, leak=0.3, bias_scaling=0.4, output_size=2, feedback_scaling=0.6)
    x, d = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    s0, y0 = rng.standard_normal(4), rng.standard_normal(2)
    states = r.run(
        x, teacher=d, initial_state=s0, initial_output=y0, noise=0.2, rng=np.random.default_rng(8)
    )
    nu = 0.2 * np.random.default_rng(8).standard_normal((5, 4))
    for t in range(5):
        y = y0 if t == 0 else d[t - 1]
        for i in range(4):
            a = r.b[i] + nu[t, i]
            a += sum(r.W[i, k] * x[t, k] for k in range(2))
            a += sum(r.U[i, j] * states[t, j] for j in range(4))
            a += sum(r.F[i, k] * y[k] for k in range(2))
            want = 0.7 * states[t, i] + 0.3 * np.tanh(a)
            assert states[t + 1, i] == pytest.approx(want, rel=1e-13)
    np.testing.assert_array_equal(states[0], s0)


def test_sequences_side_by_side_are_sequences_alone(rng) -> None:
    r = Reservoir.draw(rng, 1, 5, leak=0.5, output_size=1)
    x, d, s = rng.random((6, 3, 1)), rng.random((6, 3, 1)), rng.random((3, 5))
    together = r.run(x, teacher=d, initial_state=s)
    for b in range(3):
        alone = r.run(x[:, b], teacher=d[:, b], initial_state=s[b])
        np.testing.assert_allclose(together[:, b], alone, atol=1e-15)


def test_float32_stays_float32(rng) -> None:
    r = Reservoir.draw(rng, 1, 5, output_size=1, leak=0.5)
    small = Reservoir(*(a.astype(np.float32) for a in (r.W, r.U, r.b, r.F)), leak=0.5)
    x = rng.random((4, 1)).astype(np.float32)
    states = small.run(x, teacher=x, noise=0.1, rng=rng)
    assert states.dtype == np.float32 and r.run(x, teacher=x).dtype == np.float64
    net = EchoState(small, np.ones((1, 7), np.float32))
    assert net.predict(x).outputs.dtype == np.float32
    fitted = EchoState.fit(small, Batch(x, x), washout=1, penalty=0.1)
    assert fitted.V.dtype == np.float32


def test_draw_keeps_to_what_it_was_told(rng) -> None:
    r = Reservoir.draw(
        rng,
        3,
        80,
        radius=0.7,
        density=0.1,
        input_scaling=0.2,
        bias_scaling=0.3,
        output_size=2,
        feedback_scaling=0.4,
    )
    assert np.abs(np.linalg.eigvals(r.U)).max() == pytest.approx(0.7, rel=1e-12)
    assert ((r.U != 0).sum(axis=1) == 8).all()
    for array, scaling in ((r.W, 0.2), (r.b, 0.3), (r.F, 0.4)):
        assert 0.9 * scaling < np.abs(array).max() <= scaling and array.min() < 0
        assert not array.flags.writeable
    again, other = (Reservoir.draw(np.random.default_rng(s), 1, 9) for s in (1, 2))
    np.testing.assert_array_equal(again.U, Reservoir.draw(np.random.default_rng(1), 1, 9).U)
    assert not np.array_equal(again.U, other.U)


# -- spectral radius ----------------------------------------------------------------


@pytest.mark.parametrize(
    "matrix",
    [
        np.random.default_rng(0).standard_normal((200, 200)),
        random_matrix(np.random.default_rng(1), 250, radius=1.7, density=0.05),
        np.kron(np.eye(3), [[0.6, -0.8], [0.8, 0.6]]),  # three equal pairs
        np.diag([1.0, -3.0, 2.0]),
        np.triu(np.random.default_rng(2).standard_normal((60, 60)), 1) + np.diag(np.arange(60.0)),
        [[-4.0]],
        np.zeros((5, 5)),
    ],
    ids=["random", "sparse", "rotations", "diagonal", "triangular", "one", "zero"],
)
def test_arnoldi_finds_the_largest_eigenvalue(matrix) -> None:
    want = spectral_radius(matrix, method="eigenvalues")
    assert spectral_radius(matrix, method="arnoldi") == pytest.approx(want, rel=1e-8, abs=1e-12)


def test_a_large_matrix_takes_the_short_way(monkeypatch) -> None:
    matrix = np.random.default_rng(3).standard_normal((610, 610)) / np.sqrt(610)
    want = np.abs(np.linalg.eigvals(matrix)).max()
    sizes = []
    eig = np.linalg.eig
    monkeypatch.setattr(np.linalg, "eig", lambda a: sizes.append(len(a)) or eig(a))
    monkeypatch.setattr(np.linalg, "eigvals", None)
    assert spectral_radius(matrix) == pytest.approx(want, rel=1e-8)
    assert 0 < max(sizes) < 610


def test_power_iteration_would_not_do() -> None:
    """The growth of |A^k v| by a step, after 300 steps, is far from the spectral radius."""
    rng = np.random.default_rng(4)
    matrix, v = random_matrix(rng, 200, radius=1.0), rng.standard_normal(200)
    for _ in range(300):
        v = v / np.linalg.norm(v)
        v = matrix @ v
    assert abs(np.linalg.norm(v) - 1) > 1e-3


# -- echo states ----------------------------------------------------------------------


def test_the_contraction_is_at_least_the_largest_singular_value(rng) -> None:
    r = Reservoir.draw(rng, 1, 30, radius=0.3, bias_scaling=0.5)
    sigma = np.linalg.norm(r.U, 2)
    assert sigma < 1
    outcome = echo_state_test(r, rng.standard_normal((40, 1)), rng)
    d = outcome.distances
    assert outcome.forgets and d[0] > 1
    assert (d[1:16] <= sigma * d[:15]).all()


@pytest.mark.parametrize("seed", range(4))
def test_radius_and_input_decide_over_the_echo_states(seed) -> None:
    rng = np.random.default_rng(seed)
    silence, loud = np.zeros((400, 1)), rng.uniform(-6, 6, (400, 1))
    tame = Reservoir.draw(rng, 1, 50, radius=0.8)
    assert echo_state_test(tame, silence, rng).forgets
    assert echo_state_test(tame, loud, rng).forgets
    wild = Reservoir.draw(rng, 1, 50, radius=3.0)
    outcome = echo_state_test(wild, silence, rng)
    assert not outcome.forgets and outcome.distances[-50:].min() > 0.5
    # Strong input saturates the units: above 1 and still forgetting.
    above = Reservoir.draw(rng, 1, 50, radius=1.3)
    assert not echo_state_test(above, silence, rng).forgets
    assert echo_state_test(above, loud, rng).forgets


def test_the_echo_test_with_feedback_forces_all_starts_alike(rng) -> None:
    r = Reservoir.draw(rng, 1, 20, radius=0.5, output_size=1)
    x, d = rng.random((60, 1)), rng.random((60, 1))
    assert echo_state_test(r, x, rng, teacher=d).forgets


# -- memory capacity --------------------------------------------------------------------


def test_a_delay_line_remembers_its_length() -> None:
    n = 6
    line = Reservoir(np.eye(n, 1), np.eye(n, k=-1), np.zeros(n), activation="identity")
    got = memory_capacity(line, np.random.default_rng(0), delays=12)
    # s_t holds x_t, ..., x_{t-5}; delay 0 is not counted.
    np.testing.assert_allclose(got.by_delay[: n - 1], 1, atol=1e-12)
    assert got.by_delay[n - 1 :].max() < 0.01
    assert got.total == pytest.approx(n - 1, abs=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_memory_is_at_most_the_number_of_units(seed) -> None:
    n, rng = 20, np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    W = rng.uniform(-1, 1, (n, 1))
    linear = Reservoir(W, 0.95 * q, np.zeros(n), activation="identity")
    most = memory_capacity(linear, rng, delays=100).total
    assert 0.9 * n < most < n + 100 / 4000
    tanh = memory_capacity(Reservoir(W, 0.95 * q, np.zeros(n)), rng, delays=100).total
    harsh = memory_capacity(Reservoir(10 * W, 0.95 * q, np.zeros(n)), rng, delays=100).total
    short = memory_capacity(Reservoir(W, 0.1 * q, np.zeros(n)), rng, delays=100).total
    assert harsh < 0.6 * tanh and tanh < most
    assert short < 0.6 * most


def test_memory_is_judged_on_steps_that_the_fit_has_not_seen() -> None:
    """50 units without recurrence, 100 steps: on its own steps the fit would find 1/2."""
    rng = np.random.default_rng(0)
    deaf = Reservoir(rng.standard_normal((50, 1)), np.zeros((50, 50)), rng.standard_normal(50))
    got = memory_capacity(deaf, rng, delays=20, steps=100)
    assert got.by_delay.mean() < 0.1


# -- refusals ---------------------------------------------------------------------------

R = Reservoir.draw(np.random.default_rng(0), 2, 3)
FED = Reservoir.draw(np.random.default_rng(0), 1, 3, output_size=1)
X = np.ones((4, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda r: Reservoir.draw(0, 1, 3), TypeError, "rng: expected"),
        (lambda r: Reservoir.draw(r, 0, 3), ValueError, "input_size: expected"),
        (lambda r: Reservoir.draw(r, 1, 3, radius=-1), ValueError, "radius: expected a finite"),
        (lambda r: Reservoir.draw(r, 1, 3, radius="1"), TypeError, "radius: expected a number"),
        (lambda r: Reservoir.draw(r, 1, 3, density=1.1), ValueError, "density: .* from 0 to 1"),
        (lambda r: Reservoir.draw(r, 1, 3, density=0), ValueError, "density: .* above 0"),
        (lambda r: Reservoir.draw(r, 1, 3, leak=0), ValueError, "leak: expected a number above 0"),
        (lambda r: Reservoir.draw(r, 1, 3, leak=1.5), ValueError, "leak: .* from 0 to 1"),
        (lambda r: Reservoir.draw(r, 1, 3, activation="no"), ValueError, "no"),
        (lambda r: Reservoir(np.ones(3), np.eye(3), np.ones(3)), ValueError, "W: expected shape"),
        (lambda r: Reservoir(X, np.eye(3), np.ones(4)), ValueError, r"U: expected shape \(4, 4\)"),
        (lambda r: Reservoir(X, np.eye(4), np.ones(3)), ValueError, r"b: expected shape \(4,\)"),
        (lambda r: Reservoir(X, np.eye(4), np.ones(4), X.T), ValueError, r"F: expected shape \(4"),
        (lambda r: R.run(np.ones((4, 3))), ValueError, r"inputs: expected shape \(T, 2\)"),
        (lambda r: R.run(X * np.nan), ValueError, "inputs: expected finite"),
        (lambda r: R.run(X, teacher=X), ValueError, "teacher: given, but"),
        (lambda r: FED.run(X[:, :1]), ValueError, "teacher: this reservoir has output feedback"),
        (lambda r: FED.run(X[:, :1], teacher=X), ValueError, r"teacher: expected shape \(4, 1\)"),
        (lambda r: FED.step(np.zeros(3), np.ones(1)), ValueError, "y: this reservoir has output"),
        (lambda r: R.run(X, initial_state=np.ones(2)), ValueError, r"initial_state: expected shap"),
        (lambda r: R.run(X, noise=0.1), TypeError, "rng: expected"),
        (lambda r: R.run(X, noise=-0.1, rng=r), ValueError, "noise: expected"),
        (lambda r: spectral_radius(X), ValueError, r"matrix: expected shape \(n, n\)"),
        (lambda r: spectral_radius(1j * np.eye(2)), TypeError, "matrix: expected real"),
        (lambda r: spectral_radius(np.eye(2), method="power"), ValueError, "method: expected"),
        (lambda r: spectral_radius(np.eye(2), tolerance=0), ValueError, "tolerance: expected"),
        (lambda r: echo_state_test(R, X, r, starts=1), ValueError, "starts: expected at least 2"),
        (lambda r: echo_state_test(R, X[None], r), ValueError, "inputs: expected shape"),
        (lambda r: memory_capacity(R, r), ValueError, "reservoir: expected one input"),
        (
            lambda r: memory_capacity(Reservoir.draw(r, 1, 2), r, amplitude=0),
            ValueError,
            "amplitude: expected a number above 0",
        ),
    ],
)
def test_refusals(call, error, message, rng) -> None:
    with pytest.raises(error, match=message):
        call(rng)


def test_one_connection_each_is_enough_for_a_radius() -> None:
    """Where every unit hears another there is a cycle, so that the radius can be set."""
    for seed in range(40):
        U = random_matrix(np.random.default_rng(seed), 30, density=1 / 30)
        assert ((U != 0).sum(axis=1) == 1).all()
        assert np.abs(np.linalg.eigvals(U)).max() == pytest.approx(0.9, rel=1e-9)
