"""What each chapter must have: its sections, five exercises or more, solutions that are right."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from rnncore import exercises
from rnncore.ledger import read_records
from tools import notebooks

ROOT = Path(__file__).resolve().parents[2]
LEDGER = "27"
PATHS = sorted(p for p in (ROOT / "notebooks").glob("*.ipynb") if not p.name.startswith(LEDGER))
SECTIONS = (
    "The question",
    "A picture first",
    "By hand",
    "Derivation",
    "The code",
    "Settled",
    "An experiment",
    "Cost, and where it fails",
    "Exercises",
    "Summary",
)


@pytest.fixture(params=PATHS, ids=lambda path: path.stem, scope="module")
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


def cells(path: Path, kind: str) -> list[str]:
    return [
        "".join(cell["source"])
        for cell in notebooks.read(path)["cells"]
        if cell["cell_type"] == kind
    ]


def text(path: Path) -> str:
    return "\n\n".join(cells(path, "markdown"))


def imports(path: Path) -> str:
    """The cells at the head that import, and make the generator."""
    kept = []
    for source in cells(path, "code"):
        if not re.search(r"^(import|from) ", source, re.M):
            break
        kept.append(source)
    return "\n".join(kept)


def solutions(path: Path) -> dict[str, str]:
    """The label of each solution, and its one block of code."""
    found = {}
    pattern = r"^(`{4,}|:{3,})\{solution\} (\S+)\n(.*?)^\1\s*$"
    for match in re.finditer(pattern, text(path), re.M | re.S):
        blocks = re.findall(r"^```python\n(.*?)^```", match[3], re.M | re.S)
        assert len(blocks) == 1, f"{match[2]}: expected one block of code, got {len(blocks)}"
        assert ":class: dropdown" in match[3], match[2]
        found[match[2]] = blocks[0]
    return found


def calls(source: str, name: str) -> list[str]:
    """The first argument of each call of that name."""
    return [
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == name
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ]


def test_sections_in_order(path: Path) -> None:
    heads = re.findall(r"^## (.+)$", text(path), re.M)
    places = [heads.index(section) for section in SECTIONS if section in heads]
    assert [section for section in SECTIONS if section not in heads] == []
    assert places == sorted(places)


def test_an_interactive_figure(path: Path) -> None:
    outputs = [
        output
        for cell in notebooks.read(path)["cells"]
        for output in cell.get("outputs", [])
        if "rnn-interactive" in "".join(output.get("data", {}).get("text/html", ""))
    ]
    assert outputs


def test_exercises_solutions_and_checks_belong_together(path: Path) -> None:
    labels = re.findall(r"\{exercise\}[^\n]*\n:label: (\S+)", text(path))
    number = int(path.name[:2])
    assert len(labels) >= 5
    assert labels == [f"ex-{number}-{k + 1}" for k in range(len(labels))]
    assert list(solutions(path)) == labels
    asked = [id for source in cells(path, "code") for id in calls(source, "check")]
    assert asked == [f"ch{number}.{k + 1}" for k in range(len(labels))]
    registered = {id for id in exercises.registry() if id.startswith(f"ch{number}.")}
    assert registered == set(asked)


def test_every_solution_is_right(path: Path) -> None:
    """Each block, run after the chapter's imports alone, must satisfy its check."""
    head = imports(path)
    for label, code in solutions(path).items():
        verdicts: list[exercises.Verdict] = []

        def grade(id: str, answer: Any, into: list = verdicts) -> None:
            into.append(exercises.grade(id, answer))

        scope: dict[str, Any] = {}
        exec(head, scope)
        scope["check"] = grade
        exec(code, scope)
        assert [v.right for v in verdicts] == [True], (label, [v.line for v in verdicts])


def test_every_record_is_from_a_settled_claim(path: Path) -> None:
    assert read_records([path])


def test_the_checker_can_fail() -> None:
    """A wrong answer is not graded right."""
    assert not exercises.grade("ch1.2", [0, 0]).right
