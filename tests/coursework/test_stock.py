"""The table of the hostile submissions is that of the hostile set."""

from __future__ import annotations

import json

from tests.coursework.hostile_files import HOSTILE
from tests.coursework.stock import RESULT, TABLE, table


def test_the_page_is_made_of_the_stored_marks_and_the_hostile_set() -> None:
    assert TABLE.read_text() == table(json.loads(RESULT.read_text()))


def test_every_submission_has_a_row_and_was_run_or_says_why_not() -> None:
    stored = json.loads(RESULT.read_text())
    assert set(stored) == {hostile.name for hostile in HOSTILE if not hostile.unfit}


def test_stock_marks_what_is_harmless_as_it_should() -> None:
    """Else the comparison says nothing."""
    stored = json.loads(RESULT.read_text())
    for name in ("right", "crash", "chdir", "magic", "slow"):
        hostile = next(h for h in HOSTILE if h.name == name)
        assert stored[name] == [hostile.leak, hostile.total], name
    assert stored["allclose"] == [4, 2], "the cheat works there"
