"""Exercises of chapter 10: sparse and local approximations."""

from __future__ import annotations

import numpy as np

from rnncore.exercises.model import Exercise, Mistake

Array = np.ndarray


# -- ch10.3: a step of RFLO ------------------------------------------------------------


def _rflo(
    U: Array, W: Array, leak: float, h: Array, x: Array, p: Array, B: Array, error: Array
) -> tuple[Array, Array]:
    """The next trace of U, (n, n), and this step's change of the weights over -eta."""
    slope = 1 - np.tanh(W @ x + U @ h) ** 2
    p = (1 - leak) * p + leak * np.outer(slope, h)
    return p, (B.T @ error)[:, None] * p


def _rflo_old_trace(
    U: Array, W: Array, leak: float, h: Array, x: Array, p: Array, B: Array, error: Array
) -> tuple[Array, Array]:
    return _rflo(U, W, leak, h, x, p, B, error)[0], (B.T @ error)[:, None] * p


def _rflo_no_leak(
    U: Array, W: Array, leak: float, h: Array, x: Array, p: Array, B: Array, error: Array
) -> tuple[Array, Array]:
    slope = 1 - np.tanh(W @ x + U @ h) ** 2
    p = (1 - leak) * p + np.outer(slope, h)
    return p, (B.T @ error)[:, None] * p


def _rflo_self(
    U: Array, W: Array, leak: float, h: Array, x: Array, p: Array, B: Array, error: Array
) -> tuple[Array, Array]:
    slope = 1 - np.tanh(W @ x + U @ h) ** 2
    p = (1 - leak + leak * slope * np.diag(U))[:, None] * p + leak * np.outer(slope, h)
    return p, (B.T @ error)[:, None] * p


def _rflo_transposed(
    U: Array, W: Array, leak: float, h: Array, x: Array, p: Array, B: Array, error: Array
) -> tuple[Array, Array]:
    slope = 1 - np.tanh(W @ x + U @ h) ** 2
    p = (1 - leak) * p + leak * np.outer(h, slope)
    return p, (B.T @ error)[:, None] * p


def _rflo_inputs(
    rng: np.random.Generator,
) -> tuple[Array, Array, float, Array, Array, Array, Array, Array]:
    n, d, o = 4, 3, 2
    return (
        rng.normal(size=(n, n)),
        rng.normal(size=(n, d)),
        float(rng.uniform(0.2, 0.8)),
        rng.normal(size=n),
        rng.normal(size=d),
        rng.normal(size=(n, n)),
        rng.normal(size=(o, n)),
        rng.normal(size=o),
    )


# -- ch10.4: SnAp-1 of tanh units --------------------------------------------------------


def _snap(U: Array, W: Array, h: Array, xs: Array) -> Array:
    """What SnAp-1 takes for dh_T,i / dU_ij, shape (n, n)."""
    e = np.zeros_like(U)
    for x in xs:
        old, h = h, np.tanh(W @ x + U @ h)
        e = (1 - h**2)[:, None] * (np.diag(U)[:, None] * e + old)
    return e


def _snap_eprop(U: Array, W: Array, h: Array, xs: Array) -> Array:
    for x in xs:
        old, h = h, np.tanh(W @ x + U @ h)
    return np.outer(1 - h**2, old)


def _snap_exact(U: Array, W: Array, h: Array, xs: Array) -> Array:
    n = len(h)
    J = np.zeros((n, n, n))
    for x in xs:
        old, h = h, np.tanh(W @ x + U @ h)
        J = np.einsum("kl,lij->kij", U, J)
        J[np.arange(n), np.arange(n)] += old
        J = (1 - h**2)[:, None, None] * J
    return J[np.arange(n), np.arange(n)]


def _snap_slope(U: Array, W: Array, h: Array, xs: Array) -> Array:
    e = np.zeros_like(U)
    for x in xs:
        old, h = h, np.tanh(W @ x + U @ h)
        e = np.diag(U)[:, None] * e + np.outer(1 - h**2, old)
    return e


def _snap_column(U: Array, W: Array, h: Array, xs: Array) -> Array:
    e = np.zeros_like(U)
    for x in xs:
        old, h = h, np.tanh(W @ x + U @ h)
        e = (1 - h**2)[:, None] * (np.diag(U) * e + old)
    return e


def _snap_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    n, d, steps = 4, 2, 6
    return (
        rng.normal(size=(n, n)),
        rng.normal(size=(n, d)),
        rng.normal(size=n),
        rng.normal(size=(steps, d)),
    )


# -- ch10.5: the exact gradient from local traces -------------------------------------------


def _factors(
    U: Array, W: Array, leak: float, h: Array, xs: Array, g: Array, kind: str = "ideal"
) -> Array:
    """dL/dW of leaky units from their local traces, (n, D); g is dl_t/dh_t, (T, n)."""
    slopes, traces = [], [np.zeros_like(W)]
    for x in xs:
        f = np.tanh(W @ x + U @ h)
        h = (1 - leak) * h + leak * f
        slopes.append(leak * (1 - f**2))
        traces.append((1 - leak) * traces[-1] + np.outer(slopes[-1], x))
    total, adjoint = np.zeros_like(W), np.zeros_like(h)
    for t in range(len(xs) - 1, -1, -1):
        later = t + 1 < len(xs)
        heard = U.T @ (slopes[t + 1] * adjoint) if later else 0 * h
        own = (1 - leak) * adjoint
        signal = {"ideal": g[t] + heard, "present": g[t], "adjoint": g[t] + heard + own}[kind]
        total = total + signal[:, None] * traces[t + 1]
        adjoint = g[t] + heard + own
    return total


def _factors_present(U: Array, W: Array, leak: float, h: Array, xs: Array, g: Array) -> Array:
    return _factors(U, W, leak, h, xs, g, "present")


def _factors_adjoint(U: Array, W: Array, leak: float, h: Array, xs: Array, g: Array) -> Array:
    return _factors(U, W, leak, h, xs, g, "adjoint")


def _factors_one_step(U: Array, W: Array, leak: float, h: Array, xs: Array, g: Array) -> Array:
    total = np.zeros_like(W)
    for x, g_t in zip(xs, g, strict=True):
        f = np.tanh(W @ x + U @ h)
        h = (1 - leak) * h + leak * f
        total = total + np.outer(g_t * leak * (1 - f**2), x)
    return total


def _factors_inputs(
    rng: np.random.Generator,
) -> tuple[Array, Array, float, Array, Array, Array]:
    n, d, steps = 4, 3, 6
    return (
        rng.normal(size=(n, n)),
        rng.normal(size=(n, d)),
        float(rng.uniform(0.3, 0.7)),
        rng.normal(size=n),
        rng.normal(size=(steps, d)),
        rng.normal(size=(steps, n)),
    )


EXERCISES = [
    Exercise(
        id="ch10.1",
        prompt="One unit: dh_3/dw as RTRL, SnAp-1 and e-prop have it, three whole numbers",
        kind="array",
        reference=np.array([6, 6, 3]),
        mistakes=[
            Mistake(
                "a SnAp-1 that cuts the self-connection",
                np.array([6, 3, 3]),
                "SnAp-1 drops what a weight does to OTHER units. Here there is none.",
            ),
            Mistake(
                "an e-prop that forgets what the unit keeps",
                np.array([6, 6, 2]),
                "E = 1: the trace of the step before stays, and the present input is added.",
            ),
            Mistake(
                "an RTRL without the self-connection",
                np.array([3, 3, 3]),
                "The unit hears itself: D = 1 + u.",
            ),
        ],
        hint="Write the three recursions: J <- D J + x, once with D = 1 + u and once with E = 1.",
    ),
    Exercise(
        id="ch10.2",
        prompt="A ring of 10 units: entries kept by SnAp-1, by SnAp-3, and the n of saturation",
        kind="array",
        reference=np.array([40, 120, 10]),
        mistakes=[
            Mistake(
                "the count with the connections that do not exist",
                np.array([120, 360, 10]),
                "A unit of the ring hears two units, so U has 20 weights, not 100.",
            ),
            Mistake(
                "a saturation that is one step early",
                np.array([40, 120, 9]),
                "The step in which the weight acts counts as the first.",
            ),
            Mistake(
                "a count that adds two units with each step",
                np.array([40, 200, 6]),
                "A unit has one neighbor that hears it: influence travels one unit a step.",
            ),
        ],
        hint="Count the weights that exist; then how many units one of them reaches in n steps.",
    ),
    Exercise(
        id="ch10.3",
        prompt="rflo_step(U, W, leak, h, x, p, B, error): the next trace and the change of U",
        kind="function",
        reference=_rflo,
        inputs=_rflo_inputs,
        mistakes=[
            Mistake(
                "the rule with the trace of the step before",
                _rflo_old_trace,
                "The error of step t meets the trace of step t, so update the trace first.",
            ),
            Mistake(
                "a trace whose new part misses the leak",
                _rflo_no_leak,
                "h moves by leak times tanh, so its derivative carries the factor leak.",
            ),
            Mistake(
                "the trace of SnAp-1",
                _rflo_self,
                "RFLO cuts every recurrent connection, that of a unit to itself too.",
            ),
            Mistake(
                "a trace with the two units of the weight exchanged",
                _rflo_transposed,
                "U[i, j] leads from unit j to unit i: the slope is that of i, the activity of j.",
            ),
        ],
        hint="The trace decays by 1 - leak and takes in leak times slope times h; then B^T error.",
    ),
    Exercise(
        id="ch10.4",
        prompt="snap1(U, W, h, xs): what SnAp-1 takes for dh_T,i/dU_ij of tanh units, (n, n)",
        kind="function",
        reference=_snap,
        inputs=_snap_inputs,
        mistakes=[
            Mistake(
                "e-prop's trace, which sees the last step alone",
                _snap_eprop,
                "SnAp-1 keeps what comes back to the unit through its own connection U_ii.",
            ),
            Mistake(
                "the exact derivative, as RTRL has it",
                _snap_exact,
                "What went through other units and came back is cut by SnAp-1.",
            ),
            Mistake(
                "a trace whose old part misses the slope",
                _snap_slope,
                "The slope of tanh multiplies the whole bracket, old part and new.",
            ),
            Mistake(
                "a trace with the self-connection of the wrong unit",
                _snap_column,
                "Row i of the trace belongs to unit i, and takes U_ii.",
            ),
        ],
        hint="Take the recursion of RTRL for unit i and leave out all units but i in its sum.",
    ),
    Exercise(
        id="ch10.5",
        prompt="factors(U, W, leak, h, xs, g): the exact dL/dW of leaky units from local traces",
        kind="function",
        reference=_factors,
        inputs=_factors_inputs,
        mistakes=[
            Mistake(
                "e-prop, whose signal is that of the present loss",
                _factors_present,
                "The signal must also bring what other units will do with h_t later.",
            ),
            Mistake(
                "a sum that counts the unit's own path twice",
                _factors_adjoint,
                "What the unit keeps is in the trace already; the signal must leave it out.",
            ),
            Mistake(
                "the sum of the immediate derivatives",
                _factors_one_step,
                "Carry a trace along: e <- (1 - leak) e + leak f' x.",
            ),
        ],
        hint="The signal is g_t plus what arrives through U from step t + 1, and nothing else.",
    ),
    Exercise(
        id="ch10.6",
        prompt="How many windows lift a cosine of 0.1 to 0.7, if the noise is independent?",
        kind="value",
        reference=96,
        mistakes=[
            Mistake(
                "the square of the ratio of the cosines",
                49,
                "The cosine is not proportional to the signal-to-noise ratio once it is large.",
            ),
            Mistake("rounded down", 95, "With 95 windows the cosine is still below 0.7."),
            Mistake("the ratio of the cosines", 7, "Noise falls with the root of the number."),
        ],
        hint="Write 1/cos**2 - 1 as noise over signal, squared; averaging M divides it by M.",
    ),
]
