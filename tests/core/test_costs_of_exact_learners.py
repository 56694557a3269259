"""The closed forms of the exact learners' costs, against counts and against exhaustive search."""

from functools import cache

import numpy as np
import pytest

from rnncore import GRU, LSTM, Batch, Linear, MemoryCell, SquaredError, Vanilla
from rnncore.learners import BPTT, RTRL, CheckpointedBPTT, Hybrid
from rnncore.verify import costs
from tests.support import counting as count

LEARNERS = {learner.name: learner for learner in (BPTT, CheckpointedBPTT, RTRL, Hybrid)}
CELLS = {cell.__name__: cell for cell in (Vanilla, LSTM, GRU)}
each_method = pytest.mark.parametrize("method", costs.METHODS)
each_cell = pytest.mark.parametrize("cell", CELLS)


def counted(method: str, cell: str, n: int, steps: int, D: int = 3, outputs: int = 2) -> int:
    """All multiplications that one gradient takes, elementwise ones too."""
    net = count.CountingNetwork(CELLS[cell](D, n), Linear(n, outputs), SquaredError())
    params = net.init_params(np.random.default_rng(1))
    rng = np.random.default_rng(2)
    x, d = rng.standard_normal((steps, 1, D)), rng.standard_normal((steps, 1, outputs))
    with count.arrays_count():
        count.Counting.tally = 0
        LEARNERS[method](net).gradient(params, Batch(*count.counting((x, d))))
    return count.Counting.tally


@each_cell
@each_method
def test_counts_come_down_to_the_formula_as_the_network_grows(method: str, cell: str) -> None:
    ratios = []
    for n in (6, 12, 24):
        steps = 2 * CELLS[cell](3, n).state_size
        formula = costs.multiplications(method, CELLS[cell](3, n), steps, 2)
        ratios.append(counted(method, cell, n, steps) / formula)
    assert 1 < ratios[2] < ratios[1] < ratios[0] < 2.6
    assert ratios[2] < 1.6


@each_method
def test_the_formula_is_exact_but_for_elementwise_work(method: str) -> None:
    """What is left over grows with a lower power of n: the quotient tends to one."""
    left = [counted(method, "Vanilla", n, 2 * n) for n in (8, 32)]
    formula = [costs.multiplications(method, Vanilla(3, n), 2 * n, 2) for n in (8, 32)]
    excess = [a / b - 1 for a, b in zip(left, formula, strict=True)]
    assert 0 < excess[1] < 0.4 * excess[0]


def test_checkpoints_cost_one_more_forward_pass_but_for_the_last_stretch() -> None:
    cell = LSTM(2, 5)
    more = costs.multiplications("checkpointed BPTT", cell, 100) - costs.multiplications(
        "BPTT", cell, 100
    )
    assert more == 90 * 4 * 5 * (2 + 5)


@each_cell
def test_numbers_held(cell: str) -> None:
    made = CELLS[cell](2, 7)
    z = costs.sizes(made)
    assert z.N * z.P == made.state_size * made.size
    assert costs.numbers_held("BPTT", made, 50) == 50 * z.R
    assert costs.numbers_held("BPTT", made, 50, inputs=True) == 50 * (z.R + 2)
    assert costs.numbers_held("checkpointed BPTT", made, 100) == 10 * z.N + 10 * z.R
    assert costs.numbers_held("RTRL", made, 5) == costs.numbers_held("RTRL", made, 5000)
    hybrid = costs.numbers_held("hybrid", made, 5000, inputs=True)
    assert hybrid == z.N * z.P + z.R * z.N + (z.N + 1) * z.P + 2 * z.N


@cache
def least(steps: int, slots: int) -> int:
    """The same by trying every place for the next checkpoint."""
    if steps == 1:
        return 0
    if slots == 1:
        return steps * (steps - 1) // 2
    return min(m + least(steps - m, slots - 1) + least(m, slots) for m in range(1, steps))


@pytest.mark.parametrize("slots", [1, 2, 3, 5, 9])
def test_the_binomial_formula_is_the_least_over_all_schedules(slots: int) -> None:
    for steps in range(1, 45):
        assert costs.extra_steps(steps, slots) == least(steps, slots)


def test_what_it_refuses() -> None:
    with pytest.raises(ValueError, match="method: expected one of"):
        costs.multiplications("UORO", Vanilla(2, 3), 5)
    with pytest.raises(ValueError, match="steps: expected"):
        costs.numbers_held("BPTT", Vanilla(2, 3), 0)
    with pytest.raises(ValueError, match="outputs: expected"):
        costs.multiplications("BPTT", Vanilla(2, 3), 5, outputs=0)
    for cell in (MemoryCell(2, 3), LSTM(2, 3, peepholes=True), LSTM(2, 3, coupled=True)):
        with pytest.raises(ValueError, match="cell: expected"):
            costs.sizes(cell)
    with pytest.raises(ValueError, match="steps and slots"):
        costs.extra_steps(5, 0)
