"""What local rules can learn: how far back they see on which cell, and with which feedback.

    python experiments/local_rules/run.py

Recall: a stream of bits, one of them marked; some steps later it is asked for. Eight LSTM units or
eight tanh units learn it with Adam in batches of eight sequences, from the gradients of several
learners. What is kept is the number of updates after which no error is left on 200 sequences that
are not learned from (looked at every 50 updates), and the share of errors at the end. The LSTM's
forget gates start with a bias of 3, so that the content of its cells stays for about 20 steps.

Wave: 30 leaky units without an input learn to put out a sum of three sine waves, 60 times the same
200 steps from the same initial state, with an update at each step. The rules differ in the weights
that bring the error back. In the last of them only the read-out learns. What is kept, for each
round, is the mean loss, and the cosine between the weights of the read-out and those of the
feedback, also before the first round.

It takes about three minutes on one core and writes ``result.json`` beside this file. All numbers
depend on the seeds alone, up to rounding, which training may enlarge.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from rnncore import (
    BPTT,
    LSTM,
    Batch,
    BinaryCrossEntropy,
    Linear,
    Network,
    Params,
    SquaredError,
    Vanilla,
    tasks,
)
from rnncore.cells import Leaky
from rnncore.learners import (
    RFLO,
    AdaptiveEProp,
    EProp,
    Learner,
    RandomEProp,
    SnAp,
    TruncatedBPTT,
)
from rnncore.optimizers import Adam

SEEDS = 5
RESULT = Path(__file__).with_name("result.json")
Array = np.ndarray

# -- recall ------------------------------------------------------------------------

LAGS = (5, 20)
UNITS, BATCH, UPDATES, EVERY, ADAM_RATE = 8, 8, 500, 50, 0.01
FORGET_BIAS = 3.0
RECALL: dict[str, tuple[str, Callable[[Network, Array], Learner]]] = {
    "LSTM, BPTT": ("LSTM", lambda net, b: BPTT(net)),
    "LSTM, truncated BPTT, 5 steps": ("LSTM", lambda net, b: TruncatedBPTT(net, 1, 5)),
    "LSTM, SnAp-1": ("LSTM", lambda net, b: SnAp(net, 1)),
    "LSTM, e-prop": ("LSTM", lambda net, b: EProp(net)),
    "LSTM, random e-prop": ("LSTM", lambda net, b: RandomEProp(net, b)),
    "tanh, BPTT": ("tanh", lambda net, b: BPTT(net)),
    "tanh, e-prop": ("tanh", lambda net, b: EProp(net)),
}


def recall(name: str, lag: int, seed: int, updates: int = UPDATES) -> dict[str, Any]:
    """Train one network; updates until no error is left (or None), and the errors at the end."""
    kind, make = RECALL[name]
    cell = LSTM(3, UNITS) if kind == "LSTM" else Vanilla(3, UNITS)
    net = Network(cell, Linear(UNITS, 1, "logistic"), BinaryCrossEntropy())
    rng = np.random.default_rng([seed, lag])
    params = net.init_params(rng)
    if kind == "LSTM":
        bias = params["cell.b"].copy()
        bias[UNITS : 2 * UNITS] = FORGET_BIAS  # gates in the order i, f, g, o
        params = params.replace(**{"cell.b": bias})
    learner = make(net, rng.standard_normal((1, UNITS)) / np.sqrt(UNITS))
    held_out = tasks.recall(np.random.default_rng([lag, 9]), lag + 3, 200, lag=lag)
    draws, adam = np.random.default_rng([seed, lag, 1]), Adam(ADAM_RATE)
    state = adam.init(params)
    for k in range(1, updates + 1):
        batch = tasks.recall(draws, lag + 3, BATCH, lag=lag)
        params, state = adam.step(params, state, learner.gradient(params, batch).grads)
        if k % EVERY == 0 and errors(net, params, held_out) == 0:
            return {"updates": k, "errors": 0.0}
    return {"updates": None, "errors": errors(net, params, held_out)}


def errors(net: Network, params: Params, batch: Batch) -> float:
    """The share of the scored steps at which the output is on the wrong side of one half."""
    assert batch.targets is not None and batch.weights is not None
    wrong = ((net.forward(params, batch).outputs > 0.5) != batch.targets) * batch.weights
    return float(wrong.sum() / batch.weights.sum())


# -- wave --------------------------------------------------------------------------

LEAKY, LEAK, STEPS, ROUNDS, RATE, DECAY = 30, 0.1, 200, 60, 0.03, 0.01
WAVE = ("e-prop", "RFLO", "adaptive e-prop", "read-out only")


def wave() -> Array:
    """The target, (T, 1, 1)."""
    t = np.arange(1, STEPS + 1) * 2 * np.pi / STEPS
    return ((np.sin(t) + 0.5 * np.sin(2 * t) + 0.25 * np.sin(4 * t)) / 1.3)[:, None, None]


def learn_wave(name: str, seed: int, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Mean loss of each round; cosine of read-out and feedback weights before and after each.

    Weight decay acts on the read-out in the rule with adaptive feedback alone, where it is what
    makes the two sets of weights meet.
    """
    rng = np.random.default_rng([5, seed])
    net = Network(Leaky(1, LEAKY, leak=LEAK), Linear(LEAKY, 1, bias=False), SquaredError())
    params = net.init_params(rng)
    params = params.replace(**{"cell.U": 1.5 * params["cell.U"]})
    start = rng.uniform(-1, 1, LEAKY)
    feedback: Any = rng.uniform(-1, 1, (1, LEAKY))
    decay = DECAY if name == "adaptive e-prop" else 0.0
    learner = {
        "RFLO": lambda: RFLO(net, feedback),
        "adaptive e-prop": lambda: AdaptiveEProp(net, RATE, decay, feedback),
    }.get(name, lambda: EProp(net))()
    x, target = np.zeros((1, 1)), wave()
    found = {"loss": [], "turned": [cosine(params["readout.V"], feedback)]}
    for _ in range(rounds):
        memory, total = learner.init(params, initial_state=start), 0.0
        if name == "adaptive e-prop":
            memory = memory._replace(feedback=feedback)
        for d in target:
            memory, out = learner.advance(net.prepare(params), memory, x, d, None)
            total += float(out.loss)
            v = params["readout.V"]
            moved = params - RATE * out.grads
            kept = {"readout.V": moved["readout.V"] - RATE * decay * v, "cell.a": params["cell.a"]}
            params = (params if name == "read-out only" else moved).replace(**kept)
        feedback = memory.feedback if name == "adaptive e-prop" else feedback
        found["loss"].append(total / STEPS)
        found["turned"].append(cosine(params["readout.V"], feedback))
    return found


def cosine(a: Array, b: Array) -> float:
    """The cosine between two arrays, read as vectors."""
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


# -- the result ----------------------------------------------------------------------


def settings() -> dict[str, Any]:
    """Everything that the numbers depend on."""
    return {
        "command": "python experiments/local_rules/run.py",
        "seeds": SEEDS,
        "recall_settings": {
            "lags": list(LAGS),
            "units": UNITS,
            "batch": BATCH,
            "updates": UPDATES,
            "rate": ADAM_RATE,
            "forget_bias": FORGET_BIAS,
        },
        "wave_settings": {
            "units": LEAKY,
            "leak": LEAK,
            "steps": STEPS,
            "rounds": ROUNDS,
            "rate": RATE,
            "decay": DECAY,
        },
    }


def main() -> None:
    """Run everything, write the result, and print a summary."""
    result: dict[str, Any] = settings() | {"recall": {}, "wave": {}}
    for lag in LAGS:
        result["recall"][str(lag)] = {}
        for name in tqdm(RECALL, desc=f"recall, lag {lag}"):
            result["recall"][str(lag)][name] = [recall(name, lag, s) for s in range(SEEDS)]
    for name in tqdm(WAVE, desc="wave"):
        runs = [learn_wave(name, seed) for seed in range(SEEDS)]
        result["wave"][name] = {
            key: [[round(v, 6) for v in run[key]] for run in runs] for key in ("loss", "turned")
        }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for lag, found in result["recall"].items():
        for name, runs in found.items():
            print(f"lag {lag:>2}  {name:30}", [(r["updates"], r["errors"]) for r in runs])
    for name, runs in result["wave"].items():
        ends = [[run[-1] for run in runs[key]] for key in ("loss", "turned")]
        print(f"wave  {name:16}", *ends)


if __name__ == "__main__":
    main()
