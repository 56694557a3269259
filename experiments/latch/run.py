"""A latch learned by RTRL: two units that hold a bit against noise, and a window that cannot.

    python experiments/latch/run.py

Two tanh units with a logistic read-out learn to hold a bit over lags of 1 to 10 steps, the input
being noise after the first step. The control is a feed-forward network of eight units over a
window of the last five inputs: the same cell with its recurrent weights masked, trained with the
same gradients. Both are then asked at lags up to 1000.

It takes about 20 seconds on one core and writes ``result.json`` beside this file; chapter 7 reads
it. Everything depends on the seeds alone, up to rounding.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from rnncore import RTRL, Batch, BinaryCrossEntropy, Linear, Masked, Network, Params, Vanilla, tasks
from rnncore.optimizers import Adam
from rnncore.training import train

SEED = 1989
SEEDS = 8
LAG, NOISE, STEPS, WINDOW = 10, 0.2, 300, 5
LAGS = (2, 4, 5, 8, 10, 100, 1_000)
RESULT = Path(__file__).with_name("result.json")


def errors_at_lags(net: Network, params: Params, seed: int, window: int = 1) -> list[float]:
    """Error rates at ``LAGS``, on 200 fresh sequences each."""
    rates = []
    for lag in LAGS:
        batch = tasks.latch(np.random.default_rng([seed, lag]), lag, 200, noise=NOISE)
        seen = Batch(tasks.windowed(batch.inputs, window), batch.targets, batch.mask)
        rates.append(float(tasks.error_rate(net.forward(params, seen).outputs, seen)))
    return rates


def run(window: int, seed: int) -> dict[str, Any]:
    """Train one network; its error rates at all lags, and the parameters of a latch."""
    rng = np.random.default_rng([SEED, seed])
    net = network(window)

    def draw(step: int, rng: np.random.Generator | None) -> Batch:
        assert rng is not None
        lag = int(rng.integers(1, LAG + 1))
        batch = tasks.latch(rng, lag, 20, noise=NOISE)
        return Batch(tasks.windowed(batch.inputs, window), batch.targets, batch.mask)

    start = net.init_params(rng)
    trained = train(RTRL(net), start, draw, Adam(0.03), steps=STEPS, rng=rng, clip=1.0)
    params = trained.params
    found: dict[str, Any] = {"errors": errors_at_lags(net, params, seed, window)}
    if window == 1:
        found["params"] = params.flat().tolist()
    return found


def network(window: int = 1) -> Network:
    """Two recurrent units; or, with a window, eight feed-forward ones."""
    cell: Any = Vanilla(1, 2)
    if window > 1:
        cell = Masked(Vanilla(window, 8), {"U": np.zeros((8, 8))})
    return Network(cell, Linear(cell.output_size, 1, "logistic"), BinaryCrossEntropy())


def settings() -> dict[str, Any]:
    """The numbers that the stored results rest on."""
    values = {"seed": SEED, "seeds": SEEDS, "trained_lag": LAG, "noise": NOISE}
    return values | {"steps": STEPS, "width": WINDOW, "lags": list(LAGS)}


def main() -> None:
    """Run everything and write the result."""
    result: dict[str, Any] = {"command": "python experiments/latch/run.py"} | settings()
    for kind, width in (("recurrent", 1), ("window", WINDOW)):
        result[kind] = [run(width, seed) for seed in tqdm(range(SEEDS), desc=kind)]
    text = json.dumps(result, indent=1)
    short = re.sub(r"\[([^][{}]*)\]", lambda m: "[" + " ".join(m[1].split()) + "]", text)
    RESULT.write_text(short + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
