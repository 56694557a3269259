"""What importing rnncore costs, beside importing NumPy alone.

    python -m benchmarks.imports [--quick]

Each time is taken inside a fresh process around the import statement; the two take turns. One
import before, untimed, lets Python write its compiled files.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import plots
from benchmarks.harness import ROOT, Plan, environment
from benchmarks.question import Question, run
from benchmarks.report import Case, Summary, times_table
from benchmarks.statistics import median

MODULES = ("numpy", "rnncore")
FACTOR, EXTRA = 1.2, 0.05
ROUNDS = 25  # where the plan does not ask for another number
CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(module: str) -> float:
    """Seconds of one import in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(module)],
        capture_output=True, text=True, check=True, cwd=ROOT, env=environment(1),
    )  # fmt: skip
    return float(f"{float(done.stdout):.4g}")


def measure(quick: bool, plan: Plan) -> tuple[list[Case], dict[str, str]]:
    """One case: both modules, by turns."""
    found: dict[str, list[float]] = {module: [] for module in MODULES}
    for module in MODULES:
        seconds(module)
    for _ in range(ROUNDS if plan == Plan() else plan.most_rounds):
        for module in MODULES:
            found[module].append(seconds(module))
    return [{"what": "import", "seconds": found}], {}


def summarize(cases: Sequence[Case]) -> Summary:
    """Milliseconds, and the bound that NumPy's own time sets."""
    numpy, ours = (1000 * median(cases[0]["seconds"][module]) for module in MODULES)
    bound = FACTOR * numpy + 1000 * EXTRA
    goal = {
        "goal": "importing rnncore, in ms",
        "bound": f"at most {bound:.0f}: {FACTOR:g} times NumPy's {numpy:.0f}, plus 50",
        "measured": float(f"{ours:.3g}"),
        "where": "median",
        "met": ours <= bound,
    }
    return {"goals": [goal]}


def table(cases: Sequence[Case], summary: Summary) -> str:
    """Both times."""
    return times_table(cases, MODULES, "numpy")


def draw(cases: Sequence[Case]) -> dict[str, Any]:
    """One dot: rnncore over NumPy."""
    return {
        "": plots.dots(
            ["import"],
            plots.quotients(cases, ("rnncore",), "numpy"),
            xlabel="time over that of importing NumPy",
        )
    }


QUESTION = Question("imports", "Import time", measure, summarize, table, draw)

if __name__ == "__main__":
    run(QUESTION)
