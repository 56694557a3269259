"""Stored results of the benchmarks as Markdown: numbers, tables and sentences of comparison.

What a page shows of them is put together in ``speed_tables``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import bptt, store
from benchmarks.report import Case, label, ratio, table
from benchmarks.statistics import geometric_mean

OURS = bptt.OURS
NEEDED = ("question", "quick", "machine", "skipped", "figures", "summary", "cases")

SHOWN = 3  # cases that a sentence names

Pairs = Sequence[tuple[float, Case]]


def read(question: str, folder: Path = store.RESULTS) -> store.Result:
    """A stored result, checked for what every part needs.

    Raises
    ------
    ValueError
        If the file is missing, is not JSON, belongs to another question or lacks an entry.
    """
    path = store.path(question, folder=folder)
    try:
        result = store.read(question, folder)
    except FileNotFoundError:
        raise ValueError(f"{path.name} is missing: `make bench` makes it") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path.name}: not JSON: {error}") from None
    lacking = [key for key in NEEDED if key not in result]
    if lacking:
        raise ValueError(f"{path.name}: expected the entries {lacking}, which it lacks")
    if result["question"] != question:
        raise ValueError(f"{path.name}: holds the answer to {result['question']!r}")
    if not result["cases"]:
        raise ValueError(f"{path.name}: holds no case")
    return result


def entered(result: store.Result, *names: str) -> list[Case]:
    """The cases of a result, in which each of these contenders took part.

    Raises
    ------
    ValueError
        If one is in no case, and the result does not say that it was skipped.
    """
    cases: list[Case] = result["cases"]
    seen = {name for case in cases for name in case["seconds"]}
    for name in names:
        if name not in seen | set(result["skipped"]):
            known = sorted(seen)
            raise ValueError(f"{result['question']}.json: expected times of {name!r}, got {known}")
    return cases


# -- numbers and tables ------------------------------------------------------------


def number(value: float) -> str:
    """A ratio with the digits that a reader can use: 0.86, 2.1, 14, 120.

    Examples
    --------
    >>> number(0.8571), number(2.06), number(14.2), number(123.4)
    ('0.86', '2.1', '14', '120')
    """
    if value < 0.095:
        return f"{value:.1g}"
    if value < 0.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 9.95 else f"{float(f'{value:.2g}'):.0f}"


def several(values: Sequence[float]) -> str:
    """The geometric mean, with the least and the greatest in brackets.

    Examples
    --------
    >>> several([1.0, 4.0]), several([3.0])
    ('2.0 (1.0–4.0)', '3.0')
    """
    mean, low, high = (number(f(values)) for f in (geometric_mean, min, max))
    return mean if low == high else f"{mean} ({low}–{high})"


def grid(corner: str, entries: Iterable[tuple[str, str, float | None]], total: str = "") -> str:
    """A Markdown table of ratios; each cell sums up all entries of its row and column.

    Parameters
    ----------
    corner
        The head of the first column.
    entries
        ``(row, column, ratio)``, in the order in which rows and columns shall stand; where a
        contender took no part the ratio is None, and the entry is left out.
    total
        The name of a last row over all rows, if there shall be one.
    """
    found = [(row, column, value) for row, column, value in entries if value is not None]
    columns = list(dict.fromkeys(column for _, column, _ in found))
    rows = list(dict.fromkeys(row for row, _, _ in found))

    def line(name: str, chosen: Sequence[str]) -> list[str]:
        cells = [[v for r, c, v in found if c == column and r in chosen] for column in columns]
        return [name, *(several(values) if values else "" for values in cells)]

    lines = [line(row, [row]) for row in rows]
    if total:
        lines.append(line(f"**{total}**", rows))
    return table([corner, *columns], lines)


def by(
    row: str, cases: Iterable[Case], above: str, below: str
) -> list[tuple[str, str, float | None]]:
    """For :func:`grid`: a ratio of times, by one label of the cases and by cell."""
    return [(str(case[row]), case["cell"], ratio(case, above, below)) for case in cases]


def size(case: Case) -> str:
    """T, B, D and n."""
    return ", ".join(str(case[key]) for key in ("T", "B", "D", "n"))


def plain(value: float, sign: str = "") -> str:
    """Two decimals, no sign before a zero."""
    value = round(value, 2)
    return f"{value:{sign}.2f}".replace("-", "−") if value else "0.00"


def tex(formula: str) -> str:
    """A card's formula as mathematics.

    Examples
    --------
    >>> print(tex("P k2 / k1"), tex("sqrt(T) N"), tex("N / c in the mean"))
    $P k_2 / k_1$ $\\sqrt{T} N$ $N / c \\text{ in the mean}$
    """
    said = re.sub(r"(?!sqrt)\b[a-z]{2,}(?: [a-z]{2,})*", r"\\text{ \g<0>}", formula)
    said = re.sub(r"sqrt\((\w)\)", r"\\sqrt{\1}", said)
    said = re.sub(r"\b([a-z])([0-9])\b", r"\1_\2", said)
    return f"${said}$"


def exponent_row(case: Case, cost: str, found: dict[str, list[float]], bound: float) -> list[str]:
    """One learner, with its formula; over T the time is just that of T steps.

    A cost that is not above that of size 1 has no measured exponent.
    """
    name = case["learner"]
    if (case["what"], cost) != ("T", "seconds"):
        name = f"{name}, {tex(case['formulas'][cost])}"
    pair = found.get(f"{case['learner']}, {cost} in {case['what']}")
    if pair is None:
        return [name, plain(case["declared"][cost]), "too small", ""]
    fitted, declared = pair
    off = plain(fitted - declared, "+")
    bold = abs(fitted - declared) > bound
    return [name, plain(declared), plain(fitted), f"**{off}**" if bold else off]


def figure(result: store.Result, end: str, alt: str, caption: str) -> str:
    """A figure of a result, which links to the picture at its full size."""
    question = result["question"]
    if end not in result["figures"]:
        raise ValueError(f"{question}.json: expected a figure {question}{end}.svg")
    path = f"/benchmarks/results/{question}{end}.svg"
    return f"```{{figure}} {path}\n:alt: {alt}\n:width: 100%\n\n{caption}\n```"


# -- sentences ---------------------------------------------------------------------


def versus(pairs: Pairs, other: str, ours: str = OURS) -> str:
    """Who is faster, how often, and where it is worst for us.

    ``pairs`` are as :func:`benchmarks.report.ratios` returns them, the other's time over ours.
    """
    if not pairs:
        return f"**{other}** took no part in the stored run."
    low, high = number(pairs[0][0]), number(pairs[-1][0])
    said = (
        f"**{other}** takes {number(geometric_mean(r for r, _ in pairs))} times as long as {ours} "
        f"in the geometric mean of {len(pairs)} cases (from {low} to {high})."
    )
    behind = sum(r < 1 for r, _ in pairs)
    if not behind:
        said = f"{said} {ours} is faster in each of them"
        return f"{said}; {other} comes closest in {label(pairs[0][1])}."
    if behind == len(pairs):
        said = f"{said} {other} is faster in each of them"
    else:
        said = f"{said} {ours} is faster in {len(pairs) - behind} of them, {other} in {behind}"
    worst = [f"{label(case)} ({number(r)})" for r, case in pairs[: min(behind, SHOWN)]]
    return f"{said}; {other} leads most in {', '.join(worst)}."


def over(pairs: Pairs, ours: str, base: str) -> str:
    """How many times the time of a base something takes, with the worst case."""
    if not pairs:
        return f"{ours} was not measured beside {base}."
    worst, case = pairs[-1]
    return (
        f"{ours} takes {number(geometric_mean(r for r, _ in pairs))} times as long as {base} "
        f"in the geometric mean of {len(pairs)} cases, and {number(worst)} times in the worst, "
        f"{label(case)}."
    )
