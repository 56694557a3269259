"""Online learning with gradients that come late: the hybrid, and what it is without its q.

    python experiments/hybrid_online/run.py

lets six tanh units learn the delayed XOR of Williams and Zipser on one stream. The weights move at
the end of each block of h steps, by gradient descent on what the block's losses ask for. The
hybrid knows the influence q of everything before the block; truncated BPTT with k1 = k2 = h is the
same without it. For each learner and h there are three learning rates and 6 seeds. It takes
three to five minutes and writes ``result.json`` beside this file; chapter 6 reads it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from rnncore import BinaryCrossEntropy, Hybrid, Linear, Network, Vanilla
from rnncore.learners import OnlineLearner, TruncatedBPTT
from rnncore.tasks import delayed_xor

STEPS = 3_000
SEEDS = 6
UNITS = 6
LAST = 500  # the error rate at the end is that of so many steps
BLOCKS = (1, 2, 4, 16, 64)
RATES = (0.1, 0.03, 0.01)
LEARNERS = ("hybrid", "truncated BPTT")
RESULT = Path(__file__).with_name("result.json")

Array = np.ndarray


def network() -> Network:
    """6 tanh units and a logistic output."""
    return Network(Vanilla(2, UNITS), Linear(UNITS, 1, "logistic"), BinaryCrossEntropy())


def learner_of(name: str, block: int) -> OnlineLearner:
    """The hybrid, or truncated BPTT with windows of a block."""
    if name == "hybrid":
        return Hybrid(network(), block=block)
    return TruncatedBPTT(network(), k1=block, k2=block)


def learn(name: str, block: int, rate: float, seed: int, steps: int = STEPS) -> Array:
    """Which outputs of the stream were wrong, (steps,): the weights move at block ends."""
    rng = np.random.default_rng(seed)
    learner = learner_of(name, block)
    params = learner.network.init_params(rng)
    batch = delayed_xor(rng, steps)
    assert batch.targets is not None and batch.weights is not None
    x = 2 * batch.inputs - 1
    memory, weights = learner.init(params), learner.network.prepare(params)
    wrong, due = np.zeros(steps, bool), np.zeros(params.size)
    for t in range(steps):
        target = batch.targets[t]
        memory, out = learner.advance(weights, memory, x[t], target, batch.weights[t])
        wrong[t] = (out.output[0, 0] > 0.5) != target[0, 0]
        due += out.grads.flat()
        if (t + 1) % block == 0:
            params = params - rate * params.unflatten(due)
            weights, due = learner.network.prepare(params), np.zeros(params.size)
    return wrong


def summary(wrong: Array) -> dict[str, Any]:
    """Of the runs of all seeds, (seeds, steps): errors in all, and the error rate at the end."""
    return {
        "errors": [int(run.sum()) for run in wrong],
        "final_rate": [float(run[-LAST:].mean()) for run in wrong],
    }


def best(rates: dict[str, dict[str, Any]]) -> str:
    """The learning rate with the fewest errors, in the median over the seeds."""
    return min(rates, key=lambda rate: float(np.median(rates[rate]["errors"])))


def main() -> None:
    """Run everything and write the result."""
    cases = [(name, h, rate) for name in LEARNERS for h in BLOCKS for rate in RATES]
    runs: dict[str, Any] = {name: {str(h): {} for h in BLOCKS} for name in LEARNERS}
    for name, h, rate in tqdm(cases):
        wrong = np.array([learn(name, h, rate, seed) for seed in range(SEEDS)])
        runs[name][str(h)][str(rate)] = summary(wrong)
    result = {
        "command": "python experiments/hybrid_online/run.py",
        "steps": STEPS,
        "seeds": SEEDS,
        "units": UNITS,
        "last": LAST,
        "runs": runs,
        "best_rate": {name: {h: best(runs[name][h]) for h in runs[name]} for name in LEARNERS},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
