"""Exercises of chapter 3: backpropagation through time."""

from __future__ import annotations

from math import comb

import numpy as np

from rnncore.exercises.model import Exercise, Mistake

Array = np.ndarray


def _sweep(
    U: Array,
    h: Array,
    h_bar: Array,
    *,
    turn: bool = True,
    future: bool = True,
    slope: str = "own",
) -> Array:
    """The delta recursion of tanh units; the switches put the usual mistakes in."""
    steps = len(h_bar)
    deltas = np.zeros((steps + 1, h.shape[1]))
    back = U.T if turn else U
    for t in reversed(range(steps)):
        bar = h_bar[t] + (back @ deltas[t + 1] if future else 0)
        f = {"own": 1 - h[t + 1] ** 2, "none": 1.0, "before": 1 - h[t] ** 2}[slope]
        deltas[t] = f * bar
    return deltas[:-1]


def _deltas(U: Array, V: Array, h: Array, e: Array) -> Array:
    return _sweep(U, h, e @ V)


def _without_future(U: Array, V: Array, h: Array, e: Array) -> Array:
    return _sweep(U, h, e @ V, future=False)


def _not_turned(U: Array, V: Array, h: Array, e: Array) -> Array:
    return _sweep(U, h, e @ V, turn=False)


def _without_slope(U: Array, V: Array, h: Array, e: Array) -> Array:
    return _sweep(U, h, e @ V, slope="none")


def _slope_before(U: Array, V: Array, h: Array, e: Array) -> Array:
    return _sweep(U, h, e @ V, slope="before")


def _sweep_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    steps, n, outputs = int(rng.integers(5, 8)), 4, 3
    h = np.tanh(rng.normal(size=(steps + 1, n)))
    return (
        rng.normal(size=(n, n)) / 2,
        rng.normal(size=(outputs, n)),
        h,
        rng.normal(size=(steps, outputs)),
    )


def _recurrent_gradient(deltas: Array, h: Array) -> Array:
    return deltas.T @ h[:-1]


def _same_time(deltas: Array, h: Array) -> Array:
    return deltas.T @ h[1:]


def _slides(deltas: Array, h: Array) -> Array:
    return h[1:].T @ deltas


def _turned(deltas: Array, h: Array) -> Array:
    return h[:-1].T @ deltas


def _mean_over_time(deltas: Array, h: Array) -> Array:
    return deltas.T @ h[:-1] / len(deltas)


def _gradient_inputs(rng: np.random.Generator) -> tuple[Array, Array]:
    steps, n = int(rng.integers(5, 8)), 4
    return rng.normal(size=(steps, n)), rng.normal(size=(steps + 1, n))


def _softmax_adjoint(y: Array, d: Array) -> Array:
    e = y - d
    return y * (e - (e * y).sum())


def _elementwise_slope(y: Array, d: Array) -> Array:
    return (y - d) * y * (1 - y)


def _cross_entropy_adjoint(y: Array, d: Array) -> Array:
    return y - d


def _softmax_inputs(rng: np.random.Generator) -> tuple[Array, Array]:
    powers = np.exp(rng.normal(size=5))
    return powers / powers.sum(), rng.random(5)


def _smooth_deltas(U: Array, h: Array, h_bar: Array, strength: float) -> Array:
    change = np.diff(h, axis=0)  # row t - 1: h_t - h_{t-1}
    extra = change.copy()
    extra[:-1] -= change[1:]
    return _sweep(U, h, h_bar + strength * extra)


def _smooth_backwards_only(U: Array, h: Array, h_bar: Array, strength: float) -> Array:
    return _sweep(U, h, h_bar + strength * np.diff(h, axis=0))


def _smooth_twice(U: Array, h: Array, h_bar: Array, strength: float) -> Array:
    return _smooth_deltas(U, h, h_bar, 2 * strength)


def _smooth_not_at_all(U: Array, h: Array, h_bar: Array, strength: float) -> Array:
    return _sweep(U, h, h_bar)


def _smooth_inputs(rng: np.random.Generator) -> tuple[Array, Array, Array, float]:
    steps, n = int(rng.integers(5, 8)), 4
    h = np.tanh(rng.normal(size=(steps + 1, n)))
    strength = float(rng.uniform(0.5, 2))
    return rng.normal(size=(n, n)) / 2, h, rng.normal(size=(steps, n)), strength


def _longest(slots: int, runs: int) -> int:
    return comb(slots + runs, slots)


def _even_spacing(slots: int, runs: int) -> int:
    return slots * runs + 1


def _levels(slots: int, runs: int) -> int:
    return (runs + 1) ** slots


def _longest_inputs(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(2, 7)), int(rng.integers(2, 9))


EXERCISES = [
    Exercise(
        id="ch3.1",
        prompt="delta_1, delta_2, delta_3 of a linear unit with u = 2, v = 3, e = (1, -1, 2)",
        kind="array",
        reference=np.array([21, 9, 6]),
        mistakes=[
            Mistake(
                "right, but in the order of the sweep",
                np.array([6, 9, 21]),
                "The sweep finds delta_3 first; the answer starts with delta_1.",
            ),
            Mistake(
                "what each step's own error gives",
                np.array([3, -3, 6]),
                "The unit at t also works through the unit at t + 1: add u delta_{t+1}.",
            ),
            Mistake(
                "the sweep without the read-out",
                np.array([7, 3, 2]),
                "The error reaches the unit through the read-out: it enters as v e_t.",
            ),
            Mistake(
                "a sweep that runs forwards",
                np.array([3, 3, 12]),
                "delta_t needs delta_{t+1}, so start at the last step.",
            ),
        ],
    ),
    Exercise(
        id="ch3.2",
        prompt="deltas(U, V, h, e): the delta recursion of tanh units, shape (T, n)",
        kind="function",
        reference=_deltas,
        inputs=_sweep_inputs,
        mistakes=[
            Mistake(
                "each step's own part alone",
                _without_future,
                "What comes back from the next step is missing: U.T @ delta_{t+1}.",
            ),
            Mistake(
                "a sweep through U instead of its transpose",
                _not_turned,
                "U[i, j] leads from unit j to unit i; backwards you go from i to j.",
            ),
            Mistake(
                "the adjoint of the states",
                _without_slope,
                "delta belongs to the pre-activation: multiply with f'(a_t) = 1 - h_t^2.",
            ),
            Mistake(
                "a sweep with the slope of the step before",
                _slope_before,
                "h has T + 1 rows and row 0 is the initial state: h_t of step t is one row later.",
            ),
        ],
    ),
    Exercise(
        id="ch3.3",
        prompt="gradient(deltas, h): dL/dU from deltas (T, n) and states (T + 1, n)",
        kind="function",
        reference=_recurrent_gradient,
        inputs=_gradient_inputs,
        mistakes=[
            Mistake(
                "the printed D.e17",
                _slides,
                "U multiplies the state before the step, and U[i, j] leads from j to i.",
            ),
            Mistake(
                "paired with the state after the step",
                _same_time,
                "U multiplies h_{t-1} when it makes a_t.",
            ),
            Mistake(
                "the transpose of the gradient",
                _turned,
                "Entry [i, j] is the sum over t of delta_t,i h_{t-1},j.",
            ),
            Mistake(
                "the mean over time",
                _mean_over_time,
                "A tied weight gets the sum of what its copies get.",
            ),
        ],
    ),
    Exercise(
        id="ch3.4",
        prompt="adjoint(y, d): dl/dz for y = softmax(z) and l = 1/2 sum_k (y_k - d_k)^2",
        kind="function",
        reference=_softmax_adjoint,
        inputs=_softmax_inputs,
        mistakes=[
            Mistake(
                "the diagonal of the softmax's Jacobian alone",
                _elementwise_slope,
                "Each z_k moves every output: dy_l/dz_k = y_l ([k = l] - y_k).",
            ),
            Mistake(
                "the adjoint of the cross-entropy",
                _cross_entropy_adjoint,
                "y - d is dl/dy here; it still has to pass through the softmax.",
            ),
        ],
    ),
    Exercise(
        id="ch3.5",
        prompt="the smallest peak of stored states for T = 900 with evenly spaced checkpoints",
        kind="value",
        reference=60,
        mistakes=[
            Mistake(
                "the number of checkpoints alone",
                30,
                "While a stretch is swept, its own states are in memory too.",
            ),
            Mistake(
                "what BPTT without checkpoints stores",
                900,
                "Keep one state in k and count: T / k of them, and a stretch of k.",
            ),
        ],
        hint="Write the peak as a function of the spacing k and find its minimum.",
    ),
    Exercise(
        id="ch3.6",
        prompt="smooth_deltas(U, h, h_bar, strength): deltas with a penalty on changes of state",
        kind="function",
        reference=_smooth_deltas,
        inputs=_smooth_inputs,
        mistakes=[
            Mistake(
                "without what h_t does to the next change",
                _smooth_backwards_only,
                "h_t stands in two terms of the penalty: in the change to h_t and in the one "
                "from it.",
            ),
            Mistake(
                "with twice the penalty",
                _smooth_twice,
                "The penalty has a factor 1/2.",
            ),
            Mistake(
                "the sweep without the penalty",
                _smooth_not_at_all,
                "The penalty is part of the loss: its direct derivative joins h_bar.",
            ),
        ],
    ),
    Exercise(
        id="ch3.7",
        prompt="longest(slots, runs): how many steps can be swept with so much memory and work",
        kind="function",
        reference=_longest,
        inputs=_longest_inputs,
        mistakes=[
            Mistake(
                "what evenly spaced checkpoints reach",
                _even_spacing,
                "A slot that is free again can be used inside the stretch to its left.",
            ),
            Mistake(
                "a full tree",
                _levels,
                "Each cut costs one run of everything to its left, but nothing to its right.",
            ),
        ],
        hint="Cut the steps at the first checkpoint that you place and write a recursion.",
    ),
]
