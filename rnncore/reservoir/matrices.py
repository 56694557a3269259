"""Random recurrent matrices with a given spectral radius."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnncore import checks

Array = np.ndarray

_DENSE = 600  # up to this size all eigenvalues are computed


def spectral_radius(matrix: Any, *, method: str = "auto", tolerance: float = 1e-9) -> float:
    """The largest modulus of an eigenvalue, ``rho(A) = max_i |lambda_i|``.

    Parameters
    ----------
    matrix
        Square, (n, n).
    method
        ``"eigenvalues"`` computes them all, at a cost of some 10 n^3; ``"arnoldi"`` looks for
        the largest in a growing Krylov space span(v, A v, A^2 v, ...) of m vectors, at a cost
        of m n^2 + m^2 n; ``"auto"`` is the first up to n = 600, the second above.
    tolerance
        The Arnoldi iteration stops when the residual of the leading Ritz pair,
        ``norm(A y - theta y) / abs(theta)``, is below it; at m = n it is exact. Plain power
        iteration is no alternative: the leading eigenvalues of a random matrix are complex
        pairs, and crowd at the rim of a disk.

    Returns
    -------
    float
        rho(A).

    Raises
    ------
    ValueError, TypeError
        If the matrix is not square, real and finite, or the method is unknown.

    References
    ----------
    Arnoldi (1951), Quarterly of Applied Mathematics 9; Saad (2011), Numerical methods for
    large eigenvalue problems, chapter 6.

    Examples
    --------
    >>> round(spectral_radius([[0.0, -2.0], [2.0, 0.0]]), 12)
    2.0
    """
    a = checks.finite(checks.numeric(matrix, "matrix"), "matrix")
    if a.ndim != 2 or a.shape[0] != a.shape[1] or not len(a):
        raise ValueError(f"matrix: expected shape (n, n), got {a.shape}")
    if a.dtype.kind == "c":
        raise TypeError("matrix: expected real numbers, got complex ones")
    if method not in ("auto", "eigenvalues", "arnoldi"):
        raise ValueError(f"method: expected 'auto', 'eigenvalues' or 'arnoldi', got {method!r}")
    if not tolerance > 0:
        raise ValueError(f"tolerance: expected a positive number, got {tolerance}")
    if method == "arnoldi" or (method == "auto" and len(a) > _DENSE):
        return _arnoldi(a.astype(np.float64), tolerance)
    return float(np.abs(np.linalg.eigvals(a)).max())


def _arnoldi(a: Array, tolerance: float) -> float:
    n = len(a)
    # A fixed start: the answer is a property of the matrix, and not of a generator.
    start = np.random.default_rng(0).standard_normal(n)
    basis = np.zeros((n + 1, n))
    basis[0] = start / np.linalg.norm(start)
    h = np.zeros((n + 1, n))
    scale = np.abs(a).sum(axis=1).max()
    for k in range(n):
        w = a @ basis[k]
        for _ in range(2):  # twice is enough: the second pass restores orthogonality
            part = basis[: k + 1] @ w
            w = w - part @ basis[: k + 1]
            h[: k + 1, k] += part
        h[k + 1, k] = np.linalg.norm(w)
        closed = h[k + 1, k] <= 1e-14 * scale  # the space is invariant: nothing is left to find
        if closed or k == n - 1 or (k + 1) % 20 == 0:
            values, vectors = np.linalg.eig(h[: k + 1, : k + 1])
            lead = np.abs(values).argmax()
            theta = float(np.abs(values[lead]))
            residual = h[k + 1, k] * np.abs(vectors[k, lead])
            if closed or residual <= tolerance * theta:
                return theta
        basis[k + 1] = w / h[k + 1, k]
    return theta


def random_matrix(
    rng: np.random.Generator,
    size: int,
    *,
    radius: float = 0.9,
    density: float = 1.0,
) -> Array:
    """A random recurrent matrix: normal entries, some left out, scaled to a spectral radius.

    Parameters
    ----------
    rng
        Source of randomness.
    size
        n.
    radius
        The spectral radius.
    density
        Share of the entries of each row that are not zero: every unit has the same number
        max(1, round(density * n)) of incoming connections.

    Returns
    -------
    ndarray
        Shape (n, n).

    Raises
    ------
    ValueError, TypeError
        On sizes, radii or densities that do not fit.

    References
    ----------
    Jaeger (2001), GMD Report 148; Lukoševičius (2012), A practical guide to applying
    echo state networks.

    Examples
    --------
    >>> U = random_matrix(np.random.default_rng(0), 50, radius=0.8, density=0.1)
    >>> set((U != 0).sum(axis=1).tolist()), round(spectral_radius(U), 12)
    ({5}, 0.8)
    """
    rng = checks.generator(rng)
    n = checks.positive_int(size, "size")
    radius = number(radius, "radius", 0)
    density = number(density, "density", 0, 1)
    if density == 0:
        raise ValueError("density: expected a share above 0, got 0")
    count = max(1, round(density * n))
    matrix = rng.standard_normal((n, n))
    if count < n:
        chosen = rng.random((n, n)).argpartition(count - 1, axis=1)[:, :count]
        kept = np.zeros((n, n))
        np.put_along_axis(kept, chosen, np.take_along_axis(matrix, chosen, 1), 1)
        matrix = kept
    # Each unit hears one at least, so that there is a cycle, and the radius is not zero.
    present = spectral_radius(matrix)
    return matrix * (radius / present)


def number(value: float, name: str, least: float, most: float = np.inf) -> float:
    """Return ``value`` as a float from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    if not (np.isfinite(value) and least <= value <= most):
        bounds = f"at least {least}" if most == np.inf else f"from {least} to {most}"
        raise ValueError(f"{name}: expected a finite number, {bounds}, got {value}")
    return float(value)
