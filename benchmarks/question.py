"""What the questions have in common: the command line, the machine, and where results go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import machine, plots, store
from benchmarks.harness import QUICK, Arena, Contender, Plan
from benchmarks.report import Case, Summary, goals_table, label, machine_line

QUICK_RESULTS = store.RESULTS.parent.parent / "build" / "benchmarks"


class Question(NamedTuple):
    """One question: how to measure, and what to make of it.

    Attributes
    ----------
    name, title
        One of :data:`benchmarks.store.QUESTIONS`; and a heading.
    measure
        From ``(quick, plan)`` to the cases, and why contenders were skipped.
    summarize
        From the cases alone to a summary, which holds ``"goals"``.
    table
        From the cases and the summary to Markdown.
    draw
        From the cases to figures, by the end of their file's name.
    """

    name: str
    title: str
    measure: Callable[[bool, Plan], tuple[list[Case], dict[str, str]]]
    summarize: Callable[[Sequence[Case]], Summary]
    table: Callable[[Sequence[Case], Summary], str]
    draw: Callable[[Sequence[Case]], dict[str, Any]]


Entrants = Sequence[tuple[dict[str, Any], Sequence[Contender], float]]


def hold(
    entrants: Callable[[], Entrants], threads: Sequence[int], plan: Plan
) -> tuple[list[Case], dict[str, str]]:
    """Measure every ``(labels, contenders, tolerance)`` at each number of threads."""
    cases: list[Case] = []
    skipped: dict[str, str] = {}
    for count in threads:
        if count > machine.cores():
            skipped[f"{count} threads"] = f"the machine has {machine.cores()} cores"
            print(f"  {count} threads are skipped: {skipped[f'{count} threads']}", flush=True)
            continue
        with Arena(count, plan) as arena:
            for labels, contenders, tolerance in entrants():
                case = {**labels, "threads": count}
                print(f"  {label(case)}", flush=True)
                cases.append(case | arena.measure(contenders, tolerance))
            skipped |= arena.skipped
    return cases, skipped


def page(question: Question, result: store.Result) -> str:
    """The Markdown page of a result."""
    skipped = [f"- {name} was skipped: {why}" for name, why in result["skipped"].items()]
    figures = [f"![{question.title}]({question.name}{end}.svg)" for end in result["figures"]]
    parts = [
        f"# {question.title}",
        f"`{result['command']}` wrote this page. {machine_line(result['machine'])}",
        "\n".join(skipped),
        goals_table(result["summary"]["goals"]),
        question.table(result["cases"], result["summary"]),
        "\n\n".join(figures),
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def ask(question: Question, quick: bool, plan: Plan, folder: Path) -> store.Result:
    """Measure, summarize and store."""
    print(f"{question.title} ({question.name})", flush=True)
    described = machine.describe()
    cases, skipped = question.measure(quick, plan)
    summary = question.summarize(cases)
    drawn = {end: plots.svg(figure) for end, figure in question.draw(cases).items()}
    result = {
        "question": question.name,
        "command": f"python -m benchmarks.{question.name}" + (" --quick" if quick else ""),
        "quick": quick,
        "plan": plan._asdict(),
        "machine": described,
        "skipped": skipped,
        "figures": list(drawn),
        "summary": summary,
        "cases": cases,
    }
    store.write(result, page(question, result), drawn, folder)
    return result


def main(question: Question, arguments: Sequence[str] | None = None) -> int:
    """The command line of one question; returns the exit status."""
    parser = argparse.ArgumentParser(description=question.title)
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds: a smoke run")
    parser.add_argument("--rounds", type=int, help="exactly so many rounds a case")
    parser.add_argument("--out", type=Path, help="folder of the results")
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else Plan()
    if options.rounds is not None:
        if options.rounds < 1:
            parser.error(f"--rounds: expected a positive number, got {options.rounds}")
        plan = plan._replace(least_rounds=options.rounds, most_rounds=options.rounds)
    folder = options.out or (QUICK_RESULTS if options.quick else store.RESULTS)
    result = ask(question, options.quick, plan, folder)
    print(goals_table(result["summary"]["goals"]))
    print(f"Written to {store.path(question.name, folder=folder)}")
    return 0


def run(question: Question) -> None:
    """Be the program of this question."""
    sys.exit(main(question))
