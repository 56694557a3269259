"""How far the error reaches: hidden inputs, references, and other ways to the same values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from coursework.questions import Arguments, Mistake, Part, Question
from rnncore.verify import complex_step_jacobian

Array = np.ndarray
Params = Mapping[str, Any]

SECONDS_PER_CELL = 20

# -- hidden inputs ---------------------------------------------------------------------------


def weights(rng: np.random.Generator, n: int, D: int) -> dict[str, Any]:
    return {
        "W": rng.normal(size=(n, D)),
        "M": 0.8 * rng.normal(size=(n, n)) / np.sqrt(n),
        "b": 0.3 * rng.normal(size=n),
        "leak": float(rng.uniform(0.1, 0.3)),
        "step": float(rng.uniform(0.2, 0.4)),
    }


def drawn(rng: np.random.Generator, T: int, B: int, n: int, D: int) -> Arguments:
    """Parameters, inputs, and an initial state that is not zero."""
    return weights(rng, n, D), rng.normal(size=(T, B, D)), rng.normal(size=(B, n))


def sizes(*choices: tuple[int, int, int, int]) -> Callable[[np.random.Generator], list[Arguments]]:
    """Cases with these numbers of steps, sequences, units and inputs."""
    return lambda rng: [drawn(rng, *choice) for choice in choices]


def from_zero(rng: np.random.Generator) -> list[Arguments]:
    cases = [drawn(rng, 5, 1, 3, 2), drawn(rng, 7, 1, 4, 1)]
    return [(params, inputs, np.zeros_like(h0)) for params, inputs, h0 in cases]


def with_error(cases: Sequence[Arguments], rng: np.random.Generator) -> list[Arguments]:
    return [(*case, rng.normal(size=case[2].shape)) for case in cases]


def short(rng: np.random.Generator) -> list[Arguments]:
    return with_error(sizes((1, 1, 3, 2), (9, 2, 4, 3), (40, 3, 5, 2))(rng), rng)


def long(rng: np.random.Generator) -> list[Arguments]:
    cases = sizes((1500, 1, 4, 1), (3000, 2, 5, 1))(rng)
    for params, _, _ in cases:
        params["leak"], params["step"] = float(rng.uniform(0.6, 0.7)), 0.1
    return with_error(cases, rng)


def at_rest(rng: np.random.Generator) -> list[Arguments]:
    cases = sizes((4, 1, 4, 2), (9, 2, 5, 1))(rng)
    return [(p | {"b": 0 * p["b"]}, 0 * inputs, 0 * h0) for p, inputs, h0 in cases]


def matrix(rng: np.random.Generator, n: int, turn: float) -> Arguments:
    """A matrix and a step for which the step times the largest frequency is ``turn``."""
    M, step = rng.normal(size=(n, n)), float(rng.uniform(0.1, 0.5))
    return M * (turn / (step * float(np.linalg.norm(M - M.T, 2)))), step


def turning(*sizes: int) -> Callable[[np.random.Generator], list[Arguments]]:
    return lambda rng: [matrix(rng, n, rng.uniform(0.3, 0.9)) for n in sizes]


def some_without(rng: np.random.Generator) -> list[Arguments]:
    turns = (rng.uniform(0.3, 0.9), rng.uniform(1.1, 1.4), rng.uniform(2.1, 4))
    return [matrix(rng, n, turn) for n, turn in zip((5, 4, 3), turns, strict=True)]


def with_targets(rng: np.random.Generator, T: int, B: int, n: int, mask: Array) -> Arguments:
    params, inputs, h0 = drawn(rng, T, B, n, 2)
    return params, inputs, rng.normal(size=(T, B, n)), mask, h0


def last_only(rng: np.random.Generator) -> list[Arguments]:
    return [with_targets(rng, T, 1, 3, np.eye(T)[-1][:, None]) for T in (2, 6)]


def every_step(rng: np.random.Generator) -> list[Arguments]:
    return [with_targets(rng, T, 1, 4, np.ones((T, 1))) for T in (3, 7)]


def masked(rng: np.random.Generator) -> list[Arguments]:
    masks = [(rng.random(shape) < 0.6).astype(float) for shape in ((5, 4), (8, 3))]
    return [with_targets(rng, len(mask), mask.shape[1], 4, mask) for mask in masks]


def one_step(rng: np.random.Generator) -> list[Arguments]:
    return with_error(sizes((1, 1, 3, 2), (1, 2, 4, 1))(rng), rng)


def several_steps(rng: np.random.Generator) -> list[Arguments]:
    return with_error(sizes((5, 1, 4, 2), (12, 3, 5, 2))(rng), rng)


def many_units(rng: np.random.Generator) -> list[Arguments]:
    return with_error(sizes((25, 2, 150, 1))(rng), rng)


# -- the right values ------------------------------------------------------------------------
# Sequence by sequence with column vectors: not the way of the solution, which runs the batch.


def skew(params: Params) -> Array:
    return params["M"] - params["M"].T


def path(params: Params, x: Array, h: Array, each: Sequence[Array] = ()) -> list[Array]:
    """States of one sequence; ``each`` gives M for each step by itself."""
    found = [h]
    for t, row in enumerate(x):
        M = each[t] if each else params["M"]
        net = params["W"].dot(row) + M.dot(h) - M.T.dot(h) + params["b"]
        h = h - params["leak"] * h + params["step"] * np.tanh(net)
        found.append(h)
    return found


def end(params: Params, x: Array, h: Array) -> Array:
    return path(params, x, h)[-1]


def run(params: Params, inputs: Array, h0: Array) -> Array:
    found = [path(params, inputs[:, b], h0[b]) for b in range(len(h0))]
    return np.stack([np.stack(one) for one in found], axis=1)


def jacobians(params: Params, inputs: Array, h0: Array) -> Array:
    states, S = run(params, inputs, h0), skew(params)
    found = np.empty((*states[1:].shape, len(S)))
    for t, b in np.ndindex(*found.shape[:2]):
        # What was added is step * tanh(a), and tanh' = 1 - tanh^2.
        y = (states[t + 1, b] - (1 - params["leak"]) * states[t, b]) / params["step"]
        found[t, b] = (1 - params["leak"]) * np.eye(len(S)) + params["step"] * np.diag(1 - y**2) @ S
    return found


def carried(D: Array, e: Array) -> Array:
    """Logarithms of norms, with exact powers of two taken out of the error as it shrinks."""
    logs = np.empty((len(D) + 1, len(e)))
    for b, v in enumerate(e):
        power = 0
        logs[0, b] = 0.5 * np.log10(v @ v)
        for age in range(1, len(D) + 1):
            v = D[-age, b].T @ v
            shift = int(np.frexp(np.abs(v).max())[1])
            v, power = np.ldexp(v, -shift), power + shift
            logs[age, b] = 0.5 * np.log10(v @ v) + power * np.log10(2)
    return logs


def reach(params: Params, inputs: Array, h0: Array, e: Array) -> Array:
    return carried(jacobians(params, inputs, h0), e)


def summed(smallest: Array, largest: Array) -> Array:
    """Logarithms of products over the last steps, none, one, two, ..."""
    logs = np.log10(np.stack([smallest, largest]))
    steps = range(logs.shape[1] + 1)
    return np.stack([logs[:, len(steps) - 1 - age :].sum(axis=1) for age in steps], axis=1)


def bounds(params: Params, inputs: Array, h0: Array) -> Array:
    D = jacobians(params, inputs, h0)
    squares = np.linalg.eigvalsh(D @ D.swapaxes(-1, -2))
    return summed(np.sqrt(squares[..., 0]), np.sqrt(squares[..., -1]))


def leak_needed(M: Array, step: float) -> float:
    turn = step * float(np.abs(np.linalg.eigvals(M - M.T)).max())
    return 1 - float(np.sqrt((1 - turn) * (1 + turn))) if turn <= 1 else -1.0


def by_age_of_S(params: Params, inputs: Array, targets: Array, mask: Array, h0: Array) -> Array:
    """By products of Jacobians from each step to each later one."""
    states, D, S = run(params, inputs, h0), jacobians(params, inputs, h0), skew(params)
    found = np.zeros((len(inputs), *S.shape))
    for b, k in np.ndindex(len(h0), len(inputs)):
        net = params["W"] @ inputs[k, b] + S @ states[k, b] + params["b"]
        onward = np.diag(params["step"] / np.cosh(net) ** 2)
        for t in range(k, len(inputs)):
            onward = onward if t == k else D[t, b] @ onward
            error = mask[t, b] * (states[t + 1, b] - targets[t, b])
            found[t - k] += np.outer(onward.T @ error, states[k, b]) / len(h0)
    return found


def by_age(*case: Any) -> Array:
    shares = by_age_of_S(*case)
    return shares - shares.swapaxes(-1, -2)


def orthogonal_path(params: Params, x: Array, h: Array) -> list[Array]:
    eye = np.eye(len(params["M"]))
    Q = 2 * np.linalg.inv(eye - skew(params)) - eye
    found = [h]
    for row in x:
        found.append(Q @ found[-1] + params["step"] * np.tanh(params["W"] @ row + params["b"]))
    return found


def orthogonal_gradient(params: Params, inputs: Array, h0: Array, e: Array) -> Array:
    """With Q = 2 R - I and R = (I - S)^-1, so that dQ = 2 R dS R."""
    eye = np.eye(len(params["M"]))
    R = np.linalg.inv(eye - skew(params))
    by_Q = np.zeros_like(eye)
    for b, row in enumerate(e):
        v = row
        for before in orthogonal_path(params, inputs[:, b], h0[b])[-2::-1]:
            by_Q, v = by_Q + np.outer(v, before), (2 * R - eye).T @ v
    by_S = 2 * R.T @ by_Q @ R.T
    return by_S - by_S.T


# -- other ways, for the tests ---------------------------------------------------------------


def oracle_reach(params: Params, inputs: Array, h0: Array, e: Array) -> Array | None:
    if len(inputs) > 100:
        return None
    states, T = run(params, inputs, h0), len(inputs)
    found = np.empty((T + 1, len(h0)))
    for age, b in np.ndindex(*found.shape):
        rest = inputs[T - age :, b]
        whole = complex_step_jacobian(partial(end, params, rest), states[T - age, b])
        found[age, b] = np.log10(np.linalg.norm(whole.T @ e[b]))
    return found


def oracle_leak(M: Array, step: float) -> float:
    """By bisection on the norm itself, where it falls with the leak: below a leak of one."""

    def grows(leak: float) -> bool:
        return bool(np.linalg.norm((1 - leak) * np.eye(len(M)) + step * (M - M.T), 2) > 1)

    low, high = 0.0, 1.0
    if grows(high):
        return -1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if grows(middle) else (low, middle)
    return high


def oracle_age(params: Params, inputs: Array, targets: Array, mask: Array, h0: Array) -> Array:
    """The weights of one step moved at a time, by complex step."""
    T, B = mask.shape
    found = np.zeros((T, *params["M"].shape))

    def losses(k: int, moved: Array) -> Array:
        schedule = [moved if t == k else params["M"] for t in range(T)]
        states = [path(params, inputs[:, b], h0[b], schedule)[1:] for b in range(B)]
        error = np.stack([np.stack(one) for one in states], axis=1) - targets
        return 0.5 * (mask[..., None] * error**2).sum(axis=(1, 2)) / B

    for k in range(T):
        share = complex_step_jacobian(partial(losses, k), params["M"])
        for t in range(k, T):
            found[t - k] += share[t]
    return found


def oracle_orthogonal(params: Params, inputs: Array, h0: Array, e: Array) -> Array | None:
    if len(params["M"]) > 10:
        return None

    def loss(M: Array) -> Any:
        ends = [orthogonal_path({**params, "M": M}, inputs[:, b], h0[b])[-1] for b in range(len(e))]
        return sum(row @ end for row, end in zip(e, ends, strict=True))

    return complex_step_jacobian(loss, params["M"])


ORACLES = {
    "reach": oracle_reach,
    "leak": oracle_leak,
    "age": oracle_age,
    "orthogonal": oracle_orthogonal,
}

# -- usual mistakes --------------------------------------------------------------------------


def transposed(*case: Any) -> Array:
    return jacobians(*case).swapaxes(-1, -2)


def wrong_side(params: Params, inputs: Array, h0: Array) -> Array:
    keep = (1 - params["leak"]) * np.eye(len(params["M"]))
    return 2 * keep - transposed(params, inputs, h0)


def eigenvalues(*case: Any) -> Array:
    moduli = np.abs(np.linalg.eigvals(jacobians(*case)))
    return summed(moduli.min(axis=-1), moduli.max(axis=-1))


def slips(parts: Mapping[str, Callable[..., Any]]) -> tuple[Mistake, ...]:
    return tuple(Mistake(name, wrong) for name, wrong in parts.items())


QUESTIONS = (
    Question(
        "run",
        "run",
        run,
        (
            Part("a start from zero", 1, from_zero),
            Part("other initial states, and batches", 1, sizes((4, 2, 3, 2), (8, 3, 5, 1))),
        ),
    ),
    Question(
        "jacobians",
        "jacobians",
        jacobians,
        (
            Part("a single step", 1, sizes((1, 1, 3, 2), (1, 1, 4, 1))),
            Part("several steps and batches", 1, sizes((5, 2, 3, 2), (7, 3, 4, 2))),
        ),
        mistakes=slips(
            {"the transposed Jacobians": transposed, "slopes on the columns of S": wrong_side}
        ),
    ),
    Question(
        "reach",
        "reach",
        reach,
        (Part("ages up to forty", 2, short), Part("thousands of steps", 2, long)),
        mistakes=slips(
            {
                "D times the error, not its transpose": lambda *c: carried(
                    transposed(*c[:3]), c[3]
                ),
                "the same norms in the order of time, not of age": lambda *c: reach(*c)[::-1],
            }
        ),
    ),
    Question(
        "bounds",
        "bounds",
        bounds,
        (
            Part("units at rest", 1, at_rest),
            Part("units that move", 1, sizes((6, 1, 4, 2), (12, 3, 3, 2))),
        ),
        mistakes=slips({"eigenvalues in place of singular values": eigenvalues}),
    ),
    Question(
        "leak",
        "leak_needed",
        leak_needed,
        (
            Part("two units", 1, turning(2, 2, 2)),
            Part("any number of units", 1, turning(3, 4, 7, 12)),
            Part("matrices among which some have no such leak", 1, some_without),
        ),
        mistakes=slips(
            {"a sum of norms, not the norm of a sum": lambda M, e: e * np.linalg.norm(M - M.T, 2)}
        ),
    ),
    Question(
        "age",
        "by_age",
        by_age,
        (
            Part("a loss at the last step only", 1, last_only),
            Part("a loss at each step", 2, every_step),
            Part("batches with masks", 1, masked),
        ),
        mistakes=slips(
            {
                "the gradient by S, not by M": by_age_of_S,
                "a sum over the batch, not the mean": lambda *c: len(c[-1]) * by_age(*c),
            }
        ),
    ),
    Question(
        "orthogonal",
        "orthogonal_gradient",
        orthogonal_gradient,
        (
            Part("a single step", 1, one_step),
            Part("several steps", 1, several_steps),
            Part("many units, within the time limit", 1, many_units),
        ),
    ),
)
