"""The product of a state with a recurrent matrix in which most entries are zero."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Array = np.ndarray

# With fewer units, or more connections, the dense product is as fast: measured at 100 to 2000
# units, for one state and for 32 side by side.
_LEAST_SIZE = 200
_MOST_DENSITY = 1 / 20


class Connections(NamedTuple):
    """The entries of a matrix that are not zero, listed unit by unit.

    Unit i hears units ``sources[:, i]`` with ``weights[:, i]``. All lists have k entries, as many
    as the unit has that hears most; the others are filled up with weights of zero.

    Attributes
    ----------
    sources, weights
        (k, n), indices and numbers.
    ones
        (k,). A product with ones is the fastest sum over the connections.
    """

    sources: Array
    weights: Array
    ones: Array

    @classmethod
    def of(cls, U: Array) -> Connections:
        """The connections of the matrix U, (n, n)."""
        # Row by row, so that the entries of a unit lie together.
        units, heard = np.divmod(np.flatnonzero(U != 0), len(U))
        counts = np.bincount(units, minlength=len(U))
        place = np.arange(len(units)) - np.repeat(np.cumsum(counts) - counts, counts)
        k = max(1, int(counts.max()))
        sources, weights = np.zeros((k, len(U)), np.intp), np.zeros((k, len(U)), U.dtype)
        sources[place, units] = heard
        weights[place, units] = U[units, heard]
        return cls(sources, weights, np.ones(k, U.dtype))

    def product(self, s: Array, room: Array | None = None, out: Array | None = None) -> Array:
        """``s @ U.T`` for a state (n,) or states (..., n), at a cost of k n instead of n^2.

        Who multiplies many times hands in where to write: ``room`` (..., k, n) for what is
        heard, before it is summed, and ``out`` (..., n) for the result, both of its type.
        """
        if s.dtype != self.weights.dtype:
            s = s.astype(np.result_type(s, self.weights))
        # The indices are in range; "wrap" is the mode that takes the least time to find out.
        heard = s.take(self.sources, axis=-1, out=room, mode="wrap")
        heard *= self.weights
        # For one state np.dot is quicker; for many it means something else.
        total = np.dot if heard.ndim == 2 else np.matmul
        return total(self.ones, heard, out=out)


def connections(U: Array) -> Connections | None:
    """The connections of U where summing over them is the faster way, else ``None``."""
    most = np.count_nonzero(U, axis=1).max()
    if len(U) < _LEAST_SIZE or most > _MOST_DENSITY * len(U):
        return None
    return Connections.of(U)
