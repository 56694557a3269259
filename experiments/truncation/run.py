"""What truncated BPTT learns inside its window, and beyond it.

Two experiments with tanh units, read by chapter 8.

Recall: a marked bit, distractors, and the question for the bit after a lag. Only the last step
has a loss, so a window of k2 steps is BPTT over the last k2 steps from the state that the network
is in by then. A window of 0 steps trains the read-out alone. The lag is always the same ("one
lag"), or drawn anew for each batch from 1 to that lag ("all lags up to it"); the test is on the
longest lag in both cases, and on one five times as long.

Grid: delayed XOR as an endless stream, weights updated every k1 steps by windows of k2 steps.
Noted is the number of steps of the stream until the error stays below 1 % for 100 steps.

Run with ``python experiments/truncation/run.py``: about three minutes on one core. The tests redo
a few of the runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from rnncore import BPTT, Batch, BinaryCrossEntropy, Linear, Network, Params, Vanilla
from rnncore.learners.base import Gradient
from rnncore.learners.truncated import TruncatedBPTT
from rnncore.optimizers import Adam, clip_by_norm
from rnncore.tasks import delayed_xor, error_rate, recall

SEED = 8
RATE, CLIP = 0.01, 1.0
RECALL: dict[str, int] = {
    "units": 16,
    "batch": 32,
    "updates": 1500,
    "every": 50,
    "seeds": 10,
    "held_out": 500,
}
LAGS = (5, 10, 20)
WINDOWS = (0, 1, 2, 5, 10, 20)  # and lag + 1, which is all steps
GRID: dict[str, int] = {"units": 12, "streams": 16, "delay": 4, "steps": 3000, "seeds": 5}
SOLVED = 0.01
PAIRS = (
    *((1, k2) for k2 in (1, 2, 3, 4, 5, 6, 8, 16, 32)),
    *((4, k2) for k2 in (4, 5, 6, 8, 16, 32)),
    *((16, k2) for k2 in (16, 20, 32)),
)
RESULT = Path(__file__).with_name("result.json")


def windows(lag: int) -> list[int]:
    """The windows that are tried at a lag, the whole sequence last."""
    return [k2 for k2 in WINDOWS if k2 <= lag] + [lag + 1]


def network(inputs: int, units: int) -> Network:
    """Tanh units and a logistic output."""
    return Network(Vanilla(inputs, units), Linear(units, 1, "logistic"), BinaryCrossEntropy())


def tail_gradient(net: Network, params: Params, batch: Batch, k2: int) -> Gradient:
    """The truncated gradient of a batch whose only loss is at the last step."""
    cut = max(0, batch.steps - max(k2, 1))
    state = batch.initial_state
    if cut:
        state = net.forward(params, Batch(batch.inputs[:cut], initial_state=state)).states[-1]
    assert batch.targets is not None
    mask = None if batch.mask is None else batch.mask[cut:]
    loss, grads = BPTT(net).gradient(
        params, Batch(batch.inputs[cut:], batch.targets[cut:], mask, state)
    )
    if k2 == 0:
        still = {name: 0 * grads[name] for name in grads if name.startswith("cell.")}
        grads = grads.replace(**still)
    return Gradient(loss, grads)


def recall_run(lag: int, k2: int, mixed: bool, seed: int) -> dict[str, float]:
    """Train until no held-out sequence is wrong: errors at the lag and at five times the lag."""
    rng = np.random.default_rng([SEED, lag, seed])
    net = network(3, RECALL["units"])
    params, adam = net.init_params(rng), Adam(RATE)
    state = adam.init(params)
    held_out = np.random.default_rng(SEED)
    test = recall(held_out, lag + 1, RECALL["held_out"], lag=lag)
    far = recall(held_out, 5 * lag + 1, RECALL["held_out"], lag=5 * lag)
    for update in range(RECALL["updates"] + 1):
        if update % RECALL["every"] == 0:
            error = error_rate(net.forward(params, test).outputs, test)
            if error == 0:
                break
        asked = int(rng.integers(1, lag + 1)) if mixed else lag
        batch = recall(rng, asked + 1, RECALL["batch"], lag=asked)
        grads = tail_gradient(net, params, batch, k2).grads
        params, state = adam.step(params, state, clip_by_norm(grads, CLIP))
    beyond = error_rate(net.forward(params, far).outputs, far)
    return {"updates": update, "error": round(error, 3), "far": round(beyond, 3)}


def grid_run(k1: int, k2: int, seed: int) -> int | None:
    """Steps of the stream until the error has been small for 100 steps; None if never."""
    rng = np.random.default_rng([SEED, 1, seed])
    net, size = network(2, GRID["units"]), GRID["streams"]
    params, adam = net.init_params(rng), Adam(RATE)
    state, total = adam.init(params), params.zeros_like()
    data = delayed_xor(rng, GRID["steps"], size, delay=GRID["delay"])
    learner, wrong = TruncatedBPTT(net, k1, k2), []
    memory, weights = learner.init(params, size), net.prepare(params)
    assert data.targets is not None and data.weights is not None
    for t in range(GRID["steps"]):
        now = data.inputs[t], data.targets[t], data.weights[t]
        memory, out = learner.advance(weights, memory, *now)
        total = total + out.grads
        wrong.append(np.mean((out.output > 0.5) != (data.targets[t] > 0.5)))
        if t >= 100 and np.mean(wrong[-100:]) < SOLVED:
            return t + 1
        if (t + 1) % k1 == 0:
            params, state = adam.step(params, state, clip_by_norm(total, CLIP))
            total, weights = params.zeros_like(), net.prepare(params)
    return None


def settings() -> dict[str, Any]:
    """Everything that the numbers depend on."""
    return {
        "command": "python experiments/truncation/run.py",
        "seed": SEED,
        "adam": RATE,
        "clip": CLIP,
        "recall": RECALL | {"lags": list(LAGS)},
        "grid": GRID | {"solved": SOLVED, "pairs": [list(pair) for pair in PAIRS]},
    }


def main() -> None:
    """Run everything and write the result."""
    found: dict[str, Any] = {"settings": settings(), "one lag": {}, "all lags up to it": {}}
    for name, mixed in (("one lag", False), ("all lags up to it", True)):
        for lag in LAGS:
            of_lag = found[name].setdefault(str(lag), {})
            for k2 in tqdm(windows(lag), desc=f"recall, {name}, {lag}"):
                of_lag[str(k2)] = [recall_run(lag, k2, mixed, s) for s in range(RECALL["seeds"])]
    found["steps until solved"] = {
        f"{k1},{k2}": [grid_run(k1, k2, seed) for seed in range(GRID["seeds"])]
        for k1, k2 in tqdm(PAIRS, desc="grid")
    }
    RESULT.write_text(written(found), encoding="utf-8")
    print(table(found))


def written(found: dict[str, Any]) -> str:
    """JSON with a line for each setting's runs."""
    lines = [f'"settings": {json.dumps(found["settings"])}']
    for name in ("one lag", "all lags up to it"):
        lags = []
        for lag, of_lag in found[name].items():
            runs = ",\n   ".join(f'"{k2}": {json.dumps(runs)}' for k2, runs in of_lag.items())
            lags.append(f'"{lag}": {{\n   {runs}}}')
        lines.append(f'"{name}": {{\n  ' + ",\n  ".join(lags) + "}")
    solved = found["steps until solved"].items()
    grid = ",\n  ".join(f'"{pair}": {json.dumps(runs)}' for pair, runs in solved)
    lines.append(f'"steps until solved": {{\n  {grid}}}')
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def table(found: dict[str, Any]) -> str:
    """How many seeds solve what."""
    lines = []
    for name in ("one lag", "all lags up to it"):
        for lag, of_lag in found[name].items():
            counts = {k2: sum(run["error"] == 0 for run in runs) for k2, runs in of_lag.items()}
            lines.append(f"recall, {name} {lag}, seeds that solve it by window: {counts}")
    for pair, runs in found["steps until solved"].items():
        lines.append(f"grid k1,k2 = {pair}: {runs}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
