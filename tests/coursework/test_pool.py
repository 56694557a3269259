"""Marking with real kernels: what is run again, and what is not; the three commands."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from coursework import cli, pool, sandbox
from coursework.assignment import Assignment
from coursework.course import Course, Limits, Submission
from coursework.kernel import Kernel, KernelStartError
from coursework.pool import Marked
from tests.coursework import stored
from tests.coursework.classroom import left_behind, need_sandbox
from tests.coursework.sample import NAME

pytestmark = pytest.mark.slow


def mark(course: Course, assignment: Assignment, enclose: bool = True) -> dict[str, Marked]:
    found = pool.mark(course, assignment, course.submissions(NAME), 1, enclose)
    return {marked.submission.student: marked for marked in found}


def rewrite(submission: Submission, old: str, new: str) -> None:
    text = submission.path.read_text()
    assert old in text
    submission.path.write_text(text.replace(old, new))


def test_what_is_run_again_and_what_is_not(course: Course, assignment: Assignment) -> None:
    need_sandbox()
    al, _ = stored.hand_in(course, "al"), stored.hand_in(course, "bo")
    first = mark(course, assignment)
    assert {s: (m.fresh, m.points) for s, m in first.items()} == {"al": (True, 6), "bo": (True, 6)}
    again = mark(course, assignment)
    assert {s: (m.fresh, m.points) for s, m in again.items()} == {
        "al": (False, 6),
        "bo": (False, 6),
    }
    rewrite(al, "a * np.tanh(x + h)", "a * np.tanh(x)")
    resubmitted = mark(course, assignment)
    assert {s: (m.fresh, m.points) for s, m in resubmitted.items()} == {
        "al": (True, 3),
        "bo": (False, 6),
    }
    path = assignment.folder / "reference.py"
    path.write_text(path.read_text().replace("np.tanh(x + h)", "np.sin(x + h)"))
    corrected = mark(course, Assignment(NAME, assignment.folder))
    assert {s: (m.fresh, m.points) for s, m in corrected.items()} == {
        "al": (False, 2),
        "bo": (False, 2),
    }
    path.write_text(path.read_text().replace("rng.normal(size=4)", "rng.normal(size=5)"))
    asked_anew = mark(course, Assignment(NAME, assignment.folder))
    assert all(m.fresh for m in asked_anew.values())


def test_an_interruption_loses_nothing(course: Course, assignment: Assignment) -> None:
    need_sandbox()
    for student in ("al", "bo", "cy", "di", "ed", "fi"):
        stored.hand_in(course, student)
    marking = pool.mark(course, assignment, course.submissions(NAME), 1)
    first = next(marking)
    marking.close()
    done = {path.stem for path in course.root.glob(f"results/{NAME}/*")}
    assert first.submission.student in done and len(done) < 6
    rest = mark(course, assignment)
    assert {student for student, m in rest.items() if not m.fresh} == done
    assert {m.points for m in rest.values()} == {6}


def test_a_kernel_that_cannot_start_leaves_no_mark_and_no_process(
    course: Course, assignment: Assignment, tmp_path: Path
) -> None:
    need_sandbox()
    stored.hand_in(course, "al")
    troubles = []
    with pytest.MonkeyPatch.context() as patch:
        fake = tmp_path / "bin" / "bwrap"
        fake.parent.mkdir()
        fake.write_text("#!/bin/sh\nexit 1\n")
        fake.chmod(0o700)
        patch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
        found = list(
            pool.mark(
                course,
                assignment,
                course.submissions(NAME),
                1,
                failed=lambda submission, error: troubles.append(error),
            )
        )
    assert found == [] and isinstance(troubles[0], KernelStartError)
    assert not course.result(NAME, "al").exists()
    assert mark(course, assignment)["al"].points == 6


def test_a_kernel_runs_in_the_sandbox_and_leaves_nothing(tmp_path: Path) -> None:
    need_sandbox()
    kernel = Kernel(tmp_path, Limits())
    folder = kernel._private.path
    outcome = kernel.run("print(1)\nimport os; os.listdir('/submission'), os.getuid() == 0", 20)
    assert [o.get("text") or o["data"] for o in outcome.outputs] == [
        "1\n",
        {"text/plain": "([], False)"},
    ]
    kernel.close()
    assert not folder.exists() and left_behind([str(folder)]) == []


def commands(course: Course, assignment: Assignment, *line: str) -> int:
    folder = ["--course", str(course.root)]
    if line[0] != "export":
        folder += ["--assignments", str(assignment.folder.parent)]
    return cli.main([*line, *folder])


def test_the_three_commands(
    course: Course, assignment: Assignment, capsys: pytest.CaptureFixture[str]
) -> None:
    need_sandbox()
    shutil.rmtree(course.root)
    assert commands(course, assignment, "release", NAME) == 0
    assert str(course.released(NAME)) in capsys.readouterr().out
    stored.hand_in(course, "al")
    assert commands(course, assignment, "mark", NAME, "--workers", "1") == 0
    assert "1 marked: 1 run now" in capsys.readouterr().out
    assert commands(course, assignment, "mark", NAME, "--student", "al") == 0
    assert "1 marked: 0 run now" in capsys.readouterr().out
    assert commands(course, assignment, "export") == 0
    assert (
        "sample,al,,,,2027-01-10T12:00:00Z,6.0,0.0,6.0,8.0,yes"
        in (course.root / "marks.csv").read_text()
    )
    assert "1 feedback pages" in capsys.readouterr().out
    assert course.feedback(NAME, "al").is_file()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (("mark", "other"), "no assignment 'other'"),
        (("release", "other"), "there are: sample"),
        (("mark", NAME, "--workers", "0"), "--workers: expected at least 1, got 0"),
        (("mark", NAME, "--student", "zoe"), "--student: no submission of zoe"),
    ],
)
def test_refusals_by_name(
    course: Course,
    assignment: Assignment,
    capsys: pytest.CaptureFixture[str],
    line: tuple[str, ...],
    says: str,
) -> None:
    need_sandbox()
    assert commands(course, assignment, *line) == 2
    assert says in capsys.readouterr().err


def test_a_folder_that_is_no_course_is_refused(
    course: Course, assignment: Assignment, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in (("mark", NAME), ("export",)):
        assert commands(Course(course.root.parent / "none"), assignment, *line) == 2
        assert "no course.toml here" in capsys.readouterr().err


def test_what_was_not_released_is_not_marked(
    course: Course, assignment: Assignment, capsys: pytest.CaptureFixture[str]
) -> None:
    need_sandbox()
    course.released(NAME).unlink()
    assert commands(course, assignment, "mark", NAME) == 2
    assert "has not been released" in capsys.readouterr().err


def test_two_commands_at_once(
    course: Course, assignment: Assignment, capsys: pytest.CaptureFixture[str]
) -> None:
    need_sandbox()
    with course.lock():
        for line in (("mark", NAME), ("export",), ("release", NAME)):
            assert commands(course, assignment, *line) == 2
            assert "another command is at work" in capsys.readouterr().err


def test_without_a_sandbox_only_if_that_is_said(
    course: Course,
    assignment: Assignment,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored.hand_in(course, "al")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    sandbox.available.cache_clear()
    try:
        assert commands(course, assignment, "mark", NAME, "--workers", "1") == 2
        assert "bubblewrap is not installed" in capsys.readouterr().err
        assert not course.result(NAME, "al").exists()
        line = ("mark", NAME, "--workers", "1", "--no-sandbox")
        assert commands(course, assignment, *line) == 0
        assert "1 marked: 1 run now" in capsys.readouterr().out
    finally:
        sandbox.available.cache_clear()
