"""Echo state networks: rnncore beside reservoirpy.

    python -m benchmarks.reservoir [--quick]

1000 units with 1% connections, 3 inputs, 5000 steps, float64.

- **run**: the states of the same reservoir over the same inputs. reservoirpy gets the recurrent
  matrix in SciPy's sparse format, which is its fastest way. The states must agree to 1e-9.
- **ridge**: the read-out from the features (1, input, state) of all 5000 steps, with the same
  penalty on all of them. The predictions must agree to 1e-6: reservoirpy solves the normal
  equations, which square the condition number; rnncore does not, and this is not the same work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import plots
from benchmarks.harness import Contender, Plan
from benchmarks.problems import SEED
from benchmarks.question import Entrants, Question, hold, run
from benchmarks.report import Case, Summary, goal, label, ratios, times_table
from rnncore.reservoir import Reservoir, random_matrix
from rnncore.reservoir.network import features

UNITS, STEPS, INPUTS, DENSITY, LEAK, PENALTY = 1000, 5000, 3, 0.01, 0.5, 1e-3
QUICK_UNITS, QUICK_STEPS = 100, 300
OURS, THEIRS = "rnncore", "reservoirpy"
TOLERANCE = {"run": 1e-9, "ridge": 1e-6}


def work(units: int, steps: int) -> dict[str, dict[str, Any]]:
    """What both get for running, and for fitting."""
    rng = np.random.default_rng([SEED, units, steps])
    given: dict[str, Any] = {
        "W": rng.uniform(-0.5, 0.5, (units, INPUTS)),
        "U": random_matrix(rng, units, radius=0.9, density=DENSITY),
        "b": rng.uniform(-0.2, 0.2, units),
        "x": rng.uniform(-1, 1, (steps, INPUTS)),
        "leak": LEAK,
    }
    reservoir = Reservoir(given["W"], given["U"], given["b"], leak=LEAK)
    z = features(given["x"], reservoir.run(given["x"])[1:])
    fit = {"z": z, "d": np.roll(given["x"][:, :1], 5, axis=0), "penalty": PENALTY}
    return {"run": given, "ridge": fit}


def entrants(quick: bool) -> Entrants:
    """Running and fitting."""
    units, steps = (QUICK_UNITS, QUICK_STEPS) if quick else (UNITS, STEPS)
    found = []
    for what, case in work(units, steps).items():
        name = {"run": "run", "ridge": "fit"}[what]
        contenders = [
            Contender(OURS, f"benchmarks.contenders.echo:{name}_ours", case),
            Contender(THEIRS, f"benchmarks.contenders.echo:{name}_theirs", case, ("reservoirpy",)),
        ]
        found.append(({"what": what, "units": units, "steps": steps}, contenders, TOLERANCE[what]))
    return found


def measure(quick: bool, plan: Plan) -> tuple[list[Case], dict[str, str]]:
    """Both, with one thread and with two."""
    return hold(lambda: entrants(quick), (1, 2), plan)


def summarize(cases: Sequence[Case]) -> Summary:
    """reservoirpy's time over ours."""
    return {
        "goals": [
            goal(
                f"{what}: reservoirpy's time over ours",
                ratios([case for case in cases if case["what"] == what], THEIRS, OURS),
                least=1.0,
            )
            for what in TOLERANCE
        ]
    }


def table(cases: Sequence[Case], summary: Summary) -> str:
    """Every case."""
    present = [c for c in (OURS, THEIRS) if any(c in case["seconds"] for case in cases)]
    return times_table(cases, present, OURS)


def draw(cases: Sequence[Case]) -> dict[str, Any]:
    """Dots over rnncore."""
    return {
        "": plots.dots(
            [label(case) for case in cases],
            plots.quotients(cases, (THEIRS,), OURS),
            xlabel="time over that of rnncore",
        )
    }


QUESTION = Question("reservoir", "Echo state networks", measure, summarize, table, draw)

if __name__ == "__main__":
    run(QUESTION)
