"""What the hybrid costs, by the clock: against RTRL and BPTT as n grows, and against its block.

    python experiments/hybrid_cost/run.py

times one step of the three exact learners on a tanh network of n units with 2 inputs, for n from 16
to 256, and one step of the hybrid at fixed n for blocks of 1 to 512 steps, together with the most
memory that a block takes. The contenders take turns, round by round, in one process on one thread
of the linear algebra library; the time is that of the processor alone. Set
OPENBLAS_NUM_THREADS=1, as `make experiments` does. It takes two to four minutes and writes
``result.json`` beside this file; chapter 6 reads it. Seconds differ from machine to machine;
what the chapter uses are ratios and slopes.
"""

from __future__ import annotations

import json
import os
import platform
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from tqdm import tqdm

from rnncore import BPTT, RTRL, Batch, Hybrid, Linear, Network, SquaredError, Vanilla
from rnncore.learners import OnlineLearner

SEED = 1992
INPUTS = 2
SIZES = (16, 32, 64, 128, 192, 256)
FIT_FROM = 128  # smaller networks spend their time between the products
ROUNDS = 9
BLOCKS = {32: (1, 2, 4, 8, 16, 32, 64, 128, 256), 64: (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)}
RESULT = Path(__file__).with_name("result.json")

Array = np.ndarray
Run = Callable[[], float]


def network(n: int) -> Network:
    """n tanh units, 2 inputs, 1 linear output."""
    return Network(Vanilla(INPUTS, n), Linear(n, 1), SquaredError())


def stream(steps: int) -> tuple[Array, Array]:
    """Inputs (steps, 1, 2) and targets (steps, 1, 1)."""
    rng = np.random.default_rng([SEED, 1])
    return rng.standard_normal((steps, 1, INPUTS)), rng.standard_normal((steps, 1, 1))


def online(learner: OnlineLearner, steps: int) -> Run:
    """A run of so many steps of an online learner, which gives the seconds of one step."""
    net = learner.network
    params = net.init_params(np.random.default_rng([SEED, 0]))
    weights, (x, d) = net.prepare(params), stream(steps)
    # The influence is not zero from the start, as in the middle of a stream.
    memory, _ = RTRL(net).advance(weights, RTRL(net).init(params), x[0], d[0], None)
    start = learner.init(params)._replace(influence=memory.influence)

    def run() -> float:
        memory, begin = start, process_time()
        for t in range(steps):
            memory, _ = learner.advance(weights, memory, x[t], d[t], None)
        return (process_time() - begin) / steps

    return run


def offline(net: Network, steps: int) -> Run:
    """A run of BPTT over so many steps, which gives the seconds of one step."""
    params = net.init_params(np.random.default_rng([SEED, 0]))
    x, d = stream(steps)
    batch, learner = Batch(x, d), BPTT(net)

    def run() -> float:
        begin = process_time()
        learner.gradient(params, batch)
        return (process_time() - begin) / steps

    return run


def contenders(n: int) -> dict[str, Run]:
    """The three learners; the hybrid with blocks of n steps."""
    net = network(n)
    return {
        "RTRL": online(RTRL(net), max(3, 1024 // n)),
        "hybrid": online(Hybrid(net, block=n), n * max(1, 128 // n)),
        "BPTT": offline(net, 512),
    }


def take_turns(runs: dict[str, Run], rounds: int, progress: bool = False) -> dict[str, list[float]]:
    """Seconds per step: least, median and greatest of the rounds."""
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in tqdm(range(rounds), disable=not progress):
        for name, run in runs.items():
            seconds[name].append(run())
    return {
        name: [float(f"{value:.4g}") for value in np.quantile(times, [0, 0.5, 1])]
        for name, times in seconds.items()
    }


def multiplications(n: int) -> dict[str, Callable[[int], float]]:
    """The counts of chapters 4 and 6 for one step, as functions of the block h."""
    P = n * (INPUTS + n + 1)
    return {
        "RTRL": lambda h: n * n * P + n * n + n * (INPUTS + n),
        "hybrid": lambda h: (n + 1) * (P + n * n + n * P / h),
        "BPTT": lambda h: P + n * n,
    }


def peak_bytes(n: int, block: int) -> int:
    """The most memory that one block takes while it is run and closed, with q itself."""
    run = online(Hybrid(network(n), block=block), block)
    run()
    influence = 8 * n * n * (INPUTS + n + 1)
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak + influence  # the q of the block's start was made before


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of log y over log x, by least squares."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def by_size(rounds: int = ROUNDS, progress: bool = False) -> dict[str, Any]:
    """Seconds of one step for each n, and what follows from their medians."""
    runs = {f"{name} {n}": run for n in SIZES for name, run in contenders(n).items()}
    seconds = take_turns(runs, rounds, progress)
    return {"sizes": list(SIZES), "seconds": seconds, **derived(seconds)}


def derived(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Slopes from FIT_FROM on, and the ratios at every n."""
    fitted = [n for n in SIZES if n >= FIT_FROM]
    median = {name: times[1] for name, times in seconds.items()}
    names = ("RTRL", "hybrid", "BPTT")
    slopes = {name: slope(fitted, [median[f"{name} {n}"] for n in fitted]) for name in names}
    ratios = {
        f"{above} over {below}": [median[f"{above} {n}"] / median[f"{below} {n}"] for n in SIZES]
        for above, below in (("RTRL", "hybrid"), ("hybrid", "BPTT"))
    }
    return {"fit_from": FIT_FROM, "slopes": slopes, "ratios": ratios}


def by_block(n: int, rounds: int = ROUNDS, progress: bool = False) -> dict[str, Any]:
    """Seconds of one step of the hybrid, and peak bytes, for each block."""
    blocks = BLOCKS[n]
    runs = {
        str(h): online(Hybrid(network(n), block=h), h * max(1, 128 // h if n < 64 else 64 // h))
        for h in blocks
    }
    seconds = take_turns(runs, rounds, progress)
    least = min(times[1] for times in seconds.values())
    return {
        "blocks": list(blocks),
        "seconds": seconds,
        "over_least": [seconds[str(h)][1] / least for h in blocks],
        "peak_bytes": [float(f"{peak_bytes(n, h):.3g}") for h in blocks],
    }


def main() -> None:
    """Run everything and write the result."""
    result = {
        "command": "python experiments/hybrid_cost/run.py",
        "seed": SEED,
        "rounds": ROUNDS,
        "machine": {
            "processor": platform.machine(),
            "numpy": np.__version__,
            "threads": os.environ.get("OPENBLAS_NUM_THREADS", "not set"),
        },
        "by_size": by_size(progress=True),
        "by_block": {str(n): by_block(n, progress=True) for n in BLOCKS},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
