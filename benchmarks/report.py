"""Goals and tables: what a result says, worked out from its cases alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.statistics import Spread, geometric_mean, median, spread

Case = dict[str, Any]
Summary = dict[str, Any]


def rounded(value: float) -> float:
    """Three significant digits: more would be noise."""
    return float(f"{value:.3g}")


def ratio(case: Case, above: str, below: str) -> float | None:
    """Median time of one contender over that of another; None if one took no part."""
    seconds = case["seconds"]
    if above not in seconds or below not in seconds:
        return None
    return median(seconds[above]) / median(seconds[below])


def ratios(cases: Iterable[Case], above: str, below: str) -> list[tuple[float, Case]]:
    """The ratio in every case in which both took part, least first."""
    found = ((ratio(case, above, below), case) for case in cases)
    return sorted(((r, case) for r, case in found if r is not None), key=lambda pair: pair[0])


def goal(
    what: str, found: Sequence[tuple[float, Case]], *, least: float = 0.0, most: float = 0.0
) -> dict[str, Any]:
    """A bound on every ratio of a list: met or not, with the worst one and its case.

    Give ``least`` or ``most``. Without any ratio the goal is neither met nor missed: None.
    """
    bound = f"at least {least:g}" if least else f"at most {most:g}"
    if not found:
        return {"goal": what, "bound": bound, "measured": None, "where": "", "met": None}
    worst, case = (min if least else max)(found, key=lambda pair: pair[0])
    met = worst >= least if least else worst <= most
    return {
        "goal": what,
        "bound": bound,
        "measured": rounded(worst),
        "where": label(case),
        "met": met,
    }


def mean_goal(what: str, found: Sequence[tuple[float, Case]], least: float) -> dict[str, Any]:
    """A bound on the geometric mean of the ratios of a list."""
    mean = geometric_mean(r for r, _ in found) if found else None
    return {
        "goal": what,
        "bound": f"at least {least:g}",
        "measured": None if mean is None else rounded(mean),
        "where": f"geometric mean of {len(found)} cases",
        "met": None if mean is None else mean >= least,
    }


SIZE = ("T", "B", "D", "n")


def label(case: Case) -> str:
    """A case in a few words."""
    parts = [str(case[key]) for key in ("learner", "what", "cell", "dtype") if key in case]
    if all(key in case for key in SIZE):
        parts.append("(" + ", ".join(str(case[key]) for key in SIZE) + ")")
    if case.get("threads", 1) > 1:
        parts.append(f"{case['threads']} threads")
    return " ".join(parts)


# -- Markdown --------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are aligned right."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def goals_table(goals: Sequence[Mapping[str, Any]]) -> str:
    """The goals, what was wanted and what came of it."""
    words = {True: "met", False: "**not met**", None: "not measured"}
    return table(
        ["goal", "wanted", "measured", "where", ""],
        (
            [
                goal["goal"],
                goal["bound"],
                "" if goal["measured"] is None else f"{goal['measured']:g}",
                goal["where"],
                words[goal["met"]],
            ]
            for goal in goals
        ),
    )


def time(spread: Spread) -> str:
    """A median and its quartiles in a unit that suits it."""
    scale, unit = next(
        (pair for pair in ((1e6, "µs"), (1e3, "ms")) if spread.median * pair[0] < 1000), (1, "s")
    )
    low, middle, high = (f"{value * scale:.3g}" for value in spread)
    return f"{middle} ({low} to {high}) {unit}"


def times_table(
    cases: Sequence[Case],
    contenders: Sequence[str],
    reference: str,
    name: Callable[[Case], str] = label,
) -> str:
    """Median (quartiles) of each contender, and each other one's time over the reference's."""
    others = [c for c in contenders if c != reference]
    rows = []
    for case in cases:
        times = [
            time(spread(case["seconds"][c])) if c in case["seconds"] else "" for c in contenders
        ]
        quotients = [ratio(case, other, reference) for other in others]
        rows.append([name(case), *times, *("" if q is None else f"{q:.2f}" for q in quotients)])
    head = ["case", *contenders, *(f"{other} / {reference}" for other in others)]
    return table(head, rows)


def machine_line(machine: Mapping[str, Any]) -> str:
    """The machine in one sentence."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    pinned = "pinned to their cores" if machine["pinned"] else "not pinned to cores"
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_GiB']} GiB, "
        f"{machine['system']}; Python {machine['python']}, {versions}; NumPy's BLAS: "
        f"{machine['blas']}; processes {pinned}. {machine['date']}."
    )
