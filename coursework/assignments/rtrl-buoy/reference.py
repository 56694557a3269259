"""Questions of the assignment on real-time recurrent learning.

The truth never uses an influence matrix: single steps are written out entry by entry, gradients
come from backward sweeps over the record. The oracles are complex steps through forward passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from coursework.questions import Mistake, Part, Question
from rnncore.verify import complex_step_jacobian

Array = np.ndarray
Weights = dict[str, Array]
CELL = ("rho", "W", "U", "b")


def logistic(v: Array) -> Array:
    return 1 / (1 + np.exp(-v))


def net_input(params: Weights, s: Array, x: Array) -> Array:
    return x @ params["W"].T + np.tanh(s) @ params["U"].T + params["b"]


def step(params: Weights, s: Array, x: Array) -> Array:
    r = logistic(params["rho"])
    return r * s + (1 - r) * net_input(params, s, x)


def state_jacobian(params: Weights, s: Array) -> Array:
    r, U = logistic(params["rho"]), params["U"]
    B, n = s.shape
    D = np.zeros((B, n, n))
    for b, i, j in np.ndindex(B, n, n):
        D[b, i, j] = (1 - r[i]) * U[i, j] / np.cosh(s[b, j]) ** 2 + (r[i] if i == j else 0)
    return D


def immediate(params: Weights, s: Array, x: Array, name: str) -> Array:
    r, h = logistic(params["rho"]), np.tanh(s)
    moved = step(params, s, x)
    B, n = s.shape
    F = np.zeros((B, n, *params[name].shape))
    for b, i in np.ndindex(B, n):
        if name == "rho":  # s - q = (s - s_new) / (1 - r)
            F[b, i, i] = r[i] * (s[b, i] - moved[b, i])
        else:
            F[b, i, i] = (1 - r[i]) * {"W": x[b], "U": h[b], "b": 1.0}[name]
    return F.reshape(B, n, -1)


def influence_step(params: Weights, s: Array, x: Array, J: Array, name: str) -> Array:
    return np.einsum("bij,bjp->bip", state_jacobian(params, s), J) + immediate(params, s, x, name)


def states(params: Weights, s: Array, xs: Array) -> Array:
    found = [s]
    for x in xs:
        found.append(step(params, found[-1], x))
    return np.array(found)


def losses(params: Weights, s0: Array, xs: Array, ds: Array, mask: Array) -> Array:
    """The shares of all steps in L, (T,)."""
    y = np.tanh(states(params, s0, xs)[1:]) @ params["V"].T + params["c"]
    return (mask[..., None] * np.log(np.cosh(y - ds))).sum((1, 2)) / mask.shape[1]


def _error(params: Weights, s: Array, d: Array, m: Array) -> Array:
    """The adjoint of the outputs of one step, (B, O)."""
    y = np.tanh(s) @ params["V"].T + params["c"]
    return m[:, None] * np.tanh(y - d) / len(s)


def _back(run: list[Weights], s: Array, xs: Array, s_bar: Array) -> Iterator[tuple[int, Array]]:
    """Carry the adjoint of the last state back; step by step, that of the state *after* it."""
    for k in reversed(range(len(xs))):
        yield k, s_bar
        s_bar = np.einsum("bi,bij->bj", s_bar, state_jacobian(run[k], s[k]))
    yield -1, s_bar


def online(params: Weights, s0: Array, xs: Array, ds: Array, mask: Array, name: str) -> Array:
    s = states(params, s0, xs)
    total = np.zeros(params[name].size)
    for t in range(len(xs)):
        total += _share([params] * (t + 1), s, xs, ds[t], mask[t], name)
    return total.reshape(params[name].shape)


def _share(run: list[Weights], s: Array, xs: Array, d: Array, m: Array, name: str) -> Array:
    """The gradient of the last loss of the run, by a sweep over all steps before it."""
    t, now = len(run) - 1, run[-1]
    e, h = _error(now, s[t + 1], d, m), np.tanh(s[t + 1])
    if name in ("V", "c"):
        return (e.T @ h).reshape(-1) if name == "V" else e.sum(0)
    total = np.zeros(now[name].size)
    for k, s_bar in _back(run, s, xs[: t + 1], e @ now["V"] * (1 - h**2)):
        if k >= 0:
            total += np.einsum("bi,bip->p", s_bar, immediate(run[k], s[k], xs[k], name))
    return total


def learn(params: Weights, s0: Array, xs: Array, ds: Array, mask: Array, rate: float) -> Weights:
    s, run = [s0], [params]
    for t in range(len(xs)):
        s.append(step(run[t], s[t], xs[t]))
        shares = {
            name: _share(run, np.array(s), xs, ds[t], mask[t], name).reshape(value.shape)
            for name, value in params.items()
        }
        run.append({name: value - rate * shares[name] for name, value in run[t].items()})
    return run[-1]


def start(params: Weights, s0: Array, xs: Array, ds: Array, mask: Array) -> Array:
    s = states(params, np.tile(s0, (xs.shape[1], 1)), xs)
    total = np.zeros(len(s0))
    for t in range(len(xs)):
        s_bar = _error(params, s[t + 1], ds[t], mask[t]) @ params["V"]
        s_bar = s_bar * (1 - np.tanh(s[t + 1]) ** 2)
        *_, (_, first) = _back([params] * (t + 1), s, xs[: t + 1], s_bar)
        total += first.sum(0)
    return total


def _jacobian_oracle(params: Weights, s: Array) -> Array:
    x = np.ones((1, params["W"].shape[1]))
    return np.array([complex_step_jacobian(lambda v: step(params, v[None], x)[0], v) for v in s])


def _immediate_oracle(params: Weights, s: Array, x: Array, name: str) -> Array:
    found = complex_step_jacobian(lambda w: step({**params, name: w}, s, x), params[name])
    return found.reshape(*s.shape, -1)


def _influence_oracle(params: Weights, s: Array, x: Array, J: Array, name: str) -> Array:
    """Move a weight and the state with it, as far as the influence says."""

    def moved(w: Array) -> Array:
        before = s + J @ (w - params[name].reshape(-1))
        return step({**params, name: w.reshape(params[name].shape)}, before, x)

    return complex_step_jacobian(moved, params[name].reshape(-1))


def _online_oracle(params: Weights, *given: Any) -> Array:
    *stream, name = given
    return complex_step_jacobian(lambda w: losses({**params, name: w}, *stream).sum(), params[name])


def _shifted(run: list[Weights], name: str, shift: Array, stream: Any) -> Array:
    """The last loss of a run if all weights used on the way are shifted."""
    s0, xs, ds, mask = stream
    moved = [{**used, name: used[name] + shift} for used in run]
    for used, x in zip(moved[:-1], xs, strict=False):
        s0 = step(used, s0, x)
    t = len(run) - 1
    return losses(moved[-1], s0, xs[t : t + 1], ds[t : t + 1], mask[t : t + 1]).sum()


def _learn_oracle(params: Weights, *given: Any) -> Weights:
    *stream, rate = given
    run = [params]
    for _ in stream[1]:
        new = {}
        for name, w in run[-1].items():
            shifted = partial(_shifted, run, name, stream=stream)
            new[name] = w - rate * complex_step_jacobian(shifted, 0 * w)
        run.append(new)
    return run[-1]


def _start_oracle(params: Weights, s0: Array, *stream: Array) -> Array:
    count = stream[0].shape[1]
    return complex_step_jacobian(
        lambda s: losses(params, np.tile(s, (count, 1)), *stream).sum(), s0
    )


ORACLES = {
    "jacobian": _jacobian_oracle,
    "immediate": _immediate_oracle,
    "influence": _influence_oracle,
    "online": _online_oracle,
    "learn": _learn_oracle,
    "start": _start_oracle,
}


def forward(
    params: Weights, *given: Any, keep: float = 1.0, mean: bool = True, gaps: bool = True
) -> Array:
    """Real-time recurrent learning, with things to leave out."""
    s, xs, ds, mask, name = given
    J, total = np.zeros((*s.shape, params[name].size)), np.zeros(params[name].size)
    m = mask if gaps else np.ones_like(mask)
    for t, x in enumerate(xs):
        if name in CELL:
            J = keep * state_jacobian(params, s) @ J + immediate(params, s, x, name)
        s = step(params, s, x)
        e, h = _error(params, s, ds[t], m[t]), np.tanh(s)
        if name in CELL:
            total += np.einsum("bi,bip->p", e @ params["V"] * (1 - h**2), J)
        else:
            total += (e.T @ h).reshape(-1) if name == "V" else e.sum(0)
    return total.reshape(params[name].shape) * (1 if mean else len(s))


def once(params: Weights, *given: Any) -> Weights:
    s, xs, ds, mask, rate = given
    return {name: w - rate * online(params, s, xs, ds, mask, name) for name, w in params.items()}


def forgetful(params: Weights, *given: Any) -> Weights:
    s, *stream, rate = given
    for t, x in enumerate(stream[0]):
        new = once(params, s, *(each[t : t + 1] for each in stream), rate)
        params, s = new, step(params, s, x)
    return params


def flawed(**flaw: Any) -> Callable[..., Array]:
    return lambda *arguments: forward(*arguments, **flaw)


def _no_factor(params: Weights, s: Array, x: Array, name: str) -> Array:
    r = logistic(params["rho"])
    factor = r * (1 - r) if name == "rho" else 1 - r
    return immediate(params, s, x, name) / factor[:, None]


def weights(rng: np.random.Generator, D: int, n: int, O: int) -> Weights:  # noqa: E741
    return {
        "rho": rng.normal(size=n),
        "W": rng.normal(size=(n, D)),
        "U": 1.5 * rng.normal(size=(n, n)) / np.sqrt(n),
        "b": 0.3 * rng.normal(size=n),
        "V": rng.normal(size=(O, n)),
        "c": 0.3 * rng.normal(size=O),
    }


def _steps(*sizes: tuple[int, int, int]) -> Callable[[np.random.Generator], list[Any]]:
    """One step of B buoys with D inputs and n units, for each (B, D, n)."""

    def cases(rng: np.random.Generator) -> list[Any]:
        return [
            (weights(rng, D, n, 1), rng.normal(size=(B, n)), rng.normal(size=(B, D)))
            for B, D, n in sizes
        ]

    return cases


def _named(names: str | tuple[str, ...], influence: bool) -> Callable[..., list[Any]]:
    def cases(rng: np.random.Generator) -> list[Any]:
        found: list[Any] = []
        for name in names:
            for B, D, n in ((1, 2, 3), (3, 1, 4)):
                params = weights(rng, D, n, 1)
                given: list[Any] = [params, rng.normal(size=(B, n)), rng.normal(size=(B, D))]
                if influence:
                    given.append(rng.normal(size=(B, n, params[name].size)))
                found.append((*given, name))
        return found

    return cases


def _streams(
    B: int, gaps: bool, names: tuple[str, ...] = ("",), rate: bool = False, shared: bool = False
) -> Callable[[np.random.Generator], list[Any]]:
    """Streams of B buoys; with gaps every buoy has some, and the last step counts."""

    def cases(rng: np.random.Generator) -> list[Any]:
        found: list[Any] = []
        for name in names:
            for T, D, n, O in ((7, 2, 3, 1), (11, 1, 4, 2)):  # noqa: E741
                mask = np.ones((T, B))
                if gaps:
                    mask = (rng.random((T, B)) < 0.6).astype(float)
                    mask[1], mask[-1] = 0, 1
                s0 = rng.normal(size=n if shared else (B, n))
                given: tuple[Any, ...] = (weights(rng, D, n, O), s0, rng.normal(size=(T, B, D)))
                given = (*given, 2 * rng.normal(size=(T, B, O)), mask)
                last = (name,) if name else (float(rng.uniform(0.2, 0.4)),) if rate else ()
                found.append((*given, *last))
        return found

    return cases


SUM = "a sum over the buoys in place of the mean"
QUESTIONS = (
    Question(
        "step",
        "step",
        step,
        (Part("one buoy and several", 1, _steps((1, 2, 3), (1, 1, 5), (3, 2, 4), (2, 3, 2))),),
        mistakes=(
            Mistake(
                "a unit in which r and 1 - r are exchanged",
                lambda p, s, x: step({**p, "rho": -p["rho"]}, s, x),
            ),
        ),
    ),
    Question(
        "jacobian",
        "state_jacobian",
        state_jacobian,
        (
            Part("one buoy", 1, lambda rng: [c[:2] for c in _steps((1, 2, 3), (1, 1, 4))(rng)]),
            Part("several buoys", 1, lambda rng: [c[:2] for c in _steps((3, 1, 4))(rng)]),
        ),
        mistakes=(
            Mistake(
                "a Jacobian without the retention r on its diagonal",
                lambda p, s: state_jacobian(p, s) - np.diag(logistic(p["rho"])),
            ),
            Mistake("the transposed Jacobian", lambda p, s: state_jacobian(p, s).swapaxes(1, 2)),
        ),
    ),
    Question(
        "immediate",
        "immediate",
        immediate,
        (
            Part("W, U and b", 2, _named(("W", "U", "b"), False)),
            Part("rho", 1, _named(("rho",), False)),
        ),
        mistakes=(Mistake("a derivative without the factor that r contributes", _no_factor),),
    ),
    Question(
        "influence",
        "influence_step",
        influence_step,
        (
            Part("W, U and b", 2, _named(("W", "U", "b"), True)),
            Part("rho", 1, _named(("rho",), True)),
        ),
        mistakes=(
            Mistake(
                "the immediate part alone: the old influence is lost",
                lambda p, s, x, J, name: immediate(p, s, x, name),
            ),
        ),
    ),
    Question(
        "online",
        "online",
        online,
        (
            Part("the read-out, V and c", 1, _streams(2, True, ("V", "c"))),
            Part("W, U and b of one buoy", 2, _streams(1, False, ("W", "U", "b"))),
            Part("W, U and b of a fleet with gaps", 2, _streams(3, True, ("W", "U", "b"))),
            Part("rho of a fleet with gaps", 1, _streams(2, True, ("rho",))),
        ),
        mistakes=(
            Mistake("an influence that is thrown away at each step", flawed(keep=0.0)),
            Mistake(SUM, flawed(mean=False)),
            Mistake("a gradient that counts the gaps", flawed(gaps=False)),
        ),
    ),
    Question(
        "learn",
        "learn",
        learn,
        (
            Part("one buoy", 2, _streams(1, False, rate=True)),
            Part("a fleet with gaps", 1, _streams(3, True, rate=True)),
        ),
        mistakes=(
            Mistake("a single change at the end of the stream", once),
            Mistake("an influence that is reset whenever the weights change", forgetful),
        ),
    ),
    Question(
        "start",
        "start",
        start,
        (
            Part("one buoy", 1, _streams(1, False, shared=True)),
            Part("a fleet with gaps", 1, _streams(3, True, shared=True)),
        ),
        mistakes=(Mistake(SUM, lambda *given: start(*given) * given[2].shape[1]),),
    ),
)
