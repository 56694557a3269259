"""A slice of the load run: a class marked by the command, which is killed once and resumed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.coursework.classroom import need_sandbox
from tests.coursework.load import RESULT, classmates, load

pytestmark = pytest.mark.slow


def test_a_class_is_marked_once_each_though_the_command_is_killed(tmp_path: Path) -> None:
    need_sandbox()
    result = load(tmp_path, classmates(12))
    assert 6 <= result["killed_after"] < 12


def test_a_class_has_every_kind_of_student() -> None:
    kinds = [student.name.split("-", 1)[1] for student in classmates(300)]
    assert len(set(kinds)) == 15 and len(kinds) == 300
    assert 0.85 < sum(kind not in ("endless", "memory") for kind in kinds) / 300


def test_the_stored_run_was_of_a_whole_class() -> None:
    stored = json.loads(RESULT.read_text())
    assert stored["load"]["submissions"] == 300
    assert 150 <= stored["load"]["killed_after"] < 300
    assert stored["side_by_side"]["ratio"] > 0
