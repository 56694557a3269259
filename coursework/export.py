"""The mark list and the feedback pages of an assignment."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory

from coursework.course import Course, write_atomically
from coursework.gradebook import gradebook
from coursework.release import settings

COLUMNS = (
    "assignment",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "timestamp",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
    "to_mark_by_hand",
)


def rows(course: Course, wanted: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """One row for each student and assignment; one who handed in nothing has a zero."""
    found = []
    with gradebook(course) as book:
        for assignment in sorted(book.assignments, key=lambda a: a.name):
            if wanted is not None and assignment.name not in wanted:
                continue
            for student in sorted(book.students, key=lambda s: s.id):
                found.append(_row(book, assignment, student))
    return found


def _row(book: Gradebook, assignment: Any, student: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row |= {"assignment": assignment.name, "student_id": student.id}
    row |= {key: getattr(student, key) or "" for key in ("last_name", "first_name", "email")}
    row |= {"raw_score": 0.0, "late_submission_penalty": 0.0, "score": 0.0}
    row |= {"max_score": assignment.max_score, "to_mark_by_hand": ""}
    try:
        submission = book.find_submission(assignment.name, student.id)
    except MissingEntry:
        return row
    off = submission.late_submission_penalty or 0.0
    row |= {"timestamp": submission.timestamp.isoformat(timespec="seconds") + "Z"}
    # Rounded, so that three tenths of a point are 0.3.
    row |= {"raw_score": round(submission.score, 6), "late_submission_penalty": round(off, 6)}
    row |= {"score": round(max(0.0, submission.score - off), 6)}
    return row | {"to_mark_by_hand": "yes" if submission.needs_manual_grade else ""}


def mark_list(course: Course, wanted: Iterable[str] | None = None) -> str:
    """The mark list as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows(course, wanted):
        writer.writerow({key: _safe(value) for key, value in row.items()})
    return text.getvalue()


def lms_list(course: Course, wanted: Iterable[str] | None = None) -> str:
    """A CSV with a row for each student and a column for each assignment, for an LMS."""
    found = rows(course, wanted)
    names = list(dict.fromkeys(row["assignment"] for row in found))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student_id", *names])
    scores: dict[str, dict[str, float]] = {}
    for row in found:
        scores.setdefault(row["student_id"], {})[row["assignment"]] = row["score"]
    for student, by_name in sorted(scores.items()):
        writer.writerow([_safe(student), *(f"{by_name[name]:g}" for name in names)])
    return text.getvalue()


def _safe(value: Any) -> Any:
    """Text that a spreadsheet does not take for a formula."""
    text = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if text else value


def feedback(course: Course, assignment: str) -> list[Path]:
    """Write the feedback page of each student who handed in; nbgrader's form."""
    pages = []
    for folder in sorted(course.root.glob(f"autograded/*/{assignment}")):
        config = settings(course, assignment)
        config.CourseDirectory.student_id = folder.parent.name
        converter = GenerateFeedback(coursedir=CourseDirectory(config=config), config=config)
        converter.force = True
        converter.start()
        pages.append(course.feedback(assignment, folder.parent.name))
    return pages


def write(course: Course, path: Path, lms: bool = False) -> None:
    """Write the mark list to a file."""
    write_atomically(path, lms_list(course) if lms else mark_list(course))
