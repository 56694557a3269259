"""Exercises of chapter 11: gradients that are unbiased by chance, and synthetic ones."""

from __future__ import annotations

import numpy as np

from rnncore.exercises.model import Exercise, Mistake

Array = np.ndarray


# -- ch11.2: the noise of a sum of outer products ------------------------------------


def _noise(A: Array, B: Array) -> float:
    """E |(sum nu_i a_i)(sum nu_j b_j)^T - sum a_i b_i^T|^2; a_i, b_i are rows of A, B."""
    left, right = A @ A.T, B @ B.T
    every = np.trace(left) * np.trace(right) + (left * right).sum()
    return float(every - 2 * (np.diag(left) * np.diag(right)).sum())


def _noise_without_overlap(A: Array, B: Array) -> float:
    a, b = (A**2).sum(axis=1), (B**2).sum(axis=1)
    return float(a.sum() * b.sum() - (a * b).sum())


def _noise_second_moment(A: Array, B: Array) -> float:
    return _noise(A, B) + float(((A.T @ B) ** 2).sum())


def _noise_with_diagonal(A: Array, B: Array) -> float:
    left, right = A @ A.T, B @ B.T
    return float(np.trace(left) * np.trace(right) + (left * right).sum())


def _noise_inputs(rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 5))


# -- ch11.3: one step of UORO -----------------------------------------------------------


def _rho(a: Array, b: Array) -> float:
    return float(np.sqrt(np.linalg.norm(b) / np.linalg.norm(a)))


def _uoro(D: Array, F: Array, s: Array, row: Array, nu: Array) -> tuple[Array, Array]:
    """The next s~ and theta~."""
    pushed, new = D @ s, nu @ F
    past, now = _rho(pushed, row), _rho(nu, new)
    return past * pushed + now * nu, row / past + new / now


def _uoro_unscaled(D: Array, F: Array, s: Array, row: Array, nu: Array) -> tuple[Array, Array]:
    return D @ s + nu, row + nu @ F


def _uoro_one_rho(D: Array, F: Array, s: Array, row: Array, nu: Array) -> tuple[Array, Array]:
    past = _rho(D @ s, row)
    return past * (D @ s + nu), (row + nu @ F) / past


def _uoro_old_tangent(D: Array, F: Array, s: Array, row: Array, nu: Array) -> tuple[Array, Array]:
    new = nu @ F
    past, now = _rho(s, row), _rho(nu, new)
    return past * (D @ s) + now * nu, row / past + new / now


def _uoro_not_divided(D: Array, F: Array, s: Array, row: Array, nu: Array) -> tuple[Array, Array]:
    pushed, new = D @ s, nu @ F
    past, now = _rho(pushed, row), _rho(nu, new)
    return past * pushed + now * nu, past * row + now * new


def _uoro_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array, Array, Array]:
    n, p = 4, 7
    nu = 2.0 * rng.integers(0, 2, size=n) - 1
    return (
        rng.normal(size=(n, n)),
        rng.normal(size=(n, p)),
        rng.normal(size=n),
        3 * rng.normal(size=p),
        nu,
    )


# -- ch11.5: one step of KF-RTRL ---------------------------------------------------------


def _kf(
    D: Array, G: Array, h: Array, u: Array, A: Array, signs: tuple[float, float]
) -> tuple[Array, Array]:
    """The next u and A, with balanced factors."""
    pushed = D @ A
    past = float(np.sqrt(np.linalg.norm(pushed) / np.linalg.norm(u)))
    now = float(np.sqrt(np.linalg.norm(G) / np.linalg.norm(h)))
    one, other = signs
    return one * past * u + other * now * h, one * pushed / past + other * G / now


def _kf_signs_once(
    D: Array, G: Array, h: Array, u: Array, A: Array, signs: tuple[float, float]
) -> tuple[Array, Array]:
    _, rows = _kf(D, G, h, u, A, (1.0, 1.0))
    return _kf(D, G, h, u, A, signs)[0], rows


def _kf_not_pushed(
    D: Array, G: Array, h: Array, u: Array, A: Array, signs: tuple[float, float]
) -> tuple[Array, Array]:
    return _kf(np.eye(len(D)), G, h, u, A, signs)


def _kf_largest_singular(
    D: Array, G: Array, h: Array, u: Array, A: Array, signs: tuple[float, float]
) -> tuple[Array, Array]:
    pushed = D @ A
    past = float(np.sqrt(np.linalg.norm(pushed, 2) / np.linalg.norm(u)))
    now = float(np.sqrt(np.linalg.norm(G, 2) / np.linalg.norm(h)))
    one, other = signs
    return one * past * u + other * now * h, one * pushed / past + other * G / now


def _kf_pushed_joint(
    D: Array, G: Array, h: Array, u: Array, A: Array, signs: tuple[float, float]
) -> tuple[Array, Array]:
    past = float(np.sqrt(np.linalg.norm(A) / np.linalg.norm(u)))
    now = float(np.sqrt(np.linalg.norm(G) / np.linalg.norm(h)))
    one, other = signs
    return one * past * u + other * now * h, one * D @ A / past + other * G / now


def _kf_inputs(
    rng: np.random.Generator,
) -> tuple[Array, Array, Array, Array, Array, tuple[float, float]]:
    n, m = 3, 5
    signs = 2.0 * rng.integers(0, 2, size=2) - 1
    return (
        rng.normal(size=(n, n)),
        np.diag(rng.uniform(0.2, 1.0, size=n)),
        rng.normal(size=m),
        2 * rng.normal(size=m),
        rng.normal(size=(n, n)),
        (float(-abs(signs[0])), float(signs[1])),
    )


# -- ch11.6: targets that look further ahead ------------------------------------------------


def _targets(direct: Array, D: Array, c: Array, mix: float) -> Array:
    """The targets c*_1 ... c*_T of a critic, shape (T, N).

    direct[t] and c[t] belong to step t + 1, D[t] is ds_{t+1}/ds_t.
    """
    found = np.empty_like(direct)
    found[-1] = direct[-1]
    for t in range(len(direct) - 2, -1, -1):
        ahead = (1 - mix) * c[t + 1] + mix * found[t + 1]
        found[t] = direct[t] + ahead @ D[t + 1]
    return found


def _targets_one_step(direct: Array, D: Array, c: Array, mix: float) -> Array:
    return _targets(direct, D, c, 0.0)


def _targets_exact(direct: Array, D: Array, c: Array, mix: float) -> Array:
    return _targets(direct, D, c, 1.0)


def _targets_early_jacobian(direct: Array, D: Array, c: Array, mix: float) -> Array:
    found = np.empty_like(direct)
    found[-1] = direct[-1]
    for t in range(len(direct) - 2, -1, -1):
        found[t] = direct[t] + ((1 - mix) * c[t + 1] + mix * found[t + 1]) @ D[t]
    return found


def _targets_transposed(direct: Array, D: Array, c: Array, mix: float) -> Array:
    return _targets(direct, D.transpose(0, 2, 1), c, mix)


def _targets_exchanged(direct: Array, D: Array, c: Array, mix: float) -> Array:
    return _targets(direct, D, c, 1 - mix)


def _targets_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array, float]:
    steps, n = 6, 3
    return (
        rng.normal(size=(steps, n)),
        rng.normal(size=(steps, n, n)),
        rng.normal(size=(steps, n)),
        float(rng.uniform(0.2, 0.4)),
    )


EXERCISES = [
    Exercise(
        id="ch11.1",
        prompt="The noise as given, and with balanced factors, as two whole numbers",
        kind="array",
        reference=np.array([650, 74]),
        mistakes=[
            Mistake(
                "the noise without the overlap of the terms",
                np.array([626, 50]),
                "The two cross terms are not orthogonal: 2 (a1 . a2)(b1 . b2) comes on top.",
            ),
            Mistake(
                "the noise with the overlap counted once",
                np.array([638, 62]),
                "The overlap is the mixed term of a square: it counts twice.",
            ),
            Mistake(
                "the noise and the best scaling in the wrong order",
                np.array([74, 650]),
                "First as given, then balanced; balancing cannot raise it.",
            ),
        ],
        hint="Write down the cross term a1 b2^T + a2 b1^T and square it.",
    ),
    Exercise(
        id="ch11.2",
        prompt="noise_of_sum(A, B): the mean squared error of the rank-one estimate of A^T B",
        kind="function",
        reference=_noise,
        inputs=_noise_inputs,
        mistakes=[
            Mistake(
                "the noise without the overlap of the terms",
                _noise_without_overlap,
                "Each pair i, j adds 2 (a_i . a_j)(b_i . b_j) as well.",
            ),
            Mistake(
                "the mean square of the estimate itself",
                _noise_second_moment,
                "Take the square of the mean away: only pairs with i other than j are noise.",
            ),
            Mistake(
                "the sum over all pairs",
                _noise_with_diagonal,
                "For i = j the signs cancel and nothing is random; leave these pairs out.",
            ),
        ],
        hint="Sum |a_i|^2 |b_j|^2 + (a_i . a_j)(b_i . b_j) over all i other than j.",
    ),
    Exercise(
        id="ch11.3",
        prompt="uoro_step(D, F, s, row, nu): the next s~ and theta~",
        kind="function",
        reference=_uoro,
        inputs=_uoro_inputs,
        mistakes=[
            Mistake(
                "the step without scalings",
                _uoro_unscaled,
                "Unbiased, but noisier: scale each product so that its factors have one norm.",
            ),
            Mistake(
                "the step with one scaling for both products",
                _uoro_one_rho,
                "Past and new each have a scaling of their own.",
            ),
            Mistake(
                "the step whose past is scaled by the norm of s~ before it was pushed",
                _uoro_old_tangent,
                "The product to be balanced is (D s~) theta~^T.",
            ),
            Mistake(
                "the step with the second factors multiplied by the scalings",
                _uoro_not_divided,
                "What one factor is multiplied by, the other is divided by.",
            ),
        ],
        hint="Push s~, pull nu through F, balance both products, add.",
    ),
    Exercise(
        id="ch11.4",
        prompt="Smallest number of averaged samples with a smaller error than the window's",
        kind="value",
        reference=4212,
        mistakes=[
            Mistake(
                "the number at which the two errors are about equal",
                4211,
                "At that number the noise is still a little larger than the squared bias.",
            ),
            Mistake(
                "the number for the bias itself in place of its square",
                1264,
                "Compare squared errors: variance over M with the bias squared.",
            ),
            Mistake(
                "the number for KF-RTRL",
                201,
                "For UORO the second moment carries the factor n = 20.",
            ),
            Mistake(
                "the number without the square of the mean taken away",
                4223,
                "The formula gives the second moment; the variance is that less 1.",
            ),
        ],
        hint="n (1 + kappa) / (1 - kappa) - 1, over M, must fall below the squared bias.",
    ),
    Exercise(
        id="ch11.5",
        prompt="kf_step(D, G, h, u, A, signs): the next u and A of KF-RTRL",
        kind="function",
        reference=_kf,
        inputs=_kf_inputs,
        mistakes=[
            Mistake(
                "the step with signs on u alone",
                _kf_signs_once,
                "Both factors of a product carry its sign, so that the product itself does not.",
            ),
            Mistake(
                "the step without D",
                _kf_not_pushed,
                "A is carried through the state Jacobian; u is not.",
            ),
            Mistake(
                "the step with the largest singular value as norm of a matrix",
                _kf_largest_singular,
                "Take the root of the sum of squares: np.linalg.norm(M) without an order.",
            ),
            Mistake(
                "the step that balances u with A before it was pushed",
                _kf_pushed_joint,
                "The product to be balanced is u (x) (D A).",
            ),
        ],
        hint="Two products, (u, D A) and (h, G): balance each, give each its sign, add.",
    ),
    Exercise(
        id="ch11.6",
        prompt="targets(direct, D, c, mix): the critic's targets, mixed over all horizons",
        kind="function",
        reference=_targets,
        inputs=_targets_inputs,
        mistakes=[
            Mistake(
                "the targets of one step ahead",
                _targets_one_step,
                "mix decides how much of the NEXT target enters in place of the prediction.",
            ),
            Mistake(
                "the exact adjoints",
                _targets_exact,
                "That is mix = 1. Let the prediction c enter with weight 1 - mix.",
            ),
            Mistake(
                "the targets through the Jacobian of one step too early",
                _targets_early_jacobian,
                "From step t + 1 back to step t leads D_{t+1}, which is D[t + 1].",
            ),
            Mistake(
                "the targets through transposed Jacobians",
                _targets_transposed,
                "For adjoints in rows, one step back is a product with D from the right.",
            ),
            Mistake(
                "the targets with the two weights exchanged",
                _targets_exchanged,
                "The prediction has the weight 1 - mix, the next target the weight mix.",
            ),
        ],
        hint="Sweep back from the last step, whose target is its direct part alone.",
    ),
]
