"""Exercises of chapter 9: focused backpropagation and diagonal recurrence."""

from __future__ import annotations

import numpy as np

from rnncore.activations import logistic
from rnncore.exercises.model import Exercise, Mistake

Array = np.ndarray
Affine = tuple[Array, Array]


# -- ch9.3: decays that stay between 0 and 1 -----------------------------------------


def _rho_trace(W: Array, rho: Array, c: Array, xs: Array) -> Array:
    """dc_T,i / drho_i, shape (n,), for c' = logistic(rho) c + tanh(W x)."""
    d = logistic(rho)
    e = np.zeros_like(rho)
    for x in xs:
        e = d * e + d * (1 - d) * c
        c = d * c + np.tanh(W @ x)
    return e


def _rho_without_chain(W: Array, rho: Array, c: Array, xs: Array) -> Array:
    d = logistic(rho)
    return _rho_trace(W, rho, c, xs) / (d * (1 - d))


def _rho_new_state(W: Array, rho: Array, c: Array, xs: Array) -> Array:
    d = logistic(rho)
    e = np.zeros_like(rho)
    for x in xs:
        c = d * c + np.tanh(W @ x)
        e = d * e + d * (1 - d) * c
    return e


def _rho_last_step(W: Array, rho: Array, c: Array, xs: Array) -> Array:
    d = logistic(rho)
    for x in xs[:-1]:
        c = d * c + np.tanh(W @ x)
    return d * (1 - d) * c


def _rho_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    n, d, steps = 4, 2, 6
    return (
        rng.normal(size=(n, d)),
        rng.normal(size=n),
        rng.normal(size=n),
        rng.normal(size=(steps, d)),
    )


# -- ch9.4: counting modulo m with one complex unit ------------------------------------


def _count_modulo(bits: Array, m: int) -> Array:
    """How many ones came so far, modulo m, after each step."""
    turn, s, counts = np.exp(2j * np.pi / m), 1.0 + 0.0j, []
    for bit in bits:
        s = s * (turn if bit else 1)
        counts.append(round(float(np.angle(s)) * m / (2 * np.pi)) % m)
    return np.array(counts)


def _count_all(bits: Array, m: int) -> Array:
    return np.cumsum(bits).astype(int)


def _count_steps(bits: Array, m: int) -> Array:
    return np.arange(1, len(bits) + 1) % m


def _count_before(bits: Array, m: int) -> Array:
    return (np.cumsum(bits) - bits).astype(int) % m


def _count_parity(bits: Array, m: int) -> Array:
    return np.cumsum(bits).astype(int) % 2


def _count_signed(bits: Array, m: int) -> Array:
    counts = np.cumsum(bits).astype(int) % m
    return np.where(counts > m / 2, counts - m, counts)


def _count_inputs(rng: np.random.Generator) -> tuple[Array, int]:
    return np.append(rng.integers(0, 2, size=37), np.ones(8, int)), int(rng.integers(3, 8))


# -- ch9.5: two affine steps are one ----------------------------------------------------


def _combine(first: Affine, second: Affine) -> Affine:
    """The affine map s -> a s + b that does ``first`` and then ``second``."""
    (a, b), (c, d) = first, second
    return a * c, c * b + d


def _combine_reversed(first: Affine, second: Affine) -> Affine:
    return _combine(second, first)


def _combine_sum(first: Affine, second: Affine) -> Affine:
    return first[0] * second[0], first[1] + second[1]


def _combine_inputs(rng: np.random.Generator) -> tuple[Affine, Affine]:
    a, b, c, d = rng.normal(size=(4, 5))
    return (a, b), (c, d)


# -- ch9.6: the influence of a lower layer on an upper one --------------------------------


def _cross(d1: Array, d2: Array, W1: Array, W2: Array, xs: Array) -> Array:
    """dc2_T,k / dW1_ij, shape (n2, n1, D), for two linear layers of context units from zero."""
    beta = np.zeros_like(W1)
    Q = np.zeros((len(d2), *W1.shape))
    for x in xs:
        beta = d1[:, None] * beta + x
        Q = d2[:, None, None] * Q + W2[:, :, None] * beta
    return Q


def _cross_layerwise(d1: Array, d2: Array, W1: Array, W2: Array, xs: Array) -> Array:
    beta = np.zeros_like(W1)
    for x in xs:
        beta = d1[:, None] * beta + x
    return W2[:, :, None] * beta


def _cross_forgets_lower(d1: Array, d2: Array, W1: Array, W2: Array, xs: Array) -> Array:
    return _cross(0 * d1, d2, W1, W2, xs)


def _cross_old_beta(d1: Array, d2: Array, W1: Array, W2: Array, xs: Array) -> Array:
    beta = np.zeros_like(W1)
    Q = np.zeros((len(d2), *W1.shape))
    for x in xs:
        Q = d2[:, None, None] * Q + W2[:, :, None] * beta
        beta = d1[:, None] * beta + x
    return Q


def _cross_without_weight(d1: Array, d2: Array, W1: Array, W2: Array, xs: Array) -> Array:
    return _cross(d1, d2, W1, np.ones_like(W2), xs)


def _cross_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array, Array, Array]:
    n1, n2, d, steps = 3, 4, 2, 6
    return (
        rng.uniform(0.3, 0.95, size=n1),
        rng.uniform(0.3, 0.95, size=n2),
        rng.normal(size=(n1, d)),
        rng.normal(size=(n2, n1)),
        rng.normal(size=(steps, d)),
    )


EXERCISES = [
    Exercise(
        id="ch9.1",
        prompt="One context unit: the pair (beta_3, alpha_3), as whole numbers",
        kind="array",
        reference=np.array([7, 27]),
        mistakes=[
            Mistake(
                "the immediate derivatives alone",
                np.array([1, 13]),
                "Earlier steps count too: d times the last trace is carried along.",
            ),
            Mistake(
                "a trace of the decay that adds c_t",
                np.array([7, 75]),
                "The decay multiplies the state before the step, c_{t-1}.",
            ),
            Mistake(
                "the traces for c_0 = 0",
                np.array([7, 15]),
                "The unit starts at 1, and d acts on that at the first step.",
            ),
            Mistake("the pair the wrong way round", np.array([27, 7]), "First dc/dw, then dc/dd."),
            Mistake("the traces after two steps", np.array([3, 7]), "One step more."),
        ],
        hint="Write down c_1 and c_2 first, then both traces from their recursions with d = 2.",
    ),
    Exercise(
        id="ch9.2",
        prompt="Numbers in the traces of 10 linear recurrent units with 4 inputs",
        kind="value",
        reference=220,
        mistakes=[
            Mistake(
                "the number of parameters",
                110,
                "The state of a unit has two parts, re and im, and a trace for each of them.",
            ),
            Mistake(
                "the size of the whole influence matrix",
                2200,
                "Most of it is zero: a parameter reaches the state of its own unit alone.",
            ),
            Mistake(
                "the number for a single input block",
                140,
                "W has rows for the real and for the imaginary part: 2 n of them.",
            ),
            Mistake("the number without nu, theta, gamma", 160, "Those are parameters too."),
        ],
        hint="S times P, with S = 2 and P the rows of W times D, plus three vectors.",
    ),
    Exercise(
        id="ch9.3",
        prompt="rho_trace(W, rho, c, xs): dc_T/drho for decays logistic(rho)",
        kind="function",
        reference=_rho_trace,
        inputs=_rho_inputs,
        mistakes=[
            Mistake(
                "the trace of the decay d itself",
                _rho_without_chain,
                "One more factor: the derivative of d by rho.",
            ),
            Mistake(
                "a trace that adds the new state",
                _rho_new_state,
                "Use c_{t-1}: update the trace before the state.",
            ),
            Mistake(
                "the derivative of the last step alone",
                _rho_last_step,
                "Carry the trace along, multiplied by d.",
            ),
        ],
        hint="Differentiate d(rho) c_{t-1} by rho; c_{t-1} depends on rho too.",
    ),
    Exercise(
        id="ch9.4",
        prompt="count(bits, m): the running number of ones, modulo m, from one complex unit",
        kind="function",
        reference=_count_modulo,
        inputs=_count_inputs,
        mistakes=[
            Mistake("the count itself", _count_all, "Modulo m: after m ones it is 0 again."),
            Mistake(
                "the parity",
                _count_parity,
                "A flip of the sign counts modulo 2. Turn by a smaller angle.",
            ),
            Mistake(
                "the number of steps, modulo m",
                _count_steps,
                "A zero must leave the state alone: the factor depends on the input.",
            ),
            Mistake(
                "the count before the present bit",
                _count_before,
                "Read the state after the bit has acted.",
            ),
            Mistake(
                "a count that runs from -m/2 to m/2",
                _count_signed,
                "np.angle lies between -pi and pi: take the result modulo m.",
            ),
        ],
        hint="Turn the state by 2 pi / m at each one; the angle holds the count.",
    ),
    Exercise(
        id="ch9.5",
        prompt="combine(first, second): the pair (a, b) of two affine steps, one after the other",
        kind="function",
        reference=_combine,
        inputs=_combine_inputs,
        mistakes=[
            Mistake(
                "the two steps in the wrong order",
                _combine_reversed,
                "The state goes through first, and what comes out goes through second.",
            ),
            Mistake(
                "a constant that is the sum of both",
                _combine_sum,
                "What first has added is multiplied by the factor of second.",
            ),
        ],
        hint="Put a s + b into c s + d and sort by s.",
    ),
    Exercise(
        id="ch9.6",
        prompt="cross(d1, d2, W1, W2, xs): dc2_T,k/dW1_ij of two linear layers, from zero",
        kind="function",
        reference=_cross,
        inputs=_cross_inputs,
        mistakes=[
            Mistake(
                "the influence within the last step alone",
                _cross_layerwise,
                "The upper layer remembers what the lower one did earlier: d2 times the old Q.",
            ),
            Mistake(
                "the influence of a lower layer that does not remember",
                _cross_forgets_lower,
                "The lower layer has a trace of its own, with decay d1.",
            ),
            Mistake(
                "the influence without the weights between the layers",
                _cross_without_weight,
                "Unit k above hears unit i below through the weight W2_ki.",
            ),
            Mistake(
                "an upper layer that hears the lower one a step late",
                _cross_old_beta,
                "Within a step the lower layer goes first: update beta before Q.",
            ),
        ],
        hint="Differentiate c2_t = d2 c2_{t-1} + W2 c1_t by W1_ij; dc1_t is the trace beta.",
    ),
]
