"""The logistic function on every kind of number that may come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnncore.activations import logistic


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_it_is_half_of_one_plus_tanh_to_the_last_bit(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a = np.concatenate([rng.normal(0, scale, 5000) for scale in (1e-9, 1e-3, 1, 10, 300)])
    a = np.concatenate([a, [0.0, -0.0, 1e4, -1e4, np.inf, -np.inf]]).astype(dtype)
    a.flags.writeable = False
    half, one = dtype(0.5), dtype(1)
    got = logistic(a)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, half * (one + np.tanh(half * a)))
    assert np.all((got >= 0) & (got <= 1))


def test_far_out_it_does_not_overflow() -> None:
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(logistic(np.array([-1e300, 0.0, 1e300])), [0, 0.5, 1])
    assert np.isnan(logistic(np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("a", "dtype"),
    [
        (1.5, np.float64),
        (2, np.float64),
        (True, np.float64),
        (np.float32(1.5), np.float32),
        (np.array(1.5), np.float64),
        (np.array(-3), np.float64),
        (np.array([-3, 0, 2], np.int8), np.float64),
        (np.array([-300, 2], np.int16), np.float64),
        (np.array([True, False]), np.float64),
        ([-1.0, 2.0], np.float64),
        (np.empty((0, 3), np.float32), np.float32),
    ],
)
def test_scalars_and_whole_numbers(a: Any, dtype: Any) -> None:
    """Whole numbers become double precision, and what has no axes is given none."""
    got = logistic(a)
    assert got.dtype == dtype
    assert np.shape(got) == np.shape(a)
    tolerance = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        got, 1 / (1 + np.exp(-np.asarray(a, float))), rtol=tolerance, atol=1e-16
    )


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex(dtype: Any) -> None:
    """The imaginary part of a tiny step is the derivative."""
    rng = np.random.default_rng(1)
    a = rng.standard_normal(50).astype(dtype)
    b = (a + dtype(0.3j)).reshape(5, 10)
    got = logistic(b)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-b)), rtol=8 * np.finfo(dtype).eps)
    y = logistic(a.real)
    slope = logistic(a + dtype(1e-20j)).imag / 1e-20
    np.testing.assert_allclose(slope, y * (1 - y), rtol=100 * np.finfo(dtype).eps)
