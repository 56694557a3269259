"""The process of one contender: prepares its work, then times one repeat whenever it is told.

BLAS libraries that take turns within one process spoil each other's threads, so each contender has
a process of its own, with its threads set before anything is imported.
:mod:`benchmarks.harness` starts it and talks to it over a pipe.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from time import perf_counter
from typing import Any, BinaryIO

MOST_REPETITIONS = 100_000


def pin(threads: int) -> list[int]:
    """Keep this process on as many cores as it has threads, and return them.

    One thread gets the last core, for the system is busiest on the first. Where a system cannot
    pin (it is not Linux) the list is empty.
    """
    if not hasattr(os, "sched_setaffinity"):
        return []
    cores = sorted(os.sched_getaffinity(0))[-threads:]
    os.sched_setaffinity(0, cores)
    return cores


def missing(needs: tuple[str, ...]) -> str | None:
    """The first module of ``needs`` that is not installed, or None."""
    for name in needs:
        try:
            found = importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:  # the package that it would be in is missing
            found = False
        if not found:
            return name
    return None


def seconds(run: Callable[[], Any], repetitions: int, warm: float = 0.0) -> float:
    """Wall-clock seconds of one repetition.

    Short work is run once before, to warm the caches; all work for ``warm`` seconds, to wake up
    its threads.
    """
    begin = perf_counter()
    if repetitions > 1:
        run()
    while perf_counter() - begin < warm:
        run()
    begin = perf_counter()
    for _ in range(repetitions):
        run()
    return (perf_counter() - begin) / repetitions


def calibrate(run: Callable[[], Any], least: float) -> int:
    """How many repetitions make a measurement of at least so many seconds."""
    begin = perf_counter()
    run()
    if perf_counter() - begin >= 20 * least:  # so long that no warmth makes it short
        return 1
    repetitions = 1
    while True:
        took = seconds(run, repetitions) * repetitions
        if took >= least or repetitions >= MOST_REPETITIONS:
            return repetitions
        wanted = int(1.2 * repetitions * least / max(took, 1e-9)) + 1
        repetitions = min(max(2 * repetitions, wanted), 16 * repetitions, MOST_REPETITIONS)


class Bench:
    """The pieces of work that this process holds, by key."""

    def __init__(self) -> None:
        self._held: dict[str, Any] = {}

    def prepare(self, key: str, target: str, needs: tuple[str, ...], case: Any) -> dict[str, Any]:
        """Call ``target`` ("module:function") with the case; keep the work, return its answer."""
        absent = missing(needs)
        if absent is not None:
            return {"absent": f"{absent} is not installed"}
        module, _, name = target.partition(":")
        prepared = getattr(importlib.import_module(module), name)(case)
        self._held[key] = prepared
        return {"answer": dict(prepared.answer)}

    def calibrate(self, key: str, least: float) -> int:
        """Repetitions for a measurement of at least so many seconds."""
        return calibrate(self._held[key].run, least)

    def run(self, key: str, repetitions: int, warm: float) -> float:
        """Seconds of one step of the work, after it has run for ``warm`` seconds."""
        held = self._held[key]
        return seconds(held.run, repetitions, warm) / held.steps

    def drop(self, key: str) -> None:
        """Let go of a piece of work."""
        self._held.pop(key, None)

    def versions(self, names: tuple[str, ...]) -> dict[str, str]:
        """Versions of those modules that this process has imported."""
        return {name: sys.modules[name].__version__ for name in names if name in sys.modules}


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests ``(command, arguments)`` until the pipe is closed."""
    bench = Bench()
    while True:
        try:
            command, arguments = pickle.load(requests)
        except EOFError:
            return
        try:
            reply = ("done", getattr(bench, command)(*arguments))
        except Exception:
            reply = ("failed", traceback.format_exc())
        pickle.dump(reply, replies)
        replies.flush()


def main() -> None:
    """Serve on standard input and output; what libraries print goes to standard error."""
    pin(int(sys.argv[1]))
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
