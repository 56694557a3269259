"""Conjugate gradients against numpy.linalg.solve, and Martens' stopping rule recomputed."""

import numpy as np
import pytest

from rnncore.optimizers import conjugate_gradients
from rnncore.optimizers.hessian_free import solver
from rnncore.verify import relative_error


def spd(rng, n, condition):
    q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    return (q * np.geomspace(1, condition, n)) @ q.T


@pytest.mark.parametrize("n", [1, 2, 7, 30])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_conjugate_gradients_solve(n, preconditioned):
    rng = np.random.default_rng(n)
    a, b, start = spd(rng, n, 100.0), rng.standard_normal(n), rng.standard_normal(n)
    m = np.diag(a) if preconditioned else None
    for x0 in (None, start):
        found = conjugate_gradients(lambda x: a @ x, b, x0, m, tolerance=0, max_iterations=9 * n)
        assert relative_error(found.x, np.linalg.solve(a, b)) < 1e-11
        assert found.iterates[-1] is found.x


def test_n_steps_are_enough_and_fewer_are_not():
    rng = np.random.default_rng(0)
    a, b = spd(rng, 8, 10.0), rng.standard_normal(8)
    x = np.linalg.solve(a, b)
    errors = [
        relative_error(conjugate_gradients(lambda x: a @ x, b, tolerance=0, max_iterations=k).x, x)
        for k in (4, 7, 8)
    ]
    assert errors[0] > 1e-3 and errors[1] > 1e-6 and errors[2] < 1e-9


def test_a_good_preconditioner_saves_steps():
    rng = np.random.default_rng(0)
    scale = np.geomspace(1, 1e3, 40)
    a, b = spd(rng, 40, 4.0) * np.outer(scale, scale), rng.standard_normal(40)
    without = conjugate_gradients(lambda x: a @ x, b, tolerance=0, max_iterations=2000)
    having = conjugate_gradients(lambda x: a @ x, b, None, np.diag(a), 0, 2000)
    assert having.iterations < 0.3 * without.iterations
    # with M = A (a diagonal A) one step is enough
    one = conjugate_gradients(lambda x: scale * x, b, None, scale, 0)
    assert one.iterations == 1 and relative_error(one.x, b / scale) < 1e-14


def test_martens_rule_and_the_iterates_kept():
    rng = np.random.default_rng(2)
    a, b = spd(rng, 200, 1e5), rng.standard_normal(200)
    phi = lambda x: 0.5 * x @ a @ x - b @ x  # noqa: E731
    products = []

    def product(x):
        products.append(x)
        return a @ x

    found = conjugate_gradients(product, b, tolerance=5e-3, max_iterations=1000)
    assert found.stopped == "progress" and found.iterations == len(products)
    # the rule, recomputed from runs of every length: it fires there and not before
    runs = [conjugate_gradients(lambda x: a @ x, b, None, None, 0, k).x for k in range(1, 200)]
    values = [0.0, *(phi(x) for x in runs)]
    fires = [
        i
        for i in range(1, 200)
        for k in [max(10, i // 10)]
        if i > k and values[i] < 0 and (values[i] - values[i - k]) / values[i] < k * 5e-3
    ]
    assert fires[0] == found.iterations > 10
    np.testing.assert_allclose(found.values, [phi(x) for x in found.iterates], rtol=1e-10)
    assert list(found.values) == sorted(found.values, reverse=True)
    kept = sorted({int(np.ceil(1.3**j)) for j in range(1, 40)})
    kept = [i for i in kept if i < found.iterations] + [found.iterations]
    assert len(found.iterates) == len(kept)
    for i, x in zip(kept, found.iterates, strict=True):
        np.testing.assert_allclose(x, runs[i - 1], rtol=1e-6, atol=1e-12)


def test_the_rule_itself():
    """k = max(10, i // 10); nothing stops before i > k, nor where phi is not below zero."""

    def fires(i, k, rest=-1.0):
        """Whether it fires at i when just under k epsilon was gained over the last k steps."""
        phi = np.full(i + 1, 1e9)
        phi[i - k :] = rest
        phi[i - k] = rest * (1 - 0.99e-3 * k)
        return solver._little_progress(list(phi), i, 1e-3)

    assert fires(11, 10) and fires(100, 10) and fires(109, 10)
    assert not solver._little_progress([-1.0] * 11, 10, 1e-3)
    assert fires(110, 11) and not fires(110, 10) and fires(250, 25) and not fires(250, 24)
    assert not fires(50, 9) and not fires(50, 10, rest=0.5) and not fires(50, 10, rest=5.0)
    phi = [-1.0] * 51
    phi[40] = -1 + 1.01e-2  # more than k epsilon was gained
    assert not solver._little_progress(phi, 50, 1e-3)


def test_nothing_to_do():
    """At the solution no product but the first is made, and phi is right."""
    rng = np.random.default_rng(0)
    a, x = spd(rng, 4, 3.0), np.array([1.0, -2.0, 0.5, 4.0])
    found = conjugate_gradients(lambda x: a @ x, a @ x, x)
    assert found.stopped == "solved" and found.iterations == 0
    assert found.values == [pytest.approx(-0.5 * x @ a @ x)]
    np.testing.assert_array_equal(found.x, x)


def test_scales_do_not_matter():
    """Rounding is judged against b and M: any units give the same steps."""
    rng = np.random.default_rng(0)
    a, b = spd(rng, 6, 50.0), rng.standard_normal(6)
    plain = conjugate_gradients(lambda x: a @ x, b, tolerance=0)
    for scale, m in ((1e-25, np.ones(6)), (1e25, np.ones(6)), (1.0, np.full(6, 1e40))):
        found = conjugate_gradients(lambda x: a @ x, scale * b, None, m, tolerance=0)
        assert abs(found.iterations - plain.iterations) <= 1 and found.stopped == "solved"
        assert relative_error(found.x / scale, np.linalg.solve(a, b)) < 1e-11


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"b": np.ones((2, 2))}, "b:"),
        ({"start": np.ones(3)}, "start"),
        ({"preconditioner": np.zeros(2)}, "preconditioner"),
        ({"tolerance": 1.0}, "tolerance"),
        ({"spacing": 1.0}, "spacing"),
        ({"max_iterations": 0}, "max_iterations"),
    ],
)
def test_bad_arguments_of_conjugate_gradients(arguments, name):
    with pytest.raises(ValueError, match=name):
        conjugate_gradients(**({"product": lambda x: x, "b": np.ones(2)} | arguments))


def test_a_matrix_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="positive definite"):
        conjugate_gradients(lambda x: -x, np.ones(2))
