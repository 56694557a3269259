"""Real-time recurrent learning against its floor and JAX, and the hybrid against it.

    python -m benchmarks.rtrl [--quick]

One sequence, 8 inputs, n = 32, 64 and 128 units. All times are those of one step.

**RTRL**, the gradient over T = 20 steps divided by T:

- *rnncore* is ``RTRL(network).gradient(params, batch)``.
- The *floor* is the product that pushes the influence matrix of P parameters through one step:
  (n, n) times (n, P) for vanilla and GRU; for the LSTM (2n, n) times (n, P) and the elementwise
  f * P_c, added. Nothing else.
- *JAX jacrev* works out both Jacobians of a step by ``jacrev`` and multiplies the influence
  matrix, within one compiled ``lax.scan``; *JAX jacfwd* carries all P tangents through the scan,
  where there is memory for them. The goal is against the better of the two.

**Hybrid**, the gradient over six times n steps (several blocks) divided by T, with its default
block and with h = 2n, against RTRL, whose time for a step does not depend on T: it is that of 20
steps, and of 5 at 128 units. The hybrid's answer is compared with that of BPTT over the same
sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import plots
from benchmarks.harness import TOLERANCES, Contender, Plan
from benchmarks.problems import CELLS, DTYPES, GATES, Size, labels, problem
from benchmarks.question import Entrants, Question, hold, run
from benchmarks.report import Case, Summary, goal, ratios, rounded, times_table
from benchmarks.statistics import median

UNITS, QUICK_UNITS = (32, 64, 128), (8,)
INPUTS, STEPS = 8, 20
RTRL, FLOOR, JACREV, JACFWD = "RTRL", "floor", "JAX jacrev", "JAX jacfwd"
DEFAULT, DOUBLE, BPTT = "hybrid, default block", "hybrid, h = 2n", "BPTT"
BEST = "JAX, the better"
MOST_TANGENTS = 5000  # parameters up to which JAX can carry them all
OURS = "benchmarks.contenders.ours:learner"


def rtrl_case(cell: str, dtype: str, n: int) -> tuple[dict[str, Any], list[Contender], float]:
    """RTRL, its floor, and JAX."""
    size = Size(STEPS, 1, INPUTS, n)
    case = problem(cell, dtype, size)
    contenders = [
        Contender(RTRL, OURS, {**case, "learner": "RTRL"}),
        Contender(FLOOR, "benchmarks.contenders.floors:rtrl", case),
        _jax(JACREV, "jacrev", case),
    ]
    if GATES[cell] * n * (INPUTS + n + 1) <= MOST_TANGENTS:
        contenders.append(_jax(JACFWD, "jacfwd", case))
    return {"what": "RTRL", **labels(cell, dtype, size)}, contenders, TOLERANCES[dtype]


def _jax(name: str, function: str, case: dict[str, Any]) -> Contender:
    target = f"benchmarks.contenders.jax_rtrl:{function}"
    return Contender(name, target, {**case, "by_step": True}, ("jax",))


def hybrid_case(cell: str, dtype: str, n: int) -> tuple[dict[str, Any], list[Contender], float]:
    """The hybrid with two blocks (one for the LSTM, whose 2n states are its default), and RTRL."""
    size, short = Size(6 * n, 1, INPUTS, n), Size(STEPS if n < 128 else 5, 1, INPUTS, n)
    case = problem(cell, dtype, size)
    hybrid = {**case, "learner": "hybrid"}
    contenders = [
        Contender(BPTT, OURS, {**case, "learner": "BPTT"}),
        Contender(DOUBLE, OURS, {**hybrid, "arguments": {"block": 2 * n}}),
        Contender(RTRL, OURS, {**problem(cell, dtype, short), "learner": "RTRL", "silent": True}),
    ]
    if cell != "LSTM":
        contenders.insert(2, Contender(DEFAULT, OURS, hybrid))
    return {"what": "hybrid", **labels(cell, dtype, size)}, contenders, TOLERANCES[dtype]


def entrants(quick: bool) -> Entrants:
    """Both parts for each cell, dtype and n."""
    return [
        make(cell, dtype, n)
        for make in (rtrl_case, hybrid_case)
        for cell in CELLS
        for dtype in DTYPES
        for n in (QUICK_UNITS if quick else UNITS)
    ]


def measure(quick: bool, plan: Plan) -> tuple[list[Case], dict[str, str]]:
    """All cases, with one thread and with two."""
    return hold(lambda: entrants(quick), (1, 2), plan)


def best_of_jax(case: Case) -> Case:
    """The case with the better JAX formulation under a name of its own."""
    found = [case["seconds"][name] for name in (JACREV, JACFWD) if name in case["seconds"]]
    best = {BEST: min(found, key=median)} if found else {}
    return {**case, "seconds": case["seconds"] | best}


def summarize(cases: Sequence[Case]) -> Summary:
    """The goals, and for each cell and n how many times the hybrid is faster than RTRL."""
    first = [best_of_jax(case) for case in cases if case["what"] == "RTRL"]
    second = [case for case in cases if case["what"] == "hybrid"]
    faster = {
        f"{case['cell']} {case['dtype']} n = {case['n']}": rounded(ratio)
        for ratio, case in ratios(second, RTRL, DOUBLE)
        if case["threads"] == 1
    }
    over_floor = [pair for pair in ratios(first, RTRL, FLOOR) if pair[1]["n"] >= 64]
    goals = [
        goal(
            f"RTRL over its floor, {word}, n from 64",
            [pair for pair in over_floor if (pair[1]["cell"] == "vanilla") is vanilla],
            most=most,
        )
        for word, vanilla, most in (("vanilla", True, 1.3), ("LSTM and GRU", False, 1.7))
    ]
    jax = [pair for pair in ratios(first, BEST, RTRL) if pair[1]["n"] >= 32]
    goals.append(goal("JAX's RTRL over ours, n from 32", jax, least=1.0))
    for cell, n, least in (
        ("vanilla", 64, 12),
        ("vanilla", 128, 30),
        ("LSTM", 64, 15),
        ("GRU", 64, 8),
    ):
        found = [p for p in ratios(second, RTRL, DOUBLE) if (p[1]["cell"], p[1]["n"]) == (cell, n)]
        goals.append(goal(f"RTRL over the hybrid, {cell}, n = {n}", found, least=least))
    return {"hybrid_is_faster_by": faster, "goals": goals}


def table(cases: Sequence[Case], summary: Summary) -> str:
    """Two tables: RTRL, and the hybrid."""
    parts = []
    for what, contenders, reference in (
        ("RTRL", (RTRL, FLOOR, JACREV, JACFWD), RTRL),
        ("hybrid", (DOUBLE, DEFAULT, RTRL, BPTT), DOUBLE),
    ):
        chosen = [case for case in cases if case["what"] == what]
        present = [c for c in contenders if any(c in case["seconds"] for case in chosen)]
        parts.append(times_table(chosen, present, reference))
    return "Time of one step, with quartiles in brackets.\n\n" + "\n\n".join(parts)


def draw(cases: Sequence[Case]) -> dict[str, Any]:
    """Time of a step over n, float64, one thread, a panel for each cell."""
    panels: dict[str, dict[str, list[tuple[float, Any]]]] = {}
    for cell in CELLS:
        panel: dict[str, list[tuple[float, Any]]] = {}
        for case in cases:
            if (case["cell"], case["dtype"], case["threads"]) != (cell, "float64", 1):
                continue
            names = (RTRL, FLOOR, JACREV) if case["what"] == "RTRL" else (DOUBLE, BPTT)
            for name in names:
                if name in case["seconds"]:
                    panel.setdefault(name, []).append((case["n"], case["seconds"][name]))
        panels[cell] = panel
    return {"": plots.lines(panels, xlabel="units", ylabel="seconds a step")}


QUESTION = Question("rtrl", "RTRL and the hybrid", measure, summarize, table, draw)

if __name__ == "__main__":
    run(QUESTION)
