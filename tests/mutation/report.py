"""Run all mutants and write the list of them with the check that kills each.

python -m tests.mutation.report
"""

from __future__ import annotations

import ast
import warnings
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.mutation import checks, mutate
from tests.mutation.targets import EQUIVALENT, TARGETS

PATH = Path(__file__).parent / "MUTANTS.md"
PACKAGE = Path(__file__).parents[2] / "rnncore"
HEADING = "\n## "  # begins the part of a target
# Methods and functions that hold derivatives, wherever a class defines them.
NAMES = {
    "_add_immediate",
    "_by_block",
    "_close",
    "_immediate",
    "_pull_units",
    "_sweep",
    "_through",
    "add_immediate",
    "adjoint",
    "adjoints",
    "backward",
    "chain_back",
    "chain_forward",
    "collect",
    "correlate",
    "follow",
    "immediate",
    "influence_step",
    "influences",
    "influences_of",
    "input_adjoint",
    "jacobian",
    "jvp",
    "links_of",
    "partials",
    "pull",
    "push",
    "push_tangents",
    "state_jacobian",
    "immediate_jacobian",
    "sweep",
    "through",
    "total",
}
# One line that hands the call on to the cell inside, and has nothing to mutate.
DELEGATING = {"input_adjoint", "pull", "push"}


class Result(NamedTuple):
    """A mutant and the check that killed it, or None."""

    mutant: mutate.Mutant
    killer: str | None


@cache
def run(target: str) -> list[Result]:
    """All mutants of a target. The unchanged function, put in like one, must pass every check."""
    cells, settings = TARGETS[target]
    with mutate.patched(mutate.unchanged(target)):
        checks.warm_up(cells, settings)
    return [Result(mutant, killer(mutant)) for mutant in mutate.mutants(target)]


def killer(mutant: mutate.Mutant) -> str | None:
    cells, settings = TARGETS[mutant.target]
    with mutate.patched(mutant), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name, check in checks.checks_for(cells, settings):
            try:
                check()
            except Exception:  # noqa: BLE001 - whatever a mutant raises, it was caught
                return name
    return None


def table() -> str:
    """The list, in Markdown."""
    return head() + "".join(section(target) for target in TARGETS)


def head() -> str:
    """What stands before the first target; no mutant is run for it."""
    count = sum(len(mutate.mutants(target)) for target in TARGETS)
    lines = [
        "# Mutants of the derivatives and the checks that kill them",
        "",
        "Written by `python -m tests.mutation.report`; a test compares it with a new run.",
        f"{count} mutants, {count - len(EQUIVALENT)} killed; {len(EQUIVALENT)} change nothing "
        "that could be seen:",
        "",
        *(f"- `{name}`: {why}" for name, why in EQUIVALENT.items()),
    ]
    return "\n".join(lines) + "\n"


def section(target: str) -> str:
    """The part of the list that is about one target, which is run for it."""
    rows = run(target)
    if not rows:
        return ""
    lines = [
        f"{HEADING}`{target}`",
        "",
        "| line | before | after | killed by |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {r.mutant.line} | `{_cell(r.mutant.before)}` | `{_cell(r.mutant.after)}` "
        f"| {_cell(r.killer or 'nothing: see above')} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def stored() -> dict[str, str]:
    """The stored list by targets; what stands before the first is under the empty name."""
    first, *parts = PATH.read_text().split(HEADING)
    return {"": first} | {part.split("`")[1]: HEADING + part for part in parts}


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def forgotten() -> set[str]:
    """Derivatives of cells, read-outs, losses and learners that are no target."""
    missing: set[str] = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(("rnncore", *path.relative_to(PACKAGE).with_suffix("").parts))
        if not module.startswith(("rnncore.cells", "rnncore.learners", "rnncore.losses")):
            if module != "rnncore.readouts":
                continue
        for scope in ast.parse(path.read_text()).body:
            functions = scope.body if isinstance(scope, ast.ClassDef) else [scope]
            prefix = f"{scope.name}." if isinstance(scope, ast.ClassDef) else ""
            for function in functions:
                if isinstance(function, ast.FunctionDef) and function.name in NAMES:
                    target = f"{module}:{prefix}{function.name}"
                    if target not in TARGETS and not _without_mathematics(function):
                        missing.add(target)
    return missing


def _without_mathematics(function: ast.FunctionDef) -> bool:
    """Abstract, or a single line that hands on or returns what it was given."""
    if any(getattr(d, "id", "") in ("abstractmethod", "property") for d in function.decorator_list):
        return True
    body = [s for s in function.body if not isinstance(s, ast.Expr)]
    only = body[0] if len(body) == 1 else None
    if not isinstance(only, ast.Return):
        return False
    return isinstance(only.value, ast.Name | ast.Dict | ast.Attribute) or (
        function.name in DELEGATING and ast.unparse(only).startswith("return self.cell.")
    )


if __name__ == "__main__":
    PATH.write_text(table())
