"""Every assignment: it can be solved, it cannot be had for nothing, and marks are as stated.

Most of it judges answers in this process. One test for each assignment goes the whole way, from
the release through the sandbox to the marks.

Beside ``QUESTIONS`` an assignment's ``reference.py`` may have ``ORACLES``: for a question's id a
function of the same arguments that finds the right value in another way (by complex step, by
brute force), or returns ``None`` where that would take too long.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from coursework import assignment as assignments
from coursework import pool, sandbox
from coursework.assignment import Assignment, is_test
from coursework.course import Course
from coursework.judge import difference, judge
from coursework.release import release
from coursework.values import dumps, encode
from tests.coursework import answers, sample

find = cache(assignments.find)
NAMES = assignments.names()
ANSWERS = [(name, answer) for name in NAMES for answer in answers.read(find(name))]
SECRETS = (1, 2**61 - 1, 20270131)
each_assignment = pytest.mark.parametrize("name", NAMES)


def seed(name: str, secret: int = SECRETS[0]) -> list[int]:
    return [secret, *name.encode()]


def by_question(marks: Mapping[str, Any]) -> dict[str, float]:
    return {id: mark.points for id, mark in marks.items()}


def full(assignment: Assignment) -> dict[str, float]:
    return {id: question.points for id, question in assignment.questions.items()}


# -- marks -----------------------------------------------------------------------------------


# Slow, so that its limit of time holds in the stage that does not stand back.
@pytest.mark.slow
@each_assignment
def test_the_solution_gets_full_marks_in_every_course(name):
    assignment = find(name)
    start = time.perf_counter()
    space, errors = answers.run(assignment, answers.solution(assignment))
    assert errors == {}
    assert time.perf_counter() - start < 20
    for secret in SECRETS:
        reported = answers.results(assignment, space, seed(name, secret))
        for id, question in assignment.questions.items():
            mark = judge(question, question.cases(seed(name, secret)), reported[id])
            assert mark.points == mark.out_of, mark.lines


@each_assignment
def test_a_blank_notebook_gets_nothing(name):
    assignment = find(name)
    marks = answers.marks(assignment, answers.blank(assignment), seed(name))
    assert by_question(marks) == dict.fromkeys(assignment.questions, 0)


@pytest.mark.parametrize("name, answer", ANSWERS, ids=[f"{n}-{a.slug}" for n, a in ANSWERS])
def test_a_wrong_answer_gets_its_stated_mark(name, answer):
    assignment = find(name)
    solution = answers.solution(assignment)
    assert set(answer.expected) <= set(assignment.questions)
    assert set(answer.cells) <= set(solution)
    cells = solution | dict(answer.cells)
    marks = answers.marks(assignment, cells, seed(name))
    assert by_question(marks) == full(assignment) | dict(answer.expected), marks
    feedback = "\n".join(line for mark in marks.values() for line in mark.lines)
    assert answer.hint in feedback


@each_assignment
def test_every_question_has_a_wrong_answer(name):
    assignment = find(name)
    lost = {
        id
        for answer in answers.read(assignment)
        for id, points in answer.expected.items()
        if points < assignment.questions[id].points
    }
    assert lost == set(assignment.questions)


# -- nothing for nothing -----------------------------------------------------------------------


def filled(value: Any, number: float) -> Any:
    """The value with each of its numbers replaced."""
    if isinstance(value, Mapping):
        return {key: filled(entry, number) for key, entry in value.items()}
    if isinstance(value, tuple):
        return tuple(filled(entry, number) for entry in value)
    return np.full(np.shape(value), number)


def parts(assignment: Assignment, secret: int):
    """Each part on its own: the question cut down to it, with its cases."""
    for question in assignment.questions.values():
        by_part = question.cases(seed(assignment.name, secret))
        for part, cases in zip(question.parts, by_part, strict=True):
            yield question, part, cases


@each_assignment
@pytest.mark.parametrize("number", [0.0, 1.0, -1.0])
def test_no_part_is_given_for_constants(name, number):
    for secret in SECRETS:
        for question, part, cases in parts(find(name), secret):
            known = answers.remembering(question)
            wrong = [
                difference(filled(truth, number), truth, question.tolerance)
                for truth in (known.truth(*case) for case in cases)
            ]
            assert any(wrong), f"{question.id}: {part.name}: {number} is right everywhere"


@each_assignment
def test_no_part_is_given_for_the_values_of_another_course(name):
    assignment = find(name)
    here, there = (list(parts(assignment, secret)) for secret in SECRETS[:2])
    for (question, part, cases), (_, _, others) in zip(here, there, strict=True):
        assert cases, f"{question.id}: {part.name} has no cases"
        known = answers.remembering(question)
        wrong = [
            difference(known.truth(*other), known.truth(*case), question.tolerance)
            for case, other in zip(cases, others, strict=False)
        ]
        assert any(wrong), f"{question.id}: {part.name}: the same values in two courses"


@each_assignment
def test_hidden_inputs_follow_from_the_secret_alone(name):
    for question in find(name).questions.values():
        first, again, other = (
            [[encode(case) for case in part] for part in question.cases(seed(name, secret))]
            for secret in (SECRETS[0], SECRETS[0], SECRETS[1])
        )
        assert dumps(first) == dumps(again)
        for mine, theirs in zip(first, other, strict=True):
            assert dumps(mine) != dumps(theirs)


@each_assignment
def test_the_reference_does_not_change_its_arguments(name):
    for question, _, cases in parts(find(name), SECRETS[0]):
        before = [dumps(case) for case in cases]
        for case in cases:
            question.truth(*case)
        assert [dumps(case) for case in cases] == before, question.id


@each_assignment
def test_the_reference_is_right_by_an_independent_way(name):
    assignment = find(name)
    oracles = getattr(assignment.reference, "ORACLES", {})
    assert set(oracles) <= set(assignment.questions)
    compared = dict.fromkeys(oracles, 0)
    for secret in SECRETS:
        for question, part, cases in parts(assignment, secret):
            for case in cases if question.id in oracles else ():
                value = oracles[question.id](*case)
                if value is not None:
                    reason = difference(value, question.truth(*case), question.tolerance / 10)
                    assert reason is None, f"{question.id}: {part.name}: {reason}"
                    compared[question.id] += 1
    assert all(compared.values()), compared


# -- the form of the master and of the rubric ------------------------------------------------


@each_assignment
def test_the_master_is_a_clean_notebook(name):
    assignment = find(name)
    text = assignment.master.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    ids = []
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        info = cell.metadata.get("nbgrader")
        if info is not None:
            assert info.schema_version == 3
            assert info.locked is not info.solution
            ids.append(info.grade_id)
        if cell.cell_type == "code":
            assert max(map(len, cell.source.splitlines())) <= 100, cell.source
    assert len(ids) == len(set(ids))


@each_assignment
def test_the_points_are_those_of_the_rubric(name):
    assignment = find(name)
    by_hand = answers.points_by_hand(assignment)
    assert sum(full(assignment).values()) + sum(by_hand.values()) >= 20
    rubric = (assignment.folder / "rubric.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w-]+)` \| ([\d.]+) \|", rubric, re.M))
    for id, points in (full(assignment) | by_hand).items():
        assert float(rows.get(id, "nan")) == points, f"rubric.md: no row | `{id}` | {points:g} |"


@each_assignment
def test_every_wrong_answer_is_in_the_rubric(name):
    assignment = find(name)
    rubric = (assignment.folder / "rubric.md").read_text(encoding="utf-8")
    points = sum(full(assignment).values())
    for answer in answers.read(assignment):
        off = sum(assignment.questions[id].points - got for id, got in answer.expected.items())
        row = f"| {answer.title} | {points - off:g} |"
        assert row in rubric, f"rubric.md: no row {row}"


# -- the whole way -------------------------------------------------------------------------------


def solution_lines(assignment: Assignment) -> set[str]:
    """The telling lines of the instructor's solution."""
    found = set()
    for cell in assignment.notebook.cells:
        if not cell.metadata.get("nbgrader", {}).get("solution"):
            continue
        blocks = [m["body"] for m in answers.SOLUTION.finditer(cell.source)] or [cell.source]
        lines = (line.strip() for block in blocks for line in block.splitlines())
        found |= {line for line in lines if len(line) > 25}
    return found


@pytest.mark.slow
@each_assignment
def test_from_release_to_marks(name, tmp_path: Path):
    assignment = find(name)
    course = Course(tmp_path / "course")
    course.create()
    released = release(course, assignment)
    notebook = nbformat.read(released, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert [line for line in solution_lines(assignment) if line in text] == []
    assert sum(is_test(cell) for cell in notebook.cells) == len(assignment.questions)

    reason = sandbox.available()
    if reason is not None:
        message = f"the sandbox cannot be had, so nothing was marked: {reason}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    wrong = answers.read(assignment)[0]
    handed_in = {
        "right": answers.solution(assignment),
        "wrong": answers.solution(assignment) | dict(wrong.cells),
        "blank": {},
    }
    for student, cells in handed_in.items():
        sample.hand_in(course.root, student, sample.answered(released, cells), name)
    marked = {
        m.submission.student: m
        for m in pool.mark(course, assignment, course.submissions(name), workers=2)
    }
    points = {student: by_question(m.marks) for student, m in marked.items()}
    assert points == {
        "right": full(assignment),
        "wrong": full(assignment) | dict(wrong.expected),
        "blank": dict.fromkeys(assignment.questions, 0),
    }
    assert marked["right"].run.events == []
    assert "error" not in {
        output.output_type
        for cell in nbformat.reads(marked["right"].run.notebook, as_version=4).cells
        for output in cell.get("outputs", ())
    }
