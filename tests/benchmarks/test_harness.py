"""The harness: right times, right comparisons, one process a contender, clear refusals."""

from __future__ import annotations

import os

import numpy as np
import pytest

from benchmarks.harness import (
    QUICK,
    Arena,
    Contender,
    ContenderError,
    DisagreementError,
    Plan,
    compare,
    environment,
)
from benchmarks.report import ratio
from benchmarks.worker import calibrate, missing
from tests.benchmarks.work import TRUTH

ONCE = Plan(least_rounds=3, most_rounds=3, budget=0.0, at_least=0.001, pause=0.0, warm=0.0)


def contender(
    name: str, function: str = "sleeping", needs: tuple[str, ...] = (), **case
) -> Contender:
    return Contender(name, f"tests.benchmarks.work:{function}", case, needs)


def test_the_time_of_one_run_is_what_its_clock_says() -> None:
    with Arena(1, ONCE) as arena:
        case = arena.measure(
            [
                contender(name, "ticking", seconds=t)
                for name, t in (("short", 0.25), ("long", 0.75))
            ],
            tolerance=0.0,
        )
    assert ratio(case, "long", "short") == pytest.approx(3.0, rel=1e-12)
    assert case["seconds"]["short"] == pytest.approx([0.25] * 3, rel=1e-12)


def test_the_clock_is_that_of_the_wall() -> None:
    with Arena(1, ONCE) as arena:
        case = arena.measure([contender("asleep", seconds=0.05)], tolerance=0.0)
    assert len(case["seconds"]["asleep"]) == 3 and min(case["seconds"]["asleep"]) >= 0.05


def test_short_work_is_repeated_within_a_measurement_and_reported_by_the_step() -> None:
    with Arena(1, ONCE._replace(at_least=0.05)) as arena:
        case = arena.measure([contender("nap", "ticking", seconds=0.002, steps=4)], tolerance=0.0)
    assert 25 <= case["repetitions"]["nap"] <= 16 * 25
    assert case["seconds"]["nap"] == pytest.approx([0.0005] * 3, rel=1e-12)


@pytest.mark.parametrize("warm, measured", [(0.0, 1.0), (0.1, 0.25)])
def test_work_is_warm_when_it_is_measured(warm: float, measured: float) -> None:
    """Two runs are slow, that of the calibration and the one after it."""
    plan = ONCE._replace(least_rounds=1, most_rounds=1, at_least=0.0, warm=warm)
    with Arena(1, plan) as arena:
        sleepy = contender("sleepy", "ticking", seconds=0.25, asleep=2)
        case = arena.measure([sleepy], tolerance=0.0)
    assert case["seconds"]["sleepy"] == pytest.approx([measured], rel=1e-12)


def test_rounds_stop_at_the_budget_but_not_before_the_least() -> None:
    for budget, rounds in ((0.0, 3), (60.0, 9)):
        plan = ONCE._replace(most_rounds=9, budget=budget)
        with Arena(1, plan) as arena:
            case = arena.measure([contender("one")], tolerance=0.0)
        assert len(case["seconds"]["one"]) == rounds


@pytest.mark.parametrize("error, fits", [(0.0, True), (3e-11, True), (1e-6, False)])
def test_one_that_disagrees_is_refused(error: float, fits: bool) -> None:
    contenders = [contender("ours"), contender("peer", error=error)]
    with Arena(1, ONCE) as arena:
        if fits:
            case = arena.measure(contenders, tolerance=1e-10)
            assert case["difference"]["peer"] == pytest.approx(error / 4, rel=0.01)
        else:
            with pytest.raises(DisagreementError, match="peer: W differs from that of ours"):
                arena.measure(contenders, tolerance=1e-10)


@pytest.mark.parametrize(
    "changed",
    [
        {"loss": TRUTH["loss"]},
        {**TRUTH, "more": np.ones(1)},
        {**TRUTH, "W": TRUTH["W"][:1]},
        {**TRUTH, "W": np.full((2, 2), np.nan)},
        {**TRUTH, "loss": np.array(np.inf)},
    ],
)
def test_other_names_shapes_and_numbers_that_are_none_are_refused(changed) -> None:
    with pytest.raises(DisagreementError):
        compare({"ours": TRUTH, "peer": changed}, 1e-3)


def test_a_dead_array_proves_nothing() -> None:
    dead = {"W": np.zeros(3)}
    with pytest.raises(DisagreementError):
        compare({"ours": dead, "peer": dead}, 1e-3)


def test_a_floor_has_nothing_to_compare() -> None:
    with Arena(1, ONCE) as arena:
        case = arena.measure([contender("ours"), contender("floor", "floor")], tolerance=0.0)
    assert case["difference"] == {} and set(case["seconds"]) == {"ours", "floor"}


@pytest.mark.parametrize("module", ["no_such_peer", "no_such_package.inside"])
def test_an_absent_peer_is_skipped_with_a_word(module: str, capsys) -> None:
    with Arena(1, QUICK) as arena:
        contenders = [contender("ours"), contender("peer", needs=("json", module))]
        for _ in range(2):
            case = arena.measure(contenders, tolerance=0.0)
            assert set(case["seconds"]) == {"ours"}
        assert arena.skipped == {"peer": f"{module} is not installed"}
    printed = capsys.readouterr().out
    assert printed.count("peer is skipped") == 1 and module in printed


def test_what_is_installed_is_not_missing() -> None:
    assert missing(("json", "numpy")) is None


def test_a_broken_contender_is_an_error_and_not_an_absent_one() -> None:
    with Arena(1, ONCE) as arena, pytest.raises(ContenderError, match="bad.*\n(.*\n)*.*is broken"):
        arena.measure([contender("bad", "broken")], tolerance=0.0)


def test_a_process_that_ends_is_an_error() -> None:
    with Arena(1, ONCE) as arena, pytest.raises(ContenderError, match="gone: .* exit status 3"):
        arena.measure([contender("gone", "deadly")], tolerance=0.0)


def test_printing_does_not_disturb_the_pipe() -> None:
    with Arena(1, ONCE) as arena:
        case = arena.measure([contender("loud", "talkative"), contender("ours")], tolerance=0.0)
    assert set(case["seconds"]) == {"loud", "ours"}


def test_each_contender_has_its_own_process_threads_and_cores() -> None:
    with Arena(1, ONCE) as arena:
        first, second, same = (
            arena._prepare(c)
            for c in (
                contender("first", "surroundings"),
                contender("second", "surroundings"),
                contender("first", "surroundings"),
            )
        )
    assert first is not None and second is not None and same is not None
    *threads, cores, process = first["seen"]
    assert list(threads) == [1, 1, 1]
    assert cores == (1 if hasattr(os, "sched_getaffinity") else 0)
    assert len({os.getpid(), int(process), int(second["seen"][-1])}) == 3
    assert same["seen"][-1] == process


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_set_alike_for_all_libraries(threads: int) -> None:
    found = environment(threads)
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
    assert {found[name] for name in names} == {str(threads)}
    assert f"intra_op_parallelism_threads={threads}" in found["XLA_FLAGS"]


def test_calibration_reaches_the_time_that_was_asked_for() -> None:
    calls = []
    repetitions = calibrate(lambda: calls.append(sum(range(2000))), 0.01)
    assert repetitions > 10 and len(calls) > repetitions


def test_threads_are_a_positive_number() -> None:
    with pytest.raises(ValueError, match="threads"):
        Arena(0, ONCE)
