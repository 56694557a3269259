"""Settings, submissions, lateness, and the lock."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from coursework.assignment import Assignment, AssignmentError, find, names
from coursework.course import Course, CourseError, Late, Submission, write_atomically
from tests.coursework import stored
from tests.coursework.sample import NAME, write_assignment

HOURS = {0: 0.0, 0.001: 1.0, 24: 1.0, 24.001: 2.0, 71.9: 3.0, 72: 3.0, 72.001: 10.0, 1000: 10.0}


@pytest.mark.parametrize(("hours", "points"), HOURS.items())
def test_each_day_begun_costs_a_tenth_and_after_three_all(hours: float, points: float) -> None:
    assert Late().penalty(dt.timedelta(hours=hours), 10) == pytest.approx(points)


def test_early_costs_nothing_and_no_more_than_all_is_lost() -> None:
    assert Late().penalty(dt.timedelta(days=-3), 10) == 0
    assert Late(per_day=0.6, days=5).penalty(dt.timedelta(days=4), 10) == 10


def settings(course: Course, text: str) -> None:
    (course.root / "course.toml").write_text(text)


def test_settings_are_made_once_and_private(tmp_path: Path) -> None:
    course = Course(tmp_path / "new")
    course.create()
    first = course.secret
    course.create()
    assert course.secret == first
    assert (course.root / "course.toml").stat().st_mode & 0o077 == 0
    other = Course(tmp_path / "other")
    other.create()
    assert other.secret != first


def test_the_file_says_what_holds_without_it(course: Course) -> None:
    written = (course.limits, course.late)
    settings(course, "[course]\nsecret = 1")
    assert (course.limits, course.late) == written


def test_settings_are_read(course: Course) -> None:
    settings(
        course,
        "[course]\nsecret = 5\n[late]\nper_day = 0.2\ndays = 7\n[limits]\nmemory_mb = 3\n"
        "output_kb = 2\nseconds_per_submission = 9\n[due]\nsample = 2027-01-09T12:00:00+01:00",
    )
    assert course.secret == 5 and course.late == Late(0.2, 7)
    limits = course.limits
    assert (limits.memory, limits.output, limits.seconds) == (3 * 2**20, 2 * 2**10, 9)
    assert course.due(NAME) == dt.datetime(2027, 1, 9, 11, tzinfo=dt.UTC)
    assert course.due("other") is None


@pytest.mark.parametrize(
    ("text", "named"),
    [("[due]\nsample = 'soon'", r"due\.sample"), ("[due", r"course\.toml")],
)
def test_settings_that_are_none_are_refused_by_name(course: Course, text: str, named: str) -> None:
    settings(course, text)
    with pytest.raises(CourseError, match=named):
        course.due(NAME)


def test_a_folder_that_is_no_course_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"no course\.toml here"):
        Course(tmp_path).settings  # noqa: B018


def test_a_students_name_that_is_a_path_or_a_formula_is_refused(course: Course) -> None:
    (course.root / "submitted" / "=cmd" / NAME).mkdir(parents=True)
    with pytest.raises(CourseError, match="'=cmd' cannot be the name of a student"):
        course.submissions(NAME)


def test_submissions_are_found_by_assignment(course: Course) -> None:
    for student in ("bo", "al"):
        stored.hand_in(course, student)
    (course.root / "submitted" / "cy" / "other").mkdir(parents=True)
    assert [submission.student for submission in course.submissions(NAME)] == ["al", "bo"]


@pytest.mark.parametrize(
    "text",
    ["2027-01-10 12:00:00 UTC", "2027-01-10T12:00:00Z", "2027-01-10 13:00:00.000000+01:00\n"],
)
def test_time_of_a_submission(course: Course, text: str) -> None:
    submission = stored.hand_in(course, "al")
    (submission.path.parent / "timestamp.txt").write_text(text)
    assert submission.time == dt.datetime(2027, 1, 10, 12, tzinfo=dt.UTC)


def test_a_time_that_is_none_is_refused_by_name(course: Course) -> None:
    submission = stored.hand_in(course, "al")
    (submission.path.parent / "timestamp.txt").write_text("early")
    with pytest.raises(CourseError, match=r"timestamp\.txt: expected a time, got 'early'"):
        submission.time  # noqa: B018


def test_without_a_time_that_of_the_file_counts_or_of_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "one.ipynb"
    submission = Submission("al", NAME, path)
    os.utime(tmp_path, (1e9, 1e9))
    assert submission.time == dt.datetime.fromtimestamp(1e9, dt.UTC)
    path.symlink_to("/nowhere/at/all")
    assert submission.time.year >= 2024
    path.unlink()
    path.write_text("")
    os.utime(path, (2e8, 2e8))
    assert submission.time == dt.datetime.fromtimestamp(2e8, dt.UTC)


def test_one_command_at_a_time(course: Course) -> None:
    with course.lock():
        with pytest.raises(CourseError, match="another command is at work here"):
            with Course(course.root).lock():
                pass
    with course.lock():
        pass


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"


def test_an_assignment_that_does_not_exist_names_those_that_do(tmp_path: Path) -> None:
    assert names(tmp_path / "none") == []
    write_assignment(tmp_path)
    assert names(tmp_path) == [NAME]
    with pytest.raises(AssignmentError, match="there are: sample"):
        find("other", tmp_path)


def test_points_of_master_and_reference_must_agree(assignment: Assignment) -> None:
    path = assignment.folder / "reference.py"
    path.write_text(path.read_text().replace('"a state of zero", 1,', '"a state of zero", 2,'))
    with pytest.raises(AssignmentError, match=r"'leak': 4.*'leak': 5"):
        Assignment(assignment.name, assignment.folder).questions  # noqa: B018
