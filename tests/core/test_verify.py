"""The oracle and the reports: right where it is easy to know, loud where they would lie."""

import numpy as np
import pytest

from rnncore import Params
from rnncore.verify import (
    compare,
    complex_step,
    complex_step_jacobian,
    directional_derivative,
    relative_error,
)


def test_gradient_of_a_known_function() -> None:
    p = Params({"a": [[0.3, -1.2]], "b": [2.0]})
    grads = complex_step(lambda q: (np.sin(q["a"]) * q["b"] ** 3).sum(), p)
    np.testing.assert_allclose(grads["a"], np.cos(p["a"]) * 8, rtol=1e-15)
    np.testing.assert_allclose(grads["b"], 12 * np.sin(p["a"]).sum(), rtol=1e-15)
    along = Params({"a": [[1.0, 2.0]], "b": [-1.0]})
    slope = directional_derivative(lambda q: (np.sin(q["a"]) * q["b"] ** 3).sum(), p, along)
    assert slope == pytest.approx(grads.flat() @ along.flat(), rel=1e-15)


def test_jacobian_keeps_both_shapes() -> None:
    x = np.arange(6.0).reshape(2, 3)
    jacobian = complex_step_jacobian(lambda z: (z**2).sum(axis=1), x)
    assert jacobian.shape == (2, 2, 3)
    np.testing.assert_array_equal(jacobian[1, 1], 2 * x[1])
    np.testing.assert_array_equal(jacobian[0, 1], 0)


@pytest.mark.parametrize(
    "function",
    [
        lambda p: abs(p["a"]).sum(),
        lambda p: np.linalg.norm(p["a"]),
        lambda p: p["a"].real.sum(),
        lambda p: 3.0,
    ],
)
def test_a_lost_imaginary_part_is_an_error(function) -> None:
    with pytest.raises(TypeError, match="somewhere the imaginary part is lost"):
        complex_step(function, Params({"a": [1.0, 2.0]}))


def test_a_cast_to_real_is_an_error() -> None:
    def cast(p: Params) -> float:
        buffer = np.zeros(2)
        buffer[:] = p["a"]
        return buffer.sum()

    with pytest.raises(np.exceptions.ComplexWarning):
        complex_step(cast, Params({"a": [1.0, 2.0]}))


def test_arguments() -> None:
    with pytest.raises(TypeError, match="params: expected float64, got float32"):
        complex_step(lambda p: p["a"].sum(), Params({"a": np.ones(2, "f4")}))
    with pytest.raises(ValueError, match=r"function: expected a scalar, got shape \(2,\)"):
        complex_step(lambda p: p["a"], Params({"a": [1.0, 2.0]}))
    with pytest.raises(TypeError, match="x: expected numbers"):
        complex_step_jacobian(np.sin, "x")


def test_relative_error() -> None:
    assert relative_error([1.0, 2.5], [1.0, 2.0]) == 0.25
    with pytest.raises(ValueError, match="want: zero everywhere"):
        relative_error([0.0], [0.0])
    with pytest.raises(ValueError, match="got: expected finite"):
        relative_error([np.nan], [1.0])
    with pytest.raises(ValueError, match=r"got: expected shape \(1, 2\), got \(2,\)"):
        relative_error([1.0, 2.0], [[1.0, 2.0]])


def test_compare_names_the_worst_entry() -> None:
    want = {"a": np.ones((2, 2)), "b": np.array([10.0, 20.0])}
    got = {"a": np.array([[1.0, 1.0], [1.5, 1.0]]), "b": np.array([10.0, 21.0])}
    result = compare(got, want)
    assert (result.parameter, result.entry) == ("a", (1, 0))
    assert result.max_relative == 0.5
    assert str(result) == "largest relative difference 5.0e-01 at a[1, 0]: got 1.5, want 1"
    with pytest.raises(ValueError, match="b: want: zero everywhere"):
        compare(want, {**want, "b": np.zeros(2)})
    with pytest.raises(ValueError, match=r"got: missing \['b'\]"):
        compare({"a": got["a"]}, want)
    with pytest.raises(ValueError, match="at least one array"):
        compare({}, {})
