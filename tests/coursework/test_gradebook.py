"""Marks in the gradebook: judged anew, by hand, late; and what is exported of them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from nbgrader.plugins import CsvExportPlugin
from traitlets.config import Config

from coursework import export, pool
from coursework.assignment import Assignment
from coursework.course import Course, Submission
from coursework.gradebook import gradebook
from coursework.pool import Marked
from coursework.runner import Run
from tests.coursework import stored
from tests.coursework.sample import NAME

TEXT = (
    "It <script>steal()</script> <img src=x onerror=steal()> [forgets](javascript:steal()) "
    "*text* $a < b$ <a href=' JaVaScRiPt:steal()'>x</a> <p onclick=steal()>\n\n[r]\n\n"
    "[r]: javascript:steal()\n\n<svg onload=steal()><iframe srcdoc='steal()'>"
)


def mark(course: Course, assignment: Assignment, *submissions: Submission) -> dict[str, Marked]:
    """Mark what has been run; nothing may be run here."""
    found = {m.submission.student: m for m in pool.mark(course, assignment, list(submissions), 1)}
    assert not any(m.fresh for m in found.values())
    return found


def grades(course: Course, student: str) -> dict[str, tuple[Any, ...]]:
    with gradebook(course) as book:
        whole = book.find_submission_notebook(NAME, NAME, student)
        return {g.name: (g.auto_score, g.manual_score, g.needs_manual_grade) for g in whole.grades}


def by_hand(course: Course, student: str, id: str, score: float, comment: str = "") -> None:
    """What the formgrader does."""
    with gradebook(course) as book:
        grade = book.find_grade(id, NAME, NAME, student)
        grade.manual_score, grade.needs_manual_grade = score, False
        if comment:
            book.find_comment("why", NAME, NAME, student).manual_comment = comment
        book.db.commit()


def correct(assignment: Assignment, old: str, new: str) -> Assignment:
    """The assignment with a corrected reference."""
    path = assignment.folder / "reference.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return Assignment(assignment.name, assignment.folder)


@pytest.fixture
def al(course: Course, assignment: Assignment) -> Submission:
    submission = stored.hand_in(course, "al")
    stored.store(course, assignment, submission)
    return submission


def test_marks_and_what_is_left_to_do_by_hand(
    course: Course, assignment: Assignment, al: Submission
) -> None:
    (marked,) = mark(course, assignment, al).values()
    assert marked.points == 6
    want = {"leak": (4.0, None, False), "total": (2.0, None, False), "why": (None, None, True)}
    assert grades(course, "al") == want


def test_marking_again_changes_nothing(
    course: Course, assignment: Assignment, al: Submission
) -> None:
    mark(course, assignment, al)
    by_hand(course, "al", "why", 1.5, "Say more.")
    by_hand(course, "al", "leak", 2)
    page = course.autograded(NAME, "al")
    before = (grades(course, "al"), export.mark_list(course), page.read_text())
    mark(course, assignment, al)
    assert (grades(course, "al"), export.mark_list(course), page.read_text()) == before
    assert before[0]["leak"] == (4.0, 2.0, False)


def test_a_corrected_reference_is_judged_without_a_kernel_and_keeps_marks_by_hand(
    course: Course, assignment: Assignment, al: Submission
) -> None:
    wrong = correct(assignment, "np.tanh(x + h)", "np.sin(x + h)")
    assert mark(course, wrong, al)["al"].points == 2
    by_hand(course, "al", "why", 1.5, "Say more.")
    by_hand(course, "al", "leak", 3)
    right = correct(wrong, "np.sin(x + h)", "np.tanh(x + h)")
    assert mark(course, right, al)["al"].points == 6
    found = grades(course, "al")
    assert found["leak"] == (4.0, 3.0, True), "kept, and flagged: the automatic mark is another"
    assert found["why"] == (None, 1.5, False)
    with gradebook(course) as book:
        assert book.find_comment("why", NAME, NAME, "al").comment == "Say more."
    assert "3 of 3 points: right" in course.autograded(NAME, "al").read_text()


def test_other_hidden_inputs_need_another_run(
    course: Course, assignment: Assignment, al: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    class RunError(Exception):
        pass

    def pool_starts(*a: Any, **k: Any) -> Any:
        raise RunError

    monkeypatch.setattr(pool, "ProcessPoolExecutor", pool_starts)
    mark(course, assignment, al)
    with pytest.raises(RunError):
        mark(course, correct(assignment, "rng.normal(size=4)", "rng.normal(size=5)"), al)
    correct(assignment, "rng.normal(size=5)", "rng.normal(size=4)")
    mark(course, Assignment(NAME, assignment.folder), al)
    settings = course.root / "course.toml"
    settings.write_text(settings.read_text().replace("secret = ", "secret = 1"))
    with pytest.raises(RunError):
        mark(course, assignment, al)


@pytest.mark.parametrize("change", ["notebook", "file beside", "limits", "result"])
def test_what_was_run_otherwise_needs_another_run(
    course: Course, assignment: Assignment, al: Submission, change: str
) -> None:
    if change == "notebook":
        al.path.write_text(al.path.read_text().replace("np.tanh", "np.sin"))
    elif change == "file beside":
        (al.path.parent / "helper.py").write_text("x = 1")
    elif change == "limits":
        settings = course.root / "course.toml"
        settings.write_text(settings.read_text().replace("memory_mb = 1500", "memory_mb = 900"))
    else:
        result = course.result(NAME, "al")
        result.write_text(result.read_text()[:-100])
    (waiting,) = [s for s in [al] if not is_stored(course, assignment, s)]
    assert waiting is al


def is_stored(course: Course, assignment: Assignment, submission: Submission) -> bool:
    run = Run.load(course.result(NAME, submission.student))
    return run is not None and run.digest == pool.digest(course, assignment, submission)


def test_a_time_stamp_alone_needs_no_other_run(
    course: Course, assignment: Assignment, al: Submission
) -> None:
    (al.path.parent / "timestamp.txt").write_text("2027-01-11 12:00:00 UTC")
    mark(course, assignment, al)
    (row,) = export.rows(course)
    assert row["timestamp"] == "2027-01-11T12:00:00Z"


def test_a_new_answer_to_what_was_marked_by_hand_is_flagged(
    course: Course, assignment: Assignment, al: Submission
) -> None:
    mark(course, assignment, al)
    by_hand(course, "al", "why", 1.5)
    al.path.write_text(al.path.read_text().replace("It forgets.", "It remembers."))
    stored.store(course, assignment, al)
    mark(course, assignment, al)
    assert grades(course, "al")["why"] == (None, 1.5, True)
    mark(course, assignment, al)
    assert grades(course, "al")["why"] == (None, 1.5, True)


def test_a_text_that_was_not_written_is_zero(course: Course, assignment: Assignment) -> None:
    bo = stored.hand_in(course, "bo", why=None)
    stored.store(course, assignment, bo)
    mark(course, assignment, bo)
    assert grades(course, "bo")["why"] == (0.0, None, False)


def test_lateness_is_taken_off_and_never_more_than_there_is(
    course: Course, assignment: Assignment, al: Submission
) -> None:
    settings = course.root / "course.toml"
    settings.write_text(settings.read_text() + "\nsample = 2027-01-09T11:00:00Z\n")
    stored.store(course, assignment, al)
    mark(course, assignment, al)
    (row,) = export.rows(course)
    # Twenty-five hours late: two days begun, a tenth of 8 points each.
    assert (row["raw_score"], row["late_submission_penalty"], row["score"]) == (6, 1.6, 4.4)
    (al.path.parent / "timestamp.txt").write_text("2027-02-01 12:00:00 UTC")
    mark(course, assignment, al)
    (row,) = export.rows(course)
    assert (row["late_submission_penalty"], row["score"]) == (8, 0)
    (al.path.parent / "timestamp.txt").write_text("2027-01-09 10:00:00 UTC")
    mark(course, assignment, al)
    (row,) = export.rows(course)
    assert (row["late_submission_penalty"], row["score"]) == (0, 6)


@pytest.fixture
def several(course: Course, assignment: Assignment) -> Course:
    """Four students: right, partly right, with a name that is a formula, and one without."""
    settings = course.root / "course.toml"
    settings.write_text(settings.read_text() + "\nsample = 2027-01-10T10:00:00Z\n")
    partly = {**stored.RIGHT, "leak": stored.without_memory}
    everyone = [stored.hand_in(course, student) for student in ("al", "bo", "cy")]
    for submission in everyone:
        functions = partly if submission.student == "bo" else stored.RIGHT
        stored.store(course, assignment, submission, functions)
    with gradebook(course) as book:
        book.add_student("cy", last_name="=HYPERLINK(1)", first_name='O"Neil, "Cy"', email="@x")
        book.add_student("di", last_name="Dee, Jr.", first_name="-1+1")
    mark(course, assignment, *everyone)
    by_hand(course, "al", "why", 2)
    return course


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_mark_list(several: Course) -> None:
    found = {row["student_id"]: row for row in table(export.mark_list(several))}
    assert {student: float(row["score"]) for student, row in found.items()} == pytest.approx(
        {"al": 8 - 0.8, "bo": 3 - 0.8, "cy": 6 - 0.8, "di": 0}
    )
    assert {student: row["to_mark_by_hand"] for student, row in found.items()} == {
        "al": "",
        "bo": "yes",
        "cy": "yes",
        "di": "",
    }
    assert {float(row["max_score"]) for row in found.values()} == {8}


def test_names_are_no_formulas_and_no_new_columns(several: Course) -> None:
    found = {row["student_id"]: row for row in table(export.mark_list(several))}
    assert found["cy"]["last_name"] == "'=HYPERLINK(1)"
    assert found["cy"]["first_name"] == 'O"Neil, "Cy"'
    assert found["cy"]["email"] == "'@x"
    assert (found["di"]["last_name"], found["di"]["first_name"]) == ("Dee, Jr.", "'-1+1")


def test_the_list_for_an_lms(several: Course) -> None:
    found = {row["student_id"]: float(row[NAME]) for row in table(export.lms_list(several))}
    assert found == pytest.approx({"al": 7.2, "bo": 2.2, "cy": 5.2, "di": 0})


def test_a_list_of_some_assignments(several: Course) -> None:
    assert export.rows(several, ["other"]) == []
    assert len(export.rows(several, [NAME])) == 4


def test_nbgraders_own_list_says_the_same(several: Course, tmp_path: Path) -> None:
    with gradebook(several) as book:
        plugin = CsvExportPlugin()
        plugin.to = str(tmp_path / "theirs.csv")
        plugin.export(book)
    # Theirs does not quote: the commas in names are taken out before it can be read.
    text = (tmp_path / "theirs.csv").read_text()
    text = text.replace('O"Neil, "Cy"', "Cy").replace("Dee, Jr.", "Dee")
    theirs = {row["student_id"]: row for row in table(text)}
    ours = {row["student_id"]: row for row in export.rows(several)}
    assert theirs.keys() == ours.keys()
    for student, row in ours.items():
        for column in ("raw_score", "late_submission_penalty", "score", "max_score"):
            assert float(theirs[student][column]) == pytest.approx(row[column]), (student, column)


def test_nbgrader_finds_what_is_to_be_marked_by_hand(several: Course) -> None:
    with gradebook(several) as book:
        waiting = {
            s.student.id for s in book.find_assignment(NAME).submissions if s.needs_manual_grade
        }
    assert waiting == {"bo", "cy"}
    for student in ("al", "bo", "cy"):
        assert several.autograded(NAME, student).is_file(), "the formgrader shows this file"


def test_feedback_has_score_reasons_comments_and_no_script(
    course: Course, assignment: Assignment
) -> None:
    bo = stored.hand_in(course, "bo", why=TEXT)
    stored.store(course, assignment, bo, {**stored.RIGHT, "leak": stored.without_memory})
    mark(course, assignment, bo)
    by_hand(course, "bo", "why", 1.5, "Say <b>why</b> it forgets.")
    (page,) = export.feedback(course, NAME)
    found = page.read_text()
    assert "Score: 4.5 / 8.0" in found
    assert "Your values are those of a unit without memory." in found
    assert "1 of 1 points: right for a state of zero." in found
    assert "it forgets" in found
    assert_no_script(found)


def assert_no_script(page: str) -> None:
    soup = BeautifulSoup(page, "html.parser")
    assert not [s for s in soup.find_all("script") if "steal" in s.text]
    tags = [tag for tag in soup.find_all(True) if "steal" in str(tag.attrs)]
    assert tags == []


def test_where_marks_are_given_by_hand_no_script_runs(course: Course) -> None:
    """The formgrader reads the settings in the folder of the course."""
    config = Config()
    exec((course.root / "nbgrader_config.py").read_text(), {"get_config": lambda: config})
    cell = new_markdown_cell(TEXT, metadata={"nbgrader": {"grade": True, "solution": True}})
    page, _ = HTMLExporter(config=config).from_notebook_node(new_notebook(cells=[cell]))
    assert_no_script(page)
    assert "It &lt;script&gt;steal()" in page and "<em>text</em>" in page and "$a &lt; b$" in page
    with pytest.raises(AssertionError):
        assert_no_script(HTMLExporter().from_notebook_node(new_notebook(cells=[cell]))[0])


def test_the_list_is_written_to_a_file(several: Course, tmp_path: Path) -> None:
    export.write(several, tmp_path / "a.csv")
    export.write(several, tmp_path / "b.csv", lms=True)
    assert (tmp_path / "a.csv").read_text() == export.mark_list(several)
    assert (tmp_path / "b.csv").read_text() == export.lms_list(several)


def test_one_that_cannot_be_recorded_does_not_stop_the_others(
    course: Course, assignment: Assignment, al: Submission
) -> None:
    bo = stored.hand_in(course, "bo")
    stored.store(course, assignment, bo)
    (al.path.parent / "timestamp.txt").write_text("early")
    troubles: dict[str, Exception] = {}
    found = pool.mark(
        course,
        assignment,
        [al, bo],
        1,
        failed=lambda s, e: troubles.update({s.student: e}),
    )
    assert [m.submission.student for m in found] == ["bo"]
    assert "expected a time" in str(troubles["al"])
