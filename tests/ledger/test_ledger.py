"""The ledger of the book as it stands, and the audit's own alarms."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rnncore.ledger import (
    MIME,
    audit,
    build_ledger,
    catalogue,
    find_notebooks,
    judge,
    measured,
    read_records,
)
from rnncore.ledger.records import Record, chapter_number

ROOT = Path(__file__).parents[2]
NOTEBOOKS = find_notebooks(ROOT / "notebooks")


def bibliography() -> set[str]:
    text = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    return set(re.findall(r"^@\w+\{([^,\s]+),", text, flags=re.MULTILINE))


# -- the book -------------------------------------------------------------------------------


@pytest.mark.skipif(not NOTEBOOKS, reason="no notebooks here")
def test_every_entry_of_a_chapter_that_exists_is_settled():
    chapters = {chapter_number(path.stem) for path in NOTEBOOKS}
    assert audit(catalogue(), read_records(NOTEBOOKS), chapters, bibliography()) == []


def test_chapters_of_the_catalogue_have_the_labels_of_the_notebooks():
    for path in NOTEBOOKS:
        chapter = catalogue().chapters[chapter_number(path.stem)]
        source = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
        assert "".join(source).startswith(f"({chapter.label})="), path.name


# -- the alarms -----------------------------------------------------------------------------


def settlement(entry="D.e9", **changes):
    values = dict(printed=[1.0, 2.0], corrected=[2.0, 1.0], truth=[2.0, 1.0])
    return {**judge(entry, **values).record, **changes}


def record(notebook="03-bptt", cell=1, **changes):
    return Record(notebook, cell, settlement(**changes))


def problems(*records, chapters=(), bib=None):
    return audit(catalogue(), list(records), chapters, bib)


def write(path, *outputs):
    cells = [{"cell_type": "markdown", "source": []}]
    cells += [{"cell_type": "code", "outputs": [{"data": {MIME: data}}]} for data in outputs]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return path


def test_records_are_read_back(tmp_path):
    path = write(tmp_path / "03-bptt.ipynb", settlement(), settlement("D.e17"))
    first, second = read_records([path])
    assert (first.id, first.verdict, first.chapter, first.cell) == ("D.e9", "corrected", 3, 1)
    assert second.cell == 2
    assert second.lines[0] == "printed formula off by 0.50"
    assert find_notebooks(tmp_path) == [path]
    assert problems(first, second) == []


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    for text in ("{", "[]", "{}"):
        path = tmp_path / "03-broken.ipynb"
        path.write_text(text)
        with pytest.raises(ValueError, match="03-broken.ipynb is not a notebook"):
            read_records([path])


def test_a_record_of_another_form_is_named(tmp_path):
    path = write(tmp_path / "03-odd.ipynb", {"id": "D.e9"})
    with pytest.raises(ValueError, match="03-odd.ipynb, cell 1: a record has the keys"):
        read_records([path])


def test_a_name_without_a_number():
    with pytest.raises(ValueError, match="two digits|such as '04-title'"):
        chapter_number("preface")


def test_rows_keep_the_order_and_put_the_own_chapter_first():
    early, own = record("01-neuron"), record("03-bptt")
    rows = build_ledger(catalogue(), [early, own])
    assert [row.entry.id for row in rows] == list(catalogue())
    row = next(row for row in rows if row.entry.id == "D.e9")
    assert row.records == (own, early)
    assert row.verdict == "corrected"
    assert rows[0].verdict == ""


def test_unknown_entry():
    assert problems(record(id="D.e99")) == ["03-bptt, cell 1: D.e99 is not in the catalogue"]


def test_missing_entries():
    missing = problems(chapters=[6])
    assert "A.c1 belongs to chapter 6 and is not settled" in missing
    assert len(missing) == sum(entry.chapter == 6 for entry in catalogue().values())


def test_settled_elsewhere_only():
    settled = problems(record("01-neuron"), chapters=[3])
    assert not any(problem.startswith("D.e9 ") for problem in settled)


def test_settled_twice_in_one_notebook():
    assert problems(record(cell=1), record(cell=2)) == [
        "D.e9 is settled twice in one notebook: ['03-bptt', '03-bptt']"
    ]


def test_contradiction():
    found = problems(record("01-neuron"), record(verdict="holds"))
    assert found == ["D.e9 has contradictory verdicts: corrected (01-neuron), holds (03-bptt)"]


def test_unknown_verdict():
    assert "unknown verdict 'perhaps'" in problems(record(verdict="perhaps"))[0]


def test_no_evidence():
    assert "without evidence" in problems(record(evidence=[]))[0]
    cited = dict(evidence=[], citation=["mozer1989focused"])
    assert "without evidence" in problems(record(**cited))[0]
    assert problems(record(id="A.c1", verdict="false", **cited)) == []


@pytest.mark.parametrize(
    "piece",
    [
        {"kind": "agrees", "tol": 1e-12, "margin": 0.05},
        {"kind": "agrees", "tol": 1e-12, "margin": 0, "control": "1"},
        {"kind": "agrees", "control": "1"},
        {"kind": "differs"},
        {"kind": "differs", "margin": 0},
        {"kind": "misshapen", "got": [2], "want": [2]},
        {"kind": "measured", "bound": "below 1"},
        {"kind": "measured", "control": "1", "bound": ""},
        {"kind": "seen"},
        "seen",
    ],
)
def test_check_that_cannot_fail(piece):
    assert "cannot fail" in problems(record(evidence=[piece]))[0]


def test_checks_that_can_fail():
    live = measured("it", 1.0, below=2, control=3).record
    assert problems(record(evidence=[live])) == []


def test_unknown_citation():
    cited = record(id="A.c1", verdict="false", citation=["nobody2000nothing"])
    assert problems(cited) == []
    assert "cites nobody2000nothing" in problems(cited, bib={"mozer1989focused"})[0]
