"""Without Numba the package works, and ``rnncore.fast`` says what it needs."""

import subprocess
import sys
from pathlib import Path

import rnncore

SCRIPT = "import sys; sys.modules['numba'] = None; from rnncore.fast import BPTT"


def test_without_numba_the_extra_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        cwd=Path(rnncore.__file__).parents[1],
    )
    assert done.returncode == 1
    assert "rnncore[fast]" in done.stderr and "rnncore.BPTT" in done.stderr
