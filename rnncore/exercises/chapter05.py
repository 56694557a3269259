"""Exercises of chapter 5: two directions, one gradient."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from rnncore.exercises.model import Array, Exercise, Mistake


def _states(W: Array, U: Array, h0: Array, xs: Array) -> list[Array]:
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(W @ x + U @ hs[-1]))
    return hs


def _input_gradients(W: Array, U: Array, h0: Array, xs: Array, direct: Array) -> Array:
    hs, found, delta = _states(W, U, h0, xs), np.zeros(xs.shape), np.zeros(len(h0))
    for t in range(len(xs), 0, -1):
        delta = (1 - hs[t] ** 2) * (direct[t - 1] + U.T @ delta)
        found[t - 1] = W.T @ delta
    return found


def _inputs_of_one_step(W: Array, U: Array, h0: Array, xs: Array, direct: Array) -> Array:
    hs = np.stack(_states(W, U, h0, xs)[1:])
    return ((1 - hs**2) * direct) @ W


def _inputs_wrong_slope(W: Array, U: Array, h0: Array, xs: Array, direct: Array) -> Array:
    hs, found, delta = _states(W, U, h0, xs), np.zeros(xs.shape), np.zeros(len(h0))
    for t in range(len(xs), 0, -1):
        delta = (1 - hs[t - 1] ** 2) * (direct[t - 1] + U.T @ delta)
        found[t - 1] = W.T @ delta
    return found


def _inputs_transposed(W: Array, U: Array, h0: Array, xs: Array, direct: Array) -> Array:
    hs, found, delta = _states(W, U, h0, xs), np.zeros(xs.shape), np.zeros(len(h0))
    for t in range(len(xs), 0, -1):
        delta = (1 - hs[t] ** 2) * (direct[t - 1] + U @ delta)
        found[t - 1] = W.T @ delta
    return found


def _inputs_without_slope(W: Array, U: Array, h0: Array, xs: Array, direct: Array) -> Array:
    hs, found, delta = _states(W, U, h0, xs), np.zeros(xs.shape), np.zeros(len(h0))
    for t in range(len(xs), 0, -1):
        bar = direct[t - 1] + U.T @ delta
        delta = (1 - hs[t] ** 2) * bar
        found[t - 1] = W.T @ bar
    return found


def _inputs_slope_at_the_exit(W: Array, U: Array, h0: Array, xs: Array, direct: Array) -> Array:
    hs, found, bar = _states(W, U, h0, xs), np.zeros(xs.shape), np.zeros(len(h0))
    for t in range(len(xs), 0, -1):
        bar = direct[t - 1] + U.T @ bar
        found[t - 1] = W.T @ ((1 - hs[t] ** 2) * bar)
    return found


def _inputs_one_step_late(W: Array, U: Array, h0: Array, xs: Array, direct: Array) -> Array:
    return np.concatenate([_input_gradients(W, U, h0, xs, direct)[1:], np.zeros((1, xs.shape[1]))])


def _inputs_case(rng: np.random.Generator) -> tuple[Array, ...]:
    n, d, steps = 4, 3, 6
    return (
        rng.normal(size=(n, d)),
        rng.normal(size=(n, n)),
        rng.normal(size=n),
        rng.normal(size=(steps, d)),
        rng.normal(size=(steps, n)),
    )


def _least_wide(steps: int, slots: int, width: int) -> int:
    @cache
    def cost(T: int, c: int) -> int:
        if T <= width:
            return 0
        if c == 1:
            return T - width + cost(T - width, 1)
        return min(m + cost(T - m, c - 1) + cost(m, c) for m in range(1, T))

    return cost(steps, slots)


def _least_narrow(steps: int, slots: int, width: int) -> int:
    return _least_wide(steps, slots, 1)


def _slots_not_free_again(steps: int, slots: int, width: int) -> int:
    @cache
    def cost(T: int, c: int) -> int:
        if T <= width:
            return 0
        if c == 1:
            return T - width + cost(T - width, 1)
        return min(m + cost(T - m, c - 1) + cost(m, c - 1) for m in range(1, T))

    return cost(steps, slots)


def _without_the_way_there(steps: int, slots: int, width: int) -> int:
    @cache
    def cost(T: int, c: int) -> int:
        if T <= width:
            return 0
        if c == 1:
            return T - width + cost(T - width, 1)
        return min(cost(T - m, c - 1) + cost(m, c) for m in range(1, T))

    return cost(steps, slots)


def _recorded_runs_counted(steps: int, slots: int, width: int) -> int:
    return _least_wide(steps, slots, width) + steps


def _stretches_counted(steps: int, slots: int, width: int) -> int:
    return _least_wide(-(-steps // width), slots, 1)


def _wide_case(rng: np.random.Generator) -> tuple[int, int, int]:
    return int(rng.integers(25, 45)), int(rng.integers(3, 6)), int(rng.integers(2, 5))


def _rate_learner(
    eta: float,
    theta: Array,
    xs: Array,
    ds: Array,
    kept: float = 1.0,
    through: float = -1.0,
    early: bool = False,
) -> float:
    """Forward in time for the one parameter eta; other values of the last three are mistakes."""
    z, total = np.zeros(len(theta)), 0.0
    for x, d in zip(xs, ds, strict=True):
        e = theta @ x - d
        after = kept * z - e * x + through * eta * x * (x @ z)
        total += e * (x @ (after if early else z))
        z, theta = after, theta - eta * e * x
    return total


def _rate_slope(eta: float, theta: Array, xs: Array, ds: Array) -> float:
    return _rate_learner(eta, theta, xs, ds)


_rate_immediate = partial(_rate_learner, through=0.0)
_rate_last_update = partial(_rate_learner, kept=0.0, through=0.0)
_rate_too_early = partial(_rate_learner, early=True)
_rate_wrong_term = partial(_rate_learner, through=1.0)


def _rate_last_loss(eta: float, theta: Array, xs: Array, ds: Array) -> float:
    return _rate_slope(eta, theta, xs, ds) - _rate_slope(eta, theta, xs[:-1], ds[:-1])


def _rate_wrong_sign(eta: float, theta: Array, xs: Array, ds: Array) -> float:
    return -_rate_slope(eta, theta, xs, ds)


def _rate_case(rng: np.random.Generator) -> tuple[float, Array, Array, Array]:
    steps, d = 12, 3
    xs, ds = rng.normal(size=(steps, d)), rng.normal(size=steps)
    return float(rng.uniform(0.05, 0.2)), rng.normal(size=d), xs, ds


EXERCISES = [
    Exercise(
        id="ch5.1",
        prompt="Multiplications from the left and from the right, as two whole numbers",
        kind="array",
        reference=np.array([72, 360]),
        mistakes=[
            Mistake("the two the wrong way round", np.array([360, 72]), "The left end is the row."),
            Mistake(
                "the count without the last product",
                np.array([32, 320]),
                "Both ways end with a product of a row and a matrix of 10 columns.",
            ),
            Mistake(
                "the count with a single square",
                np.array([56, 200]),
                "There are two squares between the ends.",
            ),
        ],
        hint="A p x q matrix times a q x r matrix takes p q r multiplications.",
    ),
    Exercise(
        id="ch5.2",
        prompt="Smallest T for which RTRL's table is smaller than BPTT's record",
        kind="value",
        reference=481,
        mistakes=[
            Mistake("the length at which they are equal", 480, "Fewer, not as many."),
            Mistake("the length without the biases", 461, "P counts biases too."),
            Mistake("the table's size", 9600, "Compare N P with T R, and R is 20."),
            Mistake("the length for a table of n^2 weights", 401, "Inputs have weights as well."),
        ],
        hint="The table has N P numbers, the record R = n for each step.",
    ),
    Exercise(
        id="ch5.3",
        prompt="The spacing k of checkpoints that needs the least memory",
        kind="value",
        reference=20,
        mistakes=[
            Mistake(
                "the square root of T",
                35,
                "That is right where a record is as large as a state; here it is three times as "
                "large.",
            ),
            Mistake(
                "the number of checkpoints, or the spacing with N and R exchanged",
                60,
                "The question is how far apart; and a long stretch needs many records.",
            ),
        ],
        hint="Minimize N T / k + R k.",
    ),
    Exercise(
        id="ch5.4",
        prompt="Smallest T for which RTRL is cheaper than BPTT anew at each step",
        kind="value",
        reference=78,
        mistakes=[
            Mistake(
                "the length at which ONE sweep costs as much as a step of RTRL",
                40,
                "The sweeps grow from 1 step to T; their mean length is (T + 1) / 2.",
            ),
            Mistake("rounded up once too often", 79, "Solve for T, not for T + 1."),
            Mistake("the rule of thumb", 67, "Use the formula with all its terms."),
        ],
        hint="Put f = 120 and P = 130 into both formulas.",
    ),
    Exercise(
        id="ch5.5",
        prompt="input_gradients(W, U, h0, xs, direct): dL/dx_t for all t, shape (T, D)",
        kind="function",
        reference=_input_gradients,
        inputs=_inputs_case,
        mistakes=[
            Mistake(
                "the effect of each input on its own loss alone",
                _inputs_of_one_step,
                "An input acts on later losses too: carry delta back through U.",
            ),
            Mistake(
                "the gradient with the slope of the state before",
                _inputs_wrong_slope,
                "The input x_t makes h_t; the slope is 1 - h_t**2.",
            ),
            Mistake(
                "the gradient through U, not transposed",
                _inputs_transposed,
                "Adjoints go back along the connections: the transpose of U.",
            ),
            Mistake(
                "W transposed times the adjoint of h_t",
                _inputs_without_slope,
                "The input enters the net input: use delta_t, with the slope in it.",
            ),
            Mistake(
                "the gradient with no slope on the way back from step to step",
                _inputs_slope_at_the_exit,
                "What goes back through U is delta, with the slope of the later step in it.",
            ),
            Mistake(
                "the gradient by the input of the next step",
                _inputs_one_step_late,
                "Renew delta first, then multiply it with W transposed.",
            ),
        ],
        hint="The sweep is BPTT's; what is new is one product with W transposed at each step.",
    ),
    Exercise(
        id="ch5.6",
        prompt="least_wide(steps, slots, width): fewest unrecorded runs, width records at a time",
        kind="function",
        reference=_least_wide,
        inputs=_wide_case,
        mistakes=[
            Mistake(
                "the number for a single recorded step",
                _least_narrow,
                "A stretch of at most width steps needs no unrecorded run.",
            ),
            Mistake(
                "the number for slots that are never free again",
                _slots_not_free_again,
                "When the right part is done, its slot can be used for the left part.",
            ),
            Mistake(
                "the number without the way to the next stored state",
                _without_the_way_there,
                "To store a state after m steps, these m steps have to be run.",
            ),
            Mistake(
                "the number with the recorded runs",
                _recorded_runs_counted,
                "Only unrecorded runs count.",
            ),
            Mistake(
                "the number of stretches run, each counted once",
                _stretches_counted,
                "A stretch of w steps takes w runs; and the stretches need not be equal.",
            ),
        ],
        hint="Take the recursion of E(T, c) and change where it ends.",
    ),
    Exercise(
        id="ch5.7",
        prompt="rate_slope(eta, theta, xs, ds): dL/d eta of online learning, in one pass",
        kind="function",
        reference=_rate_slope,
        inputs=_rate_case,
        mistakes=[
            Mistake(
                "the slope without the error's own dependence on theta",
                _rate_immediate,
                "The error e_t contains theta_t, which depends on eta: one more term.",
            ),
            Mistake(
                "the effect of the last update alone",
                _rate_last_update,
                "The rate acted at every earlier step: carry z along.",
            ),
            Mistake(
                "the slope with z of the next step",
                _rate_too_early,
                "The loss of step t sees theta_t, before its update.",
            ),
            Mistake(
                "the slope with the wrong sign at x (x z)",
                _rate_wrong_term,
                "de/d eta is x z, and e stands under the minus of the update.",
            ),
            Mistake(
                "the slope of the last loss alone",
                _rate_last_loss,
                "L is the sum over all steps: add e (x z) at each.",
            ),
            Mistake("minus the slope", _rate_wrong_sign, "Check the sign of e = theta x - d."),
        ],
        hint="Differentiate theta - eta e x by eta, with e and theta both depending on it.",
    ),
]
