"""What the four exact methods cost at many sizes and lengths, on one machine.

    python experiments/cost_map/run.py

measures the processor time and the peak memory of one gradient by BPTT, checkpointed BPTT, RTRL and
the hybrid, on vanilla networks with n units over sequences of T steps, and the time of BPTT when
the gradient is wanted anew at each step. Each learner runs at every (n, T), the methods in turn,
several rounds, and the median counts; every round is stored too. Times are processor times of one
thread; only their ratios mean anything on another machine. Bytes are those that Python and NumPy
allocate while the gradient is computed, inputs not among them.

It takes one to three minutes and writes ``result.json`` beside this file; chapter 5 reads it. All
data come from the seed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

# One thread: has to be said before NumPy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from tqdm import tqdm  # noqa: E402

from rnncore import (  # noqa: E402
    BPTT,
    RTRL,
    Batch,
    CheckpointedBPTT,
    Hybrid,
    Linear,
    Network,
    Params,
    SquaredError,
    Vanilla,
)

SEED = 5
UNITS = (2, 4, 8, 16, 32, 64)
STEPS = (4, 16, 64, 256, 1024)
LONGEST_ANEW = 256  # a gradient at each step by BPTT takes T^2 / 2 steps
ROUNDS = 5
AT_LEAST = 0.01  # seconds: shorter runs are repeated within a round
METHODS: dict[str, Callable[[Network], Any]] = {
    "BPTT": BPTT,
    "checkpointed BPTT": CheckpointedBPTT,
    "RTRL": RTRL,
    "hybrid": Hybrid,
}
RESULT = Path(__file__).with_name("result.json")


def problem(n: int, steps: int) -> tuple[Network, Params, Batch]:
    """A vanilla network of n units with 2 inputs and 1 output, and one sequence."""
    net = Network(Vanilla(2, n), Linear(n, 1), SquaredError())
    draw = np.random.default_rng([SEED, n, steps])
    inputs, targets = draw.normal(size=(steps, 2)), draw.normal(size=(steps, 1))
    return net, net.init_params(draw), Batch(inputs, targets, initial_state=draw.normal(size=n))


def runs(n: int, steps: int) -> dict[str, Callable[[], Any]]:
    """What is measured at one point of the map."""
    net, params, batch = problem(n, steps)
    found: dict[str, Callable[[], Any]] = {
        name: partial(make(net).gradient, params, batch) for name, make in METHODS.items()
    }
    if steps <= LONGEST_ANEW:
        parts = [
            Batch(batch.inputs[:t], batch.targets[:t], initial_state=batch.initial_state)  # type: ignore[index]
            for t in range(1, steps + 1)
        ]
        found["BPTT anew"] = lambda: [BPTT(net).gradient(params, part) for part in parts]
    return found


def seconds(run: Callable[[], Any]) -> float:
    """Processor time of one run."""
    count, start = 0, process_time()
    while True:
        run()
        count += 1
        elapsed = process_time() - start
        if elapsed >= AT_LEAST:
            return elapsed / count


def peak_bytes(run: Callable[[], Any]) -> int:
    """The most memory that a run holds beyond what was there before."""
    run()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def point(n: int, steps: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """Times and bytes of all methods at one size and length."""
    made = runs(n, steps)
    times: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(rounds):
        for name, run in made.items():
            times[name].append(float(f"{seconds(run):.3g}"))
    return {
        "units": n,
        "steps": steps,
        "seconds": times,
        "median": {name: float(np.median(values)) for name, values in times.items()},
        "bytes": {name: peak_bytes(made[name]) for name in METHODS},
    }


def digest(points: list[dict[str, Any]]) -> str:
    """A fingerprint of all measured numbers."""
    return hashlib.sha256(json.dumps(points, sort_keys=True).encode()).hexdigest()


def main() -> None:
    """Measure every point and write the result."""
    grid = [(n, steps) for n in UNITS for steps in STEPS]
    points = [point(n, steps) for n, steps in tqdm(grid)]
    result = {
        "command": "python experiments/cost_map/run.py",
        "seed": SEED,
        "rounds": ROUNDS,
        "machine": {
            "processor": platform.machine(),
            "threads": 1,
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        "points": points,
        "digest": digest(points),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
