"""What noise costs a learner, and what bias costs it.

    python experiments/unbiased/run.py
    python experiments/unbiased/run.py noise      (one part alone; the rest is kept)

Three parts; chapter 11 reads them.

``noise``: the variance of the influence that UORO and KF-RTRL estimate, over the squared norm of
the exact one. Tanh units with U = gain times a random orthogonal matrix, two inputs of standard
deviation 0.3, random initial states, weights held. Against time and gain for 16 units, and against
the number of units at one gain. Beside it, how fast a small change of the state grows along the
same path: the mean logarithm of the growth in a step, which is negative where the network forgets.

``balancing``: theta on the chain of 7 units where every window below 13 steps has the wrong sign,
learned online: the distance from the optimum over the distance at the start.

``short``: the Add task with lags 1 and 2, 32 tanh units, learned online in 2000 steps: the
cross-entropy on streams that were never learned from, at each of four rates. A noisy gradient needs
a smaller rate than an exact one, so a learner is judged at its best rate.

It takes about four minutes on one core and writes ``result.json`` beside this file. All numbers
depend on the seeds alone, up to rounding, which training may enlarge.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from rnncore import (
    RTRL,
    CategoricalCrossEntropy,
    Linear,
    Network,
    Params,
    SquaredError,
    Vanilla,
    tasks,
)
from rnncore.learners import TruncatedBPTT
from rnncore.learners.artbp import ARTBP
from rnncore.learners.base import OnlineLearner
from rnncore.learners.forward_gradient import ForwardGradient
from rnncore.learners.kf_rtrl import KFRTRL
from rnncore.learners.uoro import UORO

SEED = 2018
RESULT = Path(__file__).with_name("result.json")
NOISE: dict[str, Any] = {
    "seeds": 10,
    "copies": 100,
    "input": 0.3,
    "gains": [0.3, 0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.45, 1.6, 1.8, 2.0, 2.5, 3.0, 4.0],
    "times": [1, 2, 5, 10, 20, 50, 100],
    "units": 16,
    "sizes": [4, 8, 16, 32, 64],
    "gain_of_sizes": 1.0,
    "steps_of_sizes": 50,
}
BALANCING: dict[str, Any] = {
    "units": 7,
    "plus": 3,
    "seeds": 20,
    "steps": 6000,
    "every": 100,
    "rate": 1e-3,
    "rates": [5e-3, 2.5e-3, 1e-3, 5e-4],
}
SHORT: dict[str, Any] = {
    "units": 32,
    "lags": [1, 2],
    "steps": 2000,
    "seeds": 8,
    "rates": [0.3, 0.1, 0.03, 0.01],
    "held_out": [500, 20],
}
SETTINGS = {"noise": NOISE, "balancing": BALANCING, "short": SHORT}

Array = np.ndarray
Made = Callable[[Network], OnlineLearner]

BALANCERS: dict[str, Made] = {
    "RTRL": RTRL,
    "UORO": UORO,
    "ARTBP": lambda net: ARTBP(net, 0.05),
    "truncated BPTT, 12 steps": lambda net: TruncatedBPTT(net, 1, 12),
    "truncated BPTT, 26 steps": lambda net: TruncatedBPTT(net, 1, 26),
}
SHORT_LEARNERS: dict[str, Made] = {
    "RTRL": RTRL,
    "truncated BPTT, 3 steps": lambda net: TruncatedBPTT(net, 1, 3),
    "truncated BPTT, 1 step": lambda net: TruncatedBPTT(net, 1, 1),
    "KF-RTRL": KFRTRL,
    "UORO": UORO,
    "forward gradient": ForwardGradient,
}


def generator(*key: int | str) -> np.random.Generator:
    """A generator of its own for each purpose, whatever else is run."""
    numbers = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    return np.random.default_rng([SEED, *numbers])


# -- noise -----------------------------------------------------------------------------


def second_moment(learner: OnlineLearner, memory: Any) -> float:
    """The mean squared norm of the estimated influence over the copies of a batch."""
    factors = (
        (memory.tangent, memory.row) if learner.name == "UORO" else (memory.joint, memory.rows)
    )
    sizes = [(f * f).reshape(len(f), -1).sum(axis=1) for f in factors]
    return float((sizes[0] * sizes[1]).mean())


def relative_variance(
    units: int, gain: float, steps: int, seed: int, copies: int = NOISE["copies"]
) -> tuple[dict[str, Array], float]:
    """E |estimate - J_t|^2 / |J_t|^2 of each learner for t = 1 ... T, and the mean log growth."""
    draw = generator("noise", units, seed)
    net = Network(Vanilla(2, units), Linear(units, 1), SquaredError())
    rotation = np.linalg.qr(draw.standard_normal((units, units)))[0]
    inner = {"cell.U": gain * rotation, "cell.W": draw.standard_normal((units, 2))}
    params = net.init_params(draw).replace(**inner)
    inputs = NOISE["input"] * draw.standard_normal((steps, 1, 2))
    start, change = draw.standard_normal((1, units)), draw.standard_normal((1, 1, units))

    weights, target, growth = net.prepare(params), np.zeros((1, 1)), []
    exact, truth, state = RTRL(net), [], start
    memory = exact.init(params, 1, start)
    for x in inputs:
        state, tape = net.cell.step(weights.cell, state, x)
        change = net.cell.push(weights.cell, tape, change)
        growth.append(float(np.log(np.linalg.norm(change))))
        change = change / np.linalg.norm(change)
        memory, _ = exact.advance(weights, memory, x, target, None)
        truth.append(float((memory.influence**2).sum()))

    found = {}
    both: tuple[OnlineLearner, ...] = (UORO(net), KFRTRL(net))
    for learner in both:
        own = generator("signs", units, seed, learner.name)
        batch = learner.init(params, copies, np.repeat(start, copies, axis=0), own)
        moments = []
        for x in inputs:
            many = np.repeat(x, copies, axis=0)
            batch, _ = learner.advance(weights, batch, many, np.zeros((copies, 1)), None)
            moments.append(second_moment(learner, batch))
        found[learner.name] = np.array(moments) / np.array(truth) - 1
    return found, float(np.mean(growth[steps // 4 :]))


def noise() -> dict[str, Any]:
    """Relative variances over gains and times, and over sizes; one list for each seed."""
    times, steps = np.array(NOISE["times"]) - 1, max(NOISE["times"])
    seeds = range(NOISE["seeds"])
    over_time: dict[str, Any] = {"UORO": {}, "KF-RTRL": {}, "growth": {}}
    for gain in tqdm(NOISE["gains"], desc="noise, gains"):
        runs = [relative_variance(NOISE["units"], gain, steps, seed) for seed in seeds]
        for name in ("UORO", "KF-RTRL"):
            over_time[name][str(gain)] = [rounded(run[name][times]) for run, _ in runs]
        over_time["growth"][str(gain)] = rounded([growth for _, growth in runs])
    over_size: dict[str, Any] = {"UORO": {}, "KF-RTRL": {}}
    for size in tqdm(NOISE["sizes"], desc="noise, sizes"):
        gain, last = NOISE["gain_of_sizes"], NOISE["steps_of_sizes"]
        each = [relative_variance(size, gain, last, seed)[0] for seed in seeds]
        for name in over_size:
            over_size[name][str(size)] = rounded([run[name][-1] for run in each])
    return {"over_time": over_time, "over_size": over_size}


# -- balancing -------------------------------------------------------------------------


def balance(name: str, seed: int, rate: float, steps: int = BALANCING["steps"]) -> list[float]:
    """|theta - optimum| over its value at the start, at every so many steps of one stream."""
    sizes = {key: BALANCING[key] for key in ("units", "plus")}
    network, params, batch, optimum = tasks.influence_balancing(1, **sizes)
    assert batch.targets is not None
    learner, far = BALANCERS[name](network), abs(float(params["cell.theta"][0]) - optimum)
    memory = learner.init(params, 1, batch.initial_state, generator("balancing", seed, name))
    distances = [1.0]
    for t in range(steps):
        weights = network.prepare(params)
        memory, out = learner.advance(weights, memory, batch.inputs[0], batch.targets[0], None)
        params = params - rate / np.sqrt(1 + t / 200) * out.grads
        if (t + 1) % BALANCING["every"] == 0:
            distances.append(abs(float(params["cell.theta"][0]) - optimum) / far)
    return rounded(distances)


def balancing() -> dict[str, Any]:
    """One curve for each seed; learners without chance have a single one."""
    curves: dict[str, Any] = {}
    for name in tqdm(BALANCERS, desc="balancing"):
        seeds = range(BALANCING["seeds"] if name in ("UORO", "ARTBP") else 1)
        curves[name] = [balance(name, seed, BALANCING["rate"]) for seed in seeds]
    ends: dict[str, Any] = {"RTRL": {}, "UORO": {}}
    for rate in tqdm(BALANCING["rates"], desc="balancing, rates"):
        ends["RTRL"][str(rate)] = [end_of_run("RTRL", 0, rate)]
        seeds = range(BALANCING["seeds"])
        ends["UORO"][str(rate)] = [end_of_run("UORO", seed, rate) for seed in seeds]
    return {"curves": curves, "ends": ends}


def end_of_run(name: str, seed: int, rate: float) -> float | None:
    """The last distance at some rate; ``None`` where it is beyond a million or no number."""
    with np.errstate(over="ignore", invalid="ignore"):
        end = balance(name, seed, rate)[-1]
    return end if np.isfinite(end) and end < 1e6 else None


# -- short lags ------------------------------------------------------------------------


def final_loss(
    name: str, seed: int, rate: float, steps: int = SHORT["steps"], units: int = SHORT["units"]
) -> float | None:
    """The cross-entropy on streams held out; ``None`` where it is no finite number."""
    net = Network(Vanilla(2, units), Linear(units, 2, "softmax"), CategoricalCrossEntropy())
    params: Params = net.init_params(generator("short", seed))
    batch = tasks.lagged_add(generator("stream", seed), SHORT["steps"], lags=SHORT["lags"])
    assert batch.targets is not None and batch.weights is not None
    learner = SHORT_LEARNERS[name](net)
    memory = learner.init(params, rng=generator("signs", seed, name))
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(steps):
            weights = net.prepare(params)
            step = (batch.inputs[t], batch.targets[t], batch.weights[t])
            memory, out = learner.advance(weights, memory, *step)
            params = params - rate * out.grads
            if not np.isfinite(params.flat()).all():
                return None
    test = tasks.lagged_add(generator("held out", seed), *SHORT["held_out"], lags=SHORT["lags"])
    return round(float(tasks.per_score(net.evaluate(params, test), test)), 6)


def short() -> dict[str, Any]:
    """The loss of each learner at each rate, one for each seed."""
    losses: dict[str, Any] = {}
    for name in tqdm(SHORT_LEARNERS, desc="short lags"):
        losses[name] = {
            str(rate): [final_loss(name, seed, rate) for seed in range(SHORT["seeds"])]
            for rate in SHORT["rates"]
        }
    known = {"neither": (), "first": (0,), "both": (0, 1)}
    baselines = {key: tasks.lagged_add_baseline(k).cross_entropy for key, k in known.items()}
    return {"loss": losses, "baselines": baselines}


def best(losses: dict[str, list[float | None]]) -> tuple[str, float]:
    """The rate with the smallest median loss over the seeds, and that median."""
    middle = {
        r: float(np.median([np.inf if x is None else x for x in v])) for r, v in losses.items()
    }
    rate = min(middle, key=middle.__getitem__)
    return rate, middle[rate]


# -- all -------------------------------------------------------------------------------

PARTS = {"noise": noise, "balancing": balancing, "short": short}


def rounded(values: Sequence[float] | Array) -> list[float]:
    """Six significant digits of each."""
    return [float(f"{value:.6g}") for value in values]


def main() -> None:
    """Run the parts asked for, all by default, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), help="all if none")
    chosen = parser.parse_args().parts
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        parser.error(f"parts: expected some of {list(PARTS)}, got {unknown}")
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    for name in chosen:
        result[name] = {"settings": SETTINGS[name], **PARTS[name]()}
    result = {name: result[name] for name in PARTS if name in result}
    RESULT.write_text(written({"seed": SEED, **result}), encoding="utf-8")


def written(result: dict[str, Any]) -> str:
    """JSON with a line for each list of numbers."""
    marks: list[str] = []

    def keep(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: keep(entry) for key, entry in value.items()}
        if isinstance(value, list) and not any(isinstance(entry, list) for entry in value):
            marks.append(json.dumps(value))
            return f"@{len(marks) - 1}@"
        return [keep(entry) for entry in value] if isinstance(value, list) else value

    text = json.dumps(keep(result), indent=1)
    for k, mark in enumerate(marks):
        text = text.replace(f'"@{k}@"', mark)
    return text + "\n"


if __name__ == "__main__":
    main()
