"""Answers to the assignments: the instructor's, none, and the usual wrong ones with their marks.

A wrong answer is a file ``answers/<slug>.toml`` in the folder of its assignment::

    title = "The state is not carried over"
    hint = "a unit without memory"        # optional: a phrase that the feedback must contain

    [expected]                            # points by question; a question not named: all of them
    leak = 1

    [cells]                               # sources by grade_id; a cell not named: the solution
    leak-answer = '''
    def leak(x, h, a):
        return a * np.tanh(x)
    '''

Here they are judged in this process, without a kernel: fast, and only for answers that we wrote.
"""

from __future__ import annotations

import re
import sys
import tomllib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from coursework.assignment import Assignment, is_test
from coursework.judge import Mark, judge
from coursework.questions import Question
from coursework.release import STUB
from coursework.values import decode, dumps, encode

SOLUTION = re.compile(
    r"^(?P<indent>[ ]*)### BEGIN SOLUTION\n(?P<body>.*?)\n[ ]*### END SOLUTION[ ]*$", re.M | re.S
)


@dataclass(frozen=True)
class Answer:
    """A wrong answer, and what it is to get."""

    slug: str
    title: str
    expected: Mapping[str, float]
    cells: Mapping[str, str]
    hint: str = ""


def read(assignment: Assignment) -> list[Answer]:
    """The wrong answers of an assignment."""
    return [
        Answer(path.stem, **tomllib.loads(path.read_text(encoding="utf-8")))
        for path in sorted((assignment.folder / "answers").glob("*.toml"))
    ]


def solution(assignment: Assignment) -> dict[str, str]:
    """The instructor's answer cells (code), by ``grade_id``."""
    return _answers(assignment, lambda found: found["body"])


def blank(assignment: Assignment) -> dict[str, str]:
    """The same cells as a student gets them."""

    def stub(found: re.Match[str]) -> str:
        return "\n".join(found["indent"] + line for line in STUB.splitlines())

    return {
        id: source if SOLUTION.search(_source(assignment, id)) else STUB
        for id, source in _answers(assignment, stub).items()
    }


def _answers(assignment: Assignment, replacement: Any) -> dict[str, str]:
    return {
        cell.metadata.nbgrader.grade_id: SOLUTION.sub(replacement, cell.source)
        for cell in assignment.notebook.cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution")
    }


def _source(assignment: Assignment, id: str) -> str:
    cells = assignment.notebook.cells
    return next(c.source for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == id)


def run(
    assignment: Assignment, cells: Mapping[str, str], to_the_end: bool = True
) -> tuple[dict[str, Any], dict[str, str]]:
    """Execute the notebook with these answer cells, to its end or to its last test cell.

    Returns
    -------
    dict, dict
        The names that the notebook defines, and what the cells that raised said, by
        ``grade_id`` (or by number, for cells without one).
    """
    space: dict[str, Any] = {"__name__": "__main__"}
    errors = {}
    notebook = assignment.notebook.cells
    last = max(number for number, cell in enumerate(notebook) if is_test(cell))
    for number, cell in enumerate(notebook if to_the_end else notebook[: last + 1]):
        if cell.cell_type != "code":
            continue
        id = cell.metadata.get("nbgrader", {}).get("grade_id", f"cell {number}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(cells.get(id, cell.source), f"<{id}>", "exec"), space)
        except Exception as error:
            errors[id] = f"{type(error).__name__}: {error}"
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    return space, errors


def results(assignment: Assignment, space: Mapping[str, Any], seed: list[int]) -> dict[str, list]:
    """What a kernel would report for each question: values or errors, as plain data."""
    found = {}
    for id, question in assignment.questions.items():
        found[id] = []
        for case in (case for part in question.cases(seed) for case in part):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    value = space[question.function](*decode(encode(case)))
                found[id].append({"value": encode(value)})
            except Exception as error:
                found[id].append({"error": f"{type(error).__name__}: {error}"})
    return found


@cache
def remembering(question: Question) -> Question:
    """The question with a reference that works out no value twice.

    Every answer to it is judged on the same hidden inputs.
    """
    known: dict[str, Any] = {}

    def truth(*arguments: Any) -> Any:
        key = dumps(arguments)
        if key not in known:
            known[key] = question.truth(*arguments)
        return known[key]

    return replace(question, truth=truth)


def marks(assignment: Assignment, cells: Mapping[str, str], seed: list[int]) -> dict[str, Mark]:
    """The marks of an answer by question."""
    space, _ = run(assignment, cells, to_the_end=False)
    reported = results(assignment, space, seed)
    return {
        id: judge(remembering(question), question.cases(seed), reported[id])
        for id, question in assignment.questions.items()
    }


def points_by_hand(assignment: Assignment) -> dict[str, float]:
    """The questions that are marked by hand, with their points."""
    return {
        cell.metadata.nbgrader.grade_id: float(cell.metadata.nbgrader.points)
        for cell in assignment.notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade") and not is_test(cell)
    }
