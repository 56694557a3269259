"""Arrays of many steps: the memory that they are cut from, and the products over them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray


# The GNU allocator fetches arrays beyond some size from the system, page by page, and gives them
# back at once. The size follows the largest array that was ever given back, up to this one; after
# it, what a gradient needs stays for the next one. Nothing is written, so it takes no memory.
np.empty(2**25 - 2**13, np.uint8)


def carve(dtype: Any, *shapes: tuple[int, ...]) -> list[Array]:
    """Arrays of these shapes, not filled, cut from one piece of memory."""
    sizes = [math.prod(shape) for shape in shapes]
    piece, arrays, start = np.empty(sum(sizes), dtype), [], 0
    for shape, size in zip(shapes, sizes, strict=True):
        arrays.append(piece[start : start + size].reshape(shape))
        start += size
    return arrays


def correlate(left: Array, right: Array, per_example: bool) -> Array:
    """Sum over time of the outer products left_t right_t^T.

    ``left`` is (T, ..., B, k), ``right`` (T, B, d). Returns (k, d), summed over the batch
    as well; with ``per_example`` (..., B, k, d).
    """
    if not per_example:
        return left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1])
    if len(left) == 1:  # one step: nothing to sum
        return left[0][..., None] * right[0][:, None, :]
    if right.shape[1] == 1:  # one sequence: one product, in which more than one thread can work
        flat = left.reshape(len(left), -1).T @ right[:, 0]
        return flat.reshape(*left.shape[1:], right.shape[-1])
    left = np.moveaxis(left, 0, -1)  # (..., B, k, T)
    return left @ right.swapaxes(0, 1)  # (B, T, d) meets every leading axis
