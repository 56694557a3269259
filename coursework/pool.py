"""Mark all submissions of an assignment: in parallel, resumable, each exactly once.

Running is apart from recording. Workers run submissions and write what came back, each into a
file of its own that is there whole or not at all. One process judges and records. Whatever
moment an interruption comes, the next call finds the finished runs by their digest, runs the
rest, and records again, which changes nothing where it has been done.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from coursework.assignment import Assignment, find
from coursework.course import Course, Submission
from coursework.gradebook import record
from coursework.judge import Mark
from coursework.runner import Run, digest, run


@dataclass(frozen=True)
class Marked:
    """One submission that has been marked: by a new run, or by one that was stored."""

    submission: Submission
    marks: dict[str, Mark]
    run: Run
    fresh: bool

    @property
    def points(self) -> float:
        return sum(mark.points for mark in self.marks.values())


def mark(
    course: Course,
    assignment: Assignment,
    submissions: list[Submission],
    workers: int,
    enclose: bool = True,
    failed: Callable[[Submission, Exception], None] | None = None,
) -> Iterator[Marked]:
    """Mark submissions; yield each as it is recorded.

    If a submission cannot be marked through a fault of the machine (no kernel starts, a disk is
    full), it gets no mark, ``failed`` is told, the others go on, and the next call tries again.
    """
    waiting = []
    for submission in submissions:
        stored = Run.load(course.result(assignment.name, submission.student))
        if stored is not None and stored.digest == digest(course, assignment, submission):
            try:
                marks = record(course, assignment, submission, stored)
            except Exception as error:
                if failed is None:
                    raise
                failed(submission, error)
                continue
            yield Marked(submission, marks, stored, fresh=False)
        else:
            waiting.append(submission)
    if not waiting:
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _die_with_parent, (os.getpid(),))
    try:
        tasks = {
            pool.submit(_work, course.root, assignment.folder, submission, enclose): submission
            for submission in waiting
        }
        for task in as_completed(tasks):
            submission = tasks[task]
            try:
                done = Run.load(task.result())
                assert done is not None, submission.path
                marks = record(course, assignment, submission, done)
            except Exception as error:
                if failed is None:
                    raise
                failed(submission, error)
                continue
            yield Marked(submission, marks, done, fresh=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _work(root: Path, folder: Path, submission: Submission, enclose: bool) -> Path:
    course = Course(root)
    path = course.result(submission.assignment, submission.student)
    run(course, _assignment(folder), submission, enclose).save(path)
    return path


@cache
def _assignment(folder: Path) -> Assignment:
    return find(folder.name, folder.parent)


def _die_with_parent(parent: int) -> None:
    """No worker outlives the command, not even when that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it died before that was said
        os._exit(1)
