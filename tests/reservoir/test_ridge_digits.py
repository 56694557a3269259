"""Ridge regression on ill-conditioned features: which way is taken, and the digits it keeps."""

from fractions import Fraction

import numpy as np
import pytest

from rnncore.reservoir import Reservoir, Ridge
from rnncore.reservoir.network import features
from rnncore.reservoir.ridge import _Factor
from rnncore.tasks.mackey_glass import mackey_glass_series

EPS = np.finfo(float).eps


def exact(z, d, penalty):
    """The ridge solution of these very numbers, in rational arithmetic, rounded at the end."""
    rows = [[Fraction(v) for v in row] for row in z.tolist()]
    goal = [Fraction(v) for v in d[:, 0].tolist()]
    p = len(rows[0])
    system = [
        [sum(r[i] * r[j] for r in rows) + (Fraction(penalty) if i == j else 0) for j in range(p)]
        + [sum(r[i] * g for r, g in zip(rows, goal, strict=True))]
        for i in range(p)
    ]
    for i in range(p):  # Gauss-Jordan; a definite matrix needs no pivots
        system[i] = [v / system[i][i] for v in system[i]]
        for k in range(p):
            if k != i:
                system[k] = [
                    a - system[k][i] * b for a, b in zip(system[k], system[i], strict=True)
                ]
    return np.array([[float(row[-1]) for row in system]])


def normal_equations(z, d, penalty):
    return np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ d).T


def off(V, want):
    return float(np.linalg.norm(V - want) / np.linalg.norm(want))


def decomposed(ridge):
    return "_decomposition" in vars(ridge)


@pytest.mark.parametrize("power", [1, 3, 6])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_corrections_bring_the_exact_solution(rng, power, noise) -> None:
    """Powers of t up to 11, condition number above 1e8; penalties down to the least allowed."""
    t = rng.random(40)
    z = t[:, None] ** np.arange(12.0)
    d = np.sin(5 * t)[:, None] + noise * rng.standard_normal((40, 1))
    penalty = 10.0**power * 10 * EPS * np.trace(z.T @ z)
    ridge = Ridge(z, d)
    ours, want = ridge.solve(penalty), exact(z, d, penalty)
    assert not decomposed(ridge)
    # The condition number of the augmented features is 1 / sqrt(10^(power + 1) eps) at most.
    assert off(ours, want) < 10 * EPS / np.sqrt(10.0**power * 10 * EPS)
    assert off(ridge._by_singular_values(penalty), want) < 1e-8
    if power == 1:
        assert off(normal_equations(z, d, penalty), want) > 1e-5


def test_the_singular_values_are_of_the_features_and_not_of_their_square(rng) -> None:
    t = rng.random(40)
    z = t[:, None] ** np.arange(12.0)
    d = np.sin(5 * t)[:, None]
    ridge = Ridge(z, d)
    sigma = np.linalg.svd(z, compute_uv=False)
    np.testing.assert_allclose(ridge.singular_values, sigma, rtol=0, atol=1e-14 * sigma[0])
    assert sigma[0] > 1e8 * sigma[-1]
    penalty = 1e-3 * sigma[-1] ** 2  # far below the rounding errors of the normal equations
    assert penalty < EPS * sigma[0] ** 2
    assert off(ridge.solve(penalty), exact(z, d, penalty)) < 1e-5


@pytest.fixture(scope="module")
def states():
    """400 units on a smooth series, 1000 steps: condition number above 1e9."""
    x = mackey_glass_series(np.random.default_rng(0), 1101, step=0.5) - 1
    r = Reservoir.draw(np.random.default_rng(1), 1, 400, leak=0.5, bias_scaling=0.5)
    return features(x[:-1], r.run(x[:-1])[1:])[100:], x[101:]


@pytest.mark.parametrize("factor", [40, 1e3, 1e6])
def test_reservoir_states_by_both_ways(states, factor) -> None:
    z, d = states
    both = np.hstack([d, 1e-6 * d**2])  # outputs of different size
    penalty = factor * EPS * float((z**2).sum())
    ridge = Ridge(z, both)
    ours = ridge.solve(penalty)
    assert not decomposed(ridge)
    want = ridge._by_singular_values(penalty)
    lost = normal_equations(z, both, penalty)
    for k in range(2):
        error = off(ours[k], want[k])
        assert error < 1e-7 / np.sqrt(factor)
        assert off(lost[k], want[k]) > 1e3 * error


def test_small_penalties_and_few_rows_take_the_decomposition(states, rng) -> None:
    z, d = states
    trace = float((z**2).sum())
    for penalty in (0.0, 1e-30, EPS * trace):
        ridge = Ridge(z, d)
        V = ridge.solve(penalty)
        assert decomposed(ridge)
        np.testing.assert_array_equal(V, ridge._by_singular_values(penalty))
    wide = Ridge(rng.standard_normal((5, 9)), rng.standard_normal((5, 1)))
    wide.solve(1.0)
    assert decomposed(wide)


def test_below_the_margin_corrections_are_not_to_be_trusted(states, monkeypatch) -> None:
    """Why the margin: without it a wrong solution passes, or none is found."""
    monkeypatch.setattr("rnncore.reservoir.ridge._MARGIN", 0.0)
    z, d = states
    ridge = Ridge(z, d)
    penalty = 0.1 * EPS * float((z**2).sum())
    V = ridge._corrected(penalty)
    assert V is None or off(V, ridge._by_singular_values(penalty)) > 1e-4


@pytest.mark.parametrize("size", [1, 64, 65, 131, 300])
def test_the_factor_solves(rng, size) -> None:
    z = rng.standard_normal((2 * size, size))
    matrix, b = z.T @ z + np.eye(size), rng.standard_normal((size, 3))
    np.testing.assert_allclose(_Factor(matrix).solve(b), np.linalg.solve(matrix, b), atol=1e-12)
    matrix[-1, -1] = -1.0
    with pytest.raises(np.linalg.LinAlgError):
        _Factor(matrix)


def test_targets_of_zero_and_single_precision(rng) -> None:
    z = rng.standard_normal((50, 8))
    d = np.hstack([np.zeros((50, 1)), rng.standard_normal((50, 1))])
    V = Ridge(z, d).solve(0.1)
    np.testing.assert_array_equal(V[0], 0)
    np.testing.assert_allclose(V, normal_equations(z, d, 0.1), atol=1e-14)
    small = Ridge(z.astype(np.float32), d.astype(np.float32))
    assert small.solve(0.1).dtype == np.float32 and not decomposed(small)
    np.testing.assert_allclose(small.solve(0.1), V, atol=1e-6)


def test_complex_numbers_are_refused(rng) -> None:
    z = rng.standard_normal((5, 2))
    for pair in ((1j * z, z), (z, 1j * z)):
        with pytest.raises(TypeError, match="features, targets: expected real numbers"):
            Ridge(*pair)
