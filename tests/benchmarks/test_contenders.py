"""The contenders of BPTT do the same work, in any cut of the backward pass."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from benchmarks import bptt
from benchmarks.contenders import by_hand
from benchmarks.harness import TOLERANCES, DisagreementError, compare
from benchmarks.problems import CELLS, DTYPES, problem
from benchmarks.worker import missing

SIZES = [(7, 1, 2, 4), (7, 3, 2, 4)]


def answer(name: str, case: dict) -> dict:
    target, needs = bptt.TARGETS[name]
    absent = missing(needs)
    if absent is not None:
        pytest.skip(f"{absent} is not installed")
    module, _, function = target.partition(":")
    return dict(getattr(import_module(module), function)(case).answer)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", [name for name in bptt.CONTENDERS if name != bptt.OURS])
def test_a_contender_does_our_work(name: str, cell: str, dtype: str, size: tuple, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as its own process would have it
    case = problem(cell, dtype, size)
    answers = {bptt.OURS: answer(bptt.OURS, case), name: answer(name, case)}
    assert compare(answers, TOLERANCES[dtype])[name] < TOLERANCES[dtype]
    other = problem(cell, dtype, size)
    other["params"]["b"] = 2 * other["params"]["b"]
    with pytest.raises(DisagreementError, match=rf"{re.escape(name)}: .* differs"):
        compare({bptt.OURS: answers[bptt.OURS], name: answer(name, other)}, TOLERANCES[dtype])


@pytest.mark.parametrize("numbers", [1, 30, 10**6])
@pytest.mark.parametrize("cell", CELLS)
def test_by_hand_in_any_number_of_parts(cell: str, numbers: int, monkeypatch) -> None:
    case = problem(cell, "float64", (7, 3, 2, 4))
    monkeypatch.setattr(by_hand, "CACHED", numbers)
    answers = {name: answer(name, case) for name in (bptt.OURS, bptt.BY_HAND)}
    assert compare(answers, 1e-12)[bptt.BY_HAND] < 1e-12
