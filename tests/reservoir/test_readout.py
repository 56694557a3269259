"""Ridge regression, recursive least squares, FORCE: against other ways to the same numbers."""

import numpy as np
import pytest

from rnncore import Batch
from rnncore.reservoir import RLS, EchoState, Reservoir, Ridge, echo_state_test, force
from rnncore.reservoir.network import features
from rnncore.tasks.mackey_glass import mackey_glass_series


def augmented(z, d, penalty):
    """The same problem as plain least squares: rows sqrt(penalty) I with target zero."""
    more = np.sqrt(penalty) * np.eye(z.shape[1])
    rows = np.vstack([z, more]), np.vstack([d, np.zeros((z.shape[1], d.shape[1]))])
    return np.linalg.lstsq(*rows, rcond=None if penalty == 0 else 0)[0].T


def normal_equations(z, d, penalty):
    return np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ d).T


def objective(V, z, d, penalty):
    return float(((z @ V.T - d) ** 2).sum() + penalty * (V**2).sum())


# -- ridge --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, 7), (7, 40)])
@pytest.mark.parametrize("penalty", [0.0, 1e-3, 1.0, 100.0])
def test_ridge_on_well_conditioned_data(rng, shape, penalty) -> None:
    z, d = rng.standard_normal(shape), rng.standard_normal((shape[0], 2))
    V = Ridge(z, d).solve(penalty)
    np.testing.assert_allclose(V, augmented(z, d, penalty), atol=1e-12)
    if penalty:
        np.testing.assert_allclose(V, normal_equations(z, d, penalty), atol=1e-11)


def test_without_penalty_dependent_features_share_their_weight(rng) -> None:
    z = np.repeat(rng.standard_normal((20, 1)), 2, axis=1)
    np.testing.assert_allclose(Ridge(z, 3 * z[:, :1]).solve(0), [[1.5, 1.5]], rtol=1e-12)


def test_the_normal_equations_lose_the_digits_that_ours_keeps() -> None:
    """400 units on a smooth series: condition number above 1e10, its square beyond rounding."""
    x = mackey_glass_series(np.random.default_rng(0), 1101, step=0.5) - 1
    r = Reservoir.draw(np.random.default_rng(1), 1, 400, leak=0.5, bias_scaling=0.5)
    z, d = features(x[:-1], r.run(x[:-1])[1:])[100:], x[101:]
    ridge = Ridge(z, d)
    top = ridge.singular_values[0]
    assert top / ridge.singular_values[-1] > 1e9
    for penalty in (1e-24 * top**2, 1e-20 * top**2):
        ours, other = ridge.solve(penalty), augmented(z, d, penalty)
        least = objective(ours, z, d, penalty)
        # The excess over the minimum, and the distance to an independent solution.
        assert objective(other, z, d, penalty) == pytest.approx(least, rel=1e-5)
        np.testing.assert_allclose(ours, other, atol=1e-4 * np.abs(ours).max())
        lost = normal_equations(z, d, penalty)
        assert objective(lost, z, d, penalty) > 30 * least
        assert np.linalg.norm(lost - ours) > 0.5 * np.linalg.norm(ours)
    # With a large penalty both are right: what fails above is the small singular values.
    ours, fine = ridge.solve(1e-8 * top**2), normal_equations(z, d, 1e-8 * top**2)
    np.testing.assert_allclose(fine, ours, atol=1e-6 * np.abs(ours).max())


def test_the_penalty_is_the_best_on_the_held_out_rows(rng) -> None:
    z, held = rng.standard_normal((30, 25)), rng.standard_normal((500, 25))
    v = rng.standard_normal((25, 1))
    d, held_d = z @ v + 3 * rng.standard_normal((30, 1)), held @ v
    ridge = Ridge(z, d)
    tried = (0.0, 1e-6, 0.1, 1.0, 10.0, 100.0, 1e6)
    choice = ridge.choose(held, held_d, tried)
    errors = [float(((held @ ridge.solve(p).T - held_d) ** 2).mean()) for p in tried]
    np.testing.assert_allclose(choice.errors, errors)
    assert choice.penalty == tried[int(np.argmin(errors))]
    assert choice.penalty not in (tried[0], tried[-1])  # noise wants some, not all


# -- online ---------------------------------------------------------------------------


def test_rls_is_ridge_after_every_row(rng) -> None:
    z, d = rng.standard_normal((30, 6)), rng.standard_normal((30, 2))
    rls = RLS(alpha=0.7)
    memory = rls.init(6, 2)
    for m in range(30):
        before = memory.V
        memory, error = rls.update(memory, z[m], d[m])
        np.testing.assert_allclose(error, before @ z[m] - d[m], atol=1e-13)
        want = Ridge(z[: m + 1], d[: m + 1]).solve(0.7)
        np.testing.assert_allclose(memory.V, want, atol=1e-12)
    np.testing.assert_allclose(memory.P, np.linalg.inv(z.T @ z + 0.7 * np.eye(6)), atol=1e-13)


def test_forgetting_weighs_the_rows(rng) -> None:
    z, d, g = rng.standard_normal((30, 4)), rng.standard_normal((30, 1)), 0.9
    rls = RLS(alpha=0.5, forgetting=g)
    memory = rls.init(4, 1)
    for row, target in zip(z, d, strict=True):
        memory, _ = rls.update(memory, row, target)
    weight = np.sqrt(g ** np.arange(29, -1, -1))[:, None]
    want = augmented(weight * z, weight * d, 0.5 * g**30)
    np.testing.assert_allclose(memory.V, want, atol=1e-11)
    assert np.abs(memory.V - Ridge(z, d).solve(0.5)).max() > 1e-2


def test_force_without_feedback_is_rls_on_the_states(rng) -> None:
    r = Reservoir.draw(rng, 2, 10)
    batch = Batch(rng.standard_normal((40, 2)), rng.standard_normal((40, 1)))
    run = force(r, batch, alpha=0.3)
    x = batch.inputs[:, 0]
    z = features(x, r.run(x)[1:])
    np.testing.assert_allclose(run.network.V, Ridge(z, batch.targets[:, 0]).solve(0.3), atol=1e-11)
    assert run.outputs[0] == 0 and run.changes[0] > 0


def sum_of_sines(t):
    return (np.sin(0.1 * t) + 0.5 * np.sin(0.2 * t))[:, None]


@pytest.mark.parametrize("seed", range(3))
def test_force_tames_a_chaotic_reservoir(seed) -> None:
    rng, steps, alone = np.random.default_rng(seed), 2000, 500
    r = Reservoir.draw(rng, 1, 100, radius=1.5, leak=0.2, input_scaling=0.0, output_size=1)
    silence = np.ones((300, 1))
    still = echo_state_test(r, silence, rng, teacher=0 * silence)
    assert not still.forgets and still.distances[-1] > 0.1  # alive, and sensitive to its start
    d = sum_of_sines(np.arange(steps + alone))
    start = 0.5 * rng.standard_normal(100)
    run = force(r, Batch(np.ones((steps, 1)), d[:steps]), alpha=0.01, initial_state=start)
    # First-order reduced and controlled error: small from the first steps on, then smaller still.
    assert np.abs(run.outputs[10:100] - d[10:100]).max() < 0.06
    assert run.changes[-200:].mean() < 0.2 * run.changes[:50].mean()
    free = run.network.predict(
        np.ones((alone, 1)), initial_state=run.state, initial_output=run.output
    )
    assert np.abs(free.outputs - d[steps:]).max() < 0.06
    # Control: after one hundredth of the learning it runs off.
    few = force(r, Batch(np.ones((20, 1)), d[:20]), alpha=0.01, initial_state=start)
    off = few.network.predict(
        np.ones((alone, 1)), initial_state=few.state, initial_output=few.output
    )
    assert np.abs(off.outputs - d[20 : 20 + alone]).max() > 0.5


def test_force_feeds_back_its_own_output_and_learns_every_so_often(rng) -> None:
    r = Reservoir.draw(rng, 1, 6, output_size=1, bias_scaling=0.3)
    batch = Batch(rng.random((9, 1)), rng.random((9, 1)))
    run = force(r, batch, every=3)
    assert (run.changes > 0).tolist() == [False, False, True] * 3
    # The same by hand, with ridge regression in the place of the recursion.
    s, y, V, rows = np.zeros(6), np.zeros(1), np.zeros((1, 8)), []
    for t in range(9):
        s = r.step(s, batch.inputs[t, 0], y)
        z = features(batch.inputs[t, 0], s)
        y = V @ z
        np.testing.assert_allclose(run.outputs[t], y, atol=1e-12)
        if t % 3 == 2:
            rows.append((z, batch.targets[t, 0]))
            V = Ridge(*(np.stack(part) for part in zip(*rows, strict=True))).solve(1.0)
    np.testing.assert_allclose(run.network.V, V, atol=1e-12)
    np.testing.assert_allclose(run.state, s, atol=1e-12)


# -- refusals -------------------------------------------------------------------------

R = Reservoir.draw(np.random.default_rng(0), 1, 3)
Z, D = np.ones((4, 2)), np.ones((4, 1))
ONE = Batch(np.ones((9, 1)), np.ones((9, 1)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Ridge(np.ones(4), D), ValueError, "features: expected shape"),
        (lambda: Ridge(Z, D[:3]), ValueError, r"targets: expected shape \(4, O\)"),
        (lambda: Ridge(Z * np.inf, D), ValueError, "features: expected finite"),
        (lambda: Ridge(Z, D).solve(-1.0), ValueError, "penalty: expected a finite number"),
        (lambda: Ridge(Z, D).choose(D, D), ValueError, r"features: expected shape \(M, 2\)"),
        (lambda: Ridge(Z, D).choose(Z, Z), ValueError, r"targets: expected shape \(4, 1\)"),
        (lambda: Ridge(Z, D).choose(Z, D, ()), ValueError, "penalties: expected at least one"),
        (lambda: RLS(alpha=0), ValueError, "alpha: expected a number above 0"),
        (lambda: RLS(forgetting=1.1), ValueError, "forgetting: .* from 0 to 1"),
        (lambda: RLS().update(RLS().init(2, 1), np.ones(3), np.ones(1)), ValueError, "z: expected"),
        (lambda: RLS().update(RLS().init(2, 1), np.ones(2), np.ones(2)), ValueError, "target: exp"),
        (lambda: force(R, (Z, D)), TypeError, "batch: expected a Batch"),
        (lambda: force(R, Batch(np.ones((9, 2, 1)), np.ones((9, 2, 1)))), ValueError, "batch: exp"),
        (lambda: force(R, ONE, every=0), ValueError, "every: expected"),
        (
            lambda: force(Reservoir.draw(np.random.default_rng(0), 1, 3, output_size=2), ONE),
            ValueError,
            "batch: expected 2 targets, got 1",
        ),
        (lambda: EchoState(R, np.ones((1, 4))), ValueError, r"V: expected shape \(O, 5\)"),
    ],
)
def test_refusals(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()
