"""Run the stages of ``make test``, some side by side, and say at the end how long each took.

    python tools/stages.py PHASE [PHASE ...]

A phase is lanes that run side by side, ``lane/lane``; a lane is targets of the Makefile one after
the other, ``target,target``. The next phase begins when the last has ended. A lane that begins
with ``~`` stands back: it gets the time that the others leave while they wait, so that their
limits of time hold as if they were alone.

The output of a stage is printed whole when it ends. After a failure no stage is begun, those that
run are interrupted, and the exit code is 1.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

PATIENCE = 30.0  # seconds from the interrupt of a stage to its end by force


@dataclass
class Stage:
    """One target of the Makefile on its way."""

    target: str
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    begun: float


@dataclass
class Lane:
    """Targets that run one after the other."""

    waiting: list[str]
    back: bool
    stage: Stage | None = None


@dataclass
class Summary:
    """What became of each stage, in the order in which they ended."""

    begun: float = field(default_factory=time.monotonic)
    rows: list[tuple[str, str, float]] = field(default_factory=list)
    failed: bool = False

    def table(self) -> str:
        """The stages with their times."""
        lines = [f"{name:<20} {word:<12} {clock(seconds)}" for name, word, seconds in self.rows]
        whole = "FAILED" if self.failed else "passed"
        lines += [f"{'all, side by side':<20} {whole:<12} {clock(time.monotonic() - self.begun)}"]
        return "\n=== Stages\n" + "\n".join(lines)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60:3d}:{int(seconds) % 60:02d}"


def lanes(phase: str) -> list[Lane]:
    """The lanes of a phase as it was written on the command line.

    Raises
    ------
    ValueError
        If a lane has an empty name in it.
    """
    found = [Lane(lane.removeprefix("~").split(","), lane[:1] == "~") for lane in phase.split("/")]
    if not all(target for lane in found for target in lane.waiting):
        raise ValueError(f"phase: expected targets between the signs , / and ~, got {phase!r}")
    return found


def stand_back() -> None:
    """Give this process, and what it starts, a low priority."""
    os.nice(10)
    # Linux may share the processor among sessions first, and only then among processes.
    with suppress(OSError), open("/proc/self/autogroup", "w") as group:
        group.write("10")


def begin(target: str, back: bool) -> Stage:
    """Start a target in a session of its own, so that it can be ended as a whole."""
    print(f"--- {target}: begins", flush=True)
    output = tempfile.TemporaryFile()
    process = subprocess.Popen(
        [os.environ.get("MAKE", "make"), "--no-print-directory", target],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=stand_back if back else None,
    )
    return Stage(target, process, output, time.monotonic())


def end(stage: Stage, summary: Summary, stopped: bool = False) -> None:
    """Print what a stage said, and note how it went."""
    code = stage.process.wait()
    stage.output.seek(0)
    sys.stdout.flush()
    sys.stdout.buffer.write(stage.output.read())
    stage.output.close()
    word = "stopped" if stopped else "passed" if code == 0 else "FAILED"
    seconds = time.monotonic() - stage.begun
    summary.rows.append((stage.target, word, seconds))
    summary.failed |= stopped or code != 0
    print(f"--- {stage.target}: {word} after{clock(seconds)}", flush=True)


def interrupt(stage: Stage) -> None:
    """End a stage and all that it started: gently first, then by force."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(stage.process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            stage.process.wait(PATIENCE)


def run_phase(phase: Sequence[Lane], summary: Summary) -> None:
    """Run the lanes of a phase to their end, or to the first failure."""
    try:
        while not summary.failed:
            for lane in phase:
                if lane.stage is not None and lane.stage.process.poll() is not None:
                    done, lane.stage = lane.stage, None
                    end(done, summary)
                if lane.stage is None and lane.waiting and not summary.failed:
                    lane.stage = begin(lane.waiting.pop(0), lane.back)
            if all(lane.stage is None for lane in phase):
                return
            time.sleep(0.1)
    finally:
        for lane in phase:
            if lane.stage is not None:
                interrupt(lane.stage)
                end(lane.stage, summary, stopped=True)


def main(arguments: Sequence[str]) -> int:
    """Run all phases; the exit code."""
    phases, summary = [lanes(phase) for phase in arguments], Summary()
    # So that a stop from outside takes the stages along, which are in sessions of their own. A
    # shell starts what it runs in the background deaf to interrupts: stages must not inherit that.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        for phase in phases:
            run_phase(phase, summary)
            if summary.failed:
                break
    except KeyboardInterrupt:
        summary.failed = True
    print(summary.table(), flush=True)
    return int(summary.failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
