"""Complex-step differentiation: derivatives to rounding error from function values alone.

For a function f that is analytic and real on the real axis::

    f(x + i h) = f(x) + i h f'(x) - h^2/2 f''(x) - …   so   f'(x) = Im f(x + i h) / h + O(h^2)

There is no subtraction, so h can be so small (1e-30) that the error term vanishes below
rounding. Squire & Trapp (1998), SIAM Review 40(1); Martins, Sturdza & Alonso (2003), ACM
TOMS 29(3).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from rnncore import checks
from rnncore.params import Params

Array = np.ndarray
STEP = 1e-30


def _imaginary(value: Any, what: str) -> Array:
    result = np.asarray(value)
    if result.dtype.kind != "c":
        raise TypeError(
            f"{what}: expected a complex result for a complex argument, got dtype "
            f"{result.dtype}: somewhere the imaginary part is lost"
        )
    return result.imag / STEP


def _call(function: Callable[..., Any], argument: Any) -> Any:
    """Call with the loss of an imaginary part turned into an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        return function(argument)


def complex_step(function: Callable[[Params], Any], params: Params) -> Params:
    """The gradient of a scalar function of parameters, one complex step per entry.

    Parameters
    ----------
    function
        Takes :class:`~rnncore.params.Params`, returns a scalar; analytic in each entry.
    params
        Where, in float64.

    Returns
    -------
    Params
        d function / d params, named alike.

    Raises
    ------
    TypeError
        If ``params`` is not float64 or the function returns no complex number.
    ValueError
        If the function does not return a scalar.

    Examples
    --------
    >>> complex_step(lambda p: (p["w"] ** 3).sum(), Params({"w": [1.0, 2.0]}))["w"]
    array([ 3., 12.])
    """
    flat = _double(params.flat(), "params").astype(complex)
    gradient = np.empty(params.size)
    for entry in range(params.size):
        moved = flat.copy()
        moved[entry] += 1j * STEP
        slope = _imaginary(_call(function, params.unflatten(moved)), "function")
        if slope.size != 1:
            raise ValueError(f"function: expected a scalar, got shape {slope.shape}")
        gradient[entry] = slope.item()
    return params.unflatten(gradient)


def complex_step_jacobian(function: Callable[[Array], Any], x: Any) -> Array:
    """The Jacobian of an array function of an array, one complex step per entry of ``x``.

    Returns
    -------
    Array
        Of shape ``f(x).shape + x.shape``.

    Raises
    ------
    TypeError
        As :func:`complex_step`.

    Examples
    --------
    >>> complex_step_jacobian(np.sin, np.zeros(2))
    array([[1., 0.],
           [0., 1.]])
    """
    point = _double(checks.numeric(x, "x"), "x").astype(complex)
    columns = []
    for entry in range(point.size):
        moved = point.copy()
        moved.reshape(-1)[entry] += 1j * STEP
        columns.append(_imaginary(_call(function, moved), "function"))
    return np.stack(columns, axis=-1).reshape(*columns[0].shape, *point.shape)


def directional_derivative(
    function: Callable[[Params], Any], params: Params, direction: Params
) -> Array:
    """The derivative of ``function`` along ``direction``, with a single complex step.

    ``function`` may return an array.
    """
    _double(params.flat(), "params")
    moved = params.unflatten(params.flat() + 1j * STEP * direction.flat())
    return _imaginary(_call(function, moved), "function")


def _double(array: Array, name: str) -> Array:
    if array.dtype != np.float64:
        raise TypeError(f"{name}: expected float64, got {array.dtype}")
    return array
