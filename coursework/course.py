"""The folder of a course: nbgrader's layout, and the settings in ``course.toml``."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import re
import secrets
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursework import pages

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}\Z")

SETTINGS = """\
# The settings of this course. Times are in UTC, as in 2027-01-31T23:59:00Z.

[course]
# Hidden inputs are drawn from this number. Keep it to yourself; keep it the same.
secret = {secret}

[late]
# For each day begun after the due time this fraction of the full marks is taken off,
# and after so many days the mark is zero.
per_day = 0.1
days = 3

[limits]
# For one cell, if the assignment does not say otherwise, and for a whole submission.
seconds_per_submission = 120
memory_mb = 1500
output_kb = 64

[due]
# assignment = 2027-01-31T23:59:00Z
"""

# nbgrader's own settings, so that its formgrader, for marking by hand, finds the same course.
NBGRADER = """\
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "rnn"
"""


class CourseError(Exception):
    """A course folder that cannot be used as asked."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use."""

    seconds: float = 120.0
    memory: int = 1500 * 2**20
    output: int = 64 * 2**10


@dataclass(frozen=True)
class Late:
    """The penalty for lateness: a fraction of the full marks for each day begun."""

    per_day: float = 0.1
    days: int = 3

    def penalty(self, late_by: dt.timedelta, out_of: float) -> float:
        """Points taken off a mark out of ``out_of`` that came ``late_by`` after the due time."""
        if late_by <= dt.timedelta(0):
            return 0.0
        begun = -(-late_by // dt.timedelta(days=1))
        return out_of if begun > self.days else min(out_of, begun * self.per_day * out_of)


@dataclass(frozen=True)
class Submission:
    """What a student handed in for an assignment."""

    student: str
    assignment: str
    path: Path

    @property
    def time(self) -> dt.datetime:
        """When: from ``timestamp.txt``, as nbgrader writes it, else the time of the file."""
        stamp = self.path.parent / "timestamp.txt"
        if stamp.is_file():
            text = stamp.read_text(encoding="utf-8").strip()
            text = re.sub(r" (UTC|Z)\Z", "+00:00", text).replace(" UTC", "+00:00")
            try:
                time = dt.datetime.fromisoformat(text)
            except ValueError:
                raise CourseError(f"{stamp}: expected a time, got {text!r}") from None
            return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
        found = self.path if os.path.lexists(self.path) else self.path.parent
        return dt.datetime.fromtimestamp(found.lstat().st_mtime, dt.UTC)


class Course:
    """A course folder.

    Parameters
    ----------
    root
        The folder. ``release`` makes it and its settings if need be.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    # -- where things are ---------------------------------------------------------------

    @property
    def database(self) -> str:
        """Address of nbgrader's gradebook."""
        return f"sqlite:///{self.root / 'gradebook.db'}"

    def source(self, assignment: str) -> Path:
        return self.root / "source" / assignment / f"{assignment}.ipynb"

    def released(self, assignment: str) -> Path:
        return self.root / "release" / assignment / f"{assignment}.ipynb"

    def result(self, assignment: str, student: str) -> Path:
        """What the student's kernel reported."""
        return self.root / "results" / assignment / f"{student}.json"

    def autograded(self, assignment: str, student: str) -> Path:
        return self.root / "autograded" / student / assignment / f"{assignment}.ipynb"

    def feedback(self, assignment: str, student: str) -> Path:
        return self.root / "feedback" / student / assignment / f"{assignment}.html"

    # -- what is in it --------------------------------------------------------------------

    def submissions(self, assignment: str) -> list[Submission]:
        """All that has been handed in, by student.

        Raises
        ------
        CourseError
            If the name of a folder cannot be a student's, or a submission has no notebook.
        """
        found = []
        for folder in sorted(self.root.glob(f"submitted/*/{assignment}")):
            student = folder.parent.name
            if not _NAME.match(student):
                raise CourseError(f"submitted: {student!r} cannot be the name of a student")
            found.append(Submission(student, assignment, folder / f"{assignment}.ipynb"))
        return found

    # -- settings ----------------------------------------------------------------------

    def create(self) -> None:
        """Make the folder and its settings where they are missing."""
        self.root.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("course.toml", SETTINGS.format(secret=secrets.randbits(62))),
            ("nbgrader_config.py", NBGRADER + pages.setting()),
        ):
            path = self.root / name
            if not path.exists():
                path.write_text(text, encoding="utf-8")
                path.chmod(0o600)

    @property
    def settings(self) -> dict[str, Any]:
        """The content of ``course.toml``."""
        path = self.root / "course.toml"
        if not path.is_file():
            raise CourseError(f"{self.root}: no course.toml here; release an assignment first")
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise CourseError(f"{path}: {error}") from None

    @property
    def secret(self) -> int:
        """The seed of the hidden inputs."""
        return int(self.settings["course"]["secret"])

    @property
    def limits(self) -> Limits:
        given = self.settings.get("limits", {})
        return Limits(
            float(given.get("seconds_per_submission", 120)),
            int(given.get("memory_mb", 1500)) * 2**20,
            int(given.get("output_kb", 64)) * 2**10,
        )

    @property
    def late(self) -> Late:
        given = self.settings.get("late", {})
        return Late(float(given.get("per_day", 0.1)), int(given.get("days", 3)))

    def due(self, assignment: str) -> dt.datetime | None:
        """When the assignment is due, in UTC; ``None`` if there is no such time."""
        time = self.settings.get("due", {}).get(assignment)
        if time is None:
            return None
        if not isinstance(time, dt.datetime):
            raise CourseError(f"course.toml: due.{assignment}: expected a time, got {time!r}")
        return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One command at a time works on a course."""
        with (self.root / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CourseError(f"{self.root}: another command is at work here") from None
            yield


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, whatever happens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
