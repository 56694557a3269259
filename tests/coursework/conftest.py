"""A course in which the sample has been released, made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from coursework.assignment import Assignment
from coursework.course import Course
from tests.coursework.classroom import sample_course
from tests.coursework.sample import NAME


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("released")
    sample_course(root)
    return root


@pytest.fixture
def course(released: Path, tmp_path: Path) -> Course:
    shutil.copytree(released, tmp_path, dirs_exist_ok=True)
    return Course(tmp_path / "course")


@pytest.fixture
def assignment(course: Course) -> Assignment:
    return Assignment(NAME, course.root.parent / "home" / NAME)
