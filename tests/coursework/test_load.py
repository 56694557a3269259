"""A slice of the load run: a class marked by the command, which is killed once and resumed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.coursework.classroom import REPOSITORY, left_behind, need_sandbox
from tests.coursework.load import RESULT, classmates, load

pytestmark = pytest.mark.slow


def test_a_class_is_marked_once_each_though_the_command_is_killed(tmp_path: Path) -> None:
    need_sandbox()
    result = load(tmp_path, classmates(12))
    assert 6 <= result["killed_after"] < 12


MARKER = """
import os, sys
from pathlib import Path
from coursework.course import Limits
from coursework.kernel import Kernel
start = Kernel._start
def announced(*arguments):
    process = start(*arguments)
    print("started", flush=True)
    return process
Kernel._start = announced
Kernel(Path(sys.argv[1]), Limits())
"""


def test_no_moment_of_its_start_at_which_a_sandbox_outlives_its_marker(tmp_path: Path) -> None:
    """Without the warden a kill 10 to 30 ms after the start left a sandbox in 1 try of 4."""
    need_sandbox()
    seen = set()
    for milliseconds in (0, 5, 10, 15, 20, 25, 30, 40, 60, 90):
        work = tmp_path / str(milliseconds)
        work.mkdir()
        marker = subprocess.Popen(
            [sys.executable, "-c", MARKER, str(work)], cwd=REPOSITORY, stdout=subprocess.PIPE
        )
        assert marker.stdout is not None and marker.stdout.readline() == b"started\n"
        time.sleep(milliseconds / 1000)
        marker.kill()
        seen |= {line.split()[0] for line in left_behind([str(work)])}
        marker.wait()
        marker.stdout.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and left_behind([str(work)]):
            time.sleep(0.02)
        assert left_behind([str(work)]) == [], f"killed after {milliseconds} ms"
    assert "bwrap" in seen, "no sandbox had begun when its marker was killed: nothing was tested"


def test_a_class_has_every_kind_of_student() -> None:
    kinds = [student.name.split("-", 1)[1] for student in classmates(300)]
    assert len(set(kinds)) == 15 and len(kinds) == 300
    assert 0.85 < sum(kind not in ("endless", "memory") for kind in kinds) / 300


def test_the_stored_run_was_of_a_whole_class() -> None:
    stored = json.loads(RESULT.read_text())
    assert stored["load"]["submissions"] == 300
    assert 150 <= stored["load"]["killed_after"] < 300
    assert stored["side_by_side"]["ratio"] > 0
