"""Ridge regression by the singular value decomposition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.reservoir.matrices import number

Array = np.ndarray

PENALTIES = tuple(10.0**k for k in range(-14, 3))


class Choice(NamedTuple):
    """A penalty chosen on held-out data.

    Attributes
    ----------
    penalty
        The one with the least error.
    penalties, errors
        All that were tried, and their mean squared errors on the held-out rows.
    """

    penalty: float
    penalties: Array
    errors: Array


class Ridge:
    """Least squares with a penalty on the weights, for any number of penalties at once.

    ::

        V = argmin_V sum_t |V z_t - d_t|^2 + penalty |V|^2

    With the singular value decomposition Z = L diag(sigma) R^T of the matrix whose rows are
    the z_t,

    ::

        V^T = R diag(sigma / (sigma^2 + penalty)) L^T D

    The normal equations, ``(Z^T Z + penalty I) V^T = Z^T D``, say the same, but Z^T Z squares
    the condition number: singular values below 1e-8 sigma_max are lost in rounding before the
    system is solved. Reservoir states have such singular values, many of them. Here the
    smallest that counts is 1e-16 sigma_max times the size.

    Parameters
    ----------
    features
        Z, (M, p).
    targets
        D, (M, O).

    Notes
    -----
    Cost: O(M p min(M, p)) once, then O(p min(M, p) O) for each penalty. All columns are
    penalized, a constant one too, as in the guide.

    References
    ----------
    Golub & Van Loan (2013), Matrix computations, section 6.1; the penalty as in Lukoševičius
    (2012), A practical guide to applying echo state networks.

    Examples
    --------
    >>> ridge = Ridge([[1.0], [1.0]], [[1.0], [2.0]])
    >>> ridge.solve(0.0).round(12), ridge.solve(2.0).round(12)
    (array([[1.5]]), array([[0.75]]))
    """

    def __init__(self, features: Any, targets: Any) -> None:
        z = checks.finite(checks.numeric(features, "features"), "features")
        d = checks.finite(checks.numeric(targets, "targets"), "targets")
        if z.ndim != 2 or 0 in z.shape:
            raise ValueError(f"features: expected shape (M, p), got {z.shape}")
        if d.ndim != 2 or len(d) != len(z):
            raise ValueError(f"targets: expected shape ({len(z)}, O), got {d.shape}")
        left, self.singular_values, right = np.linalg.svd(z, full_matrices=False)
        self._right = right.T
        self._targets = left.T @ d
        # Below this a singular value is rounding error; it counts as zero.
        self._least = max(z.shape) * np.finfo(z.dtype).eps * self.singular_values[0]

    def solve(self, penalty: float) -> Array:
        """The weights V, (O, p); at penalty 0 the shortest of the least-squares solutions."""
        penalty = number(penalty, "penalty", 0)
        sigma = self.singular_values
        factor = np.zeros_like(sigma)
        kept = sigma > (self._least if penalty == 0 else 0)
        factor[kept] = sigma[kept] / (sigma[kept] ** 2 + penalty)
        return ((self._right * factor) @ self._targets).T

    def choose(self, features: Any, targets: Any, penalties: Sequence[float] = PENALTIES) -> Choice:
        """Try penalties on other, held-out data and take the one with the least error.

        Parameters
        ----------
        features, targets
            Held-out rows, (M', p) and (M', O).
        penalties
            What is tried.
        """
        z = checks.finite(checks.numeric(features, "features"), "features")
        d = checks.finite(checks.numeric(targets, "targets"), "targets")
        if z.ndim != 2 or z.shape[1] != len(self._right) or not len(z):
            raise ValueError(f"features: expected shape (M, {len(self._right)}), got {z.shape}")
        checks.shape(d, (len(z), self._targets.shape[1]), "targets")
        if len(penalties) == 0:
            raise ValueError("penalties: expected at least one, got none")
        tried = np.array([number(p, "penalties", 0) for p in penalties])
        errors = np.array([((z @ self.solve(p).T - d) ** 2).mean() for p in tried])
        return Choice(float(tried[errors.argmin()]), tried, errors)
