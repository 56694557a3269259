"""The program that runs the stages of ``make test``, on a Makefile of a few small ones."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STAGES = Path(__file__).parents[2] / "tools" / "stages.py"
MAKEFILE = r"""
good:
	@echo good begins; sleep 0.3; echo good ends
other:
	@echo other begins; sleep 0.3; echo other ends
bad:
	@echo something is wrong; exit 3
long:
	@echo $$$$ > long.pid; touch long.begun; exec sleep 600
after-long:
	@while [ ! -e long.begun ]; do sleep 0.05; done; exit 1
hail:
	@touch hail; while [ ! -e reply ]; do sleep 0.05; done
reply:
	@touch reply; while [ ! -e hail ]; do sleep 0.05; done
later:
	@[ -e hail ] && [ -e reply ]
priority:
	@nice
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    return tmp_path


def start(folder: Path, *phases: str) -> subprocess.Popen[str]:
    # What an outer make says is not for this one.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("M")}
    return subprocess.Popen(
        [sys.executable, str(STAGES), *phases],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(folder: Path, *phases: str) -> tuple[int, str]:
    """The exit code and what was printed."""
    process = start(folder, *phases)
    text, _ = process.communicate(timeout=300)
    return process.returncode, text


def ended(pid: int) -> bool:
    """Whether a process is gone, after a moment if need be."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def rows(text: str) -> dict[str, str]:
    """What the summary says of each stage."""
    table = text.split("=== Stages\n")[1]
    return {line.split()[0]: line.split()[-2] for line in table.strip().splitlines()}


def test_lanes_run_side_by_side_and_a_phase_after_the_other(folder: Path) -> None:
    """Each of the two waits for the other."""
    code, text = run(folder, "hail/reply", "later")
    assert code == 0, text
    assert rows(text) == dict.fromkeys(("hail", "reply", "later", "all,"), "passed")


def test_the_stages_of_a_lane_run_one_after_the_other(folder: Path) -> None:
    code, text = run(folder, "good,other")
    assert code == 0
    assert text.index("good: passed") < text.index("other: begins")


def test_output_is_not_mixed(folder: Path) -> None:
    code, text = run(folder, "good/other")
    assert code == 0
    assert "good begins\ngood ends\n" in text and "other begins\nother ends\n" in text


def test_a_failure_fails_the_whole_and_nothing_begins_after_it(folder: Path) -> None:
    code, text = run(folder, "bad,good", "other")
    assert code == 1
    assert "something is wrong" in text
    assert rows(text) == {"bad": "FAILED", "all,": "FAILED"}


def test_a_failure_stops_what_runs_beside(folder: Path) -> None:
    code, text = run(folder, "long/after-long")
    assert code == 1
    assert rows(text) == {"after-long": "FAILED", "long": "stopped", "all,": "FAILED"}
    assert ended(int((folder / "long.pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_from_outside_stops_the_stages(folder: Path, number: int) -> None:
    process = start(folder, "long", "good")
    while not (folder / "long.begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert rows(text) == {"long": "stopped", "all,": "FAILED"}
    assert ended(int((folder / "long.pid").read_text()))


def test_a_lane_that_stands_back_has_a_lower_priority(folder: Path) -> None:
    here = os.nice(0)
    _, ahead = run(folder, "priority")
    _, back = run(folder, "~priority")
    assert f"\n{here}\n" in ahead
    assert f"\n{min(here + 10, 19)}\n" in back


@pytest.mark.parametrize("phase", ["", "good,", "good//bad", "~"])
def test_an_empty_name_is_refused(folder: Path, phase: str) -> None:
    code, text = run(folder, phase)
    assert code != 0
    assert "phase: expected targets" in text
