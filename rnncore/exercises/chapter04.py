"""Exercises of chapter 4: real-time recurrent learning."""

from __future__ import annotations

import numpy as np

from rnncore.exercises.model import Exercise, Mistake

Array = np.ndarray


# -- ch4.4: a leaky unit -------------------------------------------------------------


def _leaky(
    W: Array, U: Array, leak: float, h: Array, x: Array, P: Array, stay: float = 1.0
) -> Array:
    """d h'/d W, shape (n, n, D), for h' = (1 - leak) h + leak tanh(W x + U h)."""
    slope = leak * (1 - np.tanh(W @ x + U @ h) ** 2)
    inner = np.einsum("kl,lij->kij", U, P)
    for i in range(len(h)):
        inner[i, i] += x
    return stay * (1 - leak) * P + slope[:, None, None] * inner


def _leaky_without_stay(W: Array, U: Array, leak: float, h: Array, x: Array, P: Array) -> Array:
    return _leaky(W, U, leak, h, x, P, stay=0.0)


def _leaky_without_recursion(
    W: Array, U: Array, leak: float, h: Array, x: Array, P: Array
) -> Array:
    return _leaky(W, U, leak, h, x, np.zeros_like(P))


def _leaky_transposed(W: Array, U: Array, leak: float, h: Array, x: Array, P: Array) -> Array:
    slope = leak * (1 - np.tanh(W @ x + U @ h) ** 2)
    inner = np.einsum("lk,lij->kij", U, P)
    for i in range(len(h)):
        inner[i, i] += x
    return (1 - leak) * P + slope[:, None, None] * inner


def _leaky_without_leak_in_slope(
    W: Array, U: Array, leak: float, h: Array, x: Array, P: Array
) -> Array:
    return (1 - leak) * P + (_leaky(W, U, leak, h, x, P) - (1 - leak) * P) / leak


def _leaky_inputs(rng: np.random.Generator) -> tuple[Array, Array, float, Array, Array, Array]:
    n, d = 3, 2
    return (
        rng.normal(size=(n, d)),
        rng.normal(size=(n, n)),
        float(rng.uniform(0.2, 0.8)),
        rng.normal(size=n),
        rng.normal(size=d),
        rng.normal(size=(n, n, d)),
    )


# -- ch4.5: self-connections only ----------------------------------------------------


def _trace(W: Array, u: Array, h: Array, xs: Array) -> Array:
    """d h_T,k / d W_kj, shape (n, D), for h_k' = tanh(sum_j W_kj x_j + u_k h_k)."""
    e = np.zeros_like(W)
    for x in xs:
        h = np.tanh(W @ x + u * h)
        e = (1 - h**2)[:, None] * (u[:, None] * e + x)
    return e


def _trace_last_step(W: Array, u: Array, h: Array, xs: Array) -> Array:
    for x in xs:
        h = np.tanh(W @ x + u * h)
    return (1 - h**2)[:, None] * xs[-1]


def _trace_slope_outside(W: Array, u: Array, h: Array, xs: Array) -> Array:
    e = np.zeros_like(W)
    for x in xs:
        h = np.tanh(W @ x + u * h)
        e = u[:, None] * e + (1 - h**2)[:, None] * x
    return e


def _trace_old_slope(W: Array, u: Array, h: Array, xs: Array) -> Array:
    e = np.zeros_like(W)
    for x in xs:
        e = (1 - h**2)[:, None] * (u[:, None] * e + x)
        h = np.tanh(W @ x + u * h)
    return e


def _trace_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    n, d, steps = 4, 3, 6
    return (
        rng.normal(size=(n, d)),
        rng.uniform(0.5, 1.5, size=n),
        rng.normal(size=n),
        rng.normal(size=(steps, d)),
    )


# -- ch4.6: the influence matrix by sweeps backward -------------------------------------


def _sweeps(U: Array, W: Array, h0: Array, xs: Array) -> Array:
    """d h_T,k / d U_ij, shape (n, n, n): one backward sweep for each unit k, all at once."""
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(W @ x + U @ hs[-1]))
    adjoints, P = np.eye(len(h0)), np.zeros((len(h0),) * 3)
    for t in range(len(xs), 0, -1):
        delta = adjoints * (1 - hs[t] ** 2)
        P = P + np.einsum("ki,j->kij", delta, hs[t - 1])
        adjoints = delta @ U
    return P


def _sweeps_with_new_state(U: Array, W: Array, h0: Array, xs: Array) -> Array:
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(W @ x + U @ hs[-1]))
    adjoints, P = np.eye(len(h0)), np.zeros((len(h0),) * 3)
    for t in range(len(xs), 0, -1):
        delta = adjoints * (1 - hs[t] ** 2)
        P = P + np.einsum("ki,j->kij", delta, hs[t])
        adjoints = delta @ U
    return P


def _sweeps_transposed(U: Array, W: Array, h0: Array, xs: Array) -> Array:
    return np.ascontiguousarray(_sweeps(U, W, h0, xs).transpose(0, 2, 1))


def _sweeps_last_step(U: Array, W: Array, h0: Array, xs: Array) -> Array:
    h = h0
    for x in xs:
        last, h = h, np.tanh(W @ x + U @ h)
    return np.einsum("ki,j->kij", np.diag(1 - h**2), last)


def _sweeps_wrong_matrix(U: Array, W: Array, h0: Array, xs: Array) -> Array:
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(W @ x + U @ hs[-1]))
    adjoints, P = np.eye(len(h0)), np.zeros((len(h0),) * 3)
    for t in range(len(xs), 0, -1):
        delta = adjoints * (1 - hs[t] ** 2)
        P = P + np.einsum("ki,j->kij", delta, hs[t - 1])
        adjoints = delta @ U.T
    return P


def _sweeps_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    n, d, steps = 3, 2, 5
    return (
        rng.normal(size=(n, n)),
        rng.normal(size=(n, d)),
        rng.normal(size=n),
        rng.normal(size=(steps, d)),
    )


EXERCISES = [
    Exercise(
        id="ch4.1",
        prompt="One identity unit: the pair (dh_3/dw, dh_3/du), as whole numbers",
        kind="array",
        reference=np.array([13, 41]),
        mistakes=[
            Mistake(
                "the immediate derivative alone",
                np.array([1, 17]),
                "The weights also acted at steps 1 and 2: carry u times the last influence along.",
            ),
            Mistake(
                "an influence of u that starts from h_t",
                np.array([13, 149]),
                "The factor of u at step t is the state before the step, h_{t-1}.",
            ),
            Mistake(
                "an influence of u for h_0 = 0",
                np.array([13, 14]),
                "The initial state is 1, and u acts on it at the first step.",
            ),
            Mistake(
                "the influence after two steps",
                np.array([4, 8]),
                "One step more.",
            ),
        ],
        hint="Write down h_1, h_2 first, then J_1, J_2, J_3 from the recursion with D = u.",
    ),
    Exercise(
        id="ch4.2",
        prompt="How many numbers has the influence matrix of an LSTM with D = 4, n = 10?",
        kind="value",
        reference=12000,
        mistakes=[
            Mistake(
                "the size for a state without the cells c",
                6000,
                "The state of the LSTM is h | c: N is 2 n.",
            ),
            Mistake(
                "the size for a single gate",
                3000,
                "There are four blocks of weights, for i, f, g and o.",
            ),
            Mistake("the number of parameters", 600, "Each state variable has a row of that many."),
            Mistake("the size without the biases", 11200, "Biases are parameters too."),
        ],
        hint="N times P, with P = 4 n (D + n + 1).",
    ),
    Exercise(
        id="ch4.3",
        prompt="Smallest T for which one backward sweep costs as much as one step of RTRL",
        kind="value",
        reference=140,
        mistakes=[
            Mistake(
                "the count of n**2 alone",
                256,
                "A backward step does about 2 n**2 multiplications, not P = 304.",
            ),
            Mistake("rounded down", 139, "At T = 139 the sweep is still a little cheaper."),
            Mistake(
                "the count without the weight gradients of the sweep",
                289,
                "The sweep also multiplies adjoints with inputs and states: n (D + n) a step.",
            ),
        ],
        hint="Divide the two formulas of the section on cost, at n = 16, D = 2, P = 304.",
    ),
    Exercise(
        id="ch4.4",
        prompt="leaky_step(W, U, leak, h, x, P): the next influence of W on leaky units",
        kind="function",
        reference=_leaky,
        inputs=_leaky_inputs,
        mistakes=[
            Mistake(
                "the influence without what stays in the unit",
                _leaky_without_stay,
                "The state Jacobian has a second term: (1 - leak) times the identity.",
            ),
            Mistake(
                "the immediate derivative with what leaks, but without U",
                _leaky_without_recursion,
                "P enters through the old state, in both of its places.",
            ),
            Mistake(
                "the influence through U transposed",
                _leaky_transposed,
                "Unit k hears unit l through U[k, l]; the sum runs over l.",
            ),
            Mistake(
                "the influence without the factor leak",
                _leaky_without_leak_in_slope,
                "The tanh is multiplied by leak, so its derivative is too.",
            ),
        ],
        hint="Differentiate h' = (1 - leak) h + leak tanh(W x + U h) as it stands.",
    ),
    Exercise(
        id="ch4.5",
        prompt="trace(W, u, h, xs): dh_T,k/dW_kj of units with self-connections only",
        kind="function",
        reference=_trace,
        inputs=_trace_inputs,
        mistakes=[
            Mistake(
                "the derivative of the last step alone",
                _trace_last_step,
                "Earlier inputs act through u_k h_k: carry the trace along.",
            ),
            Mistake(
                "a trace whose old part misses the slope",
                _trace_slope_outside,
                "The slope of tanh multiplies the whole bracket, old part and new.",
            ),
            Mistake(
                "a trace with the slope at the old state",
                _trace_old_slope,
                "Compute the new state first; its slope is 1 - h_t**2.",
            ),
        ],
        hint="With U diagonal, the sum over l has a single term.",
    ),
    Exercise(
        id="ch4.6",
        prompt="sweeps(U, W, h0, xs): dh_T,k/dU_ij, shape (n, n, n), by backward sweeps",
        kind="function",
        reference=_sweeps,
        inputs=_sweeps_inputs,
        mistakes=[
            Mistake(
                "the influence with h_t in place of h_{t-1}",
                _sweeps_with_new_state,
                "At step t the weights U multiply the state before the step.",
            ),
            Mistake(
                "the influence with the two indices of the weight exchanged",
                _sweeps_transposed,
                "U[i, j] leads from unit j to unit i: delta belongs to i, the state to j.",
            ),
            Mistake(
                "the contribution of the last step alone",
                _sweeps_last_step,
                "Sweep on to the first step, and add up.",
            ),
            Mistake(
                "the influence from adjoints that went through U transposed",
                _sweeps_wrong_matrix,
                "For adjoints in rows, one step back is a product with U from the right.",
            ),
        ],
        hint="Start with the identity matrix as n adjoints, one in each row.",
    ),
]
