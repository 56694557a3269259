"""A course with submissions, and the machine around it, for tests that run it for real."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from coursework import sandbox
from coursework.assignment import Assignment
from coursework.course import Course
from coursework.release import release
from tests.coursework import sample
from tests.coursework.hostile import Hostile

REPOSITORY = Path(__file__).resolve().parents[2]


def need_sandbox() -> None:
    """Skip, or fail where that would hide that the sandbox is not tested."""
    reason = sandbox.available()
    if reason is None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"NOTHING HERE WAS TESTED: {reason}")
    pytest.skip(f"NOTHING HERE WAS TESTED: {reason}")


def sample_course(root: Path, seconds: int = 6) -> tuple[Course, Assignment]:
    """A course in which the sample has been released; a folder of the teacher's beside it."""
    assignment = sample.write_assignment(root / "home")
    reference = assignment.folder / "reference.py"
    text = reference.read_text()
    assert "SECONDS_PER_CELL = 6" in text
    reference.write_text(text.replace("SECONDS_PER_CELL = 6", f"SECONDS_PER_CELL = {seconds}"))
    course = Course(root / "course")
    course.create()
    release(course, assignment)
    (root / "outside").mkdir()
    (root / "outside" / "private.txt").write_text("private")
    return course, assignment


def hand_in(course: Course, hostile: Hostile, port: int = 0) -> None:
    """Make a submission, with real paths in the place of the names between at-signs."""
    places = {"@COURSE@": str(course.root), "@REPO@": str(REPOSITORY), "@PORT@": str(port)}
    places["@OUTSIDE@"] = str(course.root.parent / "outside")
    answers = {}
    for id, source in hostile.answers.items():
        for name, place in places.items():
            source = source.replace(name, place)
        answers[id] = source
    notebook = sample.answered(course.released(sample.NAME), answers)
    if hostile.edit is not None:
        hostile.edit(notebook)
    path = sample.hand_in(course.root, hostile.name, notebook)
    if hostile.spoil is not None:
        hostile.spoil(path)


def fingerprint(*folders: Path) -> dict[str, str]:
    """Every regular file below the folders, with its content; every other entry by its kind."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            regular = path.is_file() and not path.is_symlink() and path.stat().st_size < 2**30
            content = path.read_bytes() if regular else str(path.lstat().st_mode).encode()
            found[str(path)] = hashlib.sha256(content).hexdigest()
    return found


def left_behind(marks: Iterable[str]) -> list[str]:
    """Command lines of processes that have one of the texts in them, other than this one."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if process.pid != os.getpid() and any(mark in line for mark in marks):
                found.append(line)
    return found


class Listener:
    """Sockets that students' code might reach; remembers whether it did."""

    def __init__(self, folder: Path) -> None:
        self.inet = socket.create_server(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        here = os.getcwd()
        os.chdir(folder)  # the path may be too long for a socket
        self.unix.bind("socket")
        os.chdir(here)
        self.unix.listen()
        self.port = int(self.inet.getsockname()[1])

    def reached(self) -> bool:
        """Whether a connection waits."""
        for each in (self.inet, self.unix):
            each.setblocking(False)
            with suppress(BlockingIOError):
                each.accept()
                return True
        return False

    def close(self) -> None:
        self.inet.close()
        self.unix.close()
