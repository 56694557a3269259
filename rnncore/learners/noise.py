"""Where the random numbers of the unbiased learners come from, and how they combine terms.

Let nu have independent entries of mean 0 and variance 1, with the law of -nu (random signs,
standard normal numbers). Then for a product a b^T, a matrix F and a scaling r > 0::

    E[ (a + r nu) (b + F^T nu / r)^T ] = a b^T + F

as long as r is the same for nu and -nu: it may depend on the norm of F^T nu, say, but not on
the sign of an entry. The terms in between, a nu^T F / r and r nu b^T, are odd in nu and have
mean 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnncore import checks

Array = np.ndarray


class Given(np.random.Generator):
    """A generator whose random numbers are given beforehand, for enumeration.

    A learner that draws from it meets the numbers of its row from left to right. With one
    row for every pattern of signs, and the same sequence in every place of the batch, the
    gradient of the batch is the mean over all patterns.

    Parameters
    ----------
    rows
        Shape (M, K): K numbers for each of the M sequences of a batch.

    Raises
    ------
    ValueError
        If ``rows`` is no matrix, or if there are not enough numbers, or not one row for
        each sequence, when they are drawn.

    Examples
    --------
    >>> rng = Given([[1, -1, 1]])
    >>> signs(rng, (1, 2)), rng.left
    (array([[ 1., -1.]]), 1)
    """

    def __init__(self, rows: Any) -> None:
        super().__init__(np.random.PCG64(0))
        self._rows = checks.finite(checks.numeric(rows, "rows"), "rows")
        if self._rows.ndim != 2:
            raise ValueError(f"rows: expected shape (M, K), got {self._rows.shape}")
        self._next = 0

    @property
    def left(self) -> int:
        """How many numbers of each row are still to come."""
        return int(self._rows.shape[1]) - self._next

    def take(self, shape: Sequence[int]) -> Array:
        """The next numbers of every row, in the shape (M, ...)."""
        count = math.prod(shape[1:])
        if len(self._rows) != shape[0] or count > self.left:
            raise ValueError(
                f"rows: expected {shape[0]} rows with {count} more numbers, got "
                f"{len(self._rows)} rows with {self.left}"
            )
        taken = self._rows[:, self._next : self._next + count]
        self._next += count
        return taken.reshape(shape)


def signs(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    """Independent signs, +1 or -1 with probability 1/2 each; real, for a complex dtype too.

    The first axis counts sequences.
    """
    if isinstance(rng, Given):
        drawn = rng.take(shape)
    else:
        drawn = 2 * rng.integers(0, 2, size=tuple(shape)) - 1
    return drawn.astype(_real(dtype))


def gaussian(rng: np.random.Generator, shape: Sequence[int], dtype: Any = np.float64) -> Array:
    """Independent standard normal numbers; real, for a complex dtype too."""
    drawn = rng.take(shape) if isinstance(rng, Given) else rng.standard_normal(tuple(shape))
    return drawn.astype(_real(dtype))


KINDS: dict[str, Callable[..., Array]] = {"signs": signs, "gaussian": gaussian}


def get(kind: str) -> Callable[..., Array]:
    """The function that draws ``"signs"`` or ``"gaussian"`` numbers."""
    if kind not in KINDS:
        raise ValueError(f"noise: expected one of {sorted(KINDS)}, got {kind!r}")
    return KINDS[kind]


def draw_steps(
    draw: Callable[..., Array],
    rng: np.random.Generator,
    steps: int,
    shape: Sequence[int],
    dtype: Any,
) -> Array:
    """What ``steps`` calls of ``draw`` give one after the other, (steps, *shape).

    A generator gives the same numbers in one call, which takes far less time.
    """
    if type(rng) is np.random.Generator:
        return draw(rng, (steps, *shape), dtype)
    return np.stack([draw(rng, shape, dtype) for _ in range(steps)])


def all_signs(count: int) -> Array:
    """Every pattern of ``count`` signs once, shape (2 ** count, count).

    Examples
    --------
    >>> all_signs(2)
    array([[-1., -1.],
           [-1.,  1.],
           [ 1., -1.],
           [ 1.,  1.]])
    """
    count = checks.positive_int(count, "count")
    bits = np.arange(2**count)[:, None] >> np.arange(count)[::-1] & 1
    return (2 * bits - 1).astype(np.float64)


def balance(left: Array, right: Array) -> tuple[Array, Array]:
    """Scale a product so that its factors have the same norm: r left and right / r.

    ::

        r = sqrt(|right| / |left|)

    for each sequence by itself. Two products that are summed
    with random signs, (+- a_0 +- a_1)(+- b_0 +- b_1)^T, have the least variance when each is
    scaled so. Where the product is zero, so become both factors: a factor without a partner
    would add noise and nothing else.

    Both arrays have the batch first, (B, ...). The norm is written without an absolute
    value, so that a complex step passes.

    References
    ----------
    Tallec & Ollivier (2018), ICLR: the rank-one trick and its scalings.
    """
    up, down = scalings(_norm(left), _norm(right))
    return left * _spread(up, left), right * _spread(down, right)


def scalings(left: Array, right: Array) -> tuple[Array, Array]:
    """The r and 1 / r of :func:`balance`, from the two norms; zero where the product is zero."""
    product = left * right
    if np.count_nonzero(product) == product.size:  # nearly always: nothing to be careful about
        ratio = np.sqrt(right / left)
        return ratio, np.reciprocal(ratio)
    alive = np.sign(product.real)  # 1, or 0 where the product is zero
    dead = 1 - alive  # keeps the quotients finite there
    ratio = alive * np.sqrt(right / (left + dead))
    return ratio, alive / (ratio + dead)


def _norm(array: Array) -> Array:
    flat = array.reshape(len(array), -1)
    return np.sqrt(np.einsum("bp,bp->b", flat, flat))


def _spread(numbers: Array, like: Array) -> Array:
    return numbers.reshape(-1, *[1] * (like.ndim - 1))


def _real(dtype: Any) -> np.dtype:
    return np.zeros(0, dtype).real.dtype
