"""Sweeps over a stretch of steps: the same as pull after pull, looked at and cut anywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnncore.cells import Cell, base, chain, tape
from rnncore.cells.tape import Deltas
from rnncore.verify import relative_error
from tests.cells.test_stretch import CELLS, Array, Case, near


def both_ways(name: str, teacher: bool) -> tuple[Case, Any, Any, Any]:
    """A case of four steps, what its teacher forced, its stretch, and its tapes step by step."""
    case = Case(CELLS[name](), steps=4)
    return case, case.forced if teacher else None, case.run(teacher)[0], case.stepped(teacher)[0]


@pytest.mark.parametrize("teacher", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_sweep_is_pull_after_pull(name: str, teacher: bool) -> None:
    """Also with an axis in front of the adjoint; the teacher's units pass nothing back."""
    case, forced, tapes, one_by_one = both_ways(name, teacher)
    cell = case.cell
    for s_bar in (case.s_bar[0], case.s_bar):
        args = (s_bar, case.h_bar, forced)
        first, deltas, adjoints = cell.sweep(case.weights, tapes, *args)
        want_first, want_deltas, want = Cell.sweep(cell, case.weights, one_by_one, *args)
        assert isinstance(deltas, Deltas)
        near(first, want_first)
        near(np.array(adjoints), np.stack(want))
        for got_delta, want_delta in zip(deltas, want_deltas, strict=True):
            for got, expected in zip(got_delta, want_delta, strict=True):
                near(got, expected)
    if teacher:
        freely, _, _ = cell.sweep(case.weights, tapes, case.s_bar, case.h_bar)
        assert relative_error(freely, first) > 1e-3  # or forcing would not show at all


@pytest.mark.parametrize("teacher", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_what_is_changed_between_goes_on(name: str, teacher: bool) -> None:
    """Both ways back are looked at after 2 and 4 of 4 steps; other adjoints are as ever."""
    case, forced, tapes, one_by_one = both_ways(name, teacher)
    cell = case.cell
    seen = []

    def between(adjoints: Array) -> None:
        seen.append(adjoints.copy())
        adjoints[0] *= 3.0

    args = (case.s_bar, case.h_bar, forced)
    plain, _, _ = cell.sweep(case.weights, tapes, *args)
    with pytest.MonkeyPatch.context() as patch:
        for module in (base, chain):
            patch.setattr(module, "EVERY", 2)
        first, deltas, adjoints = cell.sweep(case.weights, tapes, *args, between)
        want_first, want_deltas, want = Cell.sweep(cell, case.weights, one_by_one, *args, between)
    assert len(adjoints) == len(want) == 0 and len(seen) == 4
    near(first, want_first)
    near(seen[0], seen[2])
    near(deltas.u, np.stack([delta.u for delta in want_deltas]))
    near(first[1], plain[1])
    near(seen[1][1], plain[1])
    if not teacher:  # or nothing may have come that far
        assert relative_error(first[0], 3 * plain[0]) > 1e-3  # the first look counts, too


@pytest.mark.parametrize("name", CELLS)
def test_single_steps_are_looked_at_in_time(name: str) -> None:
    """After 3 and 6 of 7 steps."""
    case, seen = Case(CELLS[name](), steps=7), []
    tapes, _, _ = case.stepped(teacher=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "EVERY", 3)
        args = (tapes, case.s_bar, case.h_bar, None, lambda adjoints: seen.append(adjoints.copy()))
        Cell.sweep(case.cell, case.weights, *args)
    for got, start in zip(seen, (4, 1), strict=True):
        rest = (tapes[start:], case.s_bar, case.h_bar[start:])
        near(got, Cell.sweep(case.cell, case.weights, *rest)[0])


@pytest.mark.parametrize("name", CELLS)
def test_all_adjoints_come_back_however_a_sweep_is_cut(name: str) -> None:
    case = Case(CELLS[name](), steps=4)
    tapes, _, _ = case.run()
    _, _, want = Cell.sweep(case.cell, case.weights, [*tapes], case.s_bar, case.h_bar)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "EVERY", 2)
        for chunk in (tape.CHUNK, 1):
            patch.setattr(tape, "CHUNK", chunk)
            _, _, adjoints = case.cell.sweep(case.weights, tapes, case.s_bar, case.h_bar)
            near(np.array(adjoints), np.stack(want))


@pytest.mark.parametrize("name", CELLS)
def test_something_may_be_said_of_the_last_adjoints_alone(name: str) -> None:
    case = Case(CELLS[name](), steps=4)
    cell, (tapes, _, _) = case.cell, case.run()
    s_bar = np.concatenate([case.s_bar, -0.5 * case.s_bar[:1]])
    for count in (1, 2, 3):
        some = np.stack([case.h_bar * k for k in range(2, 2 + count)], axis=1)
        whole = np.zeros((4, 3, *case.h_bar.shape[1:]))
        whole[:, 3 - count :] = some
        want, _, _ = cell.sweep(case.weights, tapes, s_bar, whole)
        for kept in (tapes, [*tapes]):
            got, _, _ = cell.sweep(case.weights, kept, s_bar, some)
            near(got, want)
    assert relative_error(cell.sweep(case.weights, tapes, s_bar, 2 * some)[0], want) > 1e-3
