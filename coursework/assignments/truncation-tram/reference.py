"""Questions of the assignment on truncation.

The truth pushes the effects of each copy of the weights on with Jacobians; no adjoint goes back.
The oracles are complex steps through forward passes that hold back what the rule holds back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from coursework.questions import Mistake, Part, Question
from rnncore.verify import complex_step_jacobian

Array = np.ndarray
Weights = dict[str, Array]


def step(params: Weights, h: Array, x: Array) -> Array:
    a = x @ params["W"].T + h @ params["U"].T + params["b"]
    return params["alpha"] * h + np.tanh(a)


def run(params: Weights, h0: Array, xs: Array) -> Array:
    h = [h0]
    for x in xs:
        h.append(step(params, h[-1], x))
    return np.array(h)


def weighted(e: Array) -> Array:
    return np.where(e.real < 0, 3, 1) * e  # the derivative of the loss by the output


def loss(params: Weights, h: Array, d: Array) -> Array:
    e = h @ params["V"].T + params["c"] - d
    return (0.5 * weighted(e) * e).sum()


def jacobian(params: Weights, h: Array, x: Array) -> Array:
    """dh_t/dh_{t-1} of one tram, (n, n), at the old state."""
    slope = 1 / np.cosh(x @ params["W"].T + h @ params["U"].T + params["b"]) ** 2
    return np.diag(params["alpha"]) + slope[:, None] * params["U"]


def immediate(params: Weights, h: Array, x: Array, name: str) -> Array:
    """dh_t/d params[name] of one tram with the old state held, (n, *shape)."""
    slope = 1 / np.cosh(x @ params["W"].T + h @ params["U"].T + params["b"]) ** 2
    F = np.zeros((len(h), *params[name].shape))
    for i in range(len(h)):
        F[i, i] = h[i] if name == "alpha" else slope[i] * {"W": x, "U": h, "b": 1.0}[name]
    return F


def errors(params: Weights, h: Array, ds: Array) -> Array:
    """dl_t/dh_t of one tram, (T, n)."""
    return weighted(h[1:] @ params["V"].T + params["c"] - ds) @ params["V"]


def shares(params: Weights, h0: Array, xs: Array, ds: Array, name: str) -> Array:
    h, T = run(params, h0, xs), len(xs)
    g, C = errors(params, h, ds), np.zeros((T, T, *params[name].shape))
    for k in range(T):
        effect = immediate(params, h[k], xs[k], name)
        for t in range(k, T):
            if t > k:
                effect = np.tensordot(jacobian(params, h[t], xs[t]), effect, 1)
            C[t, k] = np.tensordot(g[t], effect, 1)
    return C


def credit(doors: Array, kappa: int) -> Array:
    T = len(doors)
    omega = np.zeros((T, T))
    for t, k in zip(*np.tril_indices(T), strict=True):
        omega[t, k] = t - k < kappa or not doors[k + 1 : t + 1].any()
    return omega


def by_rule(rule: Callable[..., Array], *given: Any) -> Array:
    """The mean over the trams of the shares that a rule counts; rule(b) is (T, T)."""
    params, h0, xs, ds, mask, name = given
    total = np.zeros(params[name].shape)
    for b in range(len(h0)):
        C = shares(params, h0[b], xs[:, b], ds[:, b], name)
        total += np.tensordot(mask[:, b, None] * rule(b), C, 2)
    return total / len(h0)


def door_gradient(*given: Any) -> Array:
    *stream, doors, kappa, name = given
    return by_rule(lambda b: credit(doors[:, b], kappa), *stream, name)


def faded(
    params: Weights, h0: Array, xs: Array, ds: Array, mask: Array, fade: Array, name: str
) -> Array:
    total = np.zeros(params[name].shape)
    for b in range(len(h0)):
        h = run(params, h0[b], xs[:, b])
        g, J = errors(params, h, ds[:, b]), np.zeros((h.shape[1], *total.shape))
        for t, x in enumerate(xs[:, b]):
            J = fade[t, b] * np.tensordot(jacobian(params, h[t], x), J, 1)
            J += immediate(params, h[t], x, name)
            total += mask[t, b] * np.tensordot(g[t], J, 1)
    return total / len(h0)


def fading(params: Weights, h0: Array, xs: Array, ds: Array, eps: float) -> Array:
    h, T = run(params, h0, xs), len(xs)
    g, omega = errors(params, h, ds), np.zeros((T, T))
    for t in range(T):
        product = np.eye(len(h0))
        for k in range(t, -1, -1):
            if np.linalg.norm(g[t] @ product) < eps * np.linalg.norm(g[t]):
                break
            omega[t, k] = 1
            product = product @ jacobian(params, h[k], xs[k])
    return omega


def adaptive(*given: Any) -> Array:
    params, h0, xs, ds, mask, eps, name = given
    return by_rule(lambda b: fading(params, h0[b], xs[:, b], ds[:, b], eps), *given[:5], name)


def biases(gamma: float, kappa: int, lam: float) -> tuple[float, float]:
    ages = gamma ** np.arange(5000.0)
    faint = (lam * gamma) ** np.arange(5000.0)
    return 1 - ages[:kappa].sum() / ages.sum(), 1 - faint.sum() / ages.sum()


def equal_fade(gamma: float, kappa: int) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        window, fade = biases(gamma, kappa, middle)
        low, high = (middle, high) if fade > window else (low, middle)
    return (low + high) / 2


def enough(doors: Array, mask: Array) -> int:
    T, B = mask.shape
    for kappa in range(1, T + 1):
        seen = (credit(doors[:, b], kappa) == np.tri(T) for b in range(B))
        if all(rows.all(axis=1)[mask[:, b] > 0].all() for b, rows in enumerate(seen)):
            return kappa
    return T


def window_gradient(first: Callable[[int, int], int], *given: Any) -> Array:
    """By definition: loss t of tram b, by the weights of the steps from first(t, b) on."""
    params, h0, xs, ds, mask, name = given
    total = np.zeros(params[name].shape)
    for t, b in np.argwhere(mask > 0):
        start = first(t, b)
        held, rest = run(params, h0[b], xs[:start, b])[-1], xs[start : t + 1, b]

        def late(w: Array, held: Array = held, rest: Array = rest, d: Array = ds[t, b]) -> Array:
            return loss(params, run({**params, name: w}, held, rest)[-1], d)

        total += complex_step_jacobian(late, params[name])
    return total / len(h0)


def _door_oracle(*given: Any) -> Array:
    *stream, doors, kappa, name = given

    def first(t: int, b: int) -> int:
        stops = np.flatnonzero(doors[: t + 1, b])
        return max(0, min(stops[-1] if len(stops) else 0, t - kappa + 1))

    return window_gradient(first, *stream, name)


def _adaptive_oracle(*given: Any) -> Array:
    params, h0, xs, ds, mask, eps, name = given

    def last(h: Array, rest: Array, d: Array) -> Array:
        return loss(params, run(params, h, rest)[-1], d)

    def norm(t: int, k: int, b: int) -> float:
        state, rest = run(params, h0[b], xs[: k + 1, b])[-1], xs[k + 1 : t + 1, b]
        return float(
            np.linalg.norm(complex_step_jacobian(lambda h: last(h, rest, ds[t, b]), state))
        )

    def first(t: int, b: int) -> int:
        k = t
        while k > 0 and norm(t, k - 1, b) >= eps * norm(t, t, b):
            k -= 1
        return k

    return window_gradient(first, params, h0, xs, ds, mask, name)


def _faded_oracle(*given: Any) -> Array:
    """A forward pass whose states are right and whose derivatives fade."""
    params, h0, xs, ds, mask, fade, name = given

    def surrogate(w: Array) -> Array:
        moved, total = {**params, name: w}, np.zeros((), complex)
        for b in range(len(h0)):
            truly = run(params, h0[b], xs[:, b])
            h = truly[0]
            for t in range(len(xs)):
                h = step(moved, truly[t] + fade[t, b] * (h - truly[t]), xs[t, b])
                total = total + mask[t, b] * loss(params, h, ds[t, b])
        return total / len(h0)

    return complex_step_jacobian(surrogate, params[name])


def _shares_oracle(params: Weights, h0: Array, xs: Array, ds: Array, name: str) -> Array:
    def by_copies(copies: Array) -> Array:
        h, found = h0, []
        for copy, x, d in zip(copies, xs, ds, strict=True):
            h = step({**params, name: copy}, h, x)
            found.append(loss(params, h, d))
        return np.array(found)

    return complex_step_jacobian(by_copies, np.stack([params[name]] * len(xs)))


ORACLES = {
    "shares": _shares_oracle,
    "doors": _door_oracle,
    "faded": _faded_oracle,
    "adaptive": _adaptive_oracle,
    "known": lambda gamma, kappa, lam: (gamma**kappa, gamma * (1 - lam) / (1 - lam * gamma)),
    "equal": lambda gamma, kappa: (1 - gamma ** (kappa - 1)) / (1 - gamma**kappa),
}


def draw(rng: np.random.Generator, T: int, B: int, D: int, n: int, outputs: int) -> list[Any]:
    """Random parameters and a ride: params, h0 (B, n), xs, ds."""
    params = {
        "alpha": rng.uniform(0.3, 0.8, n),
        "W": rng.normal(size=(n, D)),
        "U": 0.8 * rng.normal(size=(n, n)) / np.sqrt(n),
        "b": 0.3 * rng.normal(size=n),
        "V": rng.normal(size=(outputs, n)),
        "c": rng.normal(size=outputs),
    }
    ride = rng.normal(size=(B, n)), rng.normal(size=(T, B, D)), rng.normal(size=(T, B, outputs))
    return [params, *ride]


def stops(rng: np.random.Generator, T: int, B: int) -> Array:
    """Where the doors were open: here and there, and for each tram once in the later half."""
    doors = (rng.random((T, B)) < 0.15).astype(float)
    doors[rng.integers(T // 2, T - 2, B), np.arange(B)] = 1
    return doors


def known_counts(rng: np.random.Generator, T: int, B: int) -> Array:
    known = (rng.random((T, B)) < 0.7).astype(float)
    known[2], known[-1] = 0, 1
    return known


SIZES = ((8, 2, 3, 1), (11, 1, 4, 2))  # T, D, n, outputs
OTHERS, ALPHA = ("W", "U", "b"), 3 * ("alpha",)
SUM = "a sum over the trams in place of the mean"


def _shares(*names: str) -> Callable[..., list[Any]]:
    def cases(rng: np.random.Generator) -> list[Any]:
        drawn = [(draw(rng, T, 1, D, n, o), name) for name in names for T, D, n, o in SIZES]
        return [(p, h0[0], xs[:, 0], ds[:, 0], name) for (p, h0, xs, ds), name in drawn]

    return cases


def _rides(B: int, rule: str, names: tuple[str, ...] = OTHERS) -> Callable[..., list[Any]]:
    def cases(rng: np.random.Generator) -> list[Any]:
        found = []
        for name in names:
            for T, D, n, o in SIZES:
                mask = np.ones((T, B)) if B == 1 else known_counts(rng, T, B)
                params, *ride = draw(rng, T, B, D, n, o)
                params["U"] = params["U"] * (2.5 if rule == "norm" else 1)  # norms that grow again
                found.append((params, *ride, mask, *RULES[rule](rng, T, B), name))
        return found

    return cases


RULES: dict[str, Callable[..., list[Any]]] = {
    "doors": lambda rng, T, B: [stops(rng, T, B), int(rng.integers(2, 4))],
    "constant": lambda rng, T, B: [np.full((T, B), rng.uniform(0.4, 0.9))],
    "varying": lambda rng, T, B: [rng.uniform(0.3, 1, (T, B)) * (1 - stops(rng, T, B))],
    "norm": lambda rng, T, B: [float(rng.uniform(0.4, 0.8))],
}


def _long(rng: np.random.Generator) -> list[Any]:
    """A stream on which a double sum does not come to an end."""
    params, *ride = draw(rng, 3000, 2, 1, 3, 1)
    params["alpha"], params["U"] = 0.6 * params["alpha"], 0.4 * np.linalg.qr(params["U"])[0]
    mask, fade = known_counts(rng, 3000, 2), rng.uniform(0.95, 1, (3000, 2))
    return [(params, *ride, mask, fade, "U")]


def _numbers(rng: np.random.Generator) -> list[Any]:
    kappas = rng.integers(2, 12, 4).tolist()
    return [(float(rng.uniform(0.2, 0.95)), k, float(rng.uniform(0.1, 0.9))) for k in kappas]


def _plans(rng: np.random.Generator) -> list[Any]:
    """The last count that is known is now in the middle, now at the end."""
    found = []
    for T, B in ((9, 1), (14, 2), (20, 3), (30, 2)):
        mask = known_counts(rng, T, B)
        mask[rng.integers(T - 4, T) :], mask[T // 2 + 1] = 0, 1
        found.append((stops(rng, T, B), mask))
    return found


def _runs(rng: np.random.Generator) -> list[Any]:
    return [draw(rng, T, B, D, n, o)[:3] for T, D, n, o in SIZES for B in (1, 3)]


EXACT = Mistake(
    "the exact gradient", lambda *g: by_rule(lambda b: np.tri(len(g[2])), *g[:5], g[-1])
)
QUESTIONS = (
    Question("run", "run", run, (Part("one tram and several", 1, _runs),)),
    Question(
        "credit",
        "credit",
        credit,
        (
            Part("kappa = 1", 1, lambda rng: [(stops(rng, T, 1)[:, 0], 1) for T in (9, 14)]),
            Part("kappa above 1", 1, lambda rng: [(stops(rng, T, 1)[:, 0], 3) for T in (9, 14)]),
        ),
        mistakes=(
            Mistake(
                "windows that end at kappa steps even where there was no stop",
                lambda doors, kappa: credit(doors, 1) * (1 - np.tri(len(doors), k=-kappa)),
            ),
            Mistake(
                "windows that reach one step beyond the stop",
                lambda *given: np.tril(credit(*given) + np.roll(credit(*given), -1, 1)) > 0,
            ),
        ),
    ),
    Question(
        "shares",
        "shares",
        shares,
        (Part("alpha", 1, _shares("alpha")), Part("W, U and b", 2, _shares(*OTHERS))),
    ),
    Question(
        "doors",
        "door_gradient",
        door_gradient,
        (
            Part("W, U and b of one tram", 1, _rides(1, "doors")),
            Part("W, U and b of several with gaps", 1, _rides(3, "doors")),
            Part("alpha", 1, _rides(1, "doors", ALPHA)),
        ),
        mistakes=(EXACT, Mistake(SUM, lambda *given: door_gradient(*given) * len(given[1]))),
    ),
    Question(
        "faded",
        "faded",
        faded,
        (
            Part("W, U and b with one fade for all steps", 2, _rides(2, "constant")),
            Part("W, U and b, each step and tram with its fade", 1, _rides(3, "varying")),
            Part("alpha with one fade", 1, _rides(2, "constant", ALPHA)),
        ),
        mistakes=(EXACT, Mistake(SUM, lambda *given: faded(*given) * given[1].shape[0])),
    ),
    Question("faded-long", "faded", faded, (Part("a stream of 3000 steps", 1, _long),)),
    Question(
        "adaptive",
        "adaptive",
        adaptive,
        (
            Part("W, U and b of one tram", 1, _rides(1, "norm")),
            Part("W, U and b of several with gaps", 1, _rides(3, "norm")),
            Part("alpha", 1, _rides(1, "norm", ALPHA)),
        ),
        mistakes=(EXACT, Mistake(SUM, lambda *given: adaptive(*given) * len(given[1]))),
    ),
    Question("known", "biases", biases, (Part("random numbers", 1, _numbers),)),
    Question(
        "equal",
        "equal_fade",
        equal_fade,
        (Part("random numbers", 1, lambda rng: [case[:2] for case in _numbers(rng)]),),
    ),
    Question("enough", "enough", enough, (Part("random stops and gaps", 1, _plans),)),
)
