"""How well do the gradients of online learners point where the exact one points?

    python experiments/gradient_alignment/run.py
    python experiments/gradient_alignment/run.py UORO DNI     (these alone; the rest is kept)

Networks of 32 tanh units learn the Add task of Marschall, Cho & Savin (2020) from one stream,
with an update at each step. One of them is dense; in the other each unit hears itself and three
more, so that SnAp-2 is not yet the exact gradient, which it is in a dense one.

Alignment: while a network is trained by RTRL, the parameters are held at a few checkpoints, and
each learner gives its gradient over the same windows. What is kept is the mean cosine between its
gradient of the cell's parameters and that of BPTT; the read-out's part, which all have exactly, is
left out. Loss: each learner trains networks by itself, from the same start, on the same streams,
once at each of three rates; what is kept is the cross-entropy on streams that were never learned
from. A random gradient needs a smaller rate than an exact one, so each learner is judged at its
best rate.

Two things to know when reading the result. In a network that RTRL trains nothing turns the read-out
towards random feedback weights, so the cosine of RFLO stays near zero. And the critic of DNI is
linear, and learns at a constant rate that was not searched for.

It takes about five minutes on one core and writes ``result.json`` beside this file. All numbers
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
    BPTT,
    RTRL,
    Batch,
    CategoricalCrossEntropy,
    Linear,
    Masked,
    Network,
    Params,
    Vanilla,
    tasks,
)
from rnncore.learners import SnAp, TruncatedBPTT
from rnncore.learners.artbp import ARTBP
from rnncore.learners.base import OnlineLearner
from rnncore.learners.dni import DNI, Critic
from rnncore.learners.forward_gradient import ForwardGradient
from rnncore.learners.kf_rtrl import KFRTRL
from rnncore.learners.local import EProp
from rnncore.learners.random_feedback import RFLO
from rnncore.learners.uoro import UORO

SEED = 2020
SEEDS = 5
UNITS = 32
HEARD = 4  # in the sparse network: how many units each unit hears, itself among them
LAGS = (6, 10)
RATES = (0.03, 0.01, 0.003)  # the first is that of the training by RTRL, for the cosines
STEPS = 6_000
CHECKPOINTS = (0, 100, 1_000, 6_000)
WARM, WINDOW, WINDOWS = 20, 30, 8  # steps before a window, of a window; windows at a checkpoint
HELD_OUT = (500, 20)  # steps and number of the streams that the final loss is measured on
CRITIC_RATE = 0.02
RESULT = Path(__file__).with_name("result.json")

Array = np.ndarray
Made = Callable[[Network, Array], OnlineLearner]

# The second argument holds random feedback weights, the same for a network's whole life.
LEARNERS: dict[str, Made] = {
    "RTRL": lambda net, b: RTRL(net),
    "truncated BPTT, 3 steps": lambda net, b: TruncatedBPTT(net, 1, 3),
    "truncated BPTT, 7 steps": lambda net, b: TruncatedBPTT(net, 1, 7),
    "truncated BPTT, 11 steps": lambda net, b: TruncatedBPTT(net, 1, 11),
    "SnAp-1": lambda net, b: SnAp(net, 1),
    "SnAp-2": lambda net, b: SnAp(net, 2),
    "SnAp-3": lambda net, b: SnAp(net, 3),
    "e-prop": lambda net, b: EProp(net),
    # On units without a leak the rule of RFLO is that of e-prop with random feedback.
    "RFLO, random e-prop": lambda net, b: RFLO(net, b),
    "DNI": lambda net, b: DNI(net, Critic(CRITIC_RATE)),
    "ARTBP": lambda net, b: ARTBP(net, 0.1),
    "KF-RTRL": lambda net, b: KFRTRL(net),
    "UORO": lambda net, b: UORO(net),
    "forward gradient": lambda net, b: ForwardGradient(net),
}
# In a dense network SnAp-2 is saturated, that is RTRL. In the sparse one the longer SnAp are
# measured, but not trained: in NumPy their gathers take long.
ALIGNED = {
    "dense": [name for name in LEARNERS if name not in ("SnAp-2", "SnAp-3")],
    "sparse": list(LEARNERS),
}
TRAINED = {"dense": ALIGNED["dense"], "sparse": ["RTRL", "SnAp-1", "e-prop"]}


def network(kind: str) -> Network:
    """32 tanh units, dense or sparse; two inputs, a softmax of two units."""
    cell: Any = Vanilla(2, UNITS)
    if kind == "sparse":
        rng = np.random.default_rng([SEED, 1])
        heard = np.eye(UNITS)
        for i in range(UNITS):
            others = [j for j in range(UNITS) if j != i]
            heard[i, rng.choice(others, HEARD - 1, replace=False)] = 1
        cell = Masked(cell, {"U": heard})
    return Network(cell, Linear(UNITS, 2, "softmax"), CategoricalCrossEntropy())


def start(net: Network, seed: int) -> tuple[Params, Array]:
    """Initial parameters, and random feedback weights.

    In the sparse network the recurrent weights are larger, so that their spectrum is as wide.
    """
    rng = np.random.default_rng([SEED, 2, seed])
    params = net.init_params(rng)
    if isinstance(net.cell, Masked):
        scale = np.sqrt(UNITS / HEARD)
        params = params.replace(**{"cell.U": scale * params["cell.U"] * net.cell.mask["U"]})
    return params, rng.standard_normal((2, UNITS)) / np.sqrt(UNITS)


def generator(*key: int | str) -> np.random.Generator:
    """A generator of its own for each purpose, whatever else is run."""
    numbers = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    return np.random.default_rng([SEED, *numbers])


def train(
    net: Network,
    learner: OnlineLearner,
    params: Params,
    seed: int,
    steps: int,
    rate: float = RATES[0],
    at: Callable[[int, Params, Any], None] = lambda step, params, memory: None,
    beside: DNI | None = None,
) -> Params:
    """Learn online from the stream of that seed; ``at`` is called before each step and at the end.

    ``beside`` runs along on the same parameters, so that its critic learns; ``at`` gets its
    memory.
    """
    batch = tasks.lagged_add(generator("stream", seed), STEPS, lags=LAGS)
    assert batch.targets is not None and batch.weights is not None
    memory = learner.init(params, rng=generator("noise", seed, learner.name))
    other = None if beside is None else beside.init(params)
    for t in range(steps):
        at(t, params, other)
        weights = net.prepare(params)
        step = (batch.inputs[t], batch.targets[t], batch.weights[t])
        if beside is not None and other is not None:
            other, _ = beside.advance(weights, other, *step)
        memory, out = learner.advance(weights, memory, *step)
        params = params - rate * out.grads
    at(steps, params, other)
    return params


def windows(net: Network, params: Params, seed: int, step: int) -> list[Batch]:
    """Windows of the task, each with the state in which the network would come to it."""
    rng, total = generator("windows", seed, step), max(LAGS) + WARM + WINDOW
    whole = tasks.lagged_add(rng, total, WINDOWS, lags=LAGS)
    assert whole.targets is not None
    states = net.forward(params, Batch(whole.inputs)).states
    cut = total - WINDOW
    return [
        Batch(whole.inputs[cut:, k], whole.targets[cut:, k], None, states[cut, k])
        for k in range(WINDOWS)
    ]


def cell_part(grads: Params) -> Array:
    """The gradient of the cell's parameters as one vector."""
    return grads.select("cell.").flat()


def cosine(a: Array, b: Array) -> float:
    """The cosine between two vectors; 0 where one of them is zero."""
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / norms) if norms > 0 else 0.0


def align(kind: str, seed: int, names: Sequence[str], last: int = STEPS) -> dict[str, list[float]]:
    """The mean cosine of each learner at each checkpoint up to ``last``, training by RTRL."""
    net = network(kind)
    found: dict[str, list[float]] = {name: [] for name in names}
    params, feedback = start(net, seed)
    made = {name: LEARNERS[name](net, feedback) for name in names}

    def measure(step: int, params: Params, memory: Any) -> None:
        if step not in CHECKPOINTS:
            return
        batches = windows(net, params, seed, step)
        exact = [cell_part(BPTT(net).gradient(params, batch).grads) for batch in batches]
        for name, learner in made.items():
            rng = generator("draws", seed, step, name)
            cosines = []
            for batch, truth in zip(batches, exact, strict=True):
                if isinstance(learner, DNI):
                    frozen = DNI(net, Critic(0.0))
                    grads = frozen.run(params, batch, memory.critic)[0].grads
                else:
                    grads = learner.gradient(params, batch, rng).grads
                cosines.append(cosine(cell_part(grads), truth))
            found[name].append(float(np.mean(cosines)))

    beside = next((learner for learner in made.values() if isinstance(learner, DNI)), None)
    train(net, RTRL(net), params, seed, last, at=measure, beside=beside)
    return found


def final_loss(kind: str, name: str, seed: int, rate: float, steps: int = STEPS) -> float | None:
    """The cross-entropy of a network that this learner has trained, on streams held out.

    ``None`` where training has left the finite numbers.
    """
    net = network(kind)
    params, feedback = start(net, seed)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            params = train(net, LEARNERS[name](net, feedback), params, seed, steps, rate)
    except ValueError as refusal:
        if "expected finite numbers" not in str(refusal):
            raise
        return None
    batch = tasks.lagged_add(generator("held out", seed), *HELD_OUT, lags=LAGS)
    return tasks.per_score(net.evaluate(params, batch), batch)


def best(losses: dict[str, list[float | None]]) -> tuple[str, float]:
    """The rate with the smallest mean loss over the seeds, and that mean."""
    means = {r: np.mean([np.inf if x is None else x for x in v]) for r, v in losses.items()}
    rate = min(means, key=means.__getitem__)
    return rate, float(means[rate])


def settings() -> dict[str, Any]:
    """Everything that the numbers depend on."""
    return {
        "command": "python experiments/gradient_alignment/run.py",
        "seed": SEED,
        "seeds": SEEDS,
        "units": UNITS,
        "units_heard_in_the_sparse_network": HEARD,
        "lags": list(LAGS),
        "rates": list(RATES),
        "steps": STEPS,
        "checkpoints": list(CHECKPOINTS),
        "windows": {"count": WINDOWS, "steps": WINDOW},
        "baselines": {
            key: tasks.lagged_add_baseline(known).cross_entropy
            for key, known in (("neither", ()), ("first", (0,)), ("both", (0, 1)))
        },
    }


def main() -> None:
    """Run the learners asked for, all by default, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("learners", nargs="*", default=list(LEARNERS), help="names; all if none")
    chosen = parser.parse_args().learners
    unknown = [name for name in chosen if name not in LEARNERS]
    if unknown:
        parser.error(f"learners: expected some of {list(LEARNERS)}, got {unknown}")
    result = settings()
    result |= {part: {kind: {} for kind in ALIGNED} for part in ("cosine", "loss")}
    for kind in ALIGNED:
        names = [name for name in ALIGNED[kind] if name in chosen]
        runs = [align(kind, seed, names) for seed in tqdm(range(SEEDS), desc=f"{kind}, cosine")]
        for name in names:
            result["cosine"][kind][name] = [[round(c, 12) for c in run[name]] for run in runs]
        for name in tqdm([n for n in TRAINED[kind] if n in chosen], desc=f"{kind}, loss"):
            result["loss"][kind][name] = {}
            for rate in RATES:
                losses = [final_loss(kind, name, seed, rate) for seed in range(SEEDS)]
                rounded = [None if loss is None else round(loss, 6) for loss in losses]
                result["loss"][kind][name][str(rate)] = rounded
    merge(result)
    RESULT.write_text(written(result), encoding="utf-8")
    print(table(result))


def merge(result: dict[str, Any]) -> None:
    """Keep what an earlier run has stored of other learners; put all in order."""
    old = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    for part, order in (("cosine", ALIGNED), ("loss", TRAINED)):
        for kind in ALIGNED:
            have = old.get(part, {}).get(kind, {}) | result[part][kind]
            result[part][kind] = {name: have[name] for name in order[kind] if name in have}


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


def table(result: dict[str, Any]) -> str:
    """Means over the seeds: the cosine at each checkpoint, and the loss."""
    lines = []
    for kind, learners in result["cosine"].items():
        steps = " ".join(f"{step:>7}" for step in CHECKPOINTS)
        lines.append(f"{kind:26} cosine at {steps}    loss")
        for name, runs in learners.items():
            cosines = " ".join(f"{c:7.3f}" for c in np.mean(runs, axis=0))
            line = f"{name:36} {cosines}"
            if name in result["loss"][kind]:
                rate, loss = best(result["loss"][kind][name])
                line += f"{loss:8.4f} at rate {rate}"
            lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
