"""Contenders for the tests of the harness: they take known times, disagree, are absent or break."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.prepared import Prepared

TRUTH = {"loss": np.array(2.0), "W": np.array([[1.0, -4.0], [0.5, 3.0]])}


def sleeping(case: Mapping[str, Any]) -> Prepared:
    """Sleep so many seconds; the answer is the truth, with an error of W's last entry if asked."""
    answer = {name: array.copy() for name, array in TRUTH.items()}
    answer["W"][-1, -1] += case.get("error", 0.0)
    seconds = case.get("seconds", 0.0)
    return Prepared(lambda: time.sleep(seconds), answer, case.get("steps", 1))


def ticking(case: Mapping[str, Any]) -> Prepared:
    """So many seconds by a clock that nothing but this work moves, however busy the machine is.

    The first ``asleep`` runs take four times as long.
    """
    now, runs = 0.0, 0

    def work() -> None:
        nonlocal now, runs
        runs += 1
        now += case["seconds"] * (4.0 if runs <= case.get("asleep", 0) else 1.0)

    sys.modules["__main__"].perf_counter = lambda: now  # type: ignore[attr-defined]
    return Prepared(work, TRUTH, case.get("steps", 1))


def floor(case: Mapping[str, Any]) -> Prepared:
    """Work without an answer."""
    return Prepared(lambda: None)


def broken(case: Mapping[str, Any]) -> Prepared:
    """An error of its own, which is not an absent peer."""
    raise ZeroDivisionError("this contender is broken")


def deadly(case: Mapping[str, Any]) -> Prepared:
    """A process that ends."""
    os._exit(3)


def talkative(case: Mapping[str, Any]) -> Prepared:
    """A library that prints while it is imported and run must not disturb the pipe."""
    os.write(1, b"hello\n")
    return Prepared(lambda: print("hello", flush=True), TRUTH)


def surroundings(case: Mapping[str, Any]) -> Prepared:
    """What the process sees: its threads as its environment says, its cores, its number."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    found = [*(int(os.environ[name]) for name in names), cores, os.getpid()]
    return Prepared(lambda: None, {"seen": np.array(found)})
