"""Preconditioned conjugate gradients with Martens' stopping rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks

Array = np.ndarray


class Solution(NamedTuple):
    """What conjugate gradients found.

    Attributes
    ----------
    x
        The last iterate, (P,).
    iterates, values
        Some of the iterates, ever sparser, the last one included, and phi at each.
    iterations
        How many steps (products with A, besides one at the start) were made.
    stopped
        ``"progress"`` (Martens' rule), ``"solved"`` (to rounding) or ``"iterations"``.
    """

    x: Array
    iterates: list[Array]
    values: list[float]
    iterations: int
    stopped: str


def conjugate_gradients(
    product: Callable[[Array], Array],
    b: Any,
    start: Any = None,
    preconditioner: Any = None,
    tolerance: float = 5e-4,
    max_iterations: int = 250,
    spacing: float = 1.3,
) -> Solution:
    """Minimize phi(x) = 1/2 x^T A x - b^T x for a positive definite A given by its products.

    Martens' rule stops at iteration i when the last k = max(10, i / 10) steps together made
    less than the fraction k tolerance of the progress so far::

        i > k,   phi(x_i) < 0,   (phi(x_i) - phi(x_{i-k})) / phi(x_i) < k tolerance

    Parameters
    ----------
    product
        x -> A x, both (P,).
    b
        (P,).
    start
        x_0; zeros if ``None``.
    preconditioner
        Positive diagonal M, (P,), near that of A; ones if ``None``.
    tolerance
        0 turns the rule off: then it runs until the residual is rounding.
    max_iterations
        Largest number of steps.
    spacing
        Iterates are kept at ceil(spacing^j), j = 1, 2, …, and at the end.

    Raises
    ------
    ValueError
        If shapes differ, ``preconditioner`` is not positive, A turns out not to be positive
        definite, or a number is out of range.

    References
    ----------
    J. Martens (2010), Deep learning via Hessian-free optimization, ICML, sections 4.4 (the
    rule, with tolerance 0.0005), 4.6 (the iterates kept) and algorithm 2.

    Examples
    --------
    >>> A = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> found = conjugate_gradients(lambda x: A @ x, [1.0, 2.0], tolerance=0)
    >>> np.allclose(A @ found.x, [1, 2])
    True
    """
    b = checks.finite(checks.numeric(b, "b"), "b")
    if b.ndim != 1:
        raise ValueError(f"b: expected shape (P,), got {b.shape}")
    x = np.zeros_like(b) if start is None else checks.numeric(start, "start")
    checks.shape(x, b.shape, "start")
    m = (
        np.ones_like(b)
        if preconditioner is None
        else checks.numeric(preconditioner, "preconditioner")
    )
    checks.shape(m, b.shape, "preconditioner")
    if not (m > 0).all():
        raise ValueError(f"preconditioner: expected positive entries, got {m.min()}")
    if not 0 <= tolerance < 1:
        raise ValueError(f"tolerance: expected a number from 0 to below 1, got {tolerance!r}")
    if not spacing > 1:
        raise ValueError(f"spacing: expected a number above 1, got {spacing!r}")
    limit = checks.positive_int(max_iterations, "max_iterations")
    return _run(product, b, x, m, tolerance, limit, spacing)


def _run(
    product: Callable[[Array], Array],
    b: Array,
    x: Array,
    m: Array,
    tolerance: float,
    limit: int,
    spacing: float,
) -> Solution:
    r = product(x) - b if x.any() else -b  # the gradient of phi
    y = r / m
    p, slope = -y, float(r @ y)
    enough = float(np.finfo(b.dtype).eps ** 2 * (b @ (b / m)))
    phi = [0.5 * float(x @ (r - b))]
    iterates, values, keep, i = [], [], spacing, 0
    stopped = "iterations"
    while i < limit:
        if slope <= enough:
            stopped = "solved"
            break
        ap = product(p)
        curvature = float(p @ ap)
        if not curvature > 0:
            raise ValueError(
                f"product: expected a positive definite matrix, got p^T A p = {curvature}"
            )
        alpha = slope / curvature
        x, r = x + alpha * p, r + alpha * ap
        y = r / m
        previous, slope = slope, float(r @ y)
        p = -y + (slope / previous) * p
        i += 1
        phi.append(0.5 * float(x @ (r - b)))
        if i == int(np.ceil(keep)):
            iterates.append(x)
            values.append(phi[-1])
        while int(np.ceil(keep)) <= i:
            keep *= spacing
        if _little_progress(phi, i, tolerance):
            stopped = "progress"
            break
    if not iterates or iterates[-1] is not x:
        iterates.append(x)
        values.append(phi[-1])
    return Solution(x, iterates, values, i, stopped)


def _little_progress(phi: list[float], i: int, tolerance: float) -> bool:
    k = max(10, i // 10)
    return i > k and phi[i] < 0 and (phi[i] - phi[i - k]) / phi[i] < k * tolerance
