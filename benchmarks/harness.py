"""Contenders in processes of their own, taking turns at the same work.

First each contender's answer is compared with that of the first one; a contender that disagrees
is refused. Then they take turns, round by round, so that a machine that slows down slows all of
them down.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TOLERANCES = {"float64": 1e-10, "float32": 2e-3}
"""How far two answers may differ, relative to the largest entry of an array."""


class DisagreementError(ValueError):
    """Two contenders do not compute the same."""


class ContenderError(RuntimeError):
    """The process of a contender broke down."""


class Plan(NamedTuple):
    """How long to measure.

    Attributes
    ----------
    least_rounds, most_rounds
        Bounds on the number of rounds.
    budget
        Seconds after which a case gets no further round, once it has the least.
    at_least
        Seconds that one measurement takes; shorter work is repeated within it.
    pause
        Seconds before each turn: threads of the last contender go on spinning for a while, and
        with one thread it is on the same core that they spin.
    warm
        Seconds of its own work, not counted, after that pause: its own threads went to sleep
        meanwhile, and the first milliseconds of waking them are not what a training run sees.
    """

    least_rounds: int = 5
    most_rounds: int = 15
    budget: float = 4.0
    at_least: float = 0.01
    pause: float = 0.05
    warm: float = 0.1


QUICK = Plan(least_rounds=2, most_rounds=2, budget=0.0, at_least=0.001, pause=0.01, warm=0.01)


@dataclass(frozen=True)
class Contender:
    """One that takes part in a case.

    Parameters
    ----------
    name
        As in the tables.
    target
        ``"module:function"``; the function takes the case and returns a
        :class:`~benchmarks.prepared.Prepared`.
    case
        What the function gets; it is sent to the process.
    needs
        Modules without which this contender is skipped.
    process
        Contenders of one process name share a process; each has its own if it is empty.
    """

    name: str
    target: str
    case: Mapping[str, Any] = field(repr=False)
    needs: tuple[str, ...] = ()
    process: str = ""


def environment(threads: int) -> dict[str, str]:
    """The environment of a process with so many threads, for every library alike."""
    count, eigen = str(threads), str(threads > 1).lower()
    names = ("OPENBLAS", "OMP", "MKL", "NUMBA", "VECLIB_MAXIMUM", "BLIS")
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": count for name in names},
        "NPROC": count,  # the thread pool of XLA
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={count}",
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": path,
    }


class Worker:
    """A process that holds contenders' work; see :mod:`benchmarks.worker`."""

    def __init__(self, threads: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(threads),
            cwd=ROOT,
        )

    def ask(self, command: str, *arguments: Any) -> Any:
        """Send a request and wait for its reply.

        Raises
        ------
        ContenderError
            If the process raised an error or ended.
        """
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None and replies is not None
        try:
            pickle.dump((command, arguments), requests)
            requests.flush()
            status, reply = pickle.load(replies)
        except (EOFError, BrokenPipeError) as error:
            raise ContenderError(
                f"the process ended, exit status {self._process.wait()}"
            ) from error
        if status == "failed":
            raise ContenderError(reply)
        return reply

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Arena:
    """All processes with one number of threads.

    Use it in a ``with`` block; ``skipped`` says why a contender did not take part.

    Raises
    ------
    ValueError
        If there are fewer cores than threads.
    """

    def __init__(self, threads: int, plan: Plan) -> None:
        if threads < 1:
            raise ValueError(f"threads: expected a positive number, got {threads}")
        self.threads, self.plan = threads, plan
        self.skipped: dict[str, str] = {}
        self._workers: dict[str, Worker] = {}

    def __enter__(self) -> Arena:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers.values():
            worker.close()

    def measure(self, contenders: Sequence[Contender], tolerance: float) -> dict[str, Any]:
        """Compare the contenders' answers, then time them.

        Returns
        -------
        dict
            ``"seconds"`` of a step in each round, ``"repetitions"`` within a measurement, and the
            ``"difference"`` of each answer from the first, by the contenders' names.

        Raises
        ------
        DisagreementError
            If an answer differs from the first by more than ``tolerance``.
        ContenderError
            If a process breaks down.
        """
        present, answers = [], {}
        for contender in contenders:
            answer = self._prepare(contender)
            if answer is not None:
                present.append(contender)
                answers[contender.name] = answer
        try:
            difference = compare(answers, tolerance)
            repetitions = {
                c.name: self._ask(c, "calibrate", c.name, self.plan.at_least) for c in present
            }
            seconds = self._take_turns(present, repetitions)
        finally:
            for contender in present:
                self._ask(contender, "drop", contender.name)
        return {"seconds": seconds, "repetitions": repetitions, "difference": difference}

    def _prepare(self, contender: Contender) -> dict[str, np.ndarray] | None:
        """The contender's answer; None if it cannot take part, which is said once."""
        if contender.name in self.skipped:
            return None
        reply = self._ask(
            contender, "prepare", contender.name, contender.target, contender.needs, contender.case
        )
        if "absent" in reply:
            self.skipped[contender.name] = reply["absent"]
            print(f"  {contender.name} is skipped: {reply['absent']}", flush=True)
            return None
        return reply["answer"]

    def _take_turns(
        self, contenders: Sequence[Contender], repetitions: Mapping[str, int]
    ) -> dict[str, list[float]]:
        """Seconds by name and round. The one who begins changes from round to round."""
        seconds: dict[str, list[float]] = {c.name: [] for c in contenders}
        begin = time.perf_counter()
        for i in range(self.plan.most_rounds):
            if i >= self.plan.least_rounds and time.perf_counter() - begin > self.plan.budget:
                break
            first = i % max(1, len(contenders))
            for contender in [*contenders[first:], *contenders[:first]]:
                time.sleep(self.plan.pause)
                count = repetitions[contender.name]
                took = self._ask(contender, "run", contender.name, count, self.plan.warm)
                seconds[contender.name].append(float(f"{took:.4g}"))
        return seconds

    def _ask(self, contender: Contender, command: str, *arguments: Any) -> Any:
        name = contender.process or contender.name
        if name not in self._workers:
            self._workers[name] = Worker(self.threads)
        try:
            return self._workers[name].ask(command, *arguments)
        except ContenderError as failure:
            raise ContenderError(f"{contender.name}: {failure}") from None


def compare(answers: Mapping[str, Mapping[str, Any]], tolerance: float) -> dict[str, float]:
    """How far each answer is from the first one, in units of an array's largest entry.

    An empty answer (that of a floor) is passed over.

    Raises
    ------
    DisagreementError
        If one is further away than ``tolerance``, has other names or shapes, or holds what is
        not finite; or if an array of the first is zero everywhere, which would prove nothing.
    """
    given = {name: answer for name, answer in answers.items() if answer}
    if not given:
        return {}
    first, *others = given
    found = {}
    for other in others:
        got, want = given[other], given[first]
        if set(got) != set(want):
            raise DisagreementError(f"{other}: gives {sorted(got)}, and {first} {sorted(want)}")
        errors = {name: _difference(got[name], want[name]) for name in want}
        worst = max(errors, key=lambda name: np.nan_to_num(errors[name], nan=np.inf))
        if not errors[worst] <= tolerance:
            raise DisagreementError(
                f"{other}: {worst} differs from that of {first} by {errors[worst]:.1e} of its "
                f"largest entry; {tolerance:.0e} is allowed"
            )
        found[other] = float(f"{errors[worst]:.2g}")
    return found


def _difference(got: Any, want: Any) -> float:
    got, want = np.asarray(got, float), np.asarray(want, float)
    scale = np.abs(want).max(initial=0.0)
    if got.shape != want.shape or not np.isfinite(got).all() or not np.isfinite(want).all():
        return float("nan")
    return float(np.abs(got - want).max() / scale) if scale > 0 else float("nan")
