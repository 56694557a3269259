"""tanh and exp of the compiled kernels beside those of higher precision."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="Numba is not installed: the extra `fast`")

from numba import njit  # noqa: E402

from rnncore.fast.elementary import elementary  # noqa: E402

WIDEST = {"float32": 120.0, "float64": 800.0}


def over(function, x):
    """The function over an array, by a compiled loop."""

    @njit(error_model="numpy")
    def loop(x, y):
        for j in range(x.size):
            y[j] = function(x[j])

    y = np.empty_like(x)
    loop(x, y)
    return y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["tanh", "exp"])
def test_to_two_units_in_the_last_place(name, dtype, rng) -> None:
    reach = WIDEST[dtype]
    parts = [rng.uniform(-w, w, 50_000) for w in (1e-4, 0.7, 2, 20, reach)]
    edges = [0.0, 0.625, -0.625, 9.1, 19.1, np.log(2) / 2, 88.7, 709.7, -87.4, -103.9, -745.1]
    x = np.concatenate([*parts, edges]).astype(dtype)
    with np.errstate(over="ignore", under="ignore"):
        exact = getattr(np, name)(x.astype(np.longdouble))
        rounded = exact.astype(dtype)
    y = over(getattr(elementary(dtype), name), x)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(np.isfinite(y), finite)
    unit = np.spacing(np.abs(rounded[finite]))
    assert (np.abs(y[finite] - exact[finite]) / unit).max() < 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes(dtype) -> None:
    x = np.array([np.inf, -np.inf, np.nan, 1e30, -1e30, 0, -0.0], dtype)
    f = elementary(dtype)
    np.testing.assert_array_equal(over(f.tanh, x), np.array([1, -1, np.nan, 1, -1, 0, 0], dtype))
    np.testing.assert_array_equal(
        over(f.exp, x), np.array([np.inf, 0, np.nan, np.inf, 0, 1, 1], dtype)
    )
