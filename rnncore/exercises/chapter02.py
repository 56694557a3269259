"""Exercises of chapter 2: a recurrent network is a deep network with tied weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnncore.exercises.model import Exercise, Mistake

Array = np.ndarray


# ch2.4: the unrolled graph of a network with two delays


def _unrolled(one: Array, two: Array, steps: int) -> Array:
    times = steps + 1
    return np.kron(np.eye(times, k=-1), one) + np.kron(np.eye(times, k=-2), two)


def _backwards(one: Array, two: Array, steps: int) -> Array:
    times = steps + 1
    return np.kron(np.eye(times, k=1), one) + np.kron(np.eye(times, k=2), two)


def _turned_blocks(one: Array, two: Array, steps: int) -> Array:
    return _unrolled(one.T, two.T, steps)


def _units_outside(one: Array, two: Array, steps: int) -> Array:
    times = steps + 1
    return np.kron(one, np.eye(times, k=-1)) + np.kron(two, np.eye(times, k=-2))


def _without_start(one: Array, two: Array, steps: int) -> Array:
    return _unrolled(one, two, steps - 1)


def _two_graphs(rng: np.random.Generator) -> tuple[Array, Array, int]:
    return rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), int(rng.integers(3, 6))


# ch2.5: the derivative of each copy in a deep chain of tanh units


def _states(w: Array, x: Array, h0: float) -> list[float]:
    h = [h0]
    for weight, u in zip(w, x, strict=True):
        h.append(float(np.tanh(weight * h[-1] + u)))
    return h


def _copies(w: Array, x: Array, h0: float, d: float) -> Array:
    h = _states(w, x, h0)
    bar, grads = h[-1] - d, np.zeros(len(w))
    for t in reversed(range(len(w))):
        delta = bar * (1 - h[t + 1] ** 2)
        grads[t], bar = delta * h[t], delta * w[t]
    return grads


def _no_slopes(w: Array, x: Array, h0: float, d: float) -> Array:
    h = _states(w, x, h0)
    bar, grads = h[-1] - d, np.zeros(len(w))
    for t in reversed(range(len(w))):
        grads[t], bar = bar * h[t], bar * w[t]
    return grads


def _state_after(w: Array, x: Array, h0: float, d: float) -> Array:
    h = _states(w, x, h0)
    bar, grads = h[-1] - d, np.zeros(len(w))
    for t in reversed(range(len(w))):
        delta = bar * (1 - h[t + 1] ** 2)
        grads[t], bar = delta * h[t + 1], delta * w[t]
    return grads


def _neighbor(w: Array, x: Array, h0: float, d: float) -> Array:
    h = _states(w, x, h0)
    bar, grads = h[-1] - d, np.zeros(len(w))
    for t in reversed(range(len(w))):
        delta = bar * (1 - h[t + 1] ** 2)
        grads[t], bar = delta * h[t], delta * w[t - 1]
    return grads


def _added_up(w: Array, x: Array, h0: float, d: float) -> Array:
    return np.asarray(_copies(w, x, h0, d).sum())


def _chain(rng: np.random.Generator) -> tuple[Array, Array, float, float]:
    steps = int(rng.integers(3, 7))
    w, x = rng.uniform(0.5, 1.5, size=steps), rng.normal(size=steps)
    return w, x, float(rng.uniform(0.3, 0.9)), float(rng.normal())


# ch2.7: how far the copies agree


def _agreement(copies: Array) -> float:
    return float((copies.sum(axis=0) ** 2).sum() / (len(copies) * (copies**2).sum()))


def _speed(copies: Array) -> float:
    return len(copies) * _agreement(copies)


def _root(copies: Array) -> float:
    return float(np.sqrt(_agreement(copies)))


def _mean_cosine(copies: Array) -> float:
    rows = copies / np.linalg.norm(copies, axis=1, keepdims=True)
    return float((rows @ rows.T).mean())


def _copies_of_gradient(rng: np.random.Generator) -> tuple[Array]:
    return (rng.normal(size=(int(rng.integers(4, 8)), 11)) + rng.normal(size=11),)


def _array(*numbers: float) -> Any:
    return np.array(numbers)


EXERCISES = [
    Exercise(
        id="ch2.1",
        prompt="w = 3, h0 = 1, x = (-1, 1, -10), d = 9: the derivatives by w(1), w(2), w(3)",
        kind="array",
        reference=_array(18, 12, 14),
        mistakes=[
            Mistake(
                "the products with h_t instead of h_{t-1}",
                _array(36, 42, 22),
                "The copy w(t) multiplies the state before step t.",
            ),
            Mistake("in reverse order", _array(14, 12, 18), "The first entry belongs to w(1)."),
            Mistake(
                "the derivative of h_3",
                _array(9, 6, 7),
                "The loss is (h_3 - d)**2 / 2, so its derivative by h_3 is h_3 - d.",
            ),
        ],
        hint="Run forward for h_1, h_2, h_3, then backward: each adjoint is w times the later one.",
    ),
    Exercise(
        id="ch2.2",
        prompt="3 fully connected units: paths from unit 1 at t = 1 to unit 2 at t = 6",
        kind="value",
        reference=81,
        mistakes=[
            Mistake(
                "the number of paths to all units together",
                243,
                "The last unit of the path is given, so the last step leaves no choice.",
            ),
            Mistake(
                "the number of paths for a walk of one step more",
                729,
                "From t = 1 to t = 6 there are five steps.",
            ),
            Mistake("the number of connections on the way", 45, "Count paths, not connections."),
        ],
        hint="Look at the powers of the matrix of ones.",
    ),
    Exercise(
        id="ch2.3",
        prompt="You add the copies' derivatives at rate 0.01, T = 25: which rate with the average?",
        kind="value",
        reference=0.25,
        mistakes=[
            Mistake(
                "the rate for the way back, from the average to the sum",
                0.0004,
                "The average is the smaller of the two, so its rate has to be the larger.",
            ),
            Mistake("your own rate", 0.01, "The average is the sum divided by T."),
        ],
    ),
    Exercise(
        id="ch2.4",
        prompt="unrolled_with_delays(one, two, steps): the unrolled graph, delays 1 and 2",
        kind="function",
        reference=_unrolled,
        inputs=_two_graphs,
        mistakes=[
            Mistake(
                "the graph with all arrows turned back in time",
                _backwards,
                "Rows are targets: a later time stands in a lower row.",
            ),
            Mistake(
                "the graph with each block transposed",
                _turned_blocks,
                "Inside a block row i is the target too, as in the matrices that are given.",
            ),
            Mistake(
                "ordered by unit first and by time second",
                _units_outside,
                "Unit j at time s has the place s n + j: time is the outer factor.",
            ),
            Mistake(
                "without the initial state",
                _without_start,
                "The times are 0 to T: T + 1 of them.",
            ),
        ],
        hint="np.kron(np.eye(T + 1, k=-1), A) is the graph with delay 1.",
    ),
    Exercise(
        id="ch2.5",
        prompt="tanh_copies(w, x, h0, d): dL/dw(t) for each copy of a tanh chain",
        kind="function",
        reference=_copies,
        inputs=_chain,
        mistakes=[
            Mistake(
                "right for an identity unit",
                _no_slopes,
                "On its way back through a unit the adjoint is multiplied by 1 - h_t**2.",
            ),
            Mistake(
                "the product with the state after the step",
                _state_after,
                "The copy w(t) multiplies the state before step t.",
            ),
            Mistake(
                "carried back through the copy of the step before",
                _neighbor,
                "From h_t to h_{t-1} the adjoint passes the copy w(t) itself.",
            ),
            Mistake(
                "the derivative of the tied weight",
                _added_up,
                "Do not add the copies up: return one number for each.",
            ),
        ],
    ),
    Exercise(
        id="ch2.6",
        prompt="Copies (1, 2, 3) of a chain under gradient flow, until their product is 12",
        kind="array",
        reference=_array(1.57992433, 2.34438924, 3.23977791),
        mistakes=[
            Mistake(
                "three equal copies",
                _array(2.2894285, 2.2894285, 2.2894285),
                "Copies that start different stay different: what is conserved?",
            ),
            Mistake(
                "the start, scaled",
                _array(1.2599210, 2.5198421, 3.7797631),
                "Ratios are not conserved. Look at the differences of squares.",
            ),
            Mistake(
                "the start, shifted",
                _array(1.4348414, 2.4348414, 3.4348414),
                "Differences are not conserved. Look at the differences of squares.",
            ),
        ],
        hint="w(s)**2 - w(t)**2 does not change along the flow.",
    ),
    Exercise(
        id="ch2.7",
        prompt="copies_agree(copies): ||sum g(t)||^2 / (T sum ||g(t)||^2) of an array (T, P)",
        kind="function",
        reference=_agreement,
        inputs=_copies_of_gradient,
        mistakes=[
            Mistake(
                "T times the agreement",
                _speed,
                "Divide by T, so that equal copies give 1.",
            ),
            Mistake(
                "the square root of the agreement",
                _root,
                "Both norms are squared.",
            ),
            Mistake(
                "the mean cosine of all pairs of copies",
                _mean_cosine,
                "A long gradient counts more than a short one: do not normalize each copy.",
            ),
        ],
    ),
]
