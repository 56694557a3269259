"""Ridge regression that keeps the digits: corrected normal equations, singular values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.reservoir.matrices import number

Array = np.ndarray

PENALTIES = tuple(10.0**k for k in range(-14, 3))

_ROWS = 128  # rows of the features that are read at once: they stay in the cache for two products
_MARGIN = 32  # by how much a penalty must exceed the rounding errors of Z^T Z
_CORRECTIONS = 20  # three are the rule; the contraction that is required makes do with fewer


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


class _Decomposition(NamedTuple):
    """Z = L diag(sigma) R^T: sigma (r,), R (p, r) and L^T D (r, O)."""

    sigma: Array
    right: Array
    targets: Array


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

    The decomposition is slow. Where the penalty is well above the rounding errors of Z^T Z, the
    normal equations are a solver that is right to a few digits, and corrections with it, whose
    right sides come from Z itself, bring the others back:

    ::

        V^T <- V^T + (Z^T Z + penalty I)^{-1} (Z^T (D - Z V^T) - penalty V^T)

    :meth:`solve` does this where each correction is below half of the one before, down to
    rounding, and decomposes otherwise.

    Parameters
    ----------
    features
        Z, (M, p).
    targets
        D, (M, O).

    Notes
    -----
    Cost: M p^2 for Z^T Z and 4 M p O a correction; the decomposition some ten times as much,
    once for all penalties. All columns are penalized, a constant one too, as in the guide. The
    arrays are kept and not copied: do not change them before the last call.

    References
    ----------
    Golub & Van Loan (2013), Matrix computations, section 6.1; the corrections as in Björck
    (1987), Linear Algebra and its Applications 88/89; the penalty as in Lukoševičius (2012), A
    practical guide to applying echo state networks.

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
        if "c" in z.dtype.kind + d.dtype.kind:
            raise TypeError("features, targets: expected real numbers, got complex ones")
        self._z, self._d = z, d

    @property
    def singular_values(self) -> Array:
        """Those of Z, (min(M, p),), the largest first."""
        return self._decomposition.sigma

    @cached_property
    def _decomposition(self) -> _Decomposition:
        z, d = self._z, self._d
        p = z.shape[1]
        if len(z) > p:
            # The triangle of Z = Q T has its singular values, and fewer rows. Beside it comes
            # Q^T D, so that Q is not needed.
            triangle = np.asarray(np.linalg.qr(np.hstack([z, d]), mode="r"))
            z, d = triangle[:p, :p], triangle[:p, p:]
        left, sigma, right = np.linalg.svd(z, full_matrices=False)
        return _Decomposition(sigma, right.T, left.T @ d)

    @cached_property
    def _gram(self) -> Array:
        return self._z.T @ self._z

    def solve(self, penalty: float) -> Array:
        """The weights V, (O, p); at penalty 0 the shortest of the least-squares solutions."""
        penalty = number(penalty, "penalty", 0)
        # Once the decomposition is there it is the shorter way.
        if "_decomposition" not in self.__dict__ and len(self._z) >= self._z.shape[1]:
            weights = self._corrected(penalty)
            if weights is not None:
                return weights
        return self._by_singular_values(penalty)

    def _by_singular_values(self, penalty: float) -> Array:
        sigma, right, targets = self._decomposition
        # Below this a singular value is rounding error; it counts as zero.
        least = max(self._z.shape) * np.finfo(self._z.dtype).eps * sigma[0]
        factor = np.zeros_like(sigma)
        kept = sigma > (least if penalty == 0 else 0)
        factor[kept] = sigma[kept] / (sigma[kept] ** 2 + penalty)
        return (right @ (factor[:, None] * targets)).T

    def _corrected(self, penalty: float) -> Array | None:
        """The normal equations and corrections; ``None`` where they do not lead to all digits."""
        eps = np.finfo(self._z.dtype).eps
        # Rounding errors of Z^T Z are below a few eps times its trace. With less than that added
        # a correction could be small because it is wrong.
        if not penalty > _MARGIN * eps * np.trace(self._gram):
            return None
        system = self._gram.copy()
        np.fill_diagonal(system, self._gram.diagonal() + penalty)
        try:
            factor = _Factor(system)
        except np.linalg.LinAlgError:
            return None
        weights = factor.solve(self._descent(None, penalty))
        before = np.linalg.norm(weights, axis=0)
        for step in range(_CORRECTIONS):
            change = factor.solve(self._descent(weights, penalty))
            weights += change
            now = np.linalg.norm(change, axis=0)
            stuck = now > before / 2
            if step == 0 and stuck.any():
                return None
            # What is left shrinks as the last correction did.
            right = now**2 <= eps * np.linalg.norm(weights, axis=0) * before
            if (stuck | right).all():
                return weights.T
            before = now
        return None

    def _descent(self, weights: Array | None, penalty: float) -> Array:
        """Z^T (D - Z V^T) - penalty V^T, (p, O), for V^T = ``weights`` or ``None`` for zero."""
        total = np.zeros((self._z.shape[1], self._d.shape[1]), np.result_type(self._z, self._d))
        for row in range(0, len(self._z), _ROWS):
            z, rest = self._z[row : row + _ROWS], self._d[row : row + _ROWS]
            total += z.T @ (rest if weights is None else rest - z @ weights)
        return total if weights is None else total - penalty * weights

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
        p = self._z.shape[1]
        if z.ndim != 2 or z.shape[1] != p or not len(z):
            raise ValueError(f"features: expected shape (M, {p}), got {z.shape}")
        checks.shape(d, (len(z), self._d.shape[1]), "targets")
        if len(penalties) == 0:
            raise ValueError("penalties: expected at least one, got none")
        tried = np.array([number(one, "penalties", 0) for one in penalties])
        errors = np.array(
            [((z @ self._by_singular_values(one).T - d) ** 2).mean() for one in tried]
        )
        return Choice(float(tried[errors.argmin()]), tried, errors)


class _Factor:
    """The Cholesky factor L of a symmetric, positive definite matrix, ready for solving.

    By halves, so that nearly all the work is in products of matrices, which NumPy's own
    triangular routines are slow at. A small block is inverted.
    """

    def __init__(self, matrix: Array) -> None:
        self.half = len(matrix) // 2 if len(matrix) > 64 else 0
        if not self.half:
            self.inverse = np.linalg.inv(np.linalg.cholesky(matrix))
            return
        h = self.half
        self.first = _Factor(matrix[:h, :h])
        self.across = self.first.forward(matrix[:h, h:])
        self.second = _Factor(matrix[h:, h:] - self.across.T @ self.across)

    def forward(self, b: Array) -> Array:
        """L^{-1} b."""
        if not self.half:
            return self.inverse @ b
        top = self.first.forward(b[: self.half])
        return np.concatenate([top, self.second.forward(b[self.half :] - self.across.T @ top)])

    def backward(self, b: Array) -> Array:
        """L^{-T} b."""
        if not self.half:
            return self.inverse.T @ b
        end = self.second.backward(b[self.half :])
        return np.concatenate([self.first.backward(b[: self.half] - self.across @ end), end])

    def solve(self, b: Array) -> Array:
        """The solution of L L^T x = b."""
        return self.backward(self.forward(b))
