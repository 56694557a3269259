"""The gauge that remembers twice: hidden inputs and the truth.

None of the truths is computed as the instructor's notebook does it. The states come from the
network with one lag and twice the units, the loss from sequences with their gaps cut out, walks
from powers of a matrix, derivatives from complex steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from coursework.questions import Arguments, Mistake, Part, Question
from rnncore.verify import complex_step_jacobian

Array = np.ndarray
Values = dict[str, Array]
SECONDS_PER_CELL = 10.0


# -- the truth -----------------------------------------------------------------------------


def one_lag(p: Values) -> Values:
    """The network with one lag, as blocks."""
    n, D = p["W"].shape
    return {
        "W": np.block([[p["W"]], [np.zeros((n, D))]]),
        "U": np.block([[p["U"], p["Q"]], [np.eye(n), np.zeros((n, n))]]),
        "b": np.concatenate([p["b"], np.zeros(n)]),
        "V": np.block([p["V"], np.zeros(p["V"].shape)]),
        "c": p["c"],
    }


def one_sequence(p: Values, x: Array, h0: Array, h_before: Array) -> Array:
    """States of one sequence, (T, n), by the network with one lag."""
    n, big, s = len(h0), one_lag(p), np.concatenate([h0, h_before])
    states = np.empty((len(x), n))
    for t, x_t in enumerate(x):
        a = big["W"] @ x_t + big["U"] @ s + big["b"]
        s = np.concatenate([np.tanh(a[:n]), a[n:]])
        states[t] = s[:n]
    return states


def run(p: Values, x: Array, h0: Array, h_before: Array) -> Values:
    """Question 1."""
    h = np.stack([one_sequence(p, x[:, b], h0[b], h_before[b]) for b in range(len(h0))], axis=1)
    return {"h": h, "y": np.einsum("ki,tbi->tbk", p["V"], h) + p["c"]}


def loss_with_gaps(p: Values, x: Array, d: Array, mask: Array, *past: Array) -> float:
    """Question 2: to stand still in a gap is to have a sequence without it."""
    total, batch = 0.0, mask.shape[1]
    for b in range(batch):
        kept = mask[:, b] == 1
        h = one_sequence(p, x[kept, b], *(state[b] for state in past))
        total += 0.5 * float(((h @ p["V"].T + p["c"] - d[kept, b]) ** 2).sum())
    return total / batch


def count_walks(A: Array, C: Array, m: int) -> Array:
    """Question 4: walks of one lag over pairs of times."""
    n = len(A)
    pairs = np.block([[A, C], [np.eye(n, dtype=int), np.zeros((n, n), int)]])
    return np.linalg.matrix_power(pairs, m)[:n, :n]


def chain_loss(weights: Array, x: Array, d: Array, mask: Array, *past: float) -> Array:
    """The loss of the unit of question 5; row 0 of ``weights`` is u, row 1 is q."""
    states: list[Any] = list(past[::-1])
    for u, q, x_t in zip(*weights, x, strict=True):
        states.append(u * states[-1] + q * states[-2] + x_t)
    return 0.5 * (mask * (np.array(states[2:]) - d) ** 2).sum()


def copies(u: Array, q: Array, *rest: Any) -> Values:
    """Question 5, by complex step."""
    by_u, by_q = complex_step_jacobian(lambda w: chain_loss(w, *rest), np.array([u, q]))
    return {"u": by_u, "q": by_q}


def by_group(u: Array, q: Array, group: Array, *rest: Any) -> Values:
    """Question 6, by complex step on the tied weights."""
    tied = np.array([u, q])
    by_u, by_q = complex_step_jacobian(lambda w: chain_loss(w[:, group], *rest), tied)
    return {"u": by_u, "q": by_q}


# -- usual mistakes ------------------------------------------------------------------------


def lags_exchanged(p: Values, *rest: Array) -> Values:
    return run(p | {"U": p["Q"], "Q": p["U"]}, *rest)


def not_averaged(p: Values, x: Array, d: Array, mask: Array, *past: Array) -> float:
    return loss_with_gaps(p, x, d, mask, *past) * mask.shape[1]


def over_readings(p: Values, x: Array, d: Array, mask: Array, *past: Array) -> float:
    return not_averaged(p, x, d, mask, *past) / mask.sum()


def masked_only(p: Values, x: Array, d: Array, mask: Array, *past: Array) -> float:
    error = run(p, x, *past)["y"] - d
    return 0.5 * (mask[:, :, None] * error**2).sum() / mask.shape[1]


def clock_runs_on(p: Values, x: Array, d: Array, mask: Array, *past: Array) -> float:
    """The state stays in a gap, but what was one step ago becomes two steps ago."""
    total, (last, before) = 0.0, past
    for x_t, d_t, m_t in zip(x, d, mask[:, :, None], strict=True):
        a = x_t @ p["W"].T + last @ p["U"].T + before @ p["Q"].T + p["b"]
        last, before = np.where(m_t == 1, np.tanh(a), last), last
        total += 0.5 * (m_t * (last @ p["V"].T + p["c"] - d_t) ** 2).sum()
    return total / mask.shape[1]


def oldest_first(p: Values) -> Values:
    right, n = one_lag(p), len(p["b"])
    axes: dict[str, Any] = {"W": 0, "U": (0, 1), "b": 0, "V": 1}
    return right | {name: np.roll(right[name], n, axis) for name, axis in axes.items()}


def sweep(u: Array, q: Array, x: Array, *rest: Any, second: float = 1.0, late: int = 1) -> Values:
    """Question 5 by the adjoints; right as it stands, wrong with other keywords."""
    d, mask, h0, h_before = rest
    h, bar = [h_before, h0], np.zeros(len(x) + 2)
    for u_t, q_t, x_t in zip(u, q, x, strict=True):
        h.append(u_t * h[-1] + q_t * h[-2] + x_t)
    u, q = np.append(u, [0, 0]), np.append(q, [0, 0])
    for t in reversed(range(len(x))):
        later = u[t + late] * bar[t + 1] + second * q[t + 2 * late] * bar[t + 2]
        bar[t] = mask[t] * (h[t + 2] - d[t]) + later
    return {"u": bar[:-2] * np.array(h[1:-1]), "q": bar[:-2] * np.array(h[:-2])}


def average(u: Array, q: Array, group: Array, *rest: Any) -> Values:
    count = np.maximum(np.bincount(group, minlength=len(u)), 1)
    return {name: value / count for name, value in by_group(u, q, group, *rest).items()}


# -- hidden inputs -------------------------------------------------------------------------


def network(rng: np.random.Generator, D: int, n: int, outputs: int) -> Values:
    """Random parameters, none of them zero."""
    shapes = {"W": (n, D), "U": (n, n), "Q": (n, n), "b": (n,), "V": (outputs, n)}
    p = {name: rng.normal(scale=0.7, size=shape) for name, shape in shapes.items()}
    return p | {"c": rng.normal(size=outputs)}


def stretch(
    rng: np.random.Generator, T: int, batch: int, sizes: tuple[int, int, int], past: float = 1.0
) -> Arguments:
    D, n, outputs = sizes
    x = rng.normal(size=(T, batch, D))
    h0, h_before = past * rng.uniform(-0.9, 0.9, size=(2, batch, n))
    return network(rng, D, n, outputs), x, h0, h_before


def at_rest(rng: np.random.Generator) -> list[Arguments]:
    return [stretch(rng, 7, 1, sizes, past=0.0) for sizes in ((1, 1, 1), (2, 3, 1))]


def moving(rng: np.random.Generator) -> list[Arguments]:
    return [stretch(rng, T, 1, (3, 4, 2)) for T in (1, 2, 9)]


def batches(rng: np.random.Generator) -> list[Arguments]:
    return [stretch(rng, 8, 5, (2, 3, 2)), stretch(rng, 4, 3, (3, 3, 3))]


def gaps(rng: np.random.Generator, mask: Array) -> Arguments:
    """Arguments of question 2; the logger's number stands in the gaps."""
    T, batch = mask.shape
    p, x, h0, h_before = stretch(rng, T, batch, (2, 3, 2))
    d = rng.normal(size=(T, batch, 2))
    seen = mask[:, :, None] == 1
    return p, np.where(seen, x, -99.0), np.where(seen, d, -99.0), mask, h0, h_before


def no_gap(rng: np.random.Generator) -> list[Arguments]:
    return [gaps(rng, np.ones((T, batch))) for T, batch in ((6, 2), (9, 4))]


def padding(rng: np.random.Generator) -> list[Arguments]:
    T = 9
    for_lengths = [rng.integers(3, T, size=4) for _ in range(2)]
    return [gaps(rng, (np.arange(T)[:, None] < lengths) * 1.0) for lengths in for_lengths]


def inside(rng: np.random.Generator) -> list[Arguments]:
    masks = []
    for T, batch in ((8, 1), (10, 4)):
        mask = (rng.random((T, batch)) < 0.65) * 1.0
        mask[0], mask[3], mask[4], mask[-1] = 1, 1, 0, 1  # a gap between readings in each
        masks.append(mask)
    return [gaps(rng, mask) for mask in masks]


def one_unit(rng: np.random.Generator) -> list[Arguments]:
    return [(network(rng, D, 1, outputs),) for D, outputs in ((1, 1), (3, 2))]


def several_units(rng: np.random.Generator) -> list[Arguments]:
    return [(network(rng, *sizes),) for sizes in ((2, 3, 1), (3, 4, 2), (2, 2, 2))]


def graphs(rng: np.random.Generator, n: int, steps: tuple[int, ...]) -> Iterator[Arguments]:
    for m in steps:
        A, C = (rng.random((2, n, n)) < 0.55).astype(int)
        A[0, -1], C[-1, 0] = 1, 1
        yield A, C, int(m)


def one_node(rng: np.random.Generator) -> list[Arguments]:
    m = int(rng.integers(9, 13))
    one, zero = np.ones((1, 1), int), np.zeros((1, 1), int)
    return [(one, one, m), (one, one, m - 5), (zero, one, m), (zero, one, m - 1)]


def many_nodes(rng: np.random.Generator) -> list[Arguments]:
    return [case for n in (2, 3, 5) for case in graphs(rng, n, (3, 8))]


def few_steps(rng: np.random.Generator) -> list[Arguments]:
    return [*graphs(rng, 3, (0, 1, 2)), *graphs(rng, 4, (0, 1, 2))]


def chain(rng: np.random.Generator, T: int, last: bool = False) -> Arguments:
    """Arguments of question 5 but for the weights."""
    x, d = rng.normal(size=(2, T))
    mask = (rng.random(T) < 0.7) * 1.0
    mask[: T - 1] *= not last
    mask[T - 1] = 1
    return x, d, mask, float(rng.normal()), float(rng.normal())


def copies_cases(rng: np.random.Generator, last: bool = False) -> list[Arguments]:
    return [
        (*rng.uniform(0.3, 1.1, size=(2, T)) * rng.choice([-1, 1], size=(2, T)),)
        + chain(rng, T, last)
        for T in (3, 6, 10)
    ]


def grouped(rng: np.random.Generator, groups: int, T: int) -> Arguments:
    u, q = rng.uniform(-1, 1, size=(2, groups))
    return (u, q, rng.integers(0, groups, size=T), *chain(rng, T))


def any_groups(rng: np.random.Generator) -> list[Arguments]:
    return [grouped(rng, groups, T) for groups, T in ((1, 6), (5, 4), (4, 12))]


QUESTIONS = (
    Question(
        "run",
        "run",
        run,
        (
            Part("a network at rest at the start", 1, at_rest),
            Part("initial states that are not zero", 2, moving),
            Part("a batch of sequences", 1, batches),
        ),
        mistakes=(
            Mistake("a network whose two lags are exchanged", lags_exchanged),
            Mistake("a network that takes h_0 for h_-1 too", lambda p, x, h, g: run(p, x, h, h)),
            Mistake("a network with h_-1 = 0", lambda p, x, h, g: run(p, x, h, 0 * g)),
        ),
    ),
    Question(
        "gaps",
        "loss_with_gaps",
        loss_with_gaps,
        (
            Part("sequences without a gap", 1, no_gap),
            Part("sequences of different lengths, padded", 1, padding),
            Part("gaps between readings", 2, inside),
        ),
        mistakes=(
            Mistake("the sum over the sequences, not the average", not_averaged),
            Mistake("the average over readings, not over sequences", over_readings),
            Mistake("a network that runs on through the gaps", masked_only),
            Mistake("a network that forgets its older state in a gap", clock_runs_on),
        ),
    ),
    Question(
        "companion",
        "one_lag",
        one_lag,
        (Part("one unit", 1, one_unit), Part("several units", 2, several_units)),
        mistakes=(Mistake("the state with the older half first", oldest_first),),
    ),
    Question(
        "walks",
        "count_walks",
        count_walks,
        (
            Part("one unit", 1, one_node),
            Part("several units", 2, many_nodes),
            Part("no, one and two steps", 1, few_steps),
        ),
        mistakes=(
            Mistake(
                "the powers of A + C, which count arrows and not time",
                lambda A, C, m: np.linalg.matrix_power(A + C, m),
            ),
        ),
    ),
    Question(
        "copies",
        "copies",
        copies,
        (
            Part("an error at the last step alone", 1, partial(copies_cases, last=True)),
            Part("errors at several steps", 2, copies_cases),
        ),
        mistakes=(
            Mistake("a sweep that leaves out the step from t to t + 2", partial(sweep, second=0.0)),
            Mistake(
                "a sweep that uses the copies of step t on the way to t", partial(sweep, late=0)
            ),
        ),
    ),
    Question(
        "groups",
        "by_group",
        by_group,
        (
            Part("flood and ebb", 1, lambda rng: [grouped(rng, 2, 9), grouped(rng, 2, 12)]),
            Part("any number of groups, some of them empty", 1, any_groups),
        ),
        mistakes=(Mistake("the average over the copies of a group", average),),
    ),
)


# -- the truth a second time -----------------------------------------------------------------


def by_loops(p: Values, x: Array, h0: Array, h_before: Array) -> Values:
    """Question 1 from the sheet, one weight at a time."""
    T, batch, n = len(x), *h0.shape
    h = np.empty((T + 2, batch, n))
    h[0], h[1] = h_before, h0
    for t, b, i in np.ndindex(T, batch, n):
        a = p["b"][i] + sum(p["W"][i, j] * x[t, b, j] for j in range(x.shape[2]))
        a += sum(p["U"][i, j] * h[t + 1, b, j] + p["Q"][i, j] * h[t, b, j] for j in range(n))
        h[t + 2, b, i] = np.tanh(a)
    return {"h": h[2:], "y": h[2:] @ p["V"].T + p["c"]}


def by_probing(p: Values) -> Values:
    """Question 3: the columns of the large matrices are what unit vectors are mapped to."""
    n, D = p["W"].shape

    def step(x: Array, s: Array) -> Array:
        return np.concatenate([p["W"] @ x + p["U"] @ s[:n] + p["Q"] @ s[n:], s[:n]])

    return {
        "W": np.column_stack([step(x, np.zeros(2 * n)) for x in np.eye(D)]),
        "U": np.column_stack([step(np.zeros(D), s) for s in np.eye(2 * n)]),
        "b": np.pad(p["b"], (0, n)),
        "V": np.pad(p["V"], ((0, 0), (0, n))),
        "c": p["c"],
    }


def by_listing(A: Array, C: Array, m: int) -> Array | None:
    """Question 4: every walk, one after the other."""
    if m > 8:
        return None
    n, found = len(A), np.zeros(A.shape, int)
    todo = [(start, 0, start) for start in range(n)]
    while todo:
        start, time, unit = todo.pop()
        if time == m:
            found[unit, start] += 1
        for lag, arrows in ((1, A), (2, C)):
            if time + lag <= m:
                ends = np.flatnonzero(arrows[:, unit])
                todo += [(start, time + lag, int(end)) for end in ends]
    return found


ORACLES = {
    "run": by_loops,
    "companion": by_probing,
    "walks": by_listing,
    "copies": sweep,
}
