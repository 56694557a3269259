"""Marks, late penalties and the marked notebook of one submission, into nbgrader's gradebook."""

from __future__ import annotations

import datetime as dt
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.utils import compute_checksum
from sqlalchemy.exc import SAWarning

from coursework.assignment import Assignment
from coursework.course import Course, Submission, write_atomically
from coursework.judge import Mark, judge, lost
from coursework.runner import Run, seed

WIDTH = 88  # of a verdict on the feedback page


@contextmanager
def gradebook(course: Course) -> Iterator[Gradebook]:
    """nbgrader's gradebook of a course."""
    with warnings.catch_warnings():
        # nbgrader adds a submission in an order that its database layer warns of, without harm.
        warnings.simplefilter("ignore", SAWarning)
        with Gradebook(course.database, "rnn") as book:
            yield book


def marks(course: Course, assignment: Assignment, run: Run) -> dict[str, Mark]:
    """Judge every question of a run; one that was never answered is lost, with the reason."""
    found = {}
    for id, question in assignment.questions.items():
        answer = run.answers.get(id)
        if answer is None or answer.results is None:
            reason = answer.reason if answer else ""
            found[id] = lost(question, reason or "the notebook was stopped before this question.")
        else:
            cases = question.cases(seed(course, assignment))
            found[id] = judge(question, cases, answer.results)
    return found


def record(
    course: Course, assignment: Assignment, submission: Submission, run: Run
) -> dict[str, Mark]:
    """Write a submission's marks; doing it again changes nothing.

    Marks and comments given by hand stay as they are.
    """
    found = marks(course, assignment, run)
    notebook = nbformat.reads(run.notebook, as_version=4)
    _annotate(notebook, found, run)
    path = course.autograded(assignment.name, submission.student)
    before = _sources(path)
    with gradebook(course) as book:
        book.update_or_create_student(submission.student)
        stamp = submission.time.replace(tzinfo=None).isoformat()
        book.update_or_create_submission(assignment.name, submission.student, timestamp=stamp)
        for cell in notebook.cells:
            _save_cell(book, assignment, submission, cell, found, before)
        whole = book.find_submission_notebook(assignment.name, assignment.name, submission.student)
        whole.late_submission_penalty = penalty(course, submission, whole.max_score)
        book.db.commit()
    write_atomically(path, nbformat.writes(notebook) + "\n")
    return found


def _sources(path: Path) -> dict[str, str]:
    """What the answers were when the submission was marked before, by ``grade_id``."""
    if not path.is_file():
        return {}
    cells = nbformat.read(path, as_version=4).cells
    return {c.metadata.nbgrader.grade_id: c.source for c in cells if "nbgrader" in c.metadata}


def penalty(course: Course, submission: Submission, out_of: float) -> float:
    """Points taken off for lateness."""
    due = course.due(submission.assignment)
    late_by = dt.timedelta(0) if due is None else submission.time - due
    return course.late.penalty(late_by, out_of)


def _save_cell(
    book: Gradebook,
    assignment: Assignment,
    submission: Submission,
    cell: NotebookNode,
    found: Mapping[str, Mark],
    before: Mapping[str, str],
) -> None:
    info = cell.metadata.get("nbgrader", {})
    where = (assignment.name, assignment.name, submission.student)
    unchanged = info.get("checksum") == compute_checksum(cell) if info.get("solution") else False
    if info.get("grade"):
        grade = book.find_grade(info.grade_id, *where)
        if info.grade_id in found:
            points = found[info.grade_id].points
            overruled = grade.manual_score is not None
            if not overruled:
                grade.needs_manual_grade = False
            elif grade.auto_score != points:
                # What was overruled is no longer what it was: have it looked at again.
                grade.needs_manual_grade = True
            grade.auto_score = points
        else:
            grade.auto_score = 0.0 if unchanged else None
            by_hand = grade.manual_score is not None
            if not by_hand or before.get(info.grade_id, cell.source) != cell.source:
                grade.needs_manual_grade = by_hand or not unchanged
    if info.get("solution"):
        comment = book.find_comment(info.grade_id, *where)
        comment.auto_comment = "No response." if unchanged else None


def _annotate(notebook: NotebookNode, found: Mapping[str, Mark], run: Run) -> None:
    """Put the verdict under each test cell."""
    for cell in notebook.cells:
        id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if id in found:
            text = "\n".join(textwrap.fill(line, WIDTH) for line in found[id].lines) + "\n"
            cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=text))
