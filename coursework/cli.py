"""The three commands of a teacher: release, mark, export."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from coursework import assignment as assignments
from coursework import export, pool, sandbox
from coursework.assignment import AssignmentError
from coursework.course import Course, CourseError, Submission
from coursework.gradebook import gradebook
from coursework.release import ReleaseError, release


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 if all went well, 1 if something is left to do, 2 if refused."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except (AssignmentError, CourseError, ReleaseError, sandbox.SandboxError) as error:
        print(f"{options.name}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m coursework", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True)

    one = commands.add_parser("release", help="make the student's version of an assignment")
    one.add_argument("assignment", metavar="ASSIGNMENT")
    one.set_defaults(command=_release)

    two = commands.add_parser("mark", help="run and mark every submission of an assignment")
    two.add_argument("assignment", metavar="ASSIGNMENT")
    two.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    two.add_argument("--student", action="append", help="only this one; may be repeated")
    two.add_argument(
        "--no-sandbox", action="store_true", help="run students' code with your own rights"
    )
    two.set_defaults(command=_mark)

    three = commands.add_parser("export", help="write the mark list and the feedback pages")
    three.add_argument("--to", type=Path, help="the CSV; COURSE/marks.csv unless given")
    three.add_argument("--lms", action="store_true", help="a column for each assignment")
    three.add_argument("--no-feedback", action="store_true", help="the mark list alone")
    three.set_defaults(command=_export)
    for each in (one, two, three):
        each.add_argument("--course", type=Path, default=Path("course"), help="its folder")
    for each in (one, two):
        each.add_argument(
            "--assignments", type=Path, default=assignments.HOME, help="where assignments are"
        )
    return parser


def _release(options: argparse.Namespace) -> int:
    course = Course(options.course)
    assignment = assignments.find(options.assignment, options.assignments)
    course.create()
    with course.lock():
        path = release(course, assignment)
    print(f"hand out {path}")
    due = course.due(options.assignment)
    print(f"due {due:%Y-%m-%d %H:%M} UTC" if due else "no due time: set one in course.toml")
    return 0


def _mark(options: argparse.Namespace) -> int:
    course = Course(options.course)
    if options.workers < 1:
        raise CourseError(f"--workers: expected at least 1, got {options.workers}")
    course.settings  # noqa: B018  (refuses a folder that is no course)
    assignment = assignments.find(options.assignment, options.assignments)
    if not options.no_sandbox:
        sandbox.require(course.root, assignment.folder)
    with course.lock():
        if not course.released(assignment.name).is_file():
            raise CourseError(f"{assignment.name} has not been released in this course")
        submissions = _wanted(course, assignment.name, options.student)
        troubles: list[Submission] = []

        def failed(submission: Submission, error: Exception) -> None:
            troubles.append(submission)
            tqdm.write(f"{submission.student}: not marked, {error}")

        fresh = 0
        bar = tqdm(total=len(submissions), unit="submission", disable=None)
        for marked in pool.mark(
            course, assignment, submissions, options.workers, not options.no_sandbox, failed
        ):
            fresh += marked.fresh
            bar.update()
        bar.close()
    print(f"{len(submissions) - len(troubles)} marked: {fresh} run now, the rest were stored")
    if troubles:
        print(f"{len(troubles)} not marked; run the command again", file=sys.stderr)
    return 1 if troubles else 0


def _wanted(course: Course, name: str, students: list[str] | None) -> list[Submission]:
    submissions = course.submissions(name)
    if students is None:
        return submissions
    unknown = sorted(set(students) - {submission.student for submission in submissions})
    if unknown:
        raise CourseError(f"--student: no submission of {', '.join(unknown)}")
    return [submission for submission in submissions if submission.student in students]


def _export(options: argparse.Namespace) -> int:
    course = Course(options.course)
    course.settings  # noqa: B018  (refuses a folder that is no course)
    with course.lock():
        path = options.to or course.root / "marks.csv"
        export.write(course, path, options.lms)
        print(f"marks in {path}")
        if not options.no_feedback:
            with gradebook(course) as book:
                names = sorted(assignment.name for assignment in book.assignments)
            pages = [page for name in names for page in export.feedback(course, name)]
            print(f"{len(pages)} feedback pages in {course.root / 'feedback'}")
    return 0
