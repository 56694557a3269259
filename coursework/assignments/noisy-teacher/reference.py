"""A noisy teacher: hidden inputs, references, and other ways to the same values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations, product
from typing import Any

import numpy as np

from coursework.questions import Arguments, Mistake, Part, Question
from rnncore import Params
from rnncore.verify import complex_step

Array = np.ndarray

# The student's own experiment runs up to 20 seconds on the student's machine.
SECONDS_PER_CELL = 60

# -- hidden inputs ---------------------------------------------------------------------------


def drawn(rng: np.random.Generator, T: int, B: int, n: int, O: int) -> Arguments:  # noqa: E741
    """Everything but the weights of the loss; the recurrent weights let the state forget."""
    params = {
        "W": 0.7 * rng.normal(size=(n, O)) / np.sqrt(O),
        "U": 0.7 * rng.normal(size=(n, n)) / np.sqrt(n),
        "b": 0.3 * rng.normal(size=n),
        "V": rng.normal(size=(O, n)) / np.sqrt(n),
        "c": 0.3 * rng.normal(size=O),
    }
    targets, first, h0 = (rng.normal(size=shape) for shape in ((T, B, O), (B, O), (B, n)))
    return params, targets, first, h0, rng.uniform(0.2, 0.8, T), 0.3 * rng.normal(size=(T, B, O))


def forced(rng: np.random.Generator) -> list[Arguments]:
    cases = [drawn(rng, 6, 1, 3, 1), drawn(rng, 9, 2, 4, 2)]
    return [(*case[:4], np.ones_like(case[4]), 0 * case[5]) for case in cases]


def free(rng: np.random.Generator) -> list[Arguments]:
    cases = [drawn(rng, 7, 1, 4, 1), drawn(rng, 8, 3, 3, 2)]
    return [(*case[:4], 0 * case[4], case[5]) for case in cases]


def mixed(rng: np.random.Generator) -> list[Arguments]:
    return [drawn(rng, 5, 2, 3, 1), drawn(rng, 10, 3, 5, 2)]


def weighed(case: Arguments, weights: Array | None = None) -> Arguments:
    return (*case, np.ones(case[1].shape[:2]) if weights is None else weights)


def forced_gradients(rng: np.random.Generator) -> list[Arguments]:
    cases = [drawn(rng, 4, 1, 3, 1), drawn(rng, 8, 1, 4, 1)]
    return [weighed((*case[:4], np.ones_like(case[4]), 0 * case[5])) for case in cases]


def mixed_gradients(rng: np.random.Generator) -> list[Arguments]:
    cases = [drawn(rng, 3, 1, 3, 1), drawn(rng, 8, 1, 4, 1)]
    return [weighed((*case[:5], 0 * case[5])) for case in cases]


def batch_gradients(rng: np.random.Generator) -> list[Arguments]:
    cases = [drawn(rng, 5, 4, 3, 2), drawn(rng, 9, 3, 4, 3)]
    # Some steps do not count at all, the others to different degrees.
    masks = [rng.random(c[1].shape[:2]) * (rng.random(c[1].shape[:2]) < 0.7) for c in cases]
    return [weighed(case, mask) for case, mask in zip(cases, masks, strict=True)]


def large_gradients(rng: np.random.Generator) -> list[Arguments]:
    return [weighed(drawn(rng, 250, 1, 150, 1))]


def errors(*sizes: int, ties: bool = False) -> Callable[[np.random.Generator], list[Arguments]]:
    """Errors of two ways for so many seeds; with ties some pairs and differences are equal."""

    def cases(rng: np.random.Generator) -> list[Arguments]:
        found = []
        for size in sizes:
            b = rng.uniform(0.1, 0.3, size)
            a = b + rng.normal(0.03, 0.05, size)
            if ties:
                b = rng.integers(10, 20, size) / 64
                a = b + rng.permutation([0, 1, -1, *rng.integers(1, 5, size - 3)]) / 64
            found.append((a, b))
        return found

    return cases


# -- the right values ------------------------------------------------------------------------


def run(
    params: Mapping[str, Array], targets: Array, first: Array, h0: Array, trust: Array, noise: Array
) -> Array:
    """Sequence by sequence, the last heights shifted by one beforehand."""
    last = np.concatenate([first[None], targets[:-1]]) + noise
    sequences = []
    for b in range(len(first)):
        y, h, outputs = first[b], h0[b], []
        for t in range(len(targets)):
            heard = y + trust[t] * (last[t, b] - y)
            h = np.tanh(params["W"].dot(heard) + params["U"].dot(h) + params["b"])
            y = params["V"].dot(h) + params["c"]
            outputs.append(y)
        sequences.append(np.stack(outputs))
    return np.stack(sequences, axis=1)


def gradient(
    params: Mapping[str, Array],
    targets: Array,
    first: Array,
    h0: Array,
    trust: Array,
    noise: Array,
    weights: Array,
) -> dict[str, Any]:
    """With state and output as one vector, its Jacobian at each step, and adjoints of it."""
    W, U, b, V, c = (params[name] for name in "WUbVc")
    n, outputs = len(b), run(params, targets, first, h0, trust, noise)
    found = {name: np.zeros(params[name].shape) for name in "WUbVc"}
    loss = 0.0
    for k in range(len(first)):
        y, said = np.vstack([first[k], outputs[:-1, k]]), np.vstack([first[k], targets[:-1, k]])
        heard = y + trust[:, None] * (said + noise[:, k] - y)
        states = [h0[k]]
        for row in heard:
            states.append(np.tanh(W @ row + U @ states[-1] + b))
        adjoint = np.zeros(n + len(c))
        for t in range(len(targets) - 1, -1, -1):
            error = weights[t, k] * (outputs[t, k] - targets[t, k]) / len(first)
            loss += 0.5 * float(error @ (outputs[t, k] - targets[t, k]))
            adjoint[n:] += error
            slope = 1 - states[t + 1] ** 2
            # How h and y of this step move with the net input, and that with h and y before.
            rise = np.vstack([np.diag(slope), V * slope])
            delta = adjoint @ rise
            found["V"] += np.outer(adjoint[n:], states[t + 1])
            found["c"] += adjoint[n:]
            found["W"] += np.outer(delta, heard[t])
            found["U"] += np.outer(delta, states[t])
            found["b"] += delta
            adjoint = delta @ np.hstack([U, (1 - trust[t]) * W])
    return {"loss": loss, **found}


def differences(a: Array, b: Array) -> tuple[float, float]:
    ordered, size = sorted(float(x - y) for x, y in zip(a, b, strict=True)), len(a)
    middle = (ordered[(size - 1) // 2] + ordered[size // 2]) / 2
    return middle, sum(0.5 + 0.5 * float(np.sign(y - x)) for x, y in zip(a, b, strict=True))


def sign_flip(a: Array, b: Array) -> float:
    """All sums, one difference after the other."""
    sums = np.zeros(1)
    for x, y in zip(a, b, strict=True):
        sums = np.concatenate([sums + (x - y), sums - (x - y)])
    # The first sum is that of the differences as they are, and none is larger than sum |delta|.
    return float((np.abs(sums) >= abs(sums[0]) - 1e-9 * np.abs(sums).max()).mean())


# -- other ways, for the tests ---------------------------------------------------------------


def oracle_gradient(
    params: Mapping[str, Array],
    targets: Array,
    first: Array,
    h0: Array,
    trust: Array,
    noise: Array,
    weights: Array,
) -> dict[str, Any] | None:
    if len(h0[0]) > 10:
        return None

    def loss(moved: Any) -> Any:
        missed = run(moved, targets, first, h0, trust, noise) - targets
        return 0.5 * (weights[..., None] * missed**2).sum() / len(first)

    slopes = complex_step(loss, Params(params))
    return {"loss": loss(params), **{name: slopes[name] for name in params}}


def oracle_flip(a: Array, b: Array) -> float:
    signs = product((1, -1), repeat=len(a))
    sums = [abs(sum(s * (x - y) for s, x, y in zip(row, a, b, strict=True))) for row in signs]
    return sum(total >= sums[0] - 1e-9 * np.abs(a - b).sum() for total in sums) / len(sums)


ORACLES = {"gradient": oracle_gradient, "flip": oracle_flip}

# -- usual mistakes --------------------------------------------------------------------------


def cut(*case: Any) -> dict[str, Any]:
    """Own outputs heard as if they were given from outside."""
    params, targets, first, h0, trust, noise, weights = case
    y = np.concatenate([first[None], run(*case[:6])[:-1]])
    said = np.concatenate([first[None], targets[:-1]])
    # The same sounds, all of them called noise of the teacher: no way back through the output.
    heard = trust[:, None, None] * (said + noise) + (1 - trust)[:, None, None] * y
    return gradient(params, targets, first, h0, np.ones_like(trust), heard - said, weights)


def summed(*case: Any) -> dict[str, Any]:
    return {name: len(case[2]) * value for name, value in gradient(*case).items()}


def late_noise(*case: Any) -> Array:
    params, targets, first, h0, trust, noise = case
    weaker = noise * trust[:, None, None] ** -1
    return run(params, targets, first, h0, trust, weaker)


def one_sided(a: Array, b: Array) -> float:
    signs = np.array(list(product((1, -1), repeat=len(a))))
    sums = signs @ (a - b)
    return float((sums >= sums[0] - 1e-9 * np.abs(a - b).sum()).mean())


def unpaired(a: Array, b: Array) -> float:
    if len(a) > 8:
        raise ValueError("too many patterns")
    pool, size = np.concatenate([a, b]), len(a)
    picks = [pool[list(pick)].sum() for pick in combinations(range(2 * size), size)]
    sums = np.abs(2 * np.array(picks) - pool.sum())
    return float((sums >= sums[0] - 1e-9 * np.abs(a - b).sum()).mean())


QUESTIONS = (
    Question(
        "run",
        "run",
        run,
        (
            Part("teacher forcing", 1, forced),
            Part("a free run", 1, free),
            Part("a trust that changes, with noise", 1, mixed),
        ),
        mistakes=(Mistake("noise that the trust does not weigh", late_noise),),
    ),
    Question(
        "gradient",
        "gradient",
        gradient,
        (
            Part("teacher forcing", 1, forced_gradients),
            Part("a trust below one", 2, mixed_gradients),
            Part("noise, weights and batches", 1, batch_gradients),
            Part("150 units over 250 steps, within the time limit", 1, large_gradients),
        ),
        mistakes=(
            Mistake("a gradient that does not go through what the network hears of itself", cut),
            Mistake("a sum over the batch, not the mean", summed),
        ),
    ),
    Question(
        "differences",
        "differences",
        differences,
        (
            Part(
                "pairs with and without ties",
                1,
                lambda rng: [*errors(6, 9)(rng), *errors(7, 8, ties=True)(rng)],
            ),
        ),
        mistakes=(
            Mistake(
                "the difference of medians, not the median of differences",
                lambda a, b: (np.median(a) - np.median(b), differences(a, b)[1]),
            ),
            Mistake("ties that count nothing", lambda a, b: (np.median(a - b), np.sum(a < b))),
        ),
    ),
    Question(
        "flip",
        "sign_flip",
        sign_flip,
        (
            Part("five to twelve seeds", 1, errors(5, 8, 12)),
            Part("errors with ties", 1, errors(6, 7, 10, ties=True)),
            Part("two to four seeds", 1, errors(2, 3, 3, 4, 4, 4)),
        ),
        mistakes=(
            Mistake("a test with one side", one_sided),
            Mistake("a test that does not know the pairs", unpaired),
        ),
    ),
)
