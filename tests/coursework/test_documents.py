"""The teacher's pages say what is there."""

import re
from pathlib import Path

import pytest

from coursework import assignment as assignments

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("coursework/README.md", "book/coursework.md")


def listed(text):
    """Name, points by program and points by hand of each assignment in a page's table."""
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| (\d+) \| (\d+) \|$", text, re.M)
    return {name: (float(auto), float(hand)) for name, auto, hand in rows}


def there():
    """The same, from the assignments themselves."""
    found = {}
    for name in assignments.names():
        assignment = assignments.find(name)
        by_hand = sum(
            cell.metadata.nbgrader.points
            for cell in assignment.notebook.cells
            if cell.metadata.get("nbgrader", {}).get("grade")
            and cell.metadata.nbgrader.get("solution")
        )
        automatic = sum(question.points for question in assignment.questions.values())
        found[name] = (automatic, float(by_hand))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_table_lists_every_assignment_with_its_points(page):
    assert listed((ROOT / page).read_text(encoding="utf-8")) == there()


def test_six_assignments_one_of_them_partly_by_hand():
    found = there()
    assert len(found) == 6
    assert any(by_hand >= 8 for _, by_hand in found.values())


def test_a_changed_number_would_be_seen():
    text = (ROOT / PAGES[0]).read_text(encoding="utf-8")
    assert listed(text.replace("| 20 | 4 |", "| 20 | 5 |")) != there()


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_the_text_is_one(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    commands = set(re.findall(r"python -m coursework (\w+)", text))
    assert commands == {"release", "mark", "export"}
