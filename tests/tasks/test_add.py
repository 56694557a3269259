"""The Add task: its definition, and its baselines against a simulation."""

import numpy as np
import pytest

from rnncore import Batch, CategoricalCrossEntropy, Linear, Network, Vanilla, tasks
from tests.tasks.test_baselines import best_predictor

LAGS = (2, 5)
KNOWN = [(), (0,), (1,), (0, 1)]


def seen(batch: Batch, lags: tuple[int, int], known: tuple[int, ...]) -> np.ndarray:
    """The earlier inputs that the predictor knows; noise in the place of the others."""
    width = max(lags) + 1
    past = tasks.windowed(batch.inputs[..., :1], width)
    columns = [past[..., width - 1 - lags[k]] for k in known]
    return np.stack([*columns, np.zeros(past.shape[:2])], axis=-1)


@pytest.mark.parametrize("lags", [LAGS, (5, 2), (1, 3)])
@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("known", KNOWN)
def test_baselines_are_what_the_best_predictor_reaches(known, deterministic, lags, rng):
    batch = tasks.lagged_add(rng, 20, 2000, lags=lags, deterministic=deterministic)
    squared, entropy, wrong = best_predictor(batch, seen(batch, lags, known))
    baseline = tasks.lagged_add_baseline(known, deterministic=deterministic)
    assert squared == pytest.approx(baseline.squared_error, abs=0.01)
    q = np.clip(mean_of_each_group(batch, seen(batch, lags, known)), 1e-12, 1 - 1e-12)
    d = batch.targets[batch.mask > 0, 0]
    both = -d * np.log(q) - (1 - d) * np.log(1 - q)
    assert both.mean() == pytest.approx(baseline.cross_entropy, abs=0.01)
    if deterministic:
        assert baseline.error_rate is None
    else:
        assert entropy == pytest.approx(baseline.cross_entropy, abs=0.01)
        assert wrong == pytest.approx(baseline.error_rate, abs=0.01)


def mean_of_each_group(batch: Batch, visible: np.ndarray) -> np.ndarray:
    scored = batch.mask > 0
    d = batch.targets[scored, 0]
    _, group = np.unique(visible[scored], axis=0, return_inverse=True)
    return (np.bincount(group, d) / np.bincount(group))[group]


def test_each_dependency_is_worth_something():
    entropies = [tasks.lagged_add_baseline(k).cross_entropy for k in KNOWN]
    assert entropies == pytest.approx([0.6616, 0.5192, 0.6277, 0.4545], abs=5e-5)
    for deterministic in (True, False):
        errors = [
            tasks.lagged_add_baseline(k, deterministic=deterministic).squared_error for k in KNOWN
        ]
        assert errors[0] > errors[2] > errors[1] > errors[3]
    assert errors[3] == pytest.approx((0.25 + 0.1875 + 0 + 0.1875) / 4)


def test_a_wrong_lag_would_be_seen(rng):
    """The simulation can fail: with inputs of other steps the predictor is as bad as with none."""
    batch = tasks.lagged_add(rng, 20, 2000, lags=LAGS)
    squared, _, _ = best_predictor(batch, seen(batch, (3, 4), (0, 1)))
    nothing = tasks.lagged_add_baseline(()).squared_error
    assert squared == pytest.approx(nothing, abs=0.01)
    assert best_predictor(batch, seen(batch, LAGS, (0, 1)))[0] < 1e-20


def test_it_is_its_definition(rng):
    batch = tasks.lagged_add(rng, 30, 40, lags=LAGS)
    x, y = batch.inputs[..., 0], batch.targets[..., 0]
    for t in range(5, 30):
        np.testing.assert_array_equal(y[t], 0.5 + 0.5 * x[t - 2] - 0.25 * x[t - 5])
    np.testing.assert_array_equal(batch.inputs.sum(axis=2), 1)
    np.testing.assert_array_equal(batch.targets.sum(axis=2), 1)
    np.testing.assert_array_equal(batch.mask, np.repeat(np.arange(30)[:, None] >= 5, 40, axis=1))
    assert set(np.unique(x)) == {0, 1} and set(np.unique(y)) == {0.25, 0.5, 0.75, 1}
    coins = tasks.lagged_add(rng, 30, 40, deterministic=False).targets
    assert set(np.unique(coins)) == {0, 1}


def test_a_seed_settles_everything_and_a_network_takes_it():
    one, same, other = (
        tasks.lagged_add(np.random.default_rng(seed), 12, 3, deterministic=False)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.targets, same.targets)
    assert not np.array_equal(one.inputs, other.inputs)
    net = Network(Vanilla(2, 4), Linear(4, 2, "softmax"), CategoricalCrossEntropy())
    params = net.init_params(np.random.default_rng(0)).zeros_like()
    assert tasks.per_score(net.evaluate(params, one), one) == pytest.approx(np.log(2))


def test_bad_arguments_are_named(rng):
    with pytest.raises(TypeError, match="rng"):
        tasks.lagged_add(0, 20)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lags: expected two different"):
        tasks.lagged_add(rng, 20, lags=(3, 3))
    with pytest.raises(ValueError, match="lags: expected two different"):
        tasks.lagged_add(rng, 20, lags=(3, 4, 5))
    with pytest.raises(ValueError, match=r"lags\[1\]"):
        tasks.lagged_add(rng, 20, lags=(3, 0))
    with pytest.raises(ValueError, match="steps: expected more than the lags 3 and 8, got 8"):
        tasks.lagged_add(rng, 8)
    with pytest.raises(ValueError, match="known: expected some of 0 and 1"):
        tasks.lagged_add_baseline((2,))
    with pytest.raises(ValueError, match="known: expected some of 0 and 1"):
        tasks.lagged_add_baseline((0, 0))
