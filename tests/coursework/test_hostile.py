"""The whole hostile set, marked for real: marks, what students are told, what is left behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from nbgrader.api import Grade

from coursework import pool
from coursework.course import Course
from coursework.export import feedback, rows
from coursework.gradebook import gradebook
from coursework.pool import Marked
from tests.coursework.classroom import (
    Listener,
    fingerprint,
    hand_in,
    left_behind,
    need_sandbox,
    sample_course,
)
from tests.coursework.hostile import Hostile
from tests.coursework.hostile_files import HOSTILE
from tests.coursework.sample import NAME

pytestmark = pytest.mark.slow
SECONDS = 3


@dataclass(frozen=True)
class Class:
    """What came of marking them all."""

    course: Course
    marked: dict[str, Marked]
    troubles: dict[str, Exception]
    before: dict[str, str]
    after: dict[str, str]
    scratch: Path
    reached: bool


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    need_sandbox()
    root = tmp_path_factory.mktemp("hostile")
    scratch = Path(tempfile.mkdtemp(prefix="cw"))
    course, assignment = sample_course(root, SECONDS)
    listener = Listener(root / "outside")
    for hostile in HOSTILE:
        hand_in(course, hostile, listener.port)
    watched = [root / "outside", root / "home"]
    watched += [course.root / name for name in ("source", "release", "submitted")]
    before = fingerprint(*watched)
    troubles = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(scratch))
        patch.setenv("COURSEWORK_TEST_TOKEN", "a teacher's password")
        found = list(
            pool.mark(
                course,
                assignment,
                course.submissions(NAME),
                2,
                failed=lambda submission, error: troubles.update({submission.student: error}),
            )
        )
    yield Class(
        course,
        {each.submission.student: each for each in found},
        troubles,
        before,
        fingerprint(*watched),
        scratch,
        listener.reached(),
    )
    listener.close()
    shutil.rmtree(scratch, ignore_errors=True)


def test_names_are_not_used_twice() -> None:
    assert len({hostile.name for hostile in HOSTILE}) == len(HOSTILE) >= 100


def test_every_submission_has_a_mark(marked: Class) -> None:
    assert marked.troubles == {}
    assert set(marked.marked) == {hostile.name for hostile in HOSTILE}


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_mark(marked: Class, hostile: Hostile) -> None:
    marks = marked.marked[hostile.name].marks
    lines = [line for mark in marks.values() for line in mark.lines]
    got = {id: mark.points for id, mark in marks.items()}
    assert got == {"leak": hostile.leak, "total": hostile.total}, lines
    assert hostile.says in "\n".join(lines)
    assert {id: mark.out_of for id, mark in marks.items()} == {"leak": 4, "total": 2}


def test_gradebook_holds_these_marks_and_no_others(marked: Class) -> None:
    found = {row["student_id"]: row["raw_score"] for row in rows(marked.course, [NAME])}
    assert found == {hostile.name: hostile.leak + hostile.total for hostile in HOSTILE}
    with gradebook(marked.course) as book:
        assert all(grade.manual_score is None for grade in book.db.query(Grade))


def test_no_file_was_changed_or_written(marked: Class) -> None:
    assert marked.after == marked.before


def test_no_process_is_left(marked: Class) -> None:
    assert left_behind([str(marked.scratch), "86399.5"]) == []


def test_nothing_is_left_in_the_temporary_folder(marked: Class) -> None:
    assert list(marked.scratch.iterdir()) == []


def test_nothing_outside_was_reached(marked: Class) -> None:
    assert not marked.reached


def test_stored_notebooks_are_small(marked: Class) -> None:
    sizes = {
        p.parent.parent.name: p.stat().st_size for p in marked.course.root.glob("autograded/*/*/*")
    }
    assert len(sizes) == len(HOSTILE)
    assert max(sizes.values()) < 2**20, max(sizes, key=sizes.__getitem__)


def test_feedback_runs_no_script(marked: Class, tmp_path: Path) -> None:
    names = ("page", "forged-messages", "surrogates", "bad-source", "missing")
    for name in names:
        shutil.copytree(marked.course.root / "autograded" / name, tmp_path / "autograded" / name)
    shutil.copy(marked.course.root / "gradebook.db", tmp_path)
    pages = {page.parent.parent.name: page.read_text() for page in feedback(Course(tmp_path), NAME)}
    assert set(pages) == set(names)
    assert "&lt;script&gt;steal()" in pages["page"]
    for text in pages.values():
        soup = BeautifulSoup(text, "html.parser")
        assert not [script for script in soup.find_all("script") if "steal" in script.text]
        assert soup.find(lambda tag: "steal" in str(tag.attrs)) is None


def test_memory_was_bounded(marked: Class) -> None:
    # Pages that processes share count for each of them, so forks seem to use more.
    peaks = {name: each.run.peak for name, each in marked.marked.items() if name != "fork-bomb"}
    allowed = marked.course.limits.memory
    assert peaks["memory-many"] > allowed, "the attack did not happen"
    assert max(peaks.values()) < 2 * allowed
