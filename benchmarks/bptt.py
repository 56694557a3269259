"""Backpropagation through time: rnncore beside PyTorch and JAX.

    python -m benchmarks.bptt [--quick]

One run is the forward and the backward pass over a whole sequence: a recurrent layer, a linear
read-out, the squared error summed over time and averaged over the batch, and the gradient of all
parameters. All contenders get the same weights and data; loss and every gradient are compared
before anything is timed.

- **rnncore**: ``BPTT(network).gradient(params, batch)``.
- **NumPy by hand**: each cell in loops of its own, written for speed alone, as a measure of what
  the general and readable way costs, and of what NumPy can give.
- **rnncore[fast]**: the first with the optional compiled path, where it is installed.
- **PyTorch**: eager, ``torch.nn.RNN``, ``GRU``, ``LSTM`` and ``Linear``, ``backward()``.
- **JAX**: hand-written steps under ``lax.scan``, ``value_and_grad``, ``jit``; compiled before.

The ratios are the peer's time over that of rnncore: above 1 rnncore is faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import plots
from benchmarks.harness import TOLERANCES, Contender, Plan
from benchmarks.problems import CELLS, DTYPES, QUICK_SIZES, SIZES, labels, problem
from benchmarks.question import Entrants, Question, hold, run
from benchmarks.report import Case, Summary, goal, label, mean_goal, ratios, rounded, times_table
from benchmarks.statistics import geometric_mean

OURS, FAST, TORCH, JAX = "rnncore", "rnncore[fast]", "PyTorch", "JAX"
BY_HAND = "NumPy by hand"
CONTENDERS = (OURS, BY_HAND, FAST, TORCH, JAX)
PEERS = (TORCH, JAX)
TARGETS = {
    OURS: ("benchmarks.contenders.ours:bptt", ()),
    BY_HAND: ("benchmarks.contenders.by_hand:bptt", ()),
    FAST: ("benchmarks.contenders.ours:fast_bptt", ("numba", "rnncore.fast")),
    TORCH: ("benchmarks.contenders.pytorch:bptt", ("torch",)),
    JAX: ("benchmarks.contenders.jax_scan:bptt", ("jax",)),
}
LONG = 500  # steps from which a sequence counts as long


def entrants(quick: bool) -> Entrants:
    """Every case with its contenders."""
    found = []
    for size in QUICK_SIZES if quick else SIZES:
        for cell in CELLS:
            for dtype in DTYPES:
                case = problem(cell, dtype, size)
                contenders = [
                    Contender(name, target, case, needs)
                    for name, (target, needs) in TARGETS.items()
                ]
                found.append((labels(cell, dtype, size), contenders, TOLERANCES[dtype]))
    return found


def measure(quick: bool, plan: Plan) -> tuple[list[Case], dict[str, str]]:
    """All cases, with one thread and with two."""
    return hold(lambda: entrants(quick), (1, 2), plan)


def summarize(cases: Sequence[Case]) -> Summary:
    """Geometric means by peer and threads, the worst cases, and the goals."""
    means: dict[str, Any] = {}
    worst: dict[str, Any] = {}
    for ours in (OURS, BY_HAND, FAST):
        for peer in PEERS if ours != OURS else (*PEERS, BY_HAND):
            found = ratios(cases, peer, ours)
            if found:
                key = f"{peer} / {ours}"
                means[key] = {"all": _mean(found)} | {
                    f"{count} thread{'s' * (count > 1)}": _mean(
                        [pair for pair in found if pair[1]["threads"] == count]
                    )
                    for count in sorted({case["threads"] for _, case in found})
                }
                worst[key] = [[rounded(r), label(case)] for r, case in found[:5]]
    return {"geometric_means": means, "worst": worst, "goals": _goals(cases)}


def _mean(found: Sequence[tuple[float, Case]]) -> float:
    return rounded(geometric_mean(r for r, _ in found))


def _single_lstm(case: Case) -> bool:
    """PyTorch hands this one to oneDNN."""
    return bool(case["cell"] == "LSTM" and case["dtype"] == "float32")


def _goals(cases: Sequence[Case]) -> list[dict[str, Any]]:
    torch, jax = ratios(cases, TORCH, OURS), ratios(cases, JAX, OURS)
    batched = [p for p in torch if _single_lstm(p[1]) and p[1]["B"] >= 32]
    long = [p for p in torch if _single_lstm(p[1]) and p[1]["B"] == 1 and p[1]["T"] >= LONG]
    others = [p for p in torch if p not in batched and p not in long]
    fast = ratios(cases, TORCH, FAST) + ratios(cases, JAX, FAST)
    return [
        mean_goal("PyTorch's time over ours", torch, 2.0),
        goal("each case but LSTM float32", others, least=0.9),
        goal("LSTM float32, batches of 32 and more", batched, least=0.7),
        goal("LSTM float32, one long sequence", long, least=0.35),
        mean_goal("JAX's time over ours", jax, 1.0),
        goal("compiled: ahead of both in each case", fast, least=1.0),
    ]


def table(cases: Sequence[Case], summary: Summary) -> str:
    """Means, then every case."""
    means = [
        f"- {key}: " + ", ".join(f"{mean:g} ({group})" for group, mean in groups.items())
        for key, groups in summary["geometric_means"].items()
    ]
    worst = [
        f"- {key}: " + "; ".join(f"{value:g} {where}" for value, where in found)
        for key, found in summary["worst"].items()
    ]
    present = [c for c in CONTENDERS if any(c in case["seconds"] for case in cases)]
    return "\n\n".join(
        [
            "Geometric means of the peer's time over ours:",
            "\n".join(means),
            "The worst cases:",
            "\n".join(worst),
            "Sizes are (T, B, D, H). Medians, with quartiles in brackets.",
            times_table(cases, present, OURS),
        ]
    )


def draw(cases: Sequence[Case]) -> dict[str, Any]:
    """A dot for each contender and case with one thread, and another figure for two."""
    drawn = {}
    for threads in sorted({case["threads"] for case in cases}):
        chosen = [case for case in cases if case["threads"] == threads]
        series = plots.quotients(chosen, (TORCH, JAX, FAST), OURS)
        drawn["" if threads == 1 else f"-{threads}-threads"] = plots.dots(
            [label({**case, "threads": 1}) for case in chosen],
            {name: values for name, values in series.items() if any(values)},
            xlabel=f"time over that of rnncore (NumPy), {threads} thread{'s' * (threads > 1)}",
        )
    return drawn


QUESTION = Question("bptt", "Backpropagation through time", measure, summarize, table, draw)

if __name__ == "__main__":
    run(QUESTION)
