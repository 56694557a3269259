"""Mackey-Glass and NARMA-10: the equations, the order of the integration, the baselines."""

import numpy as np
import pytest

from rnncore import Batch
from rnncore.tasks.mackey_glass import (
    linear_baseline,
    mackey_glass,
    mackey_glass_series,
    narma,
    normalized_error,
    persistence_baseline,
)


def series(seed=0, steps=60, **how):
    return mackey_glass_series(np.random.default_rng(seed), steps, **how)


@pytest.mark.parametrize("tau", [17, 30])
def test_the_integration_has_order_four(tau) -> None:
    """Halving the step divides the error by 16. The kinks of x lie at multiples of tau."""
    fine = series(tau=tau, transient=0, steps=70, step=1 / 64)
    errors = [
        np.abs(series(tau=tau, transient=0, steps=70, step=h) - fine).max()
        for h in (1.0, 0.5, 0.25)
    ]
    assert 1e-9 < errors[0] < 1e-5
    for coarse, half in zip(errors, errors[1:], strict=False):
        assert 14 < coarse / half < 18


def test_the_first_delay_is_solved_in_closed_form() -> None:
    """While x(t - tau) is the constant c: x = a + (c - a) e^(-t/10), a = 2 c / (1 + c^10)."""
    c = np.random.default_rng(3).uniform(0.7, 1.3, 2)
    x = mackey_glass_series(np.random.default_rng(3), 18, 2, transient=0)
    a, t = 2 * c / (1 + c**10), np.arange(18)[:, None]
    np.testing.assert_allclose(x, a + (c - a) * np.exp(-t / 10), atol=1e-10)


def test_euler_steps_written_apart_come_to_the_same() -> None:
    """A first-order method with a fine step, on the first 120 units of time."""
    fine = _euler(np.random.default_rng(0), 120, 1 / 400)
    np.testing.assert_allclose(series(steps=120, transient=0)[:, 0], fine[:120], atol=0.01)
    assert np.abs(series(steps=120, tau=30, transient=0)[:, 0] - fine[:120]).max() > 0.1


def _euler(rng, steps, h, tau=17):
    """The same equation by the simplest method, written apart."""
    every, lag = round(1 / h), round(tau / h)
    x = [float(rng.uniform(0.7, 1.3, 1)[0])] * (lag + 1)
    for k in range(lag, lag + steps * every):
        past = x[k - lag]
        x.append(x[k] + h * (0.2 * past / (1 + past**10) - 0.1 * x[k]))
    return np.array(x[lag::every])


def test_it_stays_on_its_attractor() -> None:
    for seed in range(2):
        x = series(seed, 1000, step=0.5)
        assert 0.2 < x.min() < 0.5 and 1.2 < x.max() < 1.4
        assert np.abs(np.diff(x[:, 0])).max() > 0.05


@pytest.mark.parametrize(("tau", "chaotic"), [(17, True), (30, True), (6, False)])
def test_it_is_chaotic_where_it_should_be(tau, chaotic) -> None:
    """Two histories that differ by 1e-8 part by a factor of 1000, or come together again."""
    one, other = (
        mackey_glass_series(_Shifted(e), 1800, tau=tau, transient=0, step=0.5) for e in (0.0, 1e-8)
    )
    apart = np.abs(one - other)[:, 0]
    assert apart[:50].max() < 1e-6
    assert apart[-200:].max() > 1e-5 if chaotic else apart[-200:].max() < 2e-8


class _Shifted(np.random.Generator):
    """A generator whose histories are shifted by a little."""

    def __init__(self, shift: float) -> None:
        super().__init__(np.random.PCG64(5))
        self.shift = shift

    def uniform(self, *arguments):
        return super().uniform(*arguments) + self.shift


def test_transient_horizon_and_batch() -> None:
    long = series(steps=50, transient=0)
    np.testing.assert_array_equal(series(steps=20, transient=30), long[30:])
    batch = mackey_glass(np.random.default_rng(0), 40, 3, horizon=5, transient=10)
    x = mackey_glass_series(np.random.default_rng(0), 45, 3, transient=10)
    np.testing.assert_array_equal(batch.inputs[..., 0], x[:40])
    np.testing.assert_array_equal(batch.targets[..., 0], x[5:])
    assert np.ptp(x[0]) > 0


def test_narma_is_its_recursion() -> None:
    batch = narma(np.random.default_rng(2), 60, 2)
    assert batch.inputs.min() >= 0 and 0.4 < batch.inputs.max() <= 0.5
    for b in range(2):
        u, y = batch.inputs[:, b, 0], np.r_[0.0, batch.targets[:, b, 0]]  # y[t] = y(t)
        for t in range(60):
            total = sum(y[t - i] for i in range(10) if t - i >= 0)
            past = u[t - 9] if t >= 9 else 0.0
            want = 0.3 * y[t] + 0.05 * y[t] * total + 1.5 * past * u[t] + 0.1
            assert y[t + 1] == pytest.approx(want, rel=1e-13)
    again = narma(np.random.default_rng(2), 60, 2)
    np.testing.assert_array_equal(batch.targets, again.targets)


def test_a_narma_that_explodes_is_drawn_again() -> None:
    """A source whose first draw is all 0.5 gives a bounded sequence all the same."""

    class Loud(np.random.Generator):
        draws = 0

        def uniform(self, low, high, size):
            self.draws += 1
            if self.draws == 1:
                return np.full(size, 0.5)
            return super().uniform(low, high, size)

    rng = Loud(np.random.PCG64(0))
    batch = narma(rng, 200)
    assert rng.draws == 2 and 0 < batch.targets.max() < 1

    class Always(np.random.Generator):
        def uniform(self, low, high, size):
            return np.full(size, 0.5)

    with pytest.raises(RuntimeError, match="no bounded sequence of 200 steps"):
        narma(Always(np.random.PCG64(0)), 200)


# -- baselines ------------------------------------------------------------------------


def test_the_linear_baseline_is_least_squares_by_hand(rng) -> None:
    fit, test = (
        Batch(rng.standard_normal((25, 2, 1)), rng.standard_normal((25, 2, 1))) for _ in "ab"
    )

    def rows(batch):
        x, d = batch.inputs[..., 0], batch.targets[..., 0]
        pairs = [(t, b) for t in range(2, 25) for b in range(2)]
        z = np.array([[1.0, x[t, b], x[t - 1, b], x[t - 2, b]] for t, b in pairs])
        return z, np.array([d[t, b] for t, b in pairs])

    (z, d), (z_test, d_test) = rows(fit), rows(test)
    v = np.linalg.solve(z.T @ z, z.T @ d)
    want = 0.5 * ((z_test @ v - d_test) ** 2).mean()
    got = linear_baseline(fit, test, 3)
    assert got.squared_error == pytest.approx(want, rel=1e-12)
    assert got.rule == "linear in the last 3 inputs"


def test_what_the_baselines_reach_on_mackey_glass() -> None:
    """One step ahead a line is good; 84 steps ahead it is not."""
    reached = {}
    for horizon in (1, 84):
        fit, test = (
            mackey_glass(np.random.default_rng(s), 2000, horizon=horizon, step=0.5) for s in (0, 1)
        )
        variance = test.targets.var()
        reached[horizon] = [
            float(np.sqrt(2 * baseline.squared_error / variance))
            for baseline in (persistence_baseline(test), linear_baseline(fit, test, 20))
        ]
    assert reached[1] == pytest.approx([0.146, 0.00055], rel=0.2)
    assert reached[84] == pytest.approx([1.66, 0.52], rel=0.15)


def test_normalized_error_is_one_for_the_mean(rng) -> None:
    d = rng.standard_normal((50, 2, 3)) * [1.0, 10.0, 100.0]
    mean = np.broadcast_to(d.mean(axis=(0, 1)), d.shape)
    assert normalized_error(mean, d) == pytest.approx(1.0)
    assert normalized_error(d, d) == 0
    off = d + 0.5 * d.std(axis=(0, 1))
    assert normalized_error(off, d) == pytest.approx(0.5)


# -- refusals -------------------------------------------------------------------------

ONE = Batch(np.ones((9, 1)), np.ones((9, 1)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda r: mackey_glass_series(0, 9), TypeError, "rng: expected"),
        (lambda r: mackey_glass_series(r, 0), ValueError, "steps: expected"),
        (lambda r: mackey_glass_series(r, 9, step=0.3), ValueError, "step: .* that divides 1"),
        (lambda r: mackey_glass_series(r, 9, tau=17.05), ValueError, "step: .* that divides tau"),
        (lambda r: mackey_glass_series(r, 9, tau=0), ValueError, "tau: expected a positive"),
        (lambda r: mackey_glass_series(r, 9, step=-1), ValueError, "step: expected a positive"),
        (lambda r: mackey_glass_series(r, 9, transient=0.5), ValueError, "transient: expected who"),
        (lambda r: mackey_glass_series(r, 9, transient=-2), ValueError, "transient: expected"),
        (lambda r: mackey_glass(r, 9, horizon=0), ValueError, "horizon: expected"),
        (lambda r: narma(0, 9), TypeError, "rng: expected"),
        (lambda r: narma(r, 9, 0), ValueError, "batch_size: expected"),
        (
            lambda r: persistence_baseline(Batch(np.ones((4, 1)))),
            ValueError,
            "batch: expected targ",
        ),
        (lambda r: persistence_baseline(ONE, 9), ValueError, "washout: expected less than"),
        (
            lambda r: persistence_baseline(Batch(np.ones((4, 1)), np.ones((4, 2)))),
            ValueError,
            "batch: expected targets of the inputs' shape",
        ),
        (lambda r: linear_baseline(ONE, ONE, 0), ValueError, "order: expected"),
        (lambda r: linear_baseline(ONE, ONE, 10), ValueError, "washout: expected less than"),
        (
            lambda r: linear_baseline(ONE, Batch(np.ones((9, 2)), np.ones((9, 1))), 1),
            ValueError,
            "test: expected the numbers of inputs",
        ),
        (lambda r: normalized_error([[1.0]], [[1.0]]), ValueError, "targets: .* that vary"),
        (lambda r: normalized_error([[1.0]], [[1.0, 2.0]]), ValueError, "outputs: expected shape"),
    ],
)
def test_refusals(call, error, message, rng) -> None:
    with pytest.raises(error, match=message):
        call(rng)
