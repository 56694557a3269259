"""Williams and Zipser's tasks, learned online by RTRL from random starts.

    python experiments/williams_zipser/run.py
    python experiments/williams_zipser/run.py sine     (this part alone; the rest is kept)

Parts:

- ``tasks``: delayed XOR, sequence recognition, delayed non-match to sample, and the controller of
  the parenthesis-balancing machine at four sizes. One stream, never reset, an update at each
  step; then the weights are held and judged on a fresh stream. A machine is also let loose on
  tapes of its own, longer than any that it was trained with.
- ``square``: the waves 01 and 0011 with teacher forcing and without, then run free.
- ``sine``: a sine of period 25, forced. At checkpoints: the loss under forcing, the amplitude and
  the period of the free run, and the largest eigenvalue at its fixed point.

It takes about five minutes on one core and writes ``result.json`` beside this file; chapter 7
reads it. Everything depends on the seeds alone, up to rounding, which training may enlarge.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from rnncore import RTRL, Batch, Network, Params, tasks
from rnncore.cells import FullyRecurrent
from rnncore.losses import SquaredError
from rnncore.readouts import Units
from rnncore.tasks.parentheses import SYMBOLS, Action

SEED = 1989
BLOCK = 1_000  # steps over which errors and losses are summed up
TAPE = 12  # greatest length of the tapes in training
# Held weights are judged on FRESH steps of another stream, after SYNC steps to find into it.
SYNC, FRESH = 100, 5_000
RESULT = Path(__file__).with_name("result.json")

Array = np.ndarray


class Setting(NamedTuple):
    """A task, the number of units, the rate, the steps of training, the number of seeds."""

    draw: Callable[[np.random.Generator, int], Batch]
    units: int
    outputs: int
    rate: float
    steps: int
    seeds: int


def machine(units: int, seeds: int) -> Setting:
    return Setting(
        lambda rng, steps: tasks.parenthesis_machine(rng, steps, longest=TAPE, constant_input=True),
        units,
        len(Action._fields),
        1.0,
        40_000,
        seeds,
    )


TASKS = {
    "delayed XOR": Setting(
        lambda rng, steps: tasks.delayed_xor(rng, steps, constant_input=True), 4, 1, 1.0, 8_000, 10
    ),
    "sequence recognition": Setting(
        lambda rng, steps: tasks.sequence_recognition(rng, steps, constant_input=True),
        2,
        1,
        1.0,
        8_000,
        10,
    ),
    "delayed non-match": Setting(
        lambda rng, steps: tasks.delayed_non_match(rng, steps, cue=0.4, constant_input=True),
        8,
        1,
        1.0,
        50_000,
        10,
    ),
    "machine, 6 units": machine(6, 5),
    "machine, 8 units": machine(8, 5),
    "machine, 10 units": machine(10, 5),
    "machine, 12 units": machine(12, 10),
}
LONG_TAPES = (50, 200)  # number and greatest length of the tapes of a machine let loose
SQUARE = {"01": (2, 1, 2_000), "0011": (4, 2, 4_000)}  # period, units, steps
SQUARE_SEEDS, SINE_SEEDS = 10, 10
SINE_UNITS, SINE_RATE, SINE_PERIOD, SINE_STEPS = (2, 4), 2.0, 25, 20_000


def network(units: int, inputs: int, outputs: int, forced: bool = False) -> Network:
    """A fully recurrent network whose first units are its outputs."""
    cell, readout = FullyRecurrent(inputs, units), Units(range(outputs))
    return Network(cell, readout, SquaredError(), teacher_forcing=forced)


def targets_of(batch: Batch) -> Array:
    """The targets of a batch that has some."""
    assert batch.targets is not None
    return batch.targets


def part_of(batch: Batch, start: int, stop: int) -> Batch:
    """Some steps of a stream."""
    mask = None if batch.mask is None else batch.mask[start:stop]
    return Batch(batch.inputs[start:stop], targets_of(batch)[start:stop], mask)


class Run(NamedTuple):
    """What online learning leaves: parameters, outputs of every step, the last memory."""

    params: Params
    outputs: Array
    memory: Any


def learn_online(
    net: Network,
    params: Params,
    batch: Batch,
    rate: float,
    watch: Callable[[int, Params, Any], None] | None = None,
) -> Run:
    """RTRL with an update at each step of a stream, as Williams & Zipser do it."""
    learner = RTRL(net)
    targets = targets_of(batch)
    memory, outputs = learner.init(params), np.empty(targets.shape)
    for t in range(batch.steps):
        mask = None if batch.weights is None else batch.weights[t]
        weights = net.prepare(params)
        memory, out = learner.advance(weights, memory, batch.inputs[t], targets[t], mask)
        params, outputs[t] = params - rate * out.grads, out.output
        if watch is not None and (t + 1) % BLOCK == 0:
            watch(t + 1, params, memory)
    return Run(params, outputs, memory)


def wrong(outputs: Array, batch: Batch) -> Array:
    """At which steps any scored unit is on the wrong side of 1/2."""
    off = (outputs > 0.5) != (targets_of(batch) > 0.5)
    if batch.weights is not None:
        off &= batch.weights > 0
    return np.asarray(off.any(axis=(1, 2)))


def blocks(values: Array) -> list[Any]:
    return values.reshape(-1, BLOCK).sum(axis=1).tolist()


def begin(name: str, seed: int, steps: int | None = None) -> tuple[Network, Params, Batch]:
    """Network, initial parameters and stream of one run of ``TASKS``."""
    setting, rng = TASKS[name], np.random.default_rng([SEED, seed])
    # Drawn whole whatever `steps`, so that a shorter run sees the start of the same stream.
    batch = setting.draw(rng, setting.steps)
    net = network(setting.units, batch.inputs.shape[2], setting.outputs)
    params = net.init_params(rng)
    return net, params, part_of(batch, 0, setting.steps if steps is None else steps)


def run_task(name: str, seed: int, steps: int | None = None) -> dict[str, Any]:
    """One run: errors and losses while it learns, errors with the weights held."""
    setting = TASKS[name]
    net, params, batch = begin(name, seed, steps)
    run = learn_online(net, params, batch, setting.rate)
    weights = 1.0 if batch.weights is None else batch.weights
    losses = (0.5 * weights * (run.outputs - targets_of(batch)) ** 2).sum(axis=(1, 2))
    fresh = setting.draw(np.random.default_rng([SEED, seed, 1]), SYNC + FRESH)
    held = net.forward(run.params, Batch(fresh.inputs, initial_state=run.memory.state))
    found = {
        "errors": blocks(wrong(run.outputs, batch)),
        "losses": blocks(losses),
        "errors_held": int(wrong(held.outputs, fresh)[SYNC:].sum()),
    }
    if name.startswith("machine"):
        halts = np.flatnonzero(targets_of(fresh)[:, 0, Action._fields.index("halt")])
        state = held.states[halts[-1] + 1]  # ready for a new tape
        found["tapes_right"] = tapes_right(net, run.params, state, seed)
        if setting.units == 12:
            found["held_apart"] = held_apart(net, run.params, state)
            found["params"] = run.params.flat().tolist()
            found["state"] = state[0].tolist()
    return found


def network_controller(net: Network, params: Params, state: Array) -> Callable[[str], Action]:
    """The trained network as the controller of a Turing machine: it keeps its own state."""
    weights = params.select("cell.")

    def step(symbol: str) -> Action:
        nonlocal state
        x = np.array([[*(symbol == s for s in SYMBOLS), 1]], float)
        state, _ = net.cell.step(weights, state, x)
        return Action(*(int(y > 0.5) for y in state[0, : len(Action._fields)]))

    return step


def tapes_right(net: Network, params: Params, state: Array, seed: int) -> int:
    """Of the long tapes, how many get the right verdict from the network alone."""
    rng = np.random.default_rng([SEED, seed, 2])
    count, longest = LONG_TAPES
    right = 0
    for _ in range(count):
        tape = tasks.parenthesis_tape(rng, longest)
        truth = tasks.run_parenthesis_machine(tape, tasks.parenthesis_controller())[0]
        controller = network_controller(net, params, state)
        right += tasks.run_parenthesis_machine(tape, controller)[0] is truth
    return right


def held_apart(net: Network, params: Params, ready: Array) -> int:
    """How many states of the controller the network holds apart for ever under ``*``.

    From where it is ready for a new tape, it is led into each of the three states by a few
    symbols, then it reads ``*`` for 1000 steps. Counted are the different places where it ends.
    """
    weights = params.select("cell.")
    ends: list[Array] = []
    for lead in ("()(", "()", "()(*#"):
        state = ready
        for symbol in lead + 1_000 * "*":
            x = np.array([[*(symbol == s for s in SYMBOLS), 1]], float)
            state, _ = net.cell.step(weights, state, x)
        if all(np.abs(state - other).max() > 0.05 for other in ends):
            ends.append(state)
    return len(ends)


# -- oscillators -------------------------------------------------------------------------


def free_run(net: Network, params: Params, state: Array, steps: int) -> Array:
    """The first unit of the network left to itself, shape (steps,)."""
    free = network(net.cell.state_size, 1, 1)
    batch = Batch(np.ones((steps, 1, 1)), initial_state=state)
    return free.forward(params, batch).outputs[:, 0, 0]


def run_square(wave: str, forced: bool, seed: int) -> dict[str, Any]:
    """Learn a square wave; then errors and amplitude of the free run."""
    period, units, steps = SQUARE[wave]
    rng = np.random.default_rng([SEED, seed])
    both = tasks.oscillation(
        rng, steps + BLOCK, period=period, waveform="square", low=0.0, high=1.0, phase=0
    )
    net = network(units, 1, 1, forced)
    learned = part_of(both, 0, steps)
    run = learn_online(net, net.init_params(rng), learned, 1.0)
    y, d = free_run(net, run.params, run.memory.state, BLOCK), targets_of(both)[steps:, 0, 0]
    loss = 0.5 * float(((run.outputs - targets_of(learned))[-200:] ** 2).mean())
    errors = int(((y > 0.5) != (d > 0.5)).sum())
    return {"loss": loss, "errors_free": errors, "amplitude": float(np.ptp(y[-200:]))}


def fixed_point(net: Network, params: Params, state: Array, x: Array) -> tuple[Array, Array]:
    """The fixed point near ``state`` under the input ``x``, by Newton, and its eigenvalues."""
    weights, eye = params.select("cell."), np.eye(net.cell.state_size)
    for _ in range(100):
        moved, tape = net.cell.step(weights, state, x)
        jacobian = net.cell.state_jacobian(weights, tape)[0]
        change = np.linalg.solve(eye - jacobian, (moved - state)[0])
        state = state + change
        if np.abs(change).max() < 1e-13:
            break
    return state, np.linalg.eigvals(jacobian)


def period_of(y: Array) -> float:
    """Steps from one upward crossing of the mean to the next, on average; 0 if there is none."""
    z = y - y.mean()
    up = np.flatnonzero((z[:-1] < 0) & (z[1:] >= 0))
    if np.ptp(y) < 1e-3 or len(up) < 3:
        return 0.0
    times = up + z[up] / (z[up] - z[up + 1])
    return float(np.diff(times).mean())


def run_sine(units: int, seed: int, steps: int = SINE_STEPS) -> dict[str, Any]:
    """Learn a sine under forcing; at each checkpoint see what the free network does."""
    rng = np.random.default_rng([SEED, seed])
    batch = tasks.oscillation(rng, SINE_STEPS, period=SINE_PERIOD, phase=0)
    batch = part_of(batch, 0, steps)
    net = network(units, 1, 1, forced=True)
    seen: dict[str, Any] = {"loss": [], "amplitude": [], "period": [], "modulus": [], "angle": []}

    def watch(t: int, params: Params, memory: Any) -> None:
        # Eight periods are enough to forget that they start from a state of zeros.
        tail = net.forward(params, part_of(batch, t - 8 * SINE_PERIOD, t))
        assert tail.losses is not None
        y = free_run(net, params, tail.states[-1], 3_000)[-1_000:]
        start = np.full((1, units), 0.5)
        _, eigenvalues = fixed_point(net, params, start, np.ones((1, 1)))
        top = eigenvalues[np.abs(eigenvalues).argmax()]
        seen["loss"].append(float(tail.losses[-SINE_PERIOD:].mean()))
        seen["amplitude"].append(float(np.ptp(y)))
        seen["period"].append(period_of(y))
        seen["modulus"].append(float(np.abs(top)))
        seen["angle"].append(float(np.abs(np.angle(top))))

    run = learn_online(net, net.init_params(rng), batch, SINE_RATE, watch)
    if steps == SINE_STEPS:
        seen["params"] = run.params.flat().tolist()
        seen["state"] = run.memory.state[0].tolist()
    return seen


# -- everything


def settings() -> dict[str, Any]:
    """The numbers that the stored results rest on."""
    return {
        "seed": SEED,
        "block": BLOCK,
        "fresh": [SYNC, FRESH],
        "settings": {name: list(setting[1:]) for name, setting in TASKS.items()},
        "long_tapes": list(LONG_TAPES),
        "square_settings": {name: list(values) for name, values in SQUARE.items()},
        "sine_settings": [list(SINE_UNITS), SINE_RATE, SINE_PERIOD, SINE_STEPS],
    }


def several(label: str, count: int, one: Callable[..., Any], *args: Any) -> list[Any]:
    """The results of ``one(*args, seed)`` over the seeds."""
    return [one(*args, seed) for seed in tqdm(range(count), desc=label)]


def all_tasks() -> dict[str, Any]:
    return {name: several(name, TASKS[name].seeds, run_task, name) for name in TASKS}


def all_square() -> dict[str, Any]:
    kinds = {"forced": True, "free": False}
    return {
        wave: {k: several(wave, SQUARE_SEEDS, run_square, wave, kinds[k]) for k in kinds}
        for wave in SQUARE
    }


def all_sine() -> dict[str, Any]:
    return {str(n): several(f"sine, {n} units", SINE_SEEDS, run_sine, n) for n in SINE_UNITS}


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "square": all_square,
    "sine": all_sine,
    "tasks": all_tasks,
}


def main(parts: Iterable[str]) -> None:
    """Run the parts and write the result; parts that are not named are kept."""
    old = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    result: dict[str, Any] = {"command": "python experiments/williams_zipser/run.py"} | settings()
    for part, run in PARTS.items():
        result[part] = run() if part in parts or part not in old else old[part]
    text = json.dumps(result, indent=1)
    short = re.sub(r"\[([^][{}]*)\]", lambda m: "[" + " ".join(m[1].split()) + "]", text)
    RESULT.write_text(short + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", help="which parts; all by default")
    main(parser.parse_args().parts or list(PARTS))
