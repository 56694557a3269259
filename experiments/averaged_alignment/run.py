"""Alignment once more, after averaging: what a slow learner follows is the mean of its gradients.

    python experiments/averaged_alignment/run.py

The network, the task, the learners and the training are those of
``experiments/gradient_alignment`` (dense, 32 tanh units, the Add task with lags 6 and 10).
There, a gradient is compared with the exact one on a single window of 30 steps. A network that
learns with a small rate moves along the mean of many such gradients. So here M gradients are
averaged before they are compared with the mean of the M exact ones, for M = 1, 8, 64, 512.

On the path: the parameters are held where training by RTRL has come to after 1000 and after 6000
steps. Beside the cosines, the mean over all windows is written as a sum of the near and the far
part of the exact mean, a * near + b * far + rest, by least squares. Near is the gradient that goes
back 6 steps at most, and so knows nothing of the inputs that the task asks for; far is what is
missing in it.

At its own end: each of some learners trains the network by itself, at its best rate of
``gradient_alignment``, and is compared with the exact gradient where it has come to.

DNI is left out: its gradient depends on a critic that learns along with the network.

It takes about four minutes on one core and writes ``result.json`` beside this file. All numbers
depend on the seeds alone, up to rounding, which training may enlarge.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.gradient_alignment import run as base  # noqa: E402
from rnncore import BPTT, RTRL, Batch, Params, tasks  # noqa: E402
from rnncore.learners import Learner, TruncatedBPTT  # noqa: E402

SEEDS = base.SEEDS
CHECKPOINTS = (1_000, 6_000)
AVERAGED = (1, 8, 64, 512)
WINDOWS = 1_024
SINGLES = 32  # windows from which the cosines at M = 1 are taken
GROUP = 8  # windows that a learner does in one batch; for the larger M
NEAR = 6  # steps: one short of the nearer lag
LEARNERS = tuple(name for name in base.ALIGNED["dense"] if name != "DNI")
AT_OWN_END = (
    "RTRL",
    "truncated BPTT, 3 steps",
    "SnAp-1",
    "e-prop",
    "RFLO, random e-prop",
    "KF-RTRL",
)
RESULT = Path(__file__).with_name("result.json")

Array = np.ndarray


def path(seed: int, last: int = CHECKPOINTS[-1]) -> dict[int, Params]:
    """The parameters at the checkpoints of training by RTRL, up to step ``last``."""
    net, found = base.network("dense"), {}

    def keep(step: int, params: Params, memory: Any) -> None:
        if step in CHECKPOINTS:
            found[step] = params

    params, _ = base.start(net, seed)
    base.train(net, RTRL(net), params, seed, last, at=keep)
    return found


def windows(params: Params, seed: int, place: str, count: int) -> list[Batch]:
    """``WINDOWS`` windows in batches of ``count``, each with the state that it starts from."""
    net = base.network("dense")
    total = max(base.LAGS) + base.WARM + base.WINDOW
    rng = base.generator("averaged", seed, place)
    whole = tasks.lagged_add(rng, total, WINDOWS, lags=base.LAGS)
    assert whole.targets is not None
    states, cut = net.forward(params, Batch(whole.inputs)).states, total - base.WINDOW
    parts = [slice(k, k + count) for k in range(0, WINDOWS, count)]
    x, d, s = whole.inputs[cut:], whole.targets[cut:], states[cut]
    return [Batch(x[:, part], d[:, part], None, s[part]) for part in parts]


def gradients(
    learner: Learner, params: Params, batches: Sequence[Batch], rng: np.random.Generator
) -> Array:
    """The gradient of the cell's parameters on each batch, (number of batches, P)."""
    found = [learner.gradient(params, batch, rng).grads for batch in batches]
    return np.array([base.cell_part(grads) for grads in found])


def averaged(rows: Array, count: int) -> Array:
    """Means over ``count`` rows each."""
    return rows.reshape(-1, count, rows.shape[1]).mean(axis=1)


class Place:
    """Parameters that are held, windows there, and the exact gradients on them.

    ``shrunk`` is the mean length of the exact gradient of one window over the length of their mean.
    """

    def __init__(self, params: Params, seed: int, name: str) -> None:
        self.params, self.seed, self.name = params, seed, name
        self.net = base.network("dense")
        self.singles = windows(params, seed, name, 1)[:SINGLES]
        self.groups = windows(params, seed, name, GROUP)
        exact, near, draw = BPTT(self.net), TruncatedBPTT(self.net, 1, NEAR), base.generator("none")
        self.exact = gradients(exact, params, self.groups, draw)
        self.exact_singles = gradients(exact, params, self.singles, draw)
        self.near = gradients(near, params, self.groups, draw).mean(axis=0)
        lengths = np.linalg.norm(self.exact_singles, axis=1)
        self.shrunk = float(lengths.mean() / np.linalg.norm(self.exact.mean(axis=0)))

    def measure(self, name: str, feedback: Array) -> dict[str, Any]:
        """Cosines for each M; the norm against the exact one, near and far part for the mean."""
        learner = base.LEARNERS[name](self.net, feedback)
        rng = base.generator("averaged draws", self.seed, self.name, name)
        one = gradients(learner, self.params, self.singles, rng)
        rows = gradients(learner, self.params, self.groups, rng)
        pairs = [(one, self.exact_singles)]
        pairs += [(averaged(rows, m // GROUP), averaged(self.exact, m // GROUP)) for m in M_GROUPED]
        mean, truth = rows.mean(axis=0), self.exact.mean(axis=0)
        parts = np.stack([self.near, truth - self.near], axis=1)
        near, far = np.linalg.lstsq(parts, mean, rcond=None)[0]
        return {
            "cosine": [float(np.mean(list(map(base.cosine, *pair)))) for pair in pairs],
            "norm": float(np.linalg.norm(mean) / np.linalg.norm(truth)),
            "near": float(near),
            "far": float(far),
        }


M_GROUPED = AVERAGED[1:]


def own_end(name: str, seed: int) -> dict[str, Any]:
    """What a learner's gradient is worth where it has trained the network to by itself."""
    stored = json.loads(base.RESULT.read_text(encoding="utf-8"))["loss"]["dense"][name]
    rate = float(base.best(stored)[0])
    net = base.network("dense")
    params, feedback = base.start(net, seed)
    params = base.train(net, base.LEARNERS[name](net, feedback), params, seed, base.STEPS, rate)
    found = Place(params, seed, f"end of {name}").measure(name, feedback)
    turned = base.cosine(params["readout.V"].ravel(), feedback.ravel())
    return found | {"read-out and feedback": turned}


def settings() -> dict[str, Any]:
    """Everything that the numbers depend on, beside the settings of ``gradient_alignment``."""
    return {
        "command": "python experiments/averaged_alignment/run.py",
        "seeds": SEEDS,
        "averaged": list(AVERAGED),
        "windows": WINDOWS,
        "single_windows": SINGLES,
        "near_steps": NEAR,
        "checkpoints": list(CHECKPOINTS),
    }


def gathered(runs: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """From one record for each seed to one list over the seeds for each quantity."""

    def rounded(value: Any) -> Any:
        return [round(v, 10) for v in value] if isinstance(value, list) else round(value, 10)

    return {key: [rounded(run[key]) for run in runs] for key in runs[0]}


def main() -> None:
    """Measure everything and write the result."""
    shrunk: dict[str, list[float]] = {str(step): [] for step in CHECKPOINTS}
    result: dict[str, Any] = settings() | {"shrunk": shrunk, "path": {}, "own_end": {}}
    found: dict[int, dict[str, list]] = {step: {n: [] for n in LEARNERS} for step in CHECKPOINTS}
    for seed in tqdm(range(SEEDS), desc="path of RTRL"):
        _, feedback = base.start(base.network("dense"), seed)
        for step, params in path(seed).items():
            place = Place(params, seed, f"step {step}")
            shrunk[str(step)].append(round(place.shrunk, 10))
            for name in LEARNERS:
                found[step][name].append(place.measure(name, feedback))
    for step, learners in found.items():
        result["path"][str(step)] = {name: gathered(runs) for name, runs in learners.items()}
    for name in tqdm(AT_OWN_END, desc="own ends"):
        result["own_end"][name] = gathered([own_end(name, seed) for seed in range(SEEDS)])
    RESULT.write_text(base.written(result), encoding="utf-8")
    print(table(result))


def table(result: dict[str, Any]) -> str:
    """Means over the seeds."""
    lines = []
    places = {f"step {step}": part for step, part in result["path"].items()}
    for place, learners in (places | {"own end": result["own_end"]}).items():
        heads = " ".join(f"M = {m:>3}" for m in AVERAGED)
        lines.append(f"{place:26} {heads}   norm   near    far")
        for name, found in learners.items():
            cosines = " ".join(f"{c:7.3f}" for c in np.mean(found["cosine"], axis=0))
            rest = " ".join(f"{np.mean(found[key]):6.2f}" for key in ("norm", "near", "far"))
            lines.append(f"{name:26} {cosines} {rest}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
