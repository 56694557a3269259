"""Make the student's version of an assignment, and tell the gradebook what it is worth."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from coursework.assignment import Assignment, is_test
from coursework.course import Course
from coursework.gradebook import gradebook
from coursework.pages import safe_markdown

STUB = "# Your code here.\nraise NotImplementedError"


class ReleaseError(Exception):
    """An assignment that could not be released; the message says why."""


def settings(course: Course, assignment: str) -> Config:
    """nbgrader's settings for one assignment of this course."""
    config = Config()
    config.CourseDirectory.root = str(course.root)
    config.CourseDirectory.db_url = course.database
    config.CourseDirectory.course_id = "rnn"
    config.CourseDirectory.assignment_id = assignment
    config.ClearSolutions.code_stub = {"python": STUB}
    config.HTMLExporter.sanitize_html = True
    config.HTMLExporter.filters = {"markdown2html": safe_markdown}
    return config


def release(course: Course, assignment: Assignment) -> Path:
    """Copy the master into the course and make the student's version of it.

    Returns
    -------
    Path
        The notebook to hand out.
    """
    assignment.questions  # noqa: B018  (checks that master and reference agree)
    source = course.source(assignment.name)
    source.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(assignment.master, source)
    config = settings(course, assignment.name)
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    converter.force = True
    try:
        with _programs_on_path():
            converter.start()
    except NbGraderException as error:
        raise ReleaseError(f"{assignment.name}: nbgrader: {error}") from error
    path = course.released(assignment.name)
    _check(path, assignment)
    due = course.due(assignment.name)
    with gradebook(course) as book:
        moment = None if due is None else due.replace(tzinfo=None)
        book.update_or_create_assignment(assignment.name, duedate=moment and moment.isoformat())
    return path


@contextmanager
def _programs_on_path() -> Iterator[None]:
    """nbgrader makes its gradebook by calling ``alembic``, which lies beside this Python."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _check(path: Path, assignment: Assignment) -> None:
    """Nothing of the solutions or the reference is in what students get."""
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    for word in ("BEGIN SOLUTION", "BEGIN HIDDEN", "coursework.", "reference.py"):
        if word in text:
            raise ReleaseError(f"{assignment.name}: {word!r} is in the student's version")
    if any(cell.get("outputs") for cell in notebook.cells):
        raise ReleaseError(f"{assignment.name}: the student's version has outputs")
    tests = {cell.metadata.nbgrader.grade_id for cell in notebook.cells if is_test(cell)}
    if tests != set(assignment.questions):
        raise ReleaseError(f"{assignment.name}: the test cells {sorted(tests)} remain")
