"""How time and memory of every learner grow with n and with T, against what its card declares.

    python -m benchmarks.scaling [--quick]

Each learner of :mod:`rnncore.learners` runs on the first of three cells that it accepts (vanilla,
focused context units, LSTM), with 2 inputs. Fitted are slopes on two logarithmic
axes:

- in n: the time of a step, less that of a network with one unit, which is what the calls cost;
  the bytes held; and the multiplications, counted exactly, which no overhead can hide;
- in T: the time of a whole sequence, less that of one step; and the bytes held.

The declared exponent is the slope of the card's formula over the same sizes (P is not quite n^2 at
n = 64). The hybrid's block is n. Online, bytes are those of the memory that goes from step to
step; offline, the most that is allocated while the gradient is worked out. A slope that is off by
more than 0.3 is a defect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import costs, plots
from benchmarks.harness import Arena, Contender, Plan
from benchmarks.question import Question, run
from benchmarks.report import Case, Summary, goal, rounded
from benchmarks.report import table as markdown
from benchmarks.statistics import Fit, exponent, median
from rnncore.learners import Hybrid

TOLERANCE = 0.3


class Ladder(NamedTuple):
    """At which n a learner is timed, with how many sequences, and over how many steps."""

    units: tuple[int, ...]
    size: int
    steps: int


# Sizes at which the order shows, by the declared order of time: large enough for the arithmetic to
# outweigh the calls, and within one level of the caches where it can be. Backward sweeps take many
# sequences, so that they multiply matrices, at BLAS's speed for any n.
LADDERS = {
    1: Ladder((1024, 2048, 4096, 8192), 1, 20),
    2: Ladder((64, 96, 128, 192, 256), 1, 10),
    3: Ladder((256, 384, 512, 768), 1, 4),
    4: Ladder((64, 96, 128, 192, 256), 1, 3),
}
SWEEPING = Ladder((96, 128, 192, 256, 384), 16, 10)
OTHERS = {
    "BPTT": Ladder((128, 256, 512, 1024), 16, 20),
    "CheckpointedBPTT": Ladder((128, 256, 512, 1024), 16, 20),
    "Hybrid": Ladder((64, 96, 128, 192), 1, 0),  # its steps are two blocks, 2n
    "TruncatedBPTT": SWEEPING,
    "ARTBP": SWEEPING,
    "ForwardGradient": SWEEPING,
    "TruncatedLSTM": Ladder((48, 64, 96, 128), 1, 20),  # four gates and two blocks: larger arrays
    "SnAp": Ladder((192, 256, 320, 384), 1, 10),  # up to there what grows as n outweighs n^2
    "DNI": Ladder((256, 384, 512, 768), 1, 20),
}
QUICK = Ladder((8, 16, 32), 2, 10)
COUNTED, QUICK_COUNTED = (24, 48, 96), (8, 16)
WEIGHED, QUICK_WEIGHED = (16, 32, 64, 128), (8, 16)
LENGTHS, QUICK_LENGTHS, UNITS = (64, 128, 256, 512), (16, 32), 16
FIXED_BLOCK = 16  # of the hybrid where T grows, or n is 1
ONLINE_STEPS = 300  # enough to fill any window, and for the mean over random cuts
OFFLINE_STEPS, OFFLINE_SIZE = 4096, 16  # beside so many P is small, and so are Python's objects


def ladder(subject: costs.Subject, quick: bool) -> Ladder:
    """What a learner is timed at."""
    if quick:
        return QUICK
    order = round(costs.declared(subject, subject.kind.card.time, (64, 128)))
    return OTHERS.get(subject.kind.__name__, LADDERS[order])


def _contender(subject: costs.Subject, n: int, steps: int, size: int, by_step: bool) -> Contender:
    block = None
    if subject.kind is Hybrid:
        if by_step and n > 1:
            steps = 2 * n  # whole blocks
        else:
            block, steps = FIXED_BLOCK, steps or 2 * FIXED_BLOCK
    case = {"kind": subject.kind.__name__, "n": n, "T": steps, "B": size}
    case |= {"block": block, "by_step": by_step}
    return Contender(str(n if by_step else steps), "benchmarks.costs:timed", case, (), "rnncore")


def by_units(subject: costs.Subject, quick: bool, arena: Arena) -> Case:
    """Time, bytes and multiplications of a step over n."""
    units, size, steps = ladder(subject, quick)
    counted = QUICK_COUNTED if quick else COUNTED
    weighed = QUICK_WEIGHED if quick else WEIGHED
    window = (ONLINE_STEPS, 1) if subject.kind.online else (OFFLINE_STEPS, OFFLINE_SIZE)
    if quick:
        window = (2 * QUICK.steps, 1)
    measured = arena.measure(
        [_contender(subject, n, steps, size, True) for n in (1, *units)], tolerance=0.0
    )
    card = subject.kind.card
    return {
        **_labels(subject, "n"),
        "formulas": {"seconds": card.time, "bytes": card.memory, "multiplications": card.time},
        "declared": {
            "seconds": costs.declared(subject, card.time, units),
            "bytes": costs.declared(subject, card.memory, weighed),
            "multiplications": costs.declared(subject, card.time, counted),
        },
        "seconds": measured["seconds"],
        "bytes": {str(n): costs.bytes_held(subject, n, *window) for n in weighed},
        "multiplications": {str(n): _multiplications(subject, n) for n in counted},
    }


def _labels(subject: costs.Subject, what: str) -> Case:
    return {"learner": subject.name, "what": what, "cell": type(subject.cell(2, 2)).__name__}


def _multiplications(subject: costs.Subject, n: int) -> float:
    steps = n if subject.kind is Hybrid else 40
    return costs.multiplications(subject, n, steps) / steps


def by_steps(subject: costs.Subject, quick: bool, arena: Arena) -> Case:
    """Time and bytes of a sequence over T."""
    lengths = QUICK_LENGTHS if quick else LENGTHS
    fixed, card = subject._replace(block=FIXED_BLOCK), subject.kind.card
    contenders = [_contender(subject, UNITS, steps, 1, False) for steps in (1, *lengths)]
    measured = arena.measure(contenders, tolerance=0.0)
    if subject.kind.online:
        held = {str(steps): costs.bytes_held(fixed, UNITS, steps) for steps in lengths}
    else:
        held = {
            str(steps): costs.bytes_held(fixed, UNITS, steps, OFFLINE_SIZE)
            for steps in (1, *lengths)
        }
    return {
        **_labels(subject, "T"),
        "formulas": {"seconds": f"T times {card.time}", "bytes": card.memory},
        "declared": {"seconds": 1.0, "bytes": costs.declared_in_time(card.memory)},
        "seconds": measured["seconds"],
        "bytes": held,
    }


def measure(quick: bool, plan: Plan) -> tuple[list[Case], dict[str, str]]:
    """Every learner, with one thread."""
    cases = []
    with Arena(1, plan) as arena:
        for subject in costs.subjects():
            for measure_one in (by_units, by_steps):
                cases.append(measure_one(subject, quick, arena))
            print(f"  {subject.name}", flush=True)
    return cases, {}


def points(case: Case, cost: str) -> tuple[list[int], list[float]]:
    """Sizes and costs, less what is there at size 1."""
    found = {int(size): value for size, value in case[cost].items()}
    if cost == "seconds":
        found = {size: median(rounds) for size, rounds in found.items()}
    base = found.pop(1, 0.0)
    chosen = sorted(found)
    return chosen, [found[size] - base for size in chosen]


def fit(case: Case, cost: str) -> Fit | None:
    """The fitted exponent beside the declared one; None where a cost is below that of size 1."""
    x, y = points(case, cost)
    if min(y) <= 0:
        return None
    return Fit(exponent(x, y), case["declared"][cost], TOLERANCE)


COSTS = ("seconds", "bytes", "multiplications")


def summarize(cases: Sequence[Case]) -> Summary:
    """Exponents, and those that are off."""
    exponents, defects, distances = {}, [], []
    for case in cases:
        for cost in (name for name in COSTS if name in case):
            found, name = fit(case, cost), f"{case['learner']}, {cost} in {case['what']}"
            if found is None:
                defects.append(f"{name}: not above the cost of size 1")
                continue
            exponents[name] = [rounded(found.exponent), rounded(found.declared)]
            distances.append((abs(found.exponent - found.declared), case))
            if not found.holds:
                defects.append(f"{name}: {found.exponent:.2f}, declared {found.declared:.2f}")
    bound = goal("exponent off its declared order by", distances, most=TOLERANCE)
    bound["met"] = bool(bound["met"]) and not defects
    return {"exponents": exponents, "defects": defects, "goals": [bound]}


def _plain(exponent: float) -> str:
    """Two decimals, and no minus before a zero."""
    return f"{round(exponent, 2) + 0.0:.2f}"


def table(cases: Sequence[Case], summary: Summary) -> str:
    """Fitted and declared exponents of each learner; then what is off."""
    rows = []
    for case in cases:
        row = [case["learner"], case["cell"], case["what"], case["formulas"]["seconds"]]
        for cost in COSTS:
            found = fit(case, cost) if cost in case else None
            row.append(
                "" if found is None else f"{_plain(found.exponent)} ({_plain(found.declared)})"
            )
        rows.append(row)
    head = ["learner", "cell", "in", "declared time", *COSTS]
    defects = "\n".join(f"- {line}" for line in summary["defects"]) or "None is off."
    return (
        "Fitted exponents, with the declared ones in brackets.\n\n"
        + markdown(head, rows)
        + f"\nOff by more than {TOLERANCE}:\n\n{defects}"
    )


def draw(cases: Sequence[Case]) -> dict[str, Any]:
    """A panel for each learner: over n, and over T."""
    drawn = {}
    for what, end, xlabel in (("n", "", "units n"), ("T", "-steps", "steps T")):
        panels = []
        for case in cases:
            if case["what"] == what:
                curves = {
                    word: (*points(case, cost), fit(case, cost))
                    for word, cost in (("time", "seconds"), ("memory", "bytes"))
                }
                panels.append((case["learner"], curves))
        drawn[end] = plots.fits(panels, xlabel=xlabel)
    return drawn


QUESTION = Question("scaling", "Exponents in n and T", measure, summarize, table, draw)

if __name__ == "__main__":
    run(QUESTION)
