"""What learners cost in operations and bytes, counted and not timed, and what their cards declare.

Times of small networks are mostly the time of calls. Multiplications have no such base, so their
exponent shows the order at sizes that a machine of any speed can count.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.prepared import Prepared
from benchmarks.problems import SEED
from benchmarks.statistics import exponent
from rnncore import LSTM, Batch, Linear, Network, Params, SquaredError, Vanilla
from rnncore.cells import Cell, FocusedContext, PointwiseCell
from rnncore.learners import (
    ARTBP,
    DNI,
    AdaptiveEProp,
    Critic,
    Hybrid,
    Learner,
    OnlineLearner,
    SnAp,
    TruncatedBPTT,
    every_learner,
    make_learner,
)
from tests.support import counting as count

Array = np.ndarray
INPUTS = 2
CUT, K1, K2 = 0.2, 4, 8
CELLS: tuple[Callable[[int, int], PointwiseCell], ...] = (Vanilla, FocusedContext, LSTM)


class Subject(NamedTuple):
    """A learner on the first cell that it accepts, at any size.

    Attributes
    ----------
    kind, cell
        The classes.
    block
        The hybrid's block, which is what makes its cost of its order: n; a number fixes it.
    """

    kind: type[Learner]
    cell: Callable[[int, int], PointwiseCell]
    block: int | None = None

    @property
    def name(self) -> str:
        """As in tables."""
        return "SnAp-1" if self.kind is SnAp else self.kind.name

    def make(self, n: int, network: type[Network] = Network) -> Learner:
        """The learner for n units."""
        cell = self.cell(INPUTS, n)
        net = network(cell, Linear(cell.output_size, 1), SquaredError())
        return self.kind(net, **self._arguments(cell))

    def _arguments(self, cell: Cell) -> dict[str, Any]:
        chosen: dict[type[Learner], dict[str, Any]] = {
            Hybrid: {"block": self.block or cell.state_size},
            TruncatedBPTT: {"k1": K1, "k2": K2},
            ARTBP: {"cut": CUT},
            AdaptiveEProp: {"rate": 0.001, "decay": 0.01},
            DNI: {"critic": Critic(rate=1e-6)},  # a step that is stable for any number of units
        }
        return chosen.get(self.kind, {})

    def letters(self, n: int, steps: int) -> dict[str, float]:
        """What the letters of the learner's card stand for."""
        cell = self.cell(INPUTS, n)
        return {
            "N": cell.state_size,
            "n": n,
            "K": len(cell.gates),
            "P": cell.size,
            "T": steps,
            "h": self.block or cell.state_size,
            "c": CUT,
            "k1": K1,
            "k2": K2,
            "w": len(cell.states),  # SnAp-1: each parameter reaches the blocks of its own unit
        }


def subjects() -> list[Subject]:
    """Every learner of :mod:`rnncore.learners`."""
    return [Subject(kind, _first_cell(kind)) for kind in every_learner()]


def subject(name: str) -> Subject:
    """The learner of a class's name.

    Raises
    ------
    ValueError
        If there is none.
    """
    for found in subjects():
        if found.kind.__name__ == name:
            return found
    raise ValueError(f"name: no learner is called {name!r}")


def _first_cell(kind: type[Learner]) -> Callable[[int, int], PointwiseCell]:
    for make in CELLS:
        cell = make(2, 3)
        try:
            make_learner(kind, Network(cell, Linear(cell.output_size, 1), SquaredError()))
        except ValueError:
            continue
        return make
    raise ValueError(f"kind: {kind.__name__} accepts none of the cells of this question")


def declared(subject: Subject, formula: str, sizes: Sequence[int]) -> float:
    """The exponent in n of a card's formula, over the sizes that are measured."""
    values = [count.evaluate(formula, subject.letters(n, 1)) for n in sizes]
    return exponent(sizes, values)


def declared_in_time(formula: str) -> float:
    """The exponent in T of a card's formula, whose other letters do not change."""
    ones = dict.fromkeys(("N", "n", "K", "P", "h", "c", "k1", "k2", "w"), 1.0)
    sizes = [2**30, 2**31]
    return exponent(sizes, [count.evaluate(formula, ones | {"T": T}) for T in sizes])


def data(steps: int, size: int = 1) -> tuple[Array, Array]:
    """Inputs (T, B, D) and targets (T, B, 1)."""
    rng = np.random.default_rng([SEED, steps, size])
    return rng.standard_normal((steps, size, INPUTS)), rng.standard_normal((steps, size, 1))


def parameters(learner: Learner) -> Params:
    """Drawn from the seed."""
    return learner.network.init_params(np.random.default_rng([SEED, 1]))


def run(learner: Learner, steps: int, size: int = 1) -> Callable[[], Any]:
    """The gradient over so many sequences."""
    params, batch = parameters(learner), Batch(*data(steps, size))
    return lambda: learner.gradient(params, batch, np.random.default_rng(0))


def multiplications(subject: Subject, n: int, steps: int) -> int:
    """Multiplications of a gradient over so many steps."""
    learner = subject.make(n, count.CountingNetwork)
    params = parameters(learner)
    with count.arrays_count():
        if not isinstance(learner, OnlineLearner):
            batch = Batch(*data(steps))
            count.Counting.tally = 0
            learner.gradient(params, batch)
            return count.Counting.tally
        x, d = count.counting(data(steps))
        weights = learner.network.prepare(params)
        generator = count.CountingGenerator(np.random.PCG64(0))
        memory = count.counting(learner.init(params, 1, rng=generator))
        count.Counting.tally = 0
        for t in range(steps):
            memory, _ = learner.advance(weights, memory, x[t], d[t], None)
    return count.Counting.tally


def bytes_held(subject: Subject, n: int, steps: int, size: int = 1) -> float:
    """What a learner holds for so many sequences, without their inputs.

    Online: the arrays of its memory, the mean over some of the steps. Offline: the most that is
    allocated at any time while the gradient is worked out; with many sequences Python's own
    objects weigh little beside the arrays.
    """
    learner = subject.make(n)
    if isinstance(learner, OnlineLearner):
        return _memory(learner, steps, size)
    work = run(learner, steps, size)
    work()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return float(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()


def _memory(learner: OnlineLearner, steps: int, size: int) -> float:
    params = parameters(learner)
    weights, (x, d) = learner.network.prepare(params), data(steps, size)
    memory = learner.init(params, size, rng=np.random.default_rng(2))
    found = []
    for t in range(steps):
        memory, _ = learner.advance(weights, memory, x[t], d[t], None)
        if t >= steps // 4 and t % max(1, steps // 40) == 0:
            found.append(count.weigh(memory, without=(x, d, weights)))
    return float(np.mean(found))


def timed(case: Mapping[str, Any]) -> Prepared:
    """The gradient for :mod:`benchmarks.worker`; by the step if the case says so.

    A card tells the cost of a step online, so that a learner that has a faster way with many
    steps is timed one step at a time; the hybrid's steps are its blocks.
    """
    learner = subject(case["kind"])._replace(block=case["block"]).make(case["n"])
    if isinstance(learner, OnlineLearner) and not isinstance(learner, Hybrid):
        learner.at_once = 1
    work = run(learner, case["T"], case["B"])
    return Prepared(work, steps=case["T"] if case["by_step"] else 1)
