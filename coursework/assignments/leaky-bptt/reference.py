"""Slow units in the greenhouse: hidden inputs and the truth.

The truth of each derivative is written apart from the instructor's solution: sequence by sequence,
with explicit Jacobians. ``ORACLES`` finds them a second time, by complex steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from coursework.questions import Arguments, Mistake, Part, Question
from rnncore.verify import complex_step_jacobian

Array = np.ndarray
Values = dict[str, Array]
Size = tuple[int, int, int, int, int]  # T, B, D, n, O
SECONDS_PER_CELL = 10.0


# -- the truth -----------------------------------------------------------------------------


def keep(p: Values) -> Array:
    """The keep factors k."""
    return 0.5 * (1 + np.tanh(0.5 * p["kappa"]))


def step(p: Values, x: Array, v: Array) -> Array:
    """The next charges of one sequence, (n,)."""
    k = keep(p)
    return v * k + (p["W"] @ x + p["U"] @ np.tanh(v) + p["b"]) * (1 - k)


def run(p: Values, x: Array, v0: Array) -> Values:
    """Question 1, sequence by sequence."""
    T, batch = x.shape[:2]
    v = np.empty((T + 1, *v0.shape), np.result_type(v0, *p.values()))
    v[0] = v0
    for t, b in np.ndindex(T, batch):
        v[t + 1, b] = step(p, x[t, b], v[t, b])
    return {"v": v, "y": np.einsum("ki,tbi->tbk", p["V"], np.tanh(v[1:])) + p["c"]}


def huber(y: Array, d: Array, weight: Array, mask: Array, limit: float) -> dict[str, Any]:
    """Question 2, reading by reading."""
    loss, y_bar, batch = 0.0, np.zeros(y.shape), y.shape[1]
    for t, b, k in zip(*np.nonzero(mask), strict=True):
        e = y[t, b, k] - d[t, b, k]
        inside = abs(e) <= limit
        loss += weight[t] / batch * (e * e / 2 if inside else limit * (abs(e) - limit / 2))
        y_bar[t, b, k] = weight[t] / batch * (e if inside else np.sign(e) * limit)
    return {"loss": loss, "y_bar": y_bar}


def jacobian(p: Values, v: Array) -> Array:
    """The derivatives of the next charges by these, (n, n)."""
    k = keep(p)
    return np.diag(k) + (1 - k)[:, None] * p["U"] / np.cosh(v) ** 2


def adjoints(p: Values, v: Array, y_bar: Array) -> Array:
    """Question 3: a row of the loss's derivatives, times one Jacobian after the other."""
    steps, batch, _ = v.shape
    v_bar = np.zeros(v.shape)
    for b in range(batch):
        own = [y_bar[s - 1, b] @ p["V"] / np.cosh(v[s, b]) ** 2 for s in range(1, steps)]
        row = v_bar[steps - 1, b] = own[-1]
        for t in reversed(range(steps - 1)):
            row = row @ jacobian(p, v[t, b])
            if t:
                row = row + own[t - 1]
            v_bar[t, b] = row
    return v_bar


def one_step_back(p: Values, x: Array, v: Array, v_bar: Array, names: tuple[str, ...]) -> Values:
    """The derivatives of one step by parameters, by formula, summed with their adjoints."""
    k = keep(p)
    total = {name: np.zeros(p[name].shape) for name in names}
    for t, b in np.ndindex(*x.shape[:2]):
        bar, h = v_bar[t + 1, b], np.tanh(v[t, b])
        r = p["W"] @ x[t, b] + p["U"] @ h + p["b"]
        by = {"W": np.outer(bar * (1 - k), x[t, b]), "U": np.outer(bar * (1 - k), h)}
        by |= {"b": bar * (1 - k), "kappa": bar * (v[t, b] - r) * k * (1 - k)}
        for name in names:
            total[name] += by[name]
    return total


def weight_gradients(p: Values, x: Array, v: Array, v_bar: Array, share: bool = True) -> Values:
    """Question 4; wrong if not ``share``."""
    v_bar = v_bar if share else v_bar / (1 - keep(p))
    return one_step_back(p, x, v, v_bar, ("W", "U", "b"))


def leak_gradient(p: Values, x: Array, v: Array, v_bar: Array) -> Array:
    """Question 5."""
    return one_step_back(p, x, v, v_bar, ("kappa",))["kappa"]


def gradient(p: Values, x: Array, *rest: Any) -> dict[str, Any]:
    """Question 6."""
    *how, v0 = rest
    forward = run(p, x, v0)
    v, out = forward["v"], huber(forward["y"], *how)
    v_bar = adjoints(p, v, out["y_bar"])
    return one_step_back(p, x, v, v_bar, ("W", "U", "b", "kappa")) | {
        "loss": out["loss"],
        "V": np.tensordot(out["y_bar"], np.tanh(v[1:]), ((0, 1), (0, 1))),
        "c": out["y_bar"].sum((0, 1)),
        "v0": v_bar[0],
    }


# -- usual mistakes ------------------------------------------------------------------------


def sweep(
    p: Values,
    v: Array,
    y_bar: Array,
    straight: bool = True,
    shrink: bool = True,
    late: int = 0,
    turned: bool = False,
) -> Array:
    """A sweep that is right as it stands, and wrong in one place with another keyword."""
    k, n = keep(p), v.shape[2]
    slope = np.concatenate([1 - np.tanh(v) ** 2, np.ones((1, *v.shape[1:]))])
    share = 1 - k if shrink else np.ones(n)
    back = p["U"].T if turned else p["U"]
    later, v_bar = np.zeros(v.shape[1:]), []
    for t in reversed(range(len(v))):
        own = y_bar[t - 1] @ p["V"] * slope[t] if t else 0
        through = (later * share) @ back * slope[t + late]
        later = own + through + (k * later if straight else 0)
        v_bar.append(later)
    return np.array(v_bar[::-1])


def sum_over_sequences(y: Array, d: Array, weight: Array, *rest: Any) -> dict[str, Any]:
    return huber(y, d, weight * y.shape[1], *rest)


def state_after(p: Values, x: Array, v: Array, v_bar: Array) -> Values:
    late = weight_gradients(p, x, np.roll(v, -1, axis=0), v_bar)
    return weight_gradients(p, x, v, v_bar) | {"U": late["U"]}


def adjoint_before(p: Values, x: Array, v: Array, v_bar: Array) -> Values:
    return weight_gradients(p, x, v, np.roll(v_bar, 1, axis=0))


# -- hidden inputs -------------------------------------------------------------------------


def network(rng: np.random.Generator, D: int, n: int, outputs: int, gain: float = 1.2) -> Values:
    """Random parameters, none of them zero."""
    shapes = {"W": (n, D), "b": (n,), "kappa": (n,), "V": (outputs, n), "c": (outputs,)}
    p = {name: rng.normal(scale=0.8, size=shape) for name, shape in shapes.items()}
    return p | {"U": gain / np.sqrt(n) * rng.normal(size=(n, n))}


def record(
    rng: np.random.Generator, size: Size, start: float = 1.0, gain: float = 1.2
) -> Arguments:
    """Arguments of question 1."""
    T, batch, D, n, outputs = size
    v0 = start * rng.normal(size=(batch, n))
    return network(rng, D, n, outputs, gain), rng.normal(size=(T, batch, D)), v0


def records(rng: np.random.Generator, *sizes: Size, start: float = 1.0) -> list[Arguments]:
    return [record(rng, size, start) for size in sizes]


def losses(
    rng: np.random.Generator, wild: float, missing: float, sizes: tuple[tuple[int, int, int], ...]
) -> list[Arguments]:
    """Arguments of question 2: errors up to ``wild`` times the limit, and their mask."""
    found = []
    for shape in sizes:
        limit = float(rng.uniform(0.5, 2.0))
        error = wild * limit * rng.uniform(-1, 1, size=shape)
        d = rng.normal(size=shape)
        mask = (rng.random(shape) >= missing) * 1.0
        y, weight = d + error, rng.uniform(0.2, 2.0, size=shape[0])
        found.append((y, np.where(mask == 1, d, np.nan), weight, mask, limit))
    return found


def swept(rng: np.random.Generator, *sizes: Size, last: bool = False) -> list[Arguments]:
    """Arguments of question 3."""
    found = []
    for size in sizes:
        p, x, v0 = record(rng, size)
        y_bar = rng.normal(size=(*size[:2], size[4]))
        y_bar[:-1] *= not last
        found.append((p, run(p, x, v0)["v"], y_bar))
    return found


def collected(rng: np.random.Generator, *sizes: Size) -> list[Arguments]:
    """Arguments of questions 4 and 5."""
    found = []
    for size in sizes:
        p, x, v0 = record(rng, size)
        v = run(p, x, v0)["v"]
        found.append((p, x, v, rng.normal(size=v.shape)))
    return found


def whole(rng: np.random.Generator, *sizes: Size, gain: float = 1.2) -> list[Arguments]:
    """Arguments of question 6."""
    found = []
    for size in sizes:
        p, x, v0 = record(rng, size, gain=gain)
        T, batch, _, _, outputs = size
        mask = (rng.random((T, batch, outputs)) < 0.75) * 1.0
        mask[-1] = 1
        d = np.where(mask == 1, 2 * rng.normal(size=mask.shape), np.nan)
        weight = rng.uniform(0.2, 2.0, size=T)
        found.append((p, x, d, weight, mask, float(rng.uniform(0.5, 1.5)), v0))
    return found


def given(make: Callable[..., list[Arguments]], *sizes: Any, **how: Any) -> Any:
    """The maker of a part's hidden inputs."""
    return lambda rng: make(rng, *sizes, **how)


QUESTIONS = (
    Question(
        "run",
        "run",
        run,
        (
            Part("charges of zero at the start", 1, given(records, (6, 1, 2, 3, 1), start=0.0)),
            Part(
                "other charges, batches",
                2,
                given(records, (1, 2, 1, 1, 1), (8, 3, 3, 4, 2), (5, 4, 2, 4, 4)),
            ),
        ),
        mistakes=(Mistake("v_0 = 0", lambda p, x, v0: run(p, x, 0 * v0)),),
    ),
    Question(
        "huber",
        "huber",
        huber,
        (
            Part(
                "small errors, no reading missing", 1, given(losses, 0.9, 0, ((5, 1, 2), (4, 3, 1)))
            ),
            Part("wild readings, none missing", 1, given(losses, 4, 0, ((6, 1, 2), (5, 4, 3)))),
            Part("missing readings", 1, given(losses, 3, 0.4, ((7, 1, 2), (6, 3, 3)))),
        ),
        mistakes=(
            Mistake("the squared error", lambda y, d, w, m, r: huber(y, d, w, m, np.inf)),
            Mistake("the sum over the sequences, not the average", sum_over_sequences),
            Mistake(
                "a loss without the weights of the steps",
                lambda y, d, w, m, r: huber(y, d, w**0, m, r),
            ),
        ),
    ),
    Question(
        "adjoints",
        "adjoints",
        adjoints,
        (
            Part("one step", 1, given(swept, (1, 1, 2, 3, 2), (1, 2, 1, 4, 1))),
            Part("an error at the last step alone", 2, given(swept, (7, 1, 2, 4, 2), last=True)),
            Part("errors at all steps, batches", 2, given(swept, (9, 3, 2, 4, 2), (6, 2, 1, 5, 3))),
        ),
        mistakes=(
            Mistake("a sweep without the straight way through k", partial(sweep, straight=False)),
            Mistake("a sweep without the factor 1 - k", partial(sweep, shrink=False)),
            Mistake("a sweep with the slope of tanh one step too late", partial(sweep, late=1)),
            Mistake("a sweep with U for its transpose", partial(sweep, turned=True)),
        ),
    ),
    Question(
        "weights",
        "weight_gradients",
        weight_gradients,
        (
            Part("one sequence", 1, given(collected, (1, 1, 2, 3, 1), (6, 1, 3, 2, 1))),
            Part("batches", 2, given(collected, (7, 4, 2, 3, 1), (5, 3, 4, 4, 1))),
        ),
        mistakes=(
            Mistake(
                "the gradient without the factor 1 - k", partial(weight_gradients, share=False)
            ),
            Mistake("the gradient with h_t for h_{t-1}", state_after),
            Mistake("the gradient with the adjoint of v_{t-1} for that of v_t", adjoint_before),
        ),
    ),
    Question(
        "leak",
        "leak_gradient",
        leak_gradient,
        (
            Part("one unit", 1, given(collected, (4, 1, 1, 1, 1), (6, 2, 2, 1, 1))),
            Part("several units, batches", 2, given(collected, (7, 3, 2, 4, 1), (5, 2, 3, 3, 1))),
        ),
        mistakes=(
            Mistake(
                "the derivative by k, not by kappa",
                lambda p, *a: leak_gradient(p, *a) / keep(p) / (1 - keep(p)),
            ),
            Mistake(
                "the part of the charge that is kept alone",
                lambda p, x, v, g: keep(p) * (1 - keep(p)) * (g[1:] * v[:-1]).sum((0, 1)),
            ),
        ),
    ),
    Question(
        "gradient",
        "gradient",
        gradient,
        (
            Part("short records", 2, given(whole, (6, 1, 2, 3, 2), (8, 4, 3, 4, 2))),
            Part("a long record", 1, given(whole, (1000, 2, 3, 48, 2), gain=0.5)),
        ),
    ),
)


# -- the truth a second time, by complex steps -----------------------------------------------


def huber_oracle(y: Array, d: Array, weight: Array, mask: Array, limit: float) -> dict[str, Any]:
    """Question 2, with the branch chosen by the real part."""

    def loss(y: Array) -> Array:
        e = np.where(mask == 1, y - np.nan_to_num(d), 0)
        far = limit * (np.where(e.real > 0, e, -e) - limit / 2)
        each = np.where(np.abs(e.real) > limit, far, e**2 / 2)
        return (weight[:, None, None] * each).sum() / y.shape[1]

    return {"loss": loss(y), "y_bar": complex_step_jacobian(loss, y)}


def adjoints_oracle(p: Values, v: Array, y_bar: Array) -> Array:
    """Question 3: push a charge, let everything later follow."""
    k = keep(p)
    heard = v[1:] - k * v[:-1] - (1 - k) * (np.tanh(v[:-1]) @ p["U"].T)

    def shown(t: int, v_t: Array) -> Any:
        total = (y_bar[t - 1] * (np.tanh(v_t) @ p["V"].T)).sum() if t else 0
        for s in range(t, len(y_bar)):
            v_t = k * v_t + (1 - k) * (np.tanh(v_t) @ p["U"].T) + heard[s]
            total = total + (y_bar[s] * (np.tanh(v_t) @ p["V"].T)).sum()
        return total

    return np.array([complex_step_jacobian(partial(shown, t), v[t]) for t in range(len(v))])


def by_parameter(name: str, p: Values, x: Array, v: Array, v_bar: Array) -> Array:
    """Questions 4 and 5: every step starts from the given charge; push a parameter."""

    def moved(value: Array) -> Any:
        q = p | {name: value}
        pairs = zip(x, v, v_bar[1:], strict=False)
        return sum(g[b] @ step(q, x_t[b], v_t[b]) for x_t, v_t, g in pairs for b in range(len(g)))

    return complex_step_jacobian(moved, p[name])


def gradient_oracle(p: Values, x: Array, d: Array, *rest: Any) -> dict[str, Any] | None:
    """Question 6: the loss is linear in the outputs near these, with known slopes."""
    if len(x) > 100:
        return None
    *how, v0 = rest
    everything = p | {"v0": v0}
    out = huber_oracle(run(p, x, v0)["y"], d, *how)

    def near(name: str, value: Array) -> Array:
        q = everything | {name: value}
        return (out["y_bar"] * run(q, x, q["v0"])["y"]).sum()

    return {"loss": out["loss"]} | {
        name: complex_step_jacobian(partial(near, name), value)
        for name, value in everything.items()
    }


ORACLES = {
    "huber": huber_oracle,
    "adjoints": adjoints_oracle,
    "weights": lambda *a: {name: by_parameter(name, *a) for name in ("W", "U", "b")},
    "leak": lambda *a: by_parameter("kappa", *a),
    "gradient": gradient_oracle,
}
