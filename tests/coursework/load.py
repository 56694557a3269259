"""A class of 300, marked by the command, killed in the middle and resumed; and stock nbgrader.

``make load`` runs it and writes ``load.json`` beside this file. A slice of it is a test.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from coursework.course import Course
from coursework.export import rows
from coursework.runner import Run
from tests.coursework.classroom import (
    REPOSITORY,
    hand_in,
    left_behind,
    sample_course,
)
from tests.coursework.hostile import Hostile
from tests.coursework.hostile_files import HOSTILE
from tests.coursework.sample import NAME

RESULT = Path(__file__).with_name("load.json")

# What a class is like: mostly harmless, with a few of each kind of trouble.
HARMLESS = ("right", "partly-right", "wrong", "blank", "crash", "syntax-error", "warning", "stderr")
TROUBLE = ("endless", "os-exit", "memory", "output-right", "no-notebook", "forged", "deleted-tests")


def classmates(count: int) -> list[Hostile]:
    """A class: of every ten students nine are harmless."""
    by_name = {hostile.name: hostile for hostile in HOSTILE}
    found = []
    for k in range(count):
        kinds = TROUBLE if k % 10 == 9 else HARMLESS
        kind = by_name[kinds[(k // 10 if k % 10 == 9 else k) % len(kinds)]]
        found.append(Hostile(f"s{k:03d}-{kind.name}", kind.tries, kind.leak, kind.total,
                             kind.answers, kind.edit, kind.spoil))  # fmt: skip
    return found


def command(root: Path, workers: int) -> list[str]:
    """The teacher's command."""
    line = [sys.executable, "-m", "coursework", "mark", NAME, "--course", str(root / "course")]
    return [*line, "--assignments", str(root / "home"), "--workers", str(workers)]


class Watch:
    """Peak of resident memory: of the marking processes, and of the largest sandbox."""

    def __init__(self) -> None:
        self.marking = 0

    def look(self, pid: int) -> None:
        with suppress(psutil.Error):
            top = psutil.Process(pid)
            # The command and its workers; what the workers start is in a sandbox.
            total = 0
            for process in [top, *top.children()]:
                with suppress(psutil.Error):
                    total += process.memory_info().rss
            self.marking = max(self.marking, total)


def start(root: Path, workers: int, scratch: str) -> subprocess.Popen[bytes]:
    with (root / "command.log").open("ab") as log:
        return subprocess.Popen(
            command(root, workers),
            cwd=REPOSITORY,
            stdout=log,
            stderr=log,
            env={**os.environ, "TMPDIR": scratch, "OPENBLAS_NUM_THREADS": "1"},
        )


def finished(course: Course) -> dict[str, int]:
    """When each stored run was written."""
    return {p.stem: p.stat().st_mtime_ns for p in course.root.glob(f"results/{NAME}/*.json")}


def gone(scratch: str, course: Course) -> None:
    """Wait until the last process of a marking command has ended; one that stays is an error.

    The system takes a sandbox down in its own time: a few seconds, where both cores are busy.
    """
    deadline, marks = time.monotonic() + 20, [scratch, str(course.root)]
    while time.monotonic() < deadline and left_behind(marks):
        time.sleep(0.1)
    assert left_behind(marks) == [], "processes were left behind"


def load(
    root: Path, students: Sequence[Hostile], workers: int = 2, kill: bool = True
) -> dict[str, Any]:
    """Mark a class, with one SIGKILL of the command in the middle; check; say what it took.

    Raises
    ------
    AssertionError
        If a mark is missing or wrong, a run was done twice, or a process was left.
    """
    course, _ = sample_course(root, seconds=3)
    scratch, log = tempfile.mkdtemp(prefix="cw"), root / "command.log"
    for student in students:
        hand_in(course, student)
    watch, begun = Watch(), time.monotonic()
    before: dict[str, int] = {}
    if kill:
        first = start(root, workers, scratch)
        while len(finished(course)) < len(students) / 2:
            assert first.poll() is None, log.read_text()
            watch.look(first.pid)
            time.sleep(0.1)
        first.send_signal(signal.SIGKILL)
        first.wait()
        gone(scratch, course)
        before = finished(course)
        assert len(before) < len(students), "it was done before it was killed"
    second = start(root, workers, scratch)
    while second.poll() is None:
        watch.look(second.pid)
        time.sleep(0.1)
    seconds = time.monotonic() - begun
    assert second.returncode == 0, log.read_text()
    after = finished(course)
    assert set(after) == {student.name for student in students}
    assert {name: after[name] for name in before} == before, "run twice"
    gone(scratch, course)
    shutil.rmtree(scratch, ignore_errors=True)
    found = [(row["student_id"], row["raw_score"]) for row in rows(course, [NAME])]
    assert found == sorted((s.name, s.leak + s.total) for s in students)
    peaks = [run.peak for name in after if (run := Run.load(course.result(NAME, name)))]
    return {
        "submissions": len(students),
        "workers": workers,
        "killed_after": len(before),
        "seconds": round(seconds, 1),
        "seconds_per_submission": round(seconds / len(students), 3),
        "peak_mb_marking": watch.marking // 2**20,
        "peak_mb_sandbox": max(peaks) // 2**20,
        "median_mb_sandbox": sorted(peaks)[len(peaks) // 2] // 2**20,
    }


def stock(root: Path) -> float:
    """Seconds that ``nbgrader autograde`` takes for the class in a course."""
    line = [sys.executable, "-m", "nbgrader", "autograde", NAME, "--force"]
    done = subprocess.run(
        [*line, f"--course={root / 'course'}", "--ExecutePreprocessor.timeout=10"],
        cwd=root / "course",
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert used.ru_utime > 0
    marked = len(list((root / "course" / "autograded").glob(f"*/{NAME}/*.ipynb")))
    assert done.returncode == 0 and marked, done.stderr[-2000:]
    return float(marked)


def compare(root: Path, count: int, workers: int = 1) -> dict[str, Any]:
    """Time per submission of harmless ones: ours with one worker and stock's, in turns."""
    students = [s for s in classmates(10 * count) if s.name.split("-", 1)[1] in HARMLESS][:count]
    ours, theirs = [], []
    for turn in range(2):
        ours.append(load(root / f"ours{turn}", students, workers, kill=False)["seconds"])
        course, _ = sample_course(root / f"stock{turn}")
        for student in students:
            hand_in(course, student)
        begun = time.monotonic()
        stock(root / f"stock{turn}")
        theirs.append(time.monotonic() - begun)
    return {
        "submissions": count,
        "workers": workers,
        "seconds_per_submission": round(min(ours) / count, 3),
        "seconds_per_submission_stock": round(min(theirs) / count, 3),
        "ratio": round(min(ours) / min(theirs), 2),
    }


def machine() -> dict[str, Any]:
    """Where the figures were taken."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--compare", type=int, default=20, help="how many with stock nbgrader")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="load-"))
    try:
        result = {"machine": machine()}
        result["load"] = load(root / "class", classmates(options.submissions), options.workers)
        result["side_by_side"] = compare(root, options.compare)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
