"""Sphinx extension: tables and sentences about speed, from the stored results of the benchmarks.

.. speed:: bptt-words

The argument is one of ``PARTS``. Each part is a function from the results in
``benchmarks/results`` to Markdown, which is then parsed as if it stood on the page. So no measured
number is typed on a page, and a sentence that depends on one is written by it. A result that is
missing, or that lacks what a part needs, ends the build with a message that names the file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # the benchmarks stand beside the book and are not installed
    sys.path.append(str(ROOT))

from benchmarks import bptt, floor, online, reservoir, rtrl, store  # noqa: E402
from benchmarks.report import Case, machine_line, ratio, ratios, table  # noqa: E402
from benchmarks.statistics import geometric_mean, median  # noqa: E402
from book._ext.speed_format import (  # noqa: E402
    OURS,
    by,
    entered,
    exponent_row,
    figure,
    grid,
    number,
    over,
    read,
    size,
    versus,
)

Read = Callable[[str], store.Result]


def machine(read: Read) -> str:
    """The machine, once if all results are from the same one; and whether a run was a short one."""
    results = {question: read(question) for question in store.QUESTIONS}
    lines: dict[str, list[str]] = {}
    for question, result in results.items():
        lines.setdefault(machine_line(result["machine"]), []).append(question)
    if len(lines) == 1:
        said = [f"The machine: {line}" for line in lines]
    else:
        said = [f"- {', '.join(questions)}: {line}" for line, questions in lines.items()]
    absent = {
        f"- {name} took no part: {why}."
        for result in results.values()
        for name, why in result["skipped"].items()
    }
    quick = [question for question, result in results.items() if result["quick"]]
    warning = f"**A smoke run with small sizes, which says nothing: {', '.join(quick)}.**"
    blocks = ["\n".join(said), "\n".join(sorted(absent)), warning if quick else ""]
    return "\n\n".join(block for block in blocks if block)


def short(read: Read) -> str:
    """The page in a few lines."""
    cases = _sequences(read)
    lines = []
    for peer in bptt.PEERS:
        found = ratios(cases, peer, OURS)
        if found:
            mean, ahead = geometric_mean(r for r, _ in found), sum(r >= 1 for r, _ in found)
            lines.append(
                f"- Forward and backward over a sequence, {peer} takes {number(mean)} times as "
                f"long as {OURS} (geometric mean); {OURS} is faster in {ahead} of {len(found)} "
                "cases."
            )
    hybrid = _hybrid(read)
    most = max(case["n"] for case in hybrid)
    gain = [r for r, _ in ratios([c for c in hybrid if c["n"] == most], rtrl.RTRL, rtrl.DOUBLE)]
    lines.append(
        f"- With {most} units, RTRL takes {number(min(gain))} to {number(max(gain))} times as long "
        "as the hybrid, for the same gradient."
    )
    found = [p for name in online.LEARNERS for p in ratios(_online(read), name, online.BPTT)]
    lines.append(
        f"- A step of {', '.join(online.LEARNERS[:-1])} or {online.LEARNERS[-1]} takes "
        f"{number(min(r for r, _ in found))} to {number(max(r for r, _ in found))} times as long "
        "as a step of BPTT."
    )
    return "\n".join([*lines, f"- {agreement(read)}"])


# -- backpropagation through time --------------------------------------------------


def _sequences(read: Read) -> list[Case]:
    return entered(read("bptt"), OURS, *bptt.PEERS, bptt.FAST)


def bptt_words(read: Read) -> str:
    """rnncore and its peers, in both directions, with the cases where a peer leads most."""
    cases = _sequences(read)
    return "\n\n".join(versus(ratios(cases, peer, OURS), peer) for peer in bptt.PEERS)


def _by_size(cases: list[Case], above: str, below: str) -> str:
    """One time over another, by size and cell."""
    entries = [(size(case), case["cell"], ratio(case, above, below)) for case in cases]
    return grid("T, B, D, n", entries, total="all")


def bptt_grid(peer: str) -> Callable[[Read], str]:
    """A part: a peer's time over ours, by size and cell."""
    return lambda read: _by_size(_sequences(read), peer, OURS)


def bptt_kinds(read: Read) -> str:
    """Both peers' times over ours, by cell and precision."""
    entries = [
        (f"{case['cell']} {case['dtype']}", f"{peer} / {OURS}", ratio(case, peer, OURS))
        for case in _sequences(read)
        for peer in bptt.PEERS
    ]
    return grid("cell", entries)


def bptt_compiled(read: Read) -> str:
    """What the compiled path gains over NumPy, and how it stands beside the peers."""
    cases, name = _sequences(read), bptt.FAST
    if not ratios(cases, OURS, name):
        why = read("bptt")["skipped"].get(name, "it was not measured")
        return f"The compiled path took no part in the stored run: {why}."
    words = [versus(ratios(cases, peer, name), peer, name) for peer in bptt.PEERS]
    gain = "The time in plain NumPy over the time compiled:"
    return "\n\n".join([*words, gain, _by_size(cases, OURS, name)])


def bptt_by_hand(read: Read) -> str:
    """What loops written for speed alone gain over the general way, and where they stand."""
    cases, name = entered(read("bptt"), OURS, bptt.BY_HAND), bptt.BY_HAND
    words = [versus(ratios(cases, peer, name), peer, name) for peer in bptt.PEERS]
    return "\n\n".join([_by_size(cases, OURS, name), *words])


def bptt_plot(read: Read) -> str:
    """The plot of all cases with one thread."""
    result = read("bptt")
    found = [case for case in _sequences(read) if case["threads"] == 1]
    means = [
        f"{peer} at {number(geometric_mean(r for r, _ in pairs))}"
        for peer in bptt.PEERS
        if (pairs := ratios(found, peer, OURS))
    ]
    alt = (
        f"One row for each of {len(found)} cases, with a dot for the time of each contender over "
        f"that of {OURS}. The geometric means are {' and '.join(means)}."
    )
    caption = (
        f"Time over that of {OURS}, case by case, with one thread. Right of the dashed line "
        f"{OURS} is faster."
    )
    return figure(result, "", alt, caption)


# -- floor, RTRL, hybrid, online ---------------------------------------------------


def floor_words(read: Read) -> str:
    """How far from the bare work."""
    cases = entered(read("floor"), OURS, floor.FLOOR)
    return over(ratios(cases, OURS, floor.FLOOR), OURS, "the bare work")


def floor_grid(read: Read) -> str:
    """Our time over the floor's, by precision and cell."""
    cases = entered(read("floor"), OURS, floor.FLOOR)
    return grid("precision", by("dtype", cases, OURS, floor.FLOOR))


def _forward(read: Read) -> list[Case]:
    cases = entered(read("rtrl"), rtrl.RTRL, rtrl.FLOOR, rtrl.JACREV, rtrl.JACFWD)
    return [rtrl.best_of_jax(case) for case in cases if case["what"] == "RTRL"]


def _hybrid(read: Read) -> list[Case]:
    cases = entered(read("rtrl"), rtrl.RTRL, rtrl.DOUBLE, rtrl.BPTT)
    return [case for case in cases if case["what"] == "hybrid"]


def rtrl_words(read: Read) -> str:
    """RTRL against its matrix product and against JAX."""
    cases = _forward(read)
    return "\n\n".join(
        [
            over(ratios(cases, rtrl.RTRL, rtrl.FLOOR), "RTRL", "its matrix product alone"),
            versus(ratios(cases, rtrl.BEST, rtrl.RTRL), "JAX"),
        ]
    )


def rtrl_grid(above: str, below: str, cases: Callable[[Read], list[Case]]) -> Callable[[Read], str]:
    """A part: one time of ``rtrl`` over another, by units and cell."""

    def part(read: Read) -> str:
        return grid("units", by("n", cases(read), above, below))

    return part


def _online(read: Read) -> list[Case]:
    return entered(read("online"), online.BPTT, *online.LEARNERS)


def online_grid(read: Read) -> str:
    """Online learners' times over that of BPTT, by learner and cell."""
    return grid(
        "learner",
        [
            (name, case["cell"], ratio(case, name, online.BPTT))
            for name in online.LEARNERS
            for case in _online(read)
        ],
    )


# -- exponents ---------------------------------------------------------------------


def _bound(scaling: store.Result) -> str:
    return str(scaling["summary"]["goals"][0]["bound"]).removeprefix("at most ")


def agreement(read: Read) -> str:
    """How many measured exponents are those that the learners declare, and the one furthest off."""
    result = read("scaling")
    summary, bound = result["summary"], _bound(result)
    learners = len({case["learner"] for case in result["cases"]})
    wanted = sum(len(case["declared"]) for case in result["cases"])
    off = {name: fitted - declared for name, (fitted, declared) in summary["exponents"].items()}
    worst = max(off, key=lambda name: abs(off[name]))
    missed = len(summary["defects"])
    share = f"{wanted - missed} of {wanted}" if missed else f"All {wanted}"
    return (
        f"{learners} learners declare how their time and memory grow with units and steps. {share} "
        f"measured exponents are within {bound} of the declared ones; the one furthest off "
        f"({worst}) is so by {abs(off[worst]):.2f}."
    )


def agreement_in_full(read: Read) -> str:
    """The same, with a list of those that are off."""
    defects = read("scaling")["summary"]["defects"]
    listed = "\n".join(f"- {defect}" for defect in defects)
    return f"{agreement(read)}\n\n" + (f"Those that are not:\n\n{listed}" if defects else "")


def exponents(cost: str, what: str) -> Callable[[Read], str]:
    """A part: declared and measured exponents of ``cost`` in ``what`` ("n" or "T")."""

    def part(read: Read) -> str:
        result = read("scaling")
        bound = float(_bound(result))
        cases = [case for case in result["cases"] if case["what"] == what]
        return table(
            ["learner", "order", "found", "off"],
            [exponent_row(case, cost, result["summary"]["exponents"], bound) for case in cases],
        )

    return part


def scaling_plot(what: str, end: str) -> Callable[[Read], str]:
    """A part: the fits of all learners over n or T."""
    words = {"n": "the number of units", "T": "the number of steps"}[what]

    def part(read: Read) -> str:
        result = read("scaling")
        panels = sum(case["what"] == what for case in result["cases"])
        alt = (
            f"{panels} small panels, one for each learner: time and memory over {words} on "
            "logarithmic axes, each with a fitted straight line. Its slope is in the tables."
        )
        caption = (
            f"Time and memory of every learner over {words}, each over its value at the smallest "
            "size. The numbers are the fitted exponents, in brackets the declared ones."
        )
        return figure(result, end, alt, caption)

    return part


# -- echo states and import --------------------------------------------------------


def echo(read: Read) -> str:
    """reservoirpy's time over ours, running and fitting."""
    every = entered(read("reservoir"), reservoir.OURS, reservoir.THEIRS)
    words = {"run": "Running the reservoir", "ridge": "Fitting the read-out by ridge regression"}
    lines = []
    for name in words:
        pairs = ratios([c for c in every if c["what"] == name], reservoir.THEIRS, reservoir.OURS)
        lines.append(f"- {words[name]}: {versus(pairs, reservoir.THEIRS)}")
    return f"{every[0]['units']} units, {every[0]['steps']} steps:\n\n" + "\n".join(lines)


def imports(read: Read) -> str:
    """What the import costs."""
    seconds = read("imports")["cases"][0]["seconds"]
    numpy, ours = (1000 * median(seconds[name]) for name in ("numpy", OURS))
    return (
        f"`import {OURS}` takes {ours:.0f} ms, of which NumPy's own import is {numpy:.0f} ms: "
        f"{ours - numpy:.0f} ms more. Plotting and widgets load when they are first used."
    )


PARTS: dict[str, Callable[[Read], str]] = {
    "machine": machine,
    "short": short,
    "bptt-words": bptt_words,
    "bptt-pytorch": bptt_grid(bptt.TORCH),
    "bptt-jax": bptt_grid(bptt.JAX),
    "bptt-kinds": bptt_kinds,
    "bptt-compiled": bptt_compiled,
    "bptt-by-hand": bptt_by_hand,
    "bptt-plot": bptt_plot,
    "floor-words": floor_words,
    "floor": floor_grid,
    "rtrl-words": rtrl_words,
    "rtrl-floor": rtrl_grid(rtrl.RTRL, rtrl.FLOOR, _forward),
    "rtrl-jax": rtrl_grid(rtrl.BEST, rtrl.RTRL, _forward),
    "hybrid": rtrl_grid(rtrl.RTRL, rtrl.DOUBLE, _hybrid),
    "hybrid-bptt": rtrl_grid(rtrl.DOUBLE, rtrl.BPTT, _hybrid),
    "online": online_grid,
    "agreement": agreement,
    "agreement-in-full": agreement_in_full,
    "time-n": exponents("seconds", "n"),
    "multiplications-n": exponents("multiplications", "n"),
    "memory-n": exponents("bytes", "n"),
    "time-T": exponents("seconds", "T"),
    "memory-T": exponents("bytes", "T"),
    "scaling-plot": scaling_plot("n", ""),
    "scaling-plot-T": scaling_plot("T", "-steps"),
    "reservoir": echo,
    "imports": imports,
}


def render(part: str, read: Read = read) -> str:
    """A part as Markdown.

    Raises
    ------
    ValueError
        If there is no such part, or a result lacks what it needs.
    """
    if part not in PARTS:
        raise ValueError(f"part: expected one of {list(PARTS)}, got {part!r}")
    try:
        return PARTS[part](read)
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"part {part!r}: a stored result lacks or misstates {error}") from error


class SpeedDirective(SphinxDirective):
    """One part, parsed as if its Markdown stood on the page."""

    required_arguments = 1
    has_content = False

    def run(self) -> list[nodes.Node]:
        for question in store.QUESTIONS:  # the page is made anew when a result has changed
            self.env.note_dependency(str(store.path(question)))
        self.env.note_dependency(__file__)
        try:
            text = render(self.arguments[0])
        except ValueError as error:
            where = f"{self.env.docname}:{self.lineno}"
            raise ExtensionError(f"{where}: benchmarks/results: {error}") from error
        parent: Any = nodes.Element()
        source = f"speed {self.arguments[0]}"
        self.state.nested_parse(StringList(text.splitlines(), source=source), 0, parent)
        return list(parent.children)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("speed", SpeedDirective)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
