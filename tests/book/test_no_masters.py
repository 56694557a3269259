"""Nothing of the assessed coursework's solutions and references is in the built book."""

import html
import re
from functools import cache
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
ASSIGNMENTS = ROOT / "coursework" / "assignments"
LONG = 45  # characters; shorter lines of code may stand in a chapter as well


def secrets() -> set[str]:
    """Long lines of every solution and every reference, without indentation."""
    texts = [path.read_text(encoding="utf-8") for path in ASSIGNMENTS.glob("*/reference.py")]
    for path in ASSIGNMENTS.glob("*/*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            texts += re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, re.S)
    lines = {line.strip() for text in texts for line in text.splitlines()}
    return {line for line in lines if len(line) >= LONG and not line.startswith(("from ", "#"))}


@cache
def built() -> str:
    """The text of everything that was built, without tags."""
    kinds = ("*.html", "*.ipynb", "*.md", "*.txt")
    paths = sorted({path for kind in kinds for path in HTML.rglob(kind)})
    raw = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths)
    return html.unescape(re.sub(r"<[^>]*>", "", raw))


def test_there_is_something_to_keep() -> None:
    assert len(secrets()) > 100
    assert len(built()) > 1e6


def test_no_line_of_a_solution_or_a_reference_is_in_the_book() -> None:
    text = built()
    assert [line for line in sorted(secrets()) if line in text] == []


def test_no_file_of_an_assignment_is_in_the_book() -> None:
    names = {path.stem for path in ASSIGNMENTS.iterdir()}
    assert [path for path in HTML.rglob("*") if path.stem in names] == []


def test_the_check_can_fail() -> None:
    """A line that does stand in a chapter is found by the same search."""
    assert "rng = np.random.default_rng(" in built()
