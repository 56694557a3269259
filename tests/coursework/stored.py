"""Submissions with runs that were not run: what a kernel would have reported, made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import nbformat
import numpy as np

from coursework.assignment import Assignment
from coursework.course import Course, Submission
from coursework.questions import Arguments
from coursework.rebuild import read, rebuild
from coursework.runner import Answer, Run, digest, seed
from coursework.values import ValueFormatError, encode
from tests.coursework import sample

Function = Callable[..., Any]


def leak(x: np.ndarray, h: np.ndarray, a: float) -> np.ndarray:
    return (1 - a) * h + a * np.tanh(x + h)


def without_memory(x: np.ndarray, h: np.ndarray, a: float) -> np.ndarray:
    return a * np.tanh(x)


def total(xs: np.ndarray) -> dict[str, Any]:
    return {"loss": 0.5 * (xs**2).sum(), "gradient": xs}


RIGHT: Mapping[str, Function] = {"leak": leak, "total": total}


def report(function: Function, cases: list[Arguments]) -> list[dict[str, Any]]:
    """What the kernel would report of a function."""
    results: list[dict[str, Any]] = []
    for case in cases:
        try:
            results.append({"value": encode(function(*case))})
        except ValueFormatError as error:
            results.append({"error": str(error)})
    return results


def hand_in(course: Course, student: str, why: str | None = "It forgets.", **kw: str) -> Submission:
    """A submission of the sample; ``why`` is the answer that is marked by hand."""
    answers = {"leak-answer": sample.LEAK, "total-answer": sample.TOTAL, **kw}
    if why is not None:
        answers["why"] = why
    notebook = sample.answered(course.released(sample.NAME), answers)
    return Submission(student, sample.NAME, sample.hand_in(course.root, student, notebook))


def store(
    course: Course,
    assignment: Assignment,
    submission: Submission,
    functions: Mapping[str, Function] = RIGHT,
) -> Run:
    """Write down a run of the submission, as if its kernel had these functions."""
    released = nbformat.read(course.released(assignment.name), as_version=4)
    notebook = nbformat.writes(rebuild(released, read(submission.path)))
    run = Run(digest(course, assignment, submission), notebook)
    for id, question in assignment.questions.items():
        cases = [case for part in question.cases(seed(course, assignment)) for case in part]
        run.answers[id] = Answer(report(functions[question.function], cases))
    run.save(course.result(assignment.name, submission.student))
    return run
