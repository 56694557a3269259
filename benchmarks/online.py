"""Approximations of RTRL against BPTT: what a step costs.

    python -m benchmarks.online [--quick]

One sequence of T = 100 steps, 32 inputs, 64 units; the gradient over the whole sequence divided by
T, by SnAp-1, UORO, RFLO, e-prop and BPTT. The approximations differ from BPTT in the gradient of
the cell, as they must; loss and the gradient of the read-out are exact for each of them, and are
compared before the timing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import plots
from benchmarks.harness import TOLERANCES, Contender, Plan
from benchmarks.problems import CELLS, DTYPES, Size, labels, problem
from benchmarks.question import Entrants, Question, hold, run
from benchmarks.report import Case, Summary, goal, label, ratios, times_table

SIZE, QUICK_SIZE = Size(100, 1, 32, 64), Size(10, 1, 4, 8)
BPTT = "BPTT"
LEARNERS = ("SnAp-1", "UORO", "RFLO", "e-prop")
MOST = 4.0
TARGET = "benchmarks.contenders.ours:learner"


def entrants(quick: bool) -> Entrants:
    """Each cell and dtype."""
    size = QUICK_SIZE if quick else SIZE
    found = []
    for cell in CELLS:
        for dtype in DTYPES:
            case = {**problem(cell, dtype, size), "readout_only": True}
            contenders = [
                Contender(name, TARGET, {**case, "learner": name}) for name in (BPTT, *LEARNERS)
            ]
            found.append((labels(cell, dtype, size), contenders, TOLERANCES[dtype]))
    return found


def measure(quick: bool, plan: Plan) -> tuple[list[Case], dict[str, str]]:
    """All cases, with one thread and with two."""
    return hold(lambda: entrants(quick), (1, 2), plan)


def summarize(cases: Sequence[Case]) -> Summary:
    """Each learner's time over that of BPTT, at worst."""
    goals = [
        goal(f"{name}: time over that of BPTT", ratios(cases, name, BPTT), most=MOST)
        for name in LEARNERS
    ]
    return {"goals": goals}


def table(cases: Sequence[Case], summary: Summary) -> str:
    """Every case."""
    head = "Time of one step, with quartiles in brackets.\n\n"
    return head + times_table(cases, (BPTT, *LEARNERS), BPTT)


def draw(cases: Sequence[Case]) -> dict[str, Any]:
    """Dots over BPTT."""
    return {
        "": plots.dots(
            [label(case) for case in cases],
            plots.quotients(cases, LEARNERS, BPTT),
            xlabel="time of a step over that of BPTT",
            marks=(1.0, MOST),
        )
    }


QUESTION = Question("online", "Online approximations", measure, summarize, table, draw)

if __name__ == "__main__":
    run(QUESTION)
