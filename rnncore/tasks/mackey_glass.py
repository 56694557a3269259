"""Time series to predict: the Mackey-Glass equation and NARMA-10, with linear baselines."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.tasks.common import Baseline, at_least, windowed

Array = np.ndarray

_BETA, _GAMMA, _POWER = 0.2, 0.1, 10
_NARMA_LIMIT = 1.0
_NARMA_TRIES = 100


def mackey_glass_series(
    rng: np.random.Generator,
    steps: int,
    batch_size: int = 1,
    *,
    tau: float = 17,
    step: float = 0.1,
    transient: float = 1000,
) -> Array:
    """Solutions of the Mackey-Glass equation, sampled once a unit of time.

    ::

        dx/dt = 0.2 x(t - tau) / (1 + x(t - tau)^10) - 0.1 x(t)

    At tau = 17 it is mildly chaotic, at tau = 30 more so. The classical Runge-Kutta method of
    order 4 needs x(t - tau) in the middle of a step too: there the cubic Hermite polynomial
    through both ends is taken, of the same order.

    Parameters
    ----------
    rng
        Source of the initial history alone: a constant for each sequence, uniform on
        [0.7, 1.3].
    steps, batch_size
        Length T and number B of series.
    tau
        The delay.
    step
        Step of the integration; it must divide both 1 and ``tau``.
    transient
        How much time is left out before the first sample; whole units of time.

    Returns
    -------
    ndarray
        Shape (T, B).

    Raises
    ------
    ValueError, TypeError
        On sizes, delays or steps that do not fit.

    References
    ----------
    Mackey & Glass (1977), Science 197; as a benchmark Jaeger & Haas (2004), Science 304.

    Examples
    --------
    >>> series = mackey_glass_series(np.random.default_rng(0), 500)
    >>> series.shape, bool(0.2 < series.min() < series.max() < 1.4)
    ((500, 1), True)
    """
    rng = checks.generator(rng)
    steps = checks.positive_int(steps, "steps")
    size = checks.positive_int(batch_size, "batch_size")
    every = _divides(step, 1.0, "step", "1")
    lag = _divides(step, tau, "step", "tau")
    skip = at_least(int(transient), 0, "transient") if transient == int(transient) else -1
    if skip < 0:
        raise ValueError(f"transient: expected whole units of time, at least 0, got {transient}")
    x = np.empty(((skip + steps - 1) * every + lag + 1, size))
    x[: lag + 1] = rng.uniform(0.7, 1.3, size)
    middle = x.copy()  # middle[k]: between x[k] and x[k + 1]
    for k in range(lag, len(x) - 1):
        past, between, next_past = x[k - lag], middle[k - lag], x[k - lag + 1]
        k1 = _slope(x[k], past)
        k2 = _slope(x[k] + 0.5 * step * k1, between)
        k3 = _slope(x[k] + 0.5 * step * k2, between)
        k4 = _slope(x[k] + step * k3, next_past)
        x[k + 1] = x[k] + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        end = _slope(x[k + 1], next_past)
        middle[k] = 0.5 * (x[k] + x[k + 1]) + step / 8 * (k1 - end)
    return x[lag + skip * every :: every]


def _slope(x: Array, past: Array) -> Array:
    return _BETA * past / (1 + past**_POWER) - _GAMMA * x


def _divides(step: float, whole: float, name: str, what: str) -> int:
    for value, label in ((step, name), (whole, what)):
        if not (isinstance(value, (int, float)) and isfinite(value) and value > 0):
            raise ValueError(f"{label}: expected a positive number, got {value!r}")
    count = round(whole / step)
    if count < 1 or abs(count * step - whole) > 1e-9 * whole:
        raise ValueError(f"{name}: expected a step that divides {what}, got {step} and {whole}")
    return count


def mackey_glass(
    rng: np.random.Generator,
    steps: int,
    batch_size: int = 1,
    *,
    tau: float = 17,
    horizon: int = 1,
    step: float = 0.1,
    transient: float = 1000,
) -> Batch:
    """Predict a Mackey-Glass series some units of time ahead.

    Parameters
    ----------
    rng, steps, batch_size, tau, step, transient
        As for :func:`mackey_glass_series`.
    horizon
        How many samples ahead the target lies.

    Returns
    -------
    Batch
        Inputs (T, B, 1), the series; targets (T, B, 1), the series ``horizon`` later.

    Examples
    --------
    >>> batch = mackey_glass(np.random.default_rng(0), 50, horizon=3)
    >>> bool((batch.targets[:-3] == batch.inputs[3:]).all())
    True
    """
    ahead = checks.positive_int(horizon, "horizon")
    steps = checks.positive_int(steps, "steps")
    series = mackey_glass_series(
        rng, steps + ahead, batch_size, tau=tau, step=step, transient=transient
    )
    return Batch(series[:steps, :, None], series[ahead:, :, None])


def narma(rng: np.random.Generator, steps: int, batch_size: int = 1) -> Batch:
    """NARMA-10, the nonlinear moving average of order 10 driven by random input.

    ::

        y(t+1) = 0.3 y(t) + 0.05 y(t) sum_{i=0..9} y(t-i) + 1.5 u(t-9) u(t) + 0.1

    with u uniform on [0, 0.5] and y = 0 before the start. It needs the inputs of the last ten
    steps, and the product of two of them.

    Parameters
    ----------
    rng
        Source of the inputs.
    steps, batch_size
        Length T and number B of sequences.

    Returns
    -------
    Batch
        Inputs u(t), (T, B, 1), and targets y(t+1), (T, B, 1). The first 50 steps or so show
        the start from zero.

    Raises
    ------
    RuntimeError
        If no bounded sequence is found.

    Notes
    -----
    Rare inputs make the recursion diverge. A sequence that exceeds 1 is drawn again, as a
    whole; the sequences are therefore those of the definition, given that they stay bounded.

    References
    ----------
    Atiya & Parlos (2000), IEEE Transactions on Neural Networks 11(3); as a benchmark for echo
    state networks Jaeger (2003), NIPS 15.

    Examples
    --------
    >>> batch = narma(np.random.default_rng(0), 100)
    >>> round(float(batch.targets[0, 0, 0]), 1)  # y(1) = 0.1: there is no u(-9)
    0.1
    """
    rng = checks.generator(rng)
    steps = checks.positive_int(steps, "steps")
    size = checks.positive_int(batch_size, "batch_size")
    pairs = [_bounded_narma(rng, steps) for _ in range(size)]
    u, y = (np.stack(part, axis=1)[:, :, None] for part in zip(*pairs, strict=True))
    return Batch(u, y)


def _bounded_narma(rng: np.random.Generator, steps: int) -> tuple[Array, Array]:
    for _ in range(_NARMA_TRIES):
        u = rng.uniform(0, 0.5, steps)
        y = _narma(u)
        if np.abs(y).max() <= _NARMA_LIMIT:  # NaN and infinity are not
            return u, y
    raise RuntimeError(f"steps: no bounded sequence of {steps} steps in {_NARMA_TRIES} draws")


def _narma(u: Array) -> Array:
    """y(1) to y(T) from u(0) to u(T - 1)."""
    y = np.zeros(len(u) + 10)  # y[t + 9] = y(t)
    late = np.concatenate([np.zeros(9), u])  # late[t] = u(t - 9)
    for t in range(len(u)):
        now = y[t + 9]
        y[t + 10] = 0.3 * now + 0.05 * now * y[t : t + 10].sum() + 1.5 * late[t] * u[t] + 0.1
        if not abs(y[t + 10]) <= _NARMA_LIMIT:
            return np.full(len(u), np.inf)
    return y[10:]


def persistence_baseline(batch: Batch, washout: int = 0) -> Baseline:
    """Predict that nothing changes: the present input is the prediction.

    Parameters
    ----------
    batch
        With targets of the inputs' shape.
    washout
        Steps at the start that do not count.

    Examples
    --------
    >>> persistence_baseline(Batch([[1.0], [2.0]], [[2.0], [4.0]])).squared_error
    1.25
    """
    targets = _targets(batch)
    if targets.shape != batch.inputs.shape:
        raise ValueError(
            f"batch: expected targets of the inputs' shape {batch.inputs.shape}, "
            f"got {targets.shape}"
        )
    washout = _washout(washout, batch)
    error = (batch.inputs - targets)[washout:]
    return Baseline("the present input", float(0.5 * (error**2).sum(axis=-1).mean()))


def linear_baseline(train: Batch, test: Batch, order: int, washout: int | None = None) -> Baseline:
    """The best linear predictor from the last inputs: linear autoregression.

    ::

        y_t = a + sum_{k=0..order-1} A_k x_{t-k}

    fitted on ``train`` by least squares and measured on ``test``.

    Parameters
    ----------
    train, test
        Batches of the same sizes D and O.
    order
        How many inputs it sees.
    washout
        Steps at the start that are left out of both; ``None`` means order - 1, so that every
        window is full.

    Returns
    -------
    Baseline
        Its squared error is the mean of ``1/2 sum_k (y_k - d_k)**2`` on ``test``.

    Examples
    --------
    A sine is a linear recursion of order 2:

    >>> wave = np.sin(0.3 * np.arange(101))[:, None]
    >>> batch = Batch(wave[:-1], wave[1:])
    >>> bool(linear_baseline(batch, batch, 2).squared_error < 1e-28)
    True
    """
    order = checks.positive_int(order, "order")
    rows = []
    for batch in (train, test):
        skip = _washout(order - 1 if washout is None else washout, batch)
        x, d = windowed(batch.inputs, order)[skip:], _targets(batch)[skip:]
        features = np.concatenate([np.ones((*x.shape[:2], 1)), x], axis=-1)
        rows.append((features.reshape(-1, features.shape[-1]), d.reshape(-1, d.shape[-1])))
    (fit_x, fit_d), (x, d) = rows
    if x.shape[1] != fit_x.shape[1] or d.shape[1] != fit_d.shape[1]:
        raise ValueError("test: expected the numbers of inputs and targets of train")
    weights = np.linalg.lstsq(fit_x, fit_d, rcond=None)[0]
    error = float(0.5 * ((x @ weights - d) ** 2).sum(axis=-1).mean())
    return Baseline(f"linear in the last {order} inputs", error)


def normalized_error(outputs: Any, targets: Any) -> float:
    """Root mean squared error divided by the standard deviation of the targets (NRMSE).

    0 is perfect; 1 is what the mean of the targets reaches.

    Parameters
    ----------
    outputs, targets
        Of the same shape, (..., O); mean and variance are taken over all leading axes, for
        each unit, then averaged over the units.

    Raises
    ------
    ValueError
        If shapes differ or the targets do not vary.

    References
    ----------
    Lukoševičius (2012), A practical guide to applying echo state networks.

    Examples
    --------
    >>> normalized_error([[1.0], [1.0]], [[0.0], [2.0]])
    1.0
    """
    y, d = checks.numeric(outputs, "outputs"), checks.numeric(targets, "targets")
    checks.shape(y, d.shape, "outputs")
    y, d = y.reshape(-1, y.shape[-1]), d.reshape(-1, d.shape[-1])
    variance = d.var(axis=0)
    if not variance.all():
        raise ValueError("targets: expected targets that vary, got a constant")
    return float(np.sqrt(((y - d) ** 2).mean(axis=0) / variance).mean())


def _targets(batch: Batch) -> Array:
    if batch.targets is None:
        raise ValueError("batch: expected targets, got a batch without them")
    return batch.targets


def _washout(washout: int, batch: Batch) -> int:
    count = at_least(washout, 0, "washout")
    if count >= batch.steps:
        raise ValueError(f"washout: expected less than the {batch.steps} steps, got {count}")
    return count
