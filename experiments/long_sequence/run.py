"""A million steps of real-time recurrent learning, in memory that does not grow.

    python experiments/long_sequence/run.py

runs RTRL with the weights held over one stream of a million steps that is never stored, and
compares the gradient with that of checkpointed BPTT, for which the whole stream is kept. It takes
two to four minutes and writes ``result.json`` beside this file; chapter 4 reads it. Everything
but the bytes of memory depends on the seed alone, up to rounding.
"""

from __future__ import annotations

import json
import resource
import sys
import tracemalloc
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from rnncore import BPTT, RTRL, Batch, CheckpointedBPTT, Linear, Network, SquaredError, Vanilla
from rnncore.params import Params

SEED = 1989
STEPS = 1_000_000
CHECKPOINTS = (1_000, 2_000, 10_000, 100_000, 1_000_000)
LAG = 4  # the target is an input of so many steps ago
RESULT = Path(__file__).with_name("result.json")

Array = np.ndarray


def network() -> Network:
    """16 tanh units, 2 inputs, 1 linear output."""
    return Network(Vanilla(2, 16), Linear(16, 1), SquaredError())


def stream(seed: int = SEED) -> Iterator[tuple[Array, Array]]:
    """Inputs (2,) and targets (1,) without end; nothing older than LAG steps is kept."""
    rng = np.random.default_rng([seed, 1])
    recent: deque[Array] = deque([np.zeros(2)] * LAG, maxlen=LAG)
    while True:
        x = rng.standard_normal(2)
        yield x, recent[0][:1]
        recent.append(x)


def run(steps: int, progress: bool = False) -> tuple[list[dict[str, Any]], Params]:
    """RTRL over the first ``steps`` steps: what it has summed at the checkpoints, and the sum."""
    net = network()
    params = net.init_params(np.random.default_rng([SEED, 0]))
    learner, weights = RTRL(net), net.prepare(params)
    memory, loss, total = learner.init(params), 0.0, np.zeros(params.size)
    records = []
    for t, (x, d) in zip(tqdm(range(1, steps + 1), disable=not progress), stream(), strict=False):
        memory, out = learner.advance(weights, memory, x[None], d[None], None)
        loss, total = loss + out.loss, total + out.grads.flat()
        if t in CHECKPOINTS:
            grads = params.unflatten(total / t)
            norms = {name: float(np.linalg.norm(array)) for name, array in grads.items()}
            held = memory.state.nbytes + memory.influence.nbytes
            records.append(
                {
                    "steps": t,
                    "mean_loss": float(loss / t),
                    "norms_of_mean_gradient": norms,
                    "bytes_carried": held,
                    "peak_bytes_of_process": peak(),
                }
            )
    return records, params.unflatten(total)


def peak() -> int:
    """The most memory that this process has held so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def stored(steps: int) -> tuple[Params, Batch]:
    """The same parameters, and the first ``steps`` steps of the stream as arrays."""
    params = network().init_params(np.random.default_rng([SEED, 0]))
    inputs, targets = np.empty((steps, 2)), np.empty((steps, 1))
    for t, (x, d) in zip(range(steps), stream(), strict=False):
        inputs[t], targets[t] = x, d
    return params, Batch(inputs, targets)


def bptt_bytes(steps: int) -> int:
    """Peak bytes that BPTT allocates for the first ``steps`` steps, inputs not counted."""
    params, batch = stored(steps)
    tracemalloc.start()
    BPTT(network()).gradient(params, batch)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def main() -> None:
    """Run everything and write the result."""
    records, total = run(STEPS, progress=True)
    params, batch = stored(STEPS)
    other = CheckpointedBPTT(network()).gradient(params, batch).grads
    gap = np.abs(total.flat() - other.flat()).max() / np.abs(other.flat()).max()
    result = {
        "command": "python experiments/long_sequence/run.py",
        "seed": SEED,
        "units": 16,
        "steps": STEPS,
        "checkpoints": records,
        "peak_ratio_to_1000_steps": records[-1]["peak_bytes_of_process"]
        / records[0]["peak_bytes_of_process"],
        "relative_difference_from_checkpointed_bptt": float(gap),
        "bptt_peak_bytes": {str(steps): bptt_bytes(steps) for steps in (1_000, 10_000)},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
