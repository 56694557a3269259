"""tanh and exp as straight arithmetic, which the compiler turns into vector instructions.

Numba's own call a library for each number, which takes 10 times as long. Both are good to
2 units in the last place, over all numbers, with the infinities and what is not a number.

References
----------
The rational and polynomial approximations are those of Moshier's Cephes library; the way to
2^k by the bits of a number is Schraudolph's, Neural Computation 11(4), 1999, made exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

Coefficients = tuple[float, ...]

# The product and the sum of a step of Horner's rule may be rounded once instead of twice.
OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy"}
LOG2_E = 1.4426950408889634
NEAR = 0.625  # up to here tanh is a rational function, beyond it comes from exp


class Elementary(NamedTuple):
    """The compiled functions of one precision, and the type of its numbers."""

    real: Any
    tanh: Callable[[Any], Any]
    exp: Callable[[Any], Any]


@intrinsic
def _power_of_two(_: Any, z: Any) -> Any:
    """2^k from the bits of z = k + 1.5 2^m, m the bits of the fraction: no conversion is needed."""
    width, fraction, bias = (32, 23, 127) if z == types.float32 else (64, 52, 1023)
    integer = ir.IntType(width)

    def bits(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        k = builder.shl(builder.bitcast(args[0], integer), ir.Constant(integer, fraction))
        k = builder.add(k, ir.Constant(integer, bias << fraction))
        return builder.bitcast(k, args[0].type)

    return z(z), bits


def _single() -> Elementary:
    real = np.float32
    log2_e, shift, near = real(LOG2_E), real(1.5 * 2**23), real(NEAR)
    high, low = real(0.693359375), real(-2.12194440e-4)  # log 2, its first bits and the rest
    least, most, flat = real(-104), real(89), real(9.1)
    e6, e5, e4, e3, e2, e1 = map(
        real,
        (
            1.9875691500e-4,
            1.3981999507e-3,
            8.3334519073e-3,
            4.1665795894e-2,
            1.6666665459e-1,
            5.0000001201e-1,
        ),
    )
    t4, t3, t2, t1, t0 = map(
        real,
        (
            -5.70498872745e-3,
            2.06390887954e-2,
            -5.37397155531e-2,
            1.33314422036e-1,
            -3.33332819422e-1,
        ),
    )
    zero, half, one, two = map(real, (0, 0.5, 1, 2))

    @njit(**OPTIONS)
    def reduced(x: Any) -> Any:  # k and exp(x - k log 2)
        k = (x * log2_e + shift) - shift
        r = (x - k * high) - k * low
        p = ((((e6 * r + e5) * r + e4) * r + e3) * r + e2) * r + e1
        return k, (p * (r * r) + r) + one

    @njit(**OPTIONS)
    def exp(x: Any) -> Any:
        y = most if x > most else x
        y = least if y < least else y
        k, e = reduced(y)
        half_k = (k * half + shift) - shift  # in two factors: 2^k alone may leave the range
        return (e * _power_of_two(half_k + shift)) * _power_of_two((k - half_k) + shift)

    @njit(**OPTIONS)
    def tanh(x: Any) -> Any:
        a = abs(x)
        y = flat if a > flat else a
        k, e = reduced(y + y)
        far = one - two / (e * _power_of_two(k + shift) + one)
        z = x * x
        close = ((((t4 * z + t3) * z + t2) * z + t1) * z + t0) * z * x + x
        return close if a < near else (-far if x < zero else far)

    return Elementary(real, tanh, exp)


def _double() -> Elementary:
    real = np.float64
    log2_e, shift, near = LOG2_E, 1.5 * 2**52, NEAR
    high, low = 6.93145751953125e-1, 1.42860682030941723212e-6
    least, most, flat = -746.0, 710.0, 19.1

    @njit(**OPTIONS)
    def reduced(x: Any) -> Any:  # k and the terms of exp(x - k log 2) = (q + p) / (q - p)
        k = (x * log2_e + shift) - shift
        r = (x - k * high) - k * low
        z = r * r
        p = (1.26177193074810590878e-4 * z + 3.02994407707441961300e-2) * z
        p = r * (p + 9.99999999999999999910e-1)
        q = (3.00198505138664455042e-6 * z + 2.52448340349684104192e-3) * z
        return k, p, (q + 2.27265548208155028766e-1) * z + 2.0

    @njit(**OPTIONS)
    def exp(x: Any) -> Any:
        y = most if x > most else x
        y = least if y < least else y
        k, p, q = reduced(y)
        e = 1.0 + 2.0 * (p / (q - p))
        half_k = (k * 0.5 + shift) - shift  # in two factors: 2^k alone may leave the range
        return (e * _power_of_two(half_k + shift)) * _power_of_two((k - half_k) + shift)

    @njit(**OPTIONS)
    def tanh(x: Any) -> Any:
        # x + x z P/Q near zero, and 1 - 2/(exp 2a + 1) beyond: one division for both.
        a = abs(x)
        y = flat if a > flat else a
        k, p, q = reduced(y + y)
        e = (q + p) * _power_of_two(k + shift)
        z = x * x
        top = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z
        top = z * (top - 1.61468768441708447952e3)
        bottom = (z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3
        bottom = bottom * z + 4.84406305325125486048e3
        close = a < near
        ratio = (top if close else 2.0 * (q - p)) / (bottom if close else e + (q - p))
        far = 1.0 - ratio
        return x + x * ratio if close else (-far if x < 0.0 else far)

    return Elementary(real, tanh, exp)


SINGLE, DOUBLE = _single(), _double()


def elementary(dtype: Any) -> Elementary:
    """The functions of that precision, float32 or float64."""
    return SINGLE if np.dtype(dtype) == np.float32 else DOUBLE
