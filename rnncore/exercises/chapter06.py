"""Exercises of chapter 6: Schmidhuber's hybrid."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from rnncore.exercises.model import Exercise, Mistake

Array = np.ndarray
Block = tuple[Array, Array, Array, Array]


# -- ch6.4: close a block ------------------------------------------------------------


def _close_block(D: Array, F: Array, e: Array, q: Array) -> tuple[Array, Array]:
    """The gradient (P,) of the block's losses, and q at its end (N, P)."""
    own, own_q, lam, Lam = _sweep(D, F, e)
    return own + lam @ q, own_q + Lam @ q


def _sweep(D: Array, F: Array, e: Array) -> tuple[Array, Array, Array, Array]:
    """Own gradient, own influence, and what reaches the start: lam (N,), Lam (N, N)."""
    lam, Lam = np.zeros(e.shape[1]), np.eye(e.shape[1])
    own, own_q = np.zeros(F.shape[2]), np.zeros(F.shape[1:])
    for t in reversed(range(len(D))):
        lam = lam + e[t]
        own, own_q = own + lam @ F[t], own_q + Lam @ F[t]
        lam, Lam = lam @ D[t], Lam @ D[t]
    return own, own_q, lam, Lam


def _close_without_boundary(D: Array, F: Array, e: Array, q: Array) -> tuple[Array, Array]:
    own, own_q, _, Lam = _sweep(D, F, e)
    return own, own_q + Lam @ q


def _close_with_new_q(D: Array, F: Array, e: Array, q: Array) -> tuple[Array, Array]:
    own, own_q, lam, Lam = _sweep(D, F, e)
    q = own_q + Lam @ q
    return own + lam @ q, q


def _close_one_step_short(D: Array, F: Array, e: Array, q: Array) -> tuple[Array, Array]:
    own, own_q, _, _ = _sweep(D, F, e)
    _, _, lam, Lam = _sweep(D[1:], F[1:], e[1:])
    return own + (lam + e[0]) @ q, own_q + Lam @ q


def _close_losses_late(D: Array, F: Array, e: Array, q: Array) -> tuple[Array, Array]:
    _, own_q, _, Lam = _sweep(D, F, e)
    own, _, lam, _ = _sweep(D, F, np.concatenate([e[1:], np.zeros((1, e.shape[1]))]))
    return own + (lam + e[0] @ D[0]) @ q, own_q + Lam @ q


def _close_transposed(D: Array, F: Array, e: Array, q: Array) -> tuple[Array, Array]:
    return _close_block(D.swapaxes(1, 2), F, e, q)


def _close_forgetting(D: Array, F: Array, e: Array, q: Array) -> tuple[Array, Array]:
    own, own_q, lam, _ = _sweep(D, F, e)
    return own + lam @ q, own_q


def _block_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    steps, n, size = 4, 3, 7
    return (
        rng.normal(size=(steps, n, n)),
        rng.normal(size=(steps, n, size)),
        rng.normal(size=(steps, n)),
        rng.normal(size=(n, size)),
    )


# -- ch6.6: blocks that join ------------------------------------------------------------


def _join(first: Block, second: Block) -> Block:
    """(M, G, lam, g) of two blocks in a row."""
    (M1, G1, lam1, g1), (M2, G2, lam2, g2) = first, second
    return M2 @ M1, M2 @ G1 + G2, lam1 + lam2 @ M1, g1 + g2 + lam2 @ G1


def _join_reversed(first: Block, second: Block) -> Block:
    return _join(second, first)


def _join_wrong_order(first: Block, second: Block) -> Block:
    _, G, lam, g = _join(first, second)
    return first[0] @ second[0], G, lam, g


def _join_without_boundary(first: Block, second: Block) -> Block:
    M, G, lam, _ = _join(first, second)
    return M, G, lam, first[3] + second[3]


def _join_without_carry(first: Block, second: Block) -> Block:
    M, _, lam, g = _join(first, second)
    return M, first[1] + second[1], lam, g


def _join_adjoint_at_the_middle(first: Block, second: Block) -> Block:
    M, G, _, g = _join(first, second)
    return M, G, first[2] + second[2], g


def _join_through_the_wrong_block(first: Block, second: Block) -> Block:
    M, G, _, g = _join(first, second)
    return M, G, first[2] @ second[0] + second[2], g


def _join_inputs(rng: np.random.Generator) -> tuple[Block, Block]:
    def block() -> Block:
        n, size = 3, 5
        return (
            rng.normal(size=(n, n)),
            rng.normal(size=(n, size)),
            rng.normal(size=n),
            rng.normal(size=size),
        )

    return block(), block()


# -- values -------------------------------------------------------------------------------


def _cost(n: int, h: float, inputs: int = 2) -> float:
    """Multiplications of one step of the hybrid."""
    size = n * (inputs + n + 1)
    return (n + 1) * (size + n**2 + n * size / h)


def _ratio(n: int, inputs: int = 50) -> float:
    """Multiplications of RTRL over those of the hybrid at h = n."""
    size = n * (inputs + n + 1)
    return (n**2 * size + n**2 + n * (inputs + n)) / _cost(n, n, inputs)


def _product(h: int, n: int = 100) -> float:
    """Time times memory of ch6.5."""
    return _cost(n, h) * (3 * n * n * (n + 3) + 2 * n**2 * h)


def _through(cuts: list[int]) -> int:
    """Contributions that no block between two cuts has within it."""
    steps = cuts[-1]
    own = sum((b - a) * (b - a + 1) // 2 for a, b in pairwise(cuts))
    return steps * (steps + 1) // 2 - own


EXERCISES = [
    Exercise(
        id="ch6.1",
        prompt="One identity unit: own part and boundary term of the second block, by (w, u)",
        kind="array",
        reference=np.array([[3, 29], [12, 20]]),
        mistakes=[
            Mistake(
                "the boundary term first and the own part second",
                np.array([[12, 20], [3, 29]]),
                "First the own part, then the boundary term.",
            ),
            Mistake(
                "right in its own part, with the adjoint of step 3 at the boundary",
                np.array([[3, 29], [6, 10]]),
                "q belongs to s_2, so the adjoint has to go one step further back: 2 * 2.",
            ),
            Mistake(
                "an own part that uses s_t in place of s_{t-1}",
                np.array([[3, 61], [12, 20]]),
                "The factor of u at step t is the state before the step.",
            ),
            Mistake(
                "right in its own part, with the immediate derivatives of step 2 for q",
                np.array([[3, 29], [4, 12]]),
                "q is the whole influence at the block's start: step 1 counts too.",
            ),
        ],
        hint="Write down the four states, then the adjoints 1, 2, 4 of steps 4, 3, 2.",
    ),
    Exercise(
        id="ch6.2",
        prompt="How many of the contributions come through q, T = 1000, h = 30?",
        kind="value",
        reference=_through([*range(0, 1000, 30), 1000]),
        mistakes=[
            Mistake(
                "the number of those within the blocks",
                500500 - _through([*range(0, 1000, 30), 1000]),
                "Those are added up by the blocks' own sweeps; the others are asked for.",
            ),
            Mistake(
                "the number without the last, short block's own triangle taken off",
                500500 - 33 * 465,
                "The last block has 10 steps, and 55 contributions of its own.",
            ),
            Mistake(
                "the number for a last block of 30 steps",
                500500 - 34 * 465,
                "1000 is no multiple of 30: the last block has 10 steps.",
            ),
            Mistake(
                "the number with the whole square of T",
                1000000 - 33 * 900 - 100,
                "Only copies k up to t contribute: count triangles, not squares.",
            ),
        ],
        hint="All contributions, less the triangle of each block.",
    ),
    Exercise(
        id="ch6.3",
        prompt="Smallest n at which RTRL needs ten times the multiplications of the hybrid",
        kind="value",
        reference=next(n for n in range(1, 1000) if _ratio(n) >= 10),
        mistakes=[
            Mistake(
                "that of the rule of thumb n / 3",
                30,
                "The rule takes P for n**2; with 50 inputs P is larger. Use the exact counts.",
            ),
            Mistake(
                "that of the ratio n / 2",
                20,
                "The ratio comes near n / 2 only where P is very much larger than n**2.",
            ),
            Mistake(
                "the last n below",
                next(n for n in range(1, 1000) if _ratio(n) >= 10) - 1,
                "At this n the ratio is still a little below 10.",
            ),
        ],
        hint="Compute both counts in a loop over n, with P = n (n + 51) and h = n.",
    ),
    Exercise(
        id="ch6.4",
        prompt="close_block(D, F, l, q): the block's gradient and the new q",
        kind="function",
        reference=_close_block,
        inputs=_block_inputs,
        mistakes=[
            Mistake(
                "right for q, and a gradient without its boundary term",
                _close_without_boundary,
                "The losses of the block also depend on the weights through its start.",
            ),
            Mistake(
                "right for q, and a gradient whose boundary term has the new q",
                _close_with_new_q,
                "The adjoint stands at the block's start: it meets the q from there.",
            ),
            Mistake(
                "one whose adjoints meet q one step too early",
                _close_one_step_short,
                "After the contribution of the first step, go back through its D once more.",
            ),
            Mistake(
                "right for q, and a gradient in which each loss joins after its step",
                _close_losses_late,
                "The loss of step t sees s_t: add its row before the adjoint meets F_t.",
            ),
            Mistake(
                "one whose adjoints go back through the transposed D",
                _close_transposed,
                "The adjoints are rows: a row times D_t, without transposing.",
            ),
            Mistake(
                "right for the gradient, and a q that knows the last block only",
                _close_forgetting,
                "The old q comes along: multiply it with what the unit adjoints became.",
            ),
        ],
        hint="Sweep from the last step to the first; add the loss row before you use the adjoint.",
    ),
    Exercise(
        id="ch6.5",
        prompt="The whole h with the least time times memory, n = 100, D = 2",
        kind="value",
        reference=min(range(1, 1000), key=_product),
        mistakes=[
            Mistake(
                "the block at which the two terms of the time are equal",
                round(100 * 10300 / 20300),
                "Memory is to be weighed as well.",
            ),
            Mistake("the number of units", 100, "Close, but the optimum lies below n."),
            Mistake(
                "n sqrt(3) / 2, rounded",
                87,
                "That takes P for n**2; here P is 10300.",
            ),
        ],
        hint="Try all whole h, or set the derivative of the product to zero.",
    ),
    Exercise(
        id="ch6.6",
        prompt="join(first, second): (M, G, lam, g) of two blocks in a row",
        kind="function",
        reference=_join,
        inputs=_join_inputs,
        mistakes=[
            Mistake(
                "that of the blocks in the other order",
                _join_reversed,
                "The first block comes first in time.",
            ),
            Mistake(
                "right but for M, whose factors stand in the wrong order",
                _join_wrong_order,
                "The start is moved by the first block, and the result by the second: M2 M1.",
            ),
            Mistake(
                "right but for g, which lacks its boundary term",
                _join_without_boundary,
                "The second block's losses depend on the first block's weights through the middle.",
            ),
            Mistake(
                "right but for G, in which the second block does not carry the first along",
                _join_without_carry,
                "What the first block's weights did to the middle is moved on by M2.",
            ),
            Mistake(
                "right but for lam, which stops in the middle",
                _join_adjoint_at_the_middle,
                "The second adjoint has to go back through the first block.",
            ),
            Mistake(
                "right but for lam, in which the first adjoint goes through the second block",
                _join_through_the_wrong_block,
                "The first adjoint is at the start already; the second goes back through M1.",
            ),
        ],
        hint="Write the state at the end and the two losses as functions of start and weights.",
    ),
]
