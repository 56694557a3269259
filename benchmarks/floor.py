"""How far backpropagation through time is from the bare work in NumPy.

    python -m benchmarks.floor [--quick]

At (T, B, D, H) = (200, 64, 64, 256), for each cell and dtype, with one thread: rnncore's gradient
against a floor. The floor holds, on preallocated contiguous arrays and in as few calls as there
can be,

- the matrix products: the inputs of all steps times W in one; T times (B, H) (H, K H) forwards;
  T times (B, K H) (K H, H) backwards; and one product each for the gradients of W and U;
- the elementwise functions on arrays (B, H), for each step, as few as a pass written by hand
  needs. A logistic function is an exponential, an addition and a division (its minus sign can go
  into the weights); local slopes use what the forward pass has kept (i g, f c, h - n):

  | cell | forwards | backwards |
  | --- | --- | --- |
  | vanilla | 1 add, 1 tanh | 1 add, 1 subtract, 2 multiply |
  | GRU | 6 add, 2 exp, 2 divide, 1 tanh, 1 subtract, 2 multiply | 2 add, 3 subtract, 10 multiply |
  | LSTM | 8 add, 3 exp, 3 divide, 2 tanh, 3 multiply | 2 add, 5 subtract, 12 multiply |

Operands are read from arrays with a slot for each step, as the record of the forward pass must be
kept. Not in the floor: biases and their gradients (a column of ones can hold them), the read-out
with its single output, the loss, and whatever is not arithmetic. The answers are compared in
``benchmarks.bptt``; the floor has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import plots
from benchmarks.harness import TOLERANCES, Contender, Plan
from benchmarks.problems import CELLS, DTYPES, QUICK_SIZES, Size, labels, problem
from benchmarks.question import Entrants, Question, hold, run
from benchmarks.report import Case, Summary, goal, label, ratios, rounded, times_table

SIZE = Size(200, 64, 64, 256)
OURS, FLOOR, PRODUCTS = "rnncore", "floor", "products alone"
MOST = 1.35
TARGETS = {
    OURS: "benchmarks.contenders.ours:bptt",
    FLOOR: "benchmarks.contenders.floors:bptt",
    PRODUCTS: "benchmarks.contenders.floors:bptt_products",
}


def entrants(quick: bool) -> Entrants:
    """Each cell and dtype."""
    size = QUICK_SIZES[0] if quick else SIZE
    found = []
    for cell in CELLS:
        for dtype in DTYPES:
            case = problem(cell, dtype, size)
            contenders = [Contender(name, target, case) for name, target in TARGETS.items()]
            found.append((labels(cell, dtype, size), contenders, TOLERANCES[dtype]))
    return found


def measure(quick: bool, plan: Plan) -> tuple[list[Case], dict[str, str]]:
    """All cases with one thread."""
    return hold(lambda: entrants(quick), (1,), plan)


def summarize(cases: Sequence[Case]) -> Summary:
    """Our time over the floor's."""
    found = ratios(cases, OURS, FLOOR)
    over = {label(case): rounded(ratio) for ratio, case in found}
    return {"over_floor": over, "goals": [goal("our time over the floor's", found, most=MOST)]}


def table(cases: Sequence[Case], summary: Summary) -> str:
    """Every case."""
    return times_table(cases, tuple(TARGETS), FLOOR)


def draw(cases: Sequence[Case]) -> dict[str, Any]:
    """Dots: ours and the products alone, over the floor."""
    return {
        "": plots.dots(
            [label(case) for case in cases],
            plots.quotients(cases, (OURS, PRODUCTS), FLOOR),
            xlabel="time over that of the floor",
            marks=(1.0, MOST),
        )
    }


QUESTION = Question("floor", "BPTT against its floor", measure, summarize, table, draw)

if __name__ == "__main__":
    run(QUESTION)
