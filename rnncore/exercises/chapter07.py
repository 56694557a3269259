"""Exercises of chapter 7: learning while running."""

from __future__ import annotations

import numpy as np

from rnncore.exercises.model import Exercise, Mistake

Array = np.ndarray


# -- ch7.2: one step of RTRL under forcing ------------------------------------------------


def _forced_step(D: Array, J: Array, F: Array, forced: Array) -> tuple[Array, Array]:
    now = D @ J + F
    return now, np.where(forced[:, None], 0.0, now)


def _stacked(D: Array, J: Array, F: Array, forced: Array) -> Array:
    return np.stack(_forced_step(D, J, F, forced))


def _cleared_too_early(D: Array, J: Array, F: Array, forced: Array) -> Array:
    after = _forced_step(D, J, F, forced)[1]
    return np.stack([after, after])


def _columns(D: Array, J: Array, F: Array, forced: Array) -> Array:
    now = D @ J + F
    after = now.copy()
    after[:, : len(forced)][:, forced] = 0.0
    return np.stack([now, after])


def _never_cleared(D: Array, J: Array, F: Array, forced: Array) -> Array:
    now = D @ J + F
    return np.stack([now, now])


def _old_table(D: Array, J: Array, F: Array, forced: Array) -> Array:
    now = D @ np.where(forced[:, None], 0.0, J) + F
    return np.stack([now, now])


def _forced_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    n, p = 4, 7
    forced = np.zeros(n, bool)
    forced[rng.permutation(n)[:2]] = True
    return rng.normal(size=(n, n)), rng.normal(size=(n, p)), rng.normal(size=(n, p)), forced


# -- ch7.4: the margin of one unit --------------------------------------------------------


def _margin(w: float) -> float:
    h = np.sqrt(1 - 1 / w)
    return float(w * h - np.arctanh(h))


def _margin_inputs(rng: np.random.Generator) -> tuple[float]:
    return (float(rng.uniform(1.2, 4.0)),)


# -- ch7.6: will it oscillate? --------------------------------------------------------------


def _modulus(W: Array, U: Array) -> float:
    """Modulus of the largest eigenvalue at the fixed point of y = logistic(W + U y)."""
    y = np.full(len(W), 0.5)
    for _ in range(100):
        moved = 1 / (1 + np.exp(-(W + U @ y)))
        D = (moved * (1 - moved))[:, None] * U
        y = y + np.linalg.solve(np.eye(len(y)) - D, moved - y)
    y = 1 / (1 + np.exp(-(W + U @ y)))
    return float(np.abs(np.linalg.eigvals((y * (1 - y))[:, None] * U)).max())


def _modulus_of_u(W: Array, U: Array) -> float:
    return float(np.abs(np.linalg.eigvals(U)).max())


def _modulus_at_half(W: Array, U: Array) -> float:
    return _modulus_of_u(W, U) / 4


def _modulus_forced(W: Array, U: Array) -> float:
    y = np.full(len(W), 0.5)
    for _ in range(500):
        y = 1 / (1 + np.exp(-(W + U @ y)))
    D = (y * (1 - y))[:, None] * U
    return float(np.abs(np.linalg.eigvals(D[1:, 1:])).max())


def _modulus_inputs(rng: np.random.Generator) -> tuple[Array, Array]:
    # Slope 1/4 at most: with a norm of U below 4 there is one fixed point.
    U = rng.normal(size=(3, 3))
    return rng.normal(size=3), 3.5 * U / np.linalg.norm(U, 2)


EXERCISES = [
    Exercise(
        id="ch7.1",
        prompt="One identity unit, two steps: the weight after an online and a frozen pass",
        kind="array",
        reference=np.array([-1.125, -2.5]),
        mistakes=[
            Mistake(
                "the two weights in the other order",
                np.array([-2.5, -1.125]),
                "Online first, frozen second.",
            ),
            Mistake(
                "an online weight whose second share is the gradient at the new weight",
                np.array([-0.1875, -2.5]),
                "p_1 and h_1 were made with the old weight, and nobody makes them again.",
            ),
            Mistake(
                "an online weight that starts the second step without influence",
                np.array([0.0, -2.5]),
                "p_2 = u p_1 + h_1, with the new u and the old p_1 and h_1.",
            ),
            Mistake(
                "weights moved up the gradient",
                np.array([8.125, 6.5]),
                "Descent: subtract the rate times the share.",
            ),
        ],
        hint="Frozen: h = 2, 4 and p = 1, 4. Online: after step 1 the weight is 1.5.",
    ),
    Exercise(
        id="ch7.2",
        prompt="forced_step(D, J, F, forced): the table that the loss reads, and the next one",
        kind="function",
        reference=_stacked,
        inputs=_forced_inputs,
        mistakes=[
            Mistake(
                "a table cleared before the loss has read it",
                _cleared_too_early,
                "The loss of this step is taken before the teacher replaces anything.",
            ),
            Mistake(
                "a table with columns cleared in place of rows",
                _columns,
                "Rows are units here, and the forced units are what no longer depends on weights.",
            ),
            Mistake(
                "a table that is never cleared",
                _never_cleared,
                "A unit that was replaced by its target does not depend on any weight.",
            ),
            Mistake(
                "the old table cleared, the new one not",
                _old_table,
                "`forced` belongs to this step: it acts on the new table.",
            ),
        ],
        hint="First D @ J + F. The second table is the first one with some rows set to zero.",
    ),
    Exercise(
        id="ch7.3",
        prompt="The rate is divided by 10: by what are three distances divided?",
        kind="array",
        reference=np.array([100, 10, 10]),
        mistakes=[
            Mistake(
                "second order everywhere",
                np.array([100, 100, 100]),
                "Only a fixed number of steps is second order; the others make ten times as many.",
            ),
            Mistake(
                "first order everywhere",
                np.array([10, 10, 10]),
                "After a fixed number of steps the way shrinks too, so the distance does so twice.",
            ),
            Mistake(
                "first order, then second",
                np.array([10, 100, 10]),
                "The longer run loses an order: it adds up more updates.",
            ),
        ],
        hint="The orders are those of the section Derivation: two, one, one.",
    ),
    Exercise(
        id="ch7.4",
        prompt="margin(w): the constant input that tips one tanh unit with self-connection w > 1",
        kind="function",
        reference=_margin,
        inputs=_margin_inputs,
        mistakes=[
            Mistake(
                "the stored state instead of the input that tips it",
                lambda w: float(np.sqrt(1 - 1 / w)),
                "That is where the unit is when it tips. Which input brings it there?",
            ),
            Mistake(
                "the margin with the wrong sign",
                lambda w: -_margin(w),
                "Give its size.",
            ),
            Mistake(
                "the difference of w and 1",
                lambda w: w - 1,
                "That is when there are two attractors at all; the margin needs the tangent.",
            ),
        ],
        hint="Fixed point: atanh(h) = w h + x. It vanishes where the slope w (1 - h**2) is 1.",
    ),
    Exercise(
        id="ch7.5",
        prompt="How many states has the smallest machine that acts like this one of six?",
        kind="value",
        reference=3,
        mistakes=[
            Mistake(
                "the number of different rows of outputs",
                2,
                "States with equal outputs may lead to states that differ: refine once more.",
            ),
            Mistake("no merging at all", 6, "Some of them nothing can tell apart."),
            Mistake(
                "one refinement too many, or a slip in the table",
                4,
                "Check that states in one block lead to the same blocks on each symbol.",
            ),
        ],
        hint="Begin with two blocks, by outputs. Split a block whose members lead elsewhere.",
    ),
    Exercise(
        id="ch7.6",
        prompt="modulus(W, U): the largest eigenvalue at the fixed point of the free network",
        kind="function",
        reference=_modulus,
        inputs=_modulus_inputs,
        mistakes=[
            Mistake(
                "the spectral radius of U",
                _modulus_of_u,
                "D is U with each row multiplied by the slope f' of its unit, at the fixed point.",
            ),
            Mistake(
                "the slope taken at 1/2 for all units",
                _modulus_at_half,
                "The fixed point is not at 1/2: find it first.",
            ),
            Mistake(
                "the eigenvalues of the forced network",
                _modulus_forced,
                "The free network hears its own output: keep the column of unit 0.",
            ),
        ],
        hint="Newton for y = logistic(W + U y), then the eigenvalues of diag(y (1 - y)) U.",
    ),
]
