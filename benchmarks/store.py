"""Stored results: `results/<question>.json`, with a table and a plot beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().with_name("results")
QUESTIONS = ("bptt", "floor", "rtrl", "online", "reservoir", "imports", "scaling")

Result = dict[str, Any]


def path(question: str, suffix: str = ".json", folder: Path = RESULTS) -> Path:
    """Where a result, table or plot is.

    Raises
    ------
    ValueError
        If there is no such question.
    """
    if question not in QUESTIONS:
        raise ValueError(f"question: expected one of {QUESTIONS}, got {question!r}")
    return folder / (question + suffix)


def read(question: str, folder: Path = RESULTS) -> Result:
    """The stored result of a question.

    A page of the book reads the same file without this function:
    ``json.loads(Path("../benchmarks/results/bptt.json").read_text())``.

    Raises
    ------
    FileNotFoundError
        If the question was not asked yet: `make bench` does.
    """
    return json.loads(path(question, folder=folder).read_text(encoding="utf-8"))


def write(result: Result, table: str, figures: dict[str, str], folder: Path = RESULTS) -> None:
    """Store a result, its table and its figures (SVG by the end of their names)."""
    question = result["question"]
    folder.mkdir(parents=True, exist_ok=True)
    path(question, folder=folder).write_text(dumps(result), encoding="utf-8")
    path(question, ".md", folder).write_text(table, encoding="utf-8")
    for ending, svg in figures.items():
        path(question, f"{ending}.svg", folder).write_text(svg, encoding="utf-8")


def dumps(result: Result) -> str:
    """JSON with one case on a line, so that it can be read and compared by line."""
    rest = {key: value for key, value in result.items() if key != "cases"}
    head = json.dumps(rest, indent=1, ensure_ascii=False)[:-2]
    cases = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in result["cases"])
    return f'{head},\n "cases": [\n{cases}\n ]\n}}\n'
