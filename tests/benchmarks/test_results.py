"""The stored results: every case of every question, the machine, and a summary that follows."""

from __future__ import annotations

import importlib
from collections import Counter
from functools import cache
from typing import Any

import pytest

from benchmarks import bptt, costs, online, reservoir, rtrl, scaling, store
from benchmarks.machine import PACKAGES
from benchmarks.problems import CELLS, DTYPES, SIZES
from benchmarks.question import Question, page
from benchmarks.statistics import spread

each_question = pytest.mark.parametrize("name", store.QUESTIONS)


@cache
def stored(name: str) -> dict[str, Any]:
    return store.read(name)


def question(name: str) -> Question:
    found: Question = importlib.import_module(f"benchmarks.{name}").QUESTION
    return found


def sizes(*shapes: tuple[int, ...]) -> set[tuple[Any, ...]]:
    return {
        (cell, dtype, *shape, threads)
        for cell in CELLS
        for dtype in DTYPES
        for shape in shapes
        for threads in (1, 2)
    }


def keys(cases: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    names = ("cell", "dtype", "T", "B", "D", "n", "threads")
    return Counter(tuple(case[name] for name in names) for case in cases)


@each_question
def test_it_was_measured_in_full_on_a_machine_that_is_described(name: str) -> None:
    result = stored(name)
    assert result["question"] == name and result["quick"] is False
    machine = result["machine"]
    assert machine["cores"] >= 2 and machine["processor"] and machine["blas"] and machine["date"]
    assert set(machine["versions"]) == set(PACKAGES)


@each_question
def test_no_peer_was_absent(name: str) -> None:
    # The compiled path is an option of the package: where it is left out, the result says so.
    assert set(stored(name)["skipped"]) <= {bptt.FAST}
    if name != "imports":
        assert "not installed" not in stored(name)["machine"]["versions"].values()


@each_question
def test_the_summary_follows_from_the_seconds(name: str) -> None:
    result = stored(name)
    assert question(name).summarize(result["cases"]) == result["summary"]
    assert result["summary"]["goals"]


@each_question
def test_a_changed_measurement_would_change_the_summary(name: str) -> None:
    cases = store.read(name)["cases"]
    for case in cases:
        first = next(iter(case["seconds"].values()))
        first[:] = [100 * seconds for seconds in first]
    assert question(name).summarize(cases) != stored(name)["summary"]


@each_question
def test_table_and_plots_are_those_of_the_result(name: str) -> None:
    result = stored(name)
    assert store.path(name, ".md").read_text(encoding="utf-8") == page(question(name), result)
    for ending in result["figures"]:
        svg = store.path(name, f"{ending}.svg").read_text(encoding="utf-8")
        assert "<svg" in svg and "<dc:date>" not in svg


@each_question
def test_each_contender_was_timed_in_every_round(name: str) -> None:
    for case in stored(name)["cases"]:
        rounds = {len(times) for times in case["seconds"].values()}
        assert len(rounds) == 1 and min(rounds) >= stored(name)["plan"]["least_rounds"]
        for times in case["seconds"].values():
            assert spread(times).low > 0


def test_bptt_has_every_size_cell_dtype_and_number_of_threads() -> None:
    assert keys(stored("bptt")["cases"]) == Counter(sizes(*SIZES))
    assert len(SIZES) == 6
    fast = set() if bptt.FAST in stored("bptt")["skipped"] else {bptt.FAST}
    for case in stored("bptt")["cases"]:
        assert set(case["seconds"]) == {bptt.OURS, bptt.BY_HAND, bptt.TORCH, bptt.JAX} | fast
        assert set(case["difference"]) == {bptt.BY_HAND, bptt.TORCH, bptt.JAX} | fast


def test_the_floor_has_every_cell_and_dtype_at_the_large_size() -> None:
    assert keys(stored("floor")["cases"]) == Counter(
        key for key in sizes((200, 64, 64, 256)) if key[-1] == 1
    )


def test_rtrl_and_the_hybrid_have_every_number_of_units() -> None:
    cases = stored("rtrl")["cases"]
    first = [case for case in cases if case["what"] == "RTRL"]
    second = [case for case in cases if case["what"] == "hybrid"]
    assert keys(first) == Counter(sizes(*((20, 1, 8, n) for n in (32, 64, 128))))
    assert keys(second) == Counter(sizes(*((6 * n, 1, 8, n) for n in (32, 64, 128))))
    for case in first:
        assert {rtrl.RTRL, rtrl.FLOOR, rtrl.JACREV} <= set(case["seconds"])
    for case in second:
        assert {rtrl.RTRL, rtrl.DOUBLE, rtrl.BPTT} <= set(case["seconds"])
        assert rtrl.DOUBLE in case["difference"]


def test_the_online_learners_have_every_cell() -> None:
    assert keys(stored("online")["cases"]) == Counter(sizes((100, 1, 32, 64)))
    for case in stored("online")["cases"]:
        assert set(case["seconds"]) == {online.BPTT, *online.LEARNERS}


def test_the_reservoir_ran_and_was_fitted() -> None:
    found = {(case["what"], case["threads"]) for case in stored("reservoir")["cases"]}
    assert found == {(what, threads) for what in ("run", "ridge") for threads in (1, 2)}
    for case in stored("reservoir")["cases"]:
        assert (case["units"], case["steps"]) == (1000, 5000)
        assert set(case["seconds"]) == {reservoir.OURS, reservoir.THEIRS}


def test_scaling_has_every_learner_in_n_and_in_t() -> None:
    cases = stored("scaling")["cases"]
    names = [subject.name for subject in costs.subjects()]
    assert [(case["learner"], case["what"]) for case in cases] == [
        (name, what) for name in names for what in ("n", "T")
    ]
    for case, subject in zip(cases[::2], costs.subjects(), strict=True):
        assert case["formulas"]["seconds"] == subject.kind.card.time
        for cost in scaling.COSTS:
            assert len(scaling.points(case, cost)[0]) >= 3
