"""What diagonal recurrence cannot do, what it can, and what is lost between two diagonal layers.

    python experiments/diagonal/run.py
    python experiments/diagonal/run.py parity      (or leak, layers, delay; the rest is kept)

Parity. Networks learn the running parity of sequences of 2 to 10 bits and are tested on much longer
ones. Each has one recurrent layer of one kind, below the same feed-forward layer of 16 tanh units
and a logistic output. Kept: the error rate at the last step of 400 sequences of several lengths,
and whether the network still knows, after a single 1 and many zeros, that it has seen one.

Leak. What the units of the small diagonal LSTMs of the parity hold while such zeros come in.

Layers. Two layers of diagonal LSTM units learn delayed XOR, by the exact gradient and by the one
that each layer can compute from its own eligibility traces and from errors that come down within
the step. Kept: the loss on fresh sequences, and the cosine between the two gradients of the lower
layer at several times.

Delay. Linear recurrent units learn to give back white noise 10 steps late, by diagonal RTRL, and
so do context units with a linear activation, whose decays are real numbers. Kept: the loss, and
the eigenvalues at several times.

It takes about seven minutes on one core and writes ``result.json`` beside this file. All numbers
depend on the seeds alone, up to rounding, which training may enlarge.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from rnncore import (
    BPTT,
    Batch,
    BinaryCrossEntropy,
    Linear,
    Masked,
    Network,
    Params,
    SquaredError,
    Stack,
    Vanilla,
)
from rnncore.activations import logistic
from rnncore.cells import Cell
from rnncore.cells.base import Array
from rnncore.cells.diagonal import (
    DiagonalCell,
    DiagonalLSTM,
    FocusedContext,
    LinearRecurrentUnit,
)
from rnncore.cells.pointwise import Blocks, Partials
from rnncore.learners import DiagonalRTRL
from rnncore.learners.base import Gradient, Learner
from rnncore.optimizers import Adam
from rnncore.tasks import delayed_xor, random_lengths, running_parity
from rnncore.training import train

SEED = 1989
SEEDS = 5
RESULT = Path(__file__).with_name("result.json")


class GatedLinear(DiagonalCell):
    """s_t = l s_{t-1} + (1 - l^2) tanh(z), where the input sets l: in (0, 1), or in (-1, 1)."""

    states = ("s",)
    gates = ("l", "z")

    def __init__(self, input_size: int, hidden_size: int, signed: bool) -> None:
        self.signed = signed
        super().__init__(input_size, hidden_size)

    def pointwise(self, s: Array, u: Array, v: Array, p: Blocks) -> tuple[Blocks, Any]:
        gate = np.tanh(u[0]) if self.signed else logistic(u[0])
        z = np.tanh(u[1])
        return (gate * s[0] + (1 - gate**2) * z,), (s[0], gate, z)

    def partials(self, cache: Any) -> Partials:
        s, gate, z = cache
        slope = 1 - gate**2 if self.signed else gate * (1 - gate)
        du = {("s", "l"): (s - 2 * gate * z) * slope, ("s", "z"): (1 - gate**2) * (1 - z**2)}
        return Partials(ds={("s", "s"): gate}, du=du, dv={}, dp={})


# -- parity ----------------------------------------------------------------------------

Make = Callable[[int], Cell]
KINDS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "context units": (lambda n: FocusedContext(1, n), (4, 16, 64)),
    "linear recurrent units": (lambda n: LinearRecurrentUnit(1, n), (16,)),
    "gates in (0, 1)": (lambda n: GatedLinear(1, n, signed=False), (16,)),
    "gates in (-1, 1)": (lambda n: GatedLinear(1, n, signed=True), (16,)),
    "diagonal LSTM": (lambda n: DiagonalLSTM(1, n), (4, 16)),
    "tanh units, dense": (lambda n: Vanilla(1, n), (4, 16)),
}
PARITY_STEPS = 1_500
LENGTHS = (10, 20, 100, 500)
WAITS = (10, 100, 1_000, 10_000)


def with_layer_above(cell: Cell, units: int = 16) -> Network:
    """The cell, a feed-forward layer of tanh units, and one logistic output."""
    above = Masked(Vanilla(cell.output_size, units), {"U": np.zeros((units, units))})
    readout = Linear(units, 1, activation="logistic")
    return Network(Stack([cell, above]), readout, BinaryCrossEntropy())


def parity_batch(step: int, rng: np.random.Generator | None) -> Batch:
    """32 sequences of 2 to 10 bits."""
    assert rng is not None
    return running_parity(rng, random_lengths(rng, 32, 2, 10))


def train_parity(net: Network, seed: int, steps: int = PARITY_STEPS) -> tuple[Params, float]:
    """Train on 2 to 10 bits; returns the parameters and the mean of the last 100 losses."""
    rng = np.random.default_rng([SEED, seed])
    result = train(
        BPTT(net),
        net.init_params(rng),
        parity_batch,
        Adam(0.01),
        steps=steps,
        rng=rng,
        clip=1.0,
    )
    return result.params, float(np.mean(result.history.loss[-100:]))


def error_at_the_end(net: Network, params: Params, length: int, size: int = 400) -> float:
    """The share of sequences at whose last step the output is on the wrong side of 1/2."""
    batch = running_parity(np.random.default_rng([SEED, 77]), [length] * size)
    with np.errstate(over="ignore", invalid="ignore"):  # decays above 1 may have been learned
        odd = net.forward(params, batch).outputs > 0.5
    wrong = odd != (np.asarray(batch.targets) > 0.5)
    return float(wrong[-1].mean())


def still_knows(net: Network, params: Params) -> dict[str, bool]:
    """After one 1 (or two) and many zeros: is the output still odd (even)?"""
    bits = np.zeros((max(WAITS) + 2, 2, 1))
    bits[0], bits[1, 1] = 1, 1
    with np.errstate(over="ignore", invalid="ignore"):
        y = net.forward(params, Batch(bits)).outputs[:, :, 0]
    return {str(wait): bool(y[wait + 1, 0] > 0.5 > y[wait + 1, 1]) for wait in WAITS}


def parity() -> list[dict[str, Any]]:
    """All kinds, sizes and seeds."""
    runs = [(k, n, s) for k, (_, sizes) in KINDS.items() for n in sizes for s in range(SEEDS)]
    return [parity_run(*run) for run in tqdm(runs, desc="parity")]


def parity_run(kind: str, units: int, seed: int, steps: int = PARITY_STEPS) -> dict[str, Any]:
    """Train one network and test it."""
    net = with_layer_above(KINDS[kind][0](units))
    params, loss = train_parity(net, seed, steps)
    errors = {str(length): error_at_the_end(net, params, length) for length in LENGTHS}
    record = {"kind": kind, "units": units, "seed": seed, "loss": loss, "errors": errors}
    return record | {"still_knows": still_knows(net, params)}


def leak_run(seed: int, steps: int = PARITY_STEPS) -> dict[str, Any]:
    """The contents of four trained diagonal LSTM units after a single 1 and up to 40 zeros."""
    net = with_layer_above(KINDS["diagonal LSTM"][0](4))
    params, _ = train_parity(net, seed, steps)
    bits = np.zeros((41, 1, 1))
    bits[0] = 1
    contents = net.forward(params, Batch(bits)).states[1:, 0, 4:8]
    w_z = params["cell.0.w_z"]
    return {
        "seed": seed,
        "w_z": np.round(w_z, 4).tolist(),
        "contents": np.round(contents, 4).T.tolist(),
    }


def leak() -> list[dict[str, Any]]:
    """All seeds."""
    return [leak_run(seed) for seed in tqdm(range(SEEDS), desc="leak")]


# -- two layers ------------------------------------------------------------------------

LAYERS_STEPS = 800
CHECKPOINTS = (0, 100, 200, 400, 800)


class Layerwise(Learner):
    """Exact traces within each layer of a stack; between layers errors come down within the step.

    What a lower layer does to an upper one's memory is left out (Zucchet et al. 2023).
    """

    name = "layerwise"
    kind = "biased"
    online = True

    def gradient(self, params: Params, batch: Batch, rng: Any = None) -> Gradient:
        net, stack = self.network, self.network.cell
        assert isinstance(stack, Stack)
        layers = stack.layers
        weights, s = self._start(params, batch)
        traces = [np.zeros((batch.size, cell.size, cell.state_size)) for cell in layers]
        total, flats = 0.0, [np.zeros(cell.size) for cell in layers]
        readout = {name: np.zeros(shape) for name, shape in net.readout.shapes.items()}
        for t in range(batch.steps):
            record = net.record(weights, s, batch, t, t + 1)
            s, shown, tapes = record.last, record.shown[0], record.tapes[0]
            total += record.losses.sum()
            bar = net.readout.pull(weights.readout, record.z_bar[0], shown.shape[1])
            for name, part in net.readout.collect(shown, record.z_bar[0]).items():
                readout[name] = readout[name] + part
            for k in reversed(range(len(layers))):
                cell, w = layers[k], weights.cell[k]
                traces[k] = cell.influence_step(w, tapes[k], traces[k])
                flats[k] += np.einsum("bpn,bn->p", traces[k][..., cell.output], bar)
                full = np.zeros((batch.size, cell.state_size))
                full[:, cell.output] = bar
                _, delta = cell.pull(w, tapes[k], full)
                bar = cell.input_adjoint(w, tapes[k], delta)
        grads = {f"readout.{name}": array for name, array in readout.items()}
        cell_grads = params.select("cell.").unflatten(np.concatenate(flats))
        return Gradient(total, Params({f"cell.{n}": a for n, a in cell_grads.items()} | grads))


def two_layers() -> Network:
    """Two layers of eight diagonal LSTM units, and a logistic output."""
    cell = Stack([DiagonalLSTM(2, 8), DiagonalLSTM(8, 8)])
    return Network(cell, Linear(8, 1, activation="logistic"), BinaryCrossEntropy())


def xor_batch(step: int, rng: np.random.Generator | None) -> Batch:
    """Streams of 20 bit pairs, to be xored 3 steps late."""
    assert rng is not None
    return delayed_xor(rng, 20, 16, delay=3)


def layers_run(seed: int, learner: type[Learner], steps: int = LAYERS_STEPS) -> dict[str, Any]:
    """Train two layers; compare the two gradients of the lower layer on the way."""
    net, rng = two_layers(), np.random.default_rng([SEED, seed])
    probe = delayed_xor(np.random.default_rng([SEED, 78]), 20, 64, delay=3)
    cosines: dict[str, float] = {}

    def look(step: int, params: Params, loss: float = 0.0) -> None:
        if step in CHECKPOINTS:
            a, b = (
                kind(net).gradient(params, probe).grads.select("cell.").select("0.").flat()
                for kind in (BPTT, Layerwise)
            )
            cosines[str(step)] = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    params = net.init_params(rng)
    look(0, params)
    result = train(
        learner(net),
        params,
        xor_batch,
        Adam(0.01),
        steps=steps,
        rng=rng,
        clip=1.0,
        callback=look,
    )
    per_score = float(net.evaluate(result.params, probe)) / 17
    name = learner.name
    return {"learner": name, "seed": seed, "loss": per_score, "cosines": cosines}


def layers() -> list[dict[str, Any]]:
    """Both gradients, all seeds."""
    runs = [(s, kind) for kind in (BPTT, Layerwise) for s in range(SEEDS)]
    return [layers_run(*run) for run in tqdm(runs, desc="layers")]


# -- delay -----------------------------------------------------------------------------

DELAY = 10
DELAY_STEPS = 1_000
SNAPSHOTS = (0, 25, 50, 100, 200, 400, 700, 1_000)
LINEAR: dict[str, tuple[Make, int]] = {
    "linear recurrent units": (lambda n: LinearRecurrentUnit(1, n), 8),
    "context units": (lambda n: FocusedContext(1, n, "identity"), 32),
}


def delay_batch(step: int, rng: np.random.Generator | None) -> Batch:
    """White noise of 40 steps, to be given back 10 steps late."""
    assert rng is not None
    x = rng.standard_normal((40, 6, 1))
    targets = np.zeros_like(x)
    targets[DELAY:] = x[:-DELAY]
    return Batch(x, targets)


def eigenvalues(params: Params) -> list[list[float]]:
    """Real and imaginary parts of the eigenvalues of either cell."""
    if "cell.d" in params:
        value = params["cell.d"] + 0j
    else:
        value = np.exp(-np.exp(params["cell.nu"]) + 1j * np.exp(params["cell.theta"]))
    return [np.round(part, 6).tolist() for part in (value.real, value.imag)]


def impulse_response(net: Network, params: Params, steps: int = 31) -> list[float]:
    """The outputs after an input of 1 at the first step, less those without it."""
    bits = np.zeros((steps, 2, 1))
    bits[0, 0] = 1
    y = net.forward(params, Batch(bits)).outputs[:, :, 0]
    return [float(v) for v in np.round(y[:, 0] - y[:, 1], 6)]


def delay_run(kind: str, seed: int, steps: int = DELAY_STEPS) -> dict[str, Any]:
    """Train by diagonal RTRL, and keep eigenvalues and impulse responses on the way."""
    make, n = LINEAR[kind]
    cell = make(n)
    net, rng = (
        Network(cell, Linear(cell.output_size, 1), SquaredError()),
        np.random.default_rng([SEED, seed]),
    )
    seen: list[dict[str, Any]] = []

    def look(step: int, params: Params, loss: float = 0.0) -> None:
        if step in SNAPSHOTS:
            values = eigenvalues(params)
            seen.append(
                {"step": step, "eigenvalues": values, "response": impulse_response(net, params)}
            )

    params = net.init_params(rng)
    look(0, params)
    result = train(
        DiagonalRTRL(net), params, delay_batch, Adam(0.01), steps=steps, rng=rng, clip=1.0,
        callback=look,
    )  # fmt: skip
    fresh = [delay_batch(0, np.random.default_rng([SEED, 79, k])) for k in range(20)]
    loss = float(np.mean([net.evaluate(result.params, b) for b in fresh])) / (40 - DELAY)
    return {"kind": kind, "units": n, "seed": seed, "loss": loss, "snapshots": seen}


def delay() -> list[dict[str, Any]]:
    """Both cells, all seeds; eigenvalues and responses of the first seed alone."""
    records = []
    for kind in LINEAR:
        for seed in tqdm(range(SEEDS), desc=f"delay, {kind}"):
            record = delay_run(kind, seed)
            if seed:
                del record["snapshots"]
            records.append(record)
    return records


def main() -> None:
    """Run what is asked for, and write the result."""
    parts = {"parity": parity, "leak": leak, "layers": layers, "delay": delay}
    parser = argparse.ArgumentParser(
        description="Diagonal recurrence: parity, leak, layers, delay."
    )
    parser.add_argument("parts", nargs="*", choices=[[], *parts], default=[])
    asked = parser.parse_args().parts or list(parts)
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    result |= {"command": "python experiments/diagonal/run.py", "seed": SEED, "seeds": SEEDS}
    for name in asked:
        result[name] = parts[name]()
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
