"""The cost that a learner declares is what counting its multiplications and bytes gives.

Each learner runs at sizes between which units, inputs, batch and its own arguments change by
factors of four and more, each in its own way. What is counted must be a constant times the
declared order: the largest quotient is below twice the smallest.
"""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

from rnncore import LSTM, Batch, Linear, MemoryCell, SquaredError, Vanilla
from rnncore.cells import Cell, PointwiseCell
from rnncore.cells.diagonal import DiagonalLSTM, FocusedContext
from rnncore.learners import RTRL, Learner, OnlineLearner, every_learner, make_learner
from tests.support import counting as count

SPREAD = 2.0
OUTPUTS = 2


class Size(NamedTuple):
    """Units, inputs, sequences, steps (for learners that run offline)."""

    n: int
    D: int
    B: int
    T: int


SIZES = (Size(6, 6, 1, 36), Size(12, 48, 3, 144), Size(24, 12, 1, 64), Size(24, 48, 2, 225))
# KF-RTRL does much of the order N n K beside: its units are this many times as many.
LARGER = {"KFRTRL": 3}
Arguments = Callable[[int, int], dict[str, Any]]
# The arguments of a learner at the i-th size, for N state variables; some run in two ways.
ARGUMENTS: dict[str, dict[str, Arguments]] = {
    "Hybrid": {"": lambda i, N: {"block": (N // 2, 2 * N, N // 4, N)[i]}},
    "TruncatedBPTT": {"": lambda i, N: {"k1": (8, 2, 10, 20)[i], "k2": (16, 10, 40, 40)[i]}},
    "ARTBP": {"": lambda i, N: {"cut": (0.2, 0.05, 0.1, 0.025)[i]}},
    "AdaptiveEProp": {"": lambda i, N: {"rate": 0.01, "decay": 0.1}},
    "SnAp": {"1": lambda i, N: {"steps": 1}, "2": lambda i, N: {"steps": 2}},
}
CELLS: dict[str, Callable[[int, int], Cell]] = {
    cell.__name__: cell for cell in (Vanilla, LSTM, MemoryCell, FocusedContext, DiagonalLSTM)
}


class Case(NamedTuple):
    """A learner on a cell, with arguments."""

    learner: type[Learner]
    cell: str
    variant: str = ""

    def size(self, i: int) -> Size:
        """The i-th size."""
        factor, size = LARGER.get(self.learner.__name__, 1), SIZES[i]
        return size._replace(n=size.n * factor, D=size.D * factor)

    def made(self, i: int) -> tuple[Learner, dict[str, float]]:
        """The learner at the i-th size, and what the letters of its card stand for there."""
        size = self.size(i)
        cell = CELLS[self.cell](size.D, size.n)
        net = count.CountingNetwork(cell, Linear(cell.output_size, OUTPUTS), SquaredError())
        variants = ARGUMENTS.get(self.learner.__name__)
        given = variants[self.variant](i, cell.state_size) if variants else {}
        learner = self.learner(net, **given)
        assert isinstance(cell, PointwiseCell)
        letters = {"N": cell.state_size, "n": size.n, "P": cell.size, "K": len(cell.gates)}
        letters |= {"T": size.T, "h": given.get("block", 0), "c": given.get("cut", 0)}
        letters |= {"k1": given.get("k1", 0), "k2": given.get("k2", 0)}
        return learner, letters | {"w": getattr(learner, "width", 0)}


def cases() -> list[Any]:
    """Each learner on two cells: vanilla and LSTM, or others where it takes only those."""
    found = []
    for learner in every_learner():
        accepted = []
        for name in CELLS:
            cell = CELLS[name](2, 3)
            try:
                make_learner(learner, count.CountingNetwork(cell, Linear(3, 2), SquaredError()))
            except ValueError:
                continue
            accepted.append(name)
        for name in accepted[:2]:
            for variant in ARGUMENTS.get(learner.__name__, {"": None}):
                label = " ".join(filter(None, (learner.__name__, variant, name)))
                found.append(pytest.param(Case(learner, name, variant), id=label))
    return found


made = cache(Case.made)
each_case = pytest.mark.parametrize("case", cases())
each_online = pytest.mark.parametrize(
    "case", [p for p in cases() if issubclass(p.values[0].learner, OnlineLearner)]
)
each_offline = pytest.mark.parametrize(
    "case", [p for p in cases() if not issubclass(p.values[0].learner, OnlineLearner)]
)


def periods(letters: dict[str, float], cut: bool) -> tuple[int, int]:
    """Steps until a learner has settled, and steps over which its cost repeats."""
    if cut:  # random, but the mean length of a stretch is known
        return 0, int(15 / letters["c"])
    warm = int(letters["k2"]) or 2
    period = int(letters["h"] or letters["k1"] or 1)
    return math.ceil(warm / period) * period, period


def data(size: Size, steps: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((steps, size.B, size.D))
    return x, rng.standard_normal((steps, size.B, OUTPUTS))


@cache
def multiplications(case: Case, i: int) -> tuple[float, dict[str, float]]:
    """Of one step of one sequence."""
    size, (learner, letters) = case.size(i), made(case, i)
    params = learner.network.init_params(np.random.default_rng(1))
    rng = count.CountingGenerator(np.random.PCG64(2))
    with count.arrays_count():
        if isinstance(learner, OnlineLearner):
            warm, period = periods(letters, letters["c"] > 0)
            x, d = count.counting(data(size, warm + period))
            weights = learner.network.prepare(params)
            memory = count.counting(learner.init(params, size.B, rng=rng))
            for t in range(warm + period):
                if t == warm:
                    count.Counting.tally = 0
                memory, _ = learner.advance(weights, memory, x[t], d[t], None)
        else:
            period = size.T
            batch = Batch(*data(size, period))
            count.Counting.tally = 0
            learner.gradient(params, batch)
    return count.Counting.tally / period / size.B, letters


@cache
def numbers_kept(case: Case, i: int) -> tuple[float, dict[str, float]]:
    """Of an online learner, for one sequence, in numbers of 8 bytes: the most within a period.

    For random cuts it is the mean. Inputs belong to the caller.
    """
    size, (learner, letters) = case.size(i)._replace(B=1), made(case, i)
    assert isinstance(learner, OnlineLearner)
    random = letters["c"] > 0
    warm, period = periods(letters, random)
    params = learner.network.init_params(np.random.default_rng(1))
    weights = learner.network.prepare(params)
    memory = learner.init(params, size.B, rng=np.random.default_rng(2))
    x, d = data(size, warm + period)
    found, stride = [], max(1, period // 200)
    for t in range(warm + period):
        memory, _ = learner.advance(weights, memory, x[t], d[t], None)
        if t >= warm and t % stride == 0:
            found.append(count.weigh(memory, without=(x, d, weights)))
    kept = np.mean(found) if random else np.max(found)
    return float(kept) / 8 / size.B, letters


@cache
def numbers_recorded(case: Case, i: int) -> tuple[float, dict[str, float]]:
    """Of an offline learner, for one sequence: all arrays at the end of the first sweep.

    Weights that are laid out anew, which are as many for any T, are left out.
    """
    size, (learner, letters) = case.size(i), made(case, i)
    params = learner.network.init_params(np.random.default_rng(1))
    batch, cell, found = Batch(*data(size, size.T)), learner.network.cell, []
    collect, laid_out = cell.collect, count.weigh(learner.network.prepare(params), without=params)

    def watched(*args: Any, **kwargs: Any) -> Any:
        if not found:  # the later sweeps of checkpointed BPTT have fewer checkpoints left
            found.append(_traced())
        return collect(*args, **kwargs)

    cell.collect = watched  # type: ignore[method-assign]
    tracemalloc.start()
    try:
        before = _traced()
        learner.gradient(params, batch)
    finally:
        tracemalloc.stop()
        del cell.collect
    return (found[0] - before - laid_out) / 8 / size.B, letters


def _traced() -> int:
    """Bytes of the data of all arrays made since tracing began."""
    only = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    traces = tracemalloc.take_snapshot().filter_traces([only]).traces
    return sum(trace.size for trace in traces)


def spread(measured: list[tuple[float, dict[str, float]]], formula: str) -> float:
    """The largest quotient of what was counted and the formula, over the smallest."""
    quotients = [number / count.evaluate(formula, letters) for number, letters in measured]
    return max(quotients) / min(quotients)


def holds(measured: list[tuple[float, dict[str, float]]], formula: str) -> None:
    """The formula is of the right order, and with one factor n more or less it is not."""
    assert spread(measured, formula) < SPREAD, (formula, measured)
    extra = [(number, letters | {"x": letters["n"]}) for number, letters in measured]
    for wrong in (_times(formula, "x"), _times(formula, "1 / x")):
        assert spread(extra, wrong) > SPREAD, (wrong, measured)


def _times(formula: str, factor: str) -> str:
    terms = formula.removesuffix("in the mean").split("+")
    return " + ".join(f"{term.strip()} {factor}" for term in terms)


def test_every_learner_is_counted() -> None:
    counted = {case.values[0].learner for case in cases()}
    assert counted == set(every_learner())
    assert set(ARGUMENTS) | set(LARGER) <= {learner.__name__ for learner in counted}


@each_case
def test_multiplications_are_of_the_declared_order(case: Case) -> None:
    measured = [multiplications(case, i) for i in range(len(SIZES))]
    holds(measured, case.learner.card.time)


@each_online
def test_memory_is_of_the_declared_order(case: Case) -> None:
    holds([numbers_kept(case, i) for i in range(len(SIZES))], case.learner.card.memory)


@each_offline
def test_what_is_recorded_is_of_the_declared_order(case: Case) -> None:
    holds([numbers_recorded(case, i) for i in range(len(SIZES))], case.learner.card.memory)


@pytest.mark.parametrize(
    "name, variant, counted, wrong",
    [
        ("BPTT", "", multiplications, "T P"),
        ("BPTT", "", numbers_recorded, "N"),
        ("CheckpointedBPTT", "", numbers_recorded, "T N"),
        ("Hybrid", "", multiplications, "N P + N^2 P"),
        ("Hybrid", "", multiplications, "N P / h + N^2 P"),
        ("ARTBP", "", multiplications, "P / c"),
        ("ARTBP", "", numbers_kept, "N"),
        ("TruncatedBPTT", "", multiplications, "P k2"),
        ("TruncatedBPTT", "", numbers_kept, "N"),
        ("SnAp", "2", multiplications, "P w"),
        ("SnAp", "2", numbers_kept, "P"),
        ("KFRTRL", "", multiplications, "N P"),
        ("KFRTRL", "", numbers_kept, "P"),
        ("DNI", "", numbers_kept, "P"),
        ("DNI", "", numbers_kept, "P + N^2"),
    ],
)
def test_a_formula_of_another_order_fails(
    name: str,
    variant: str,
    counted: Callable[[Case, int], tuple[float, dict[str, float]]],
    wrong: str,
) -> None:
    (learner,) = (cls for cls in every_learner() if cls.__name__ == name)
    case = Case(learner, "Vanilla", variant)
    assert spread([counted(case, i) for i in range(len(SIZES))], wrong) > SPREAD


def test_rtrl_multiplies_as_often_as_worked_out_by_hand() -> None:
    """Vanilla, B = 1: the forward pass, D, D J, F, dl/dh J, the slopes, and the read-out."""
    case = Case(RTRL, "Vanilla")
    number, letters = multiplications(case, 0)
    n, P, D, o = SIZES[0].n, letters["P"], SIZES[0].D, OUTPUTS
    forward, jacobian, pushed = n * D + n * n, n * n, P * n * n
    immediate, contracted, slopes = P, P * n, n  # F has one entry for each parameter
    loss = 2 * o + 1 + o  # 1/2 e e, and the mean over the batch of loss and adjoint
    readout = 3 * n * o  # V h, dl/dh, dl/dV; it is linear, and has no slope to multiply with
    by_hand = forward + jacobian + pushed + immediate + contracted + slopes + readout + loss
    assert number == by_hand
