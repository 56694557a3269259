"""The tables of the ledger chapter."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup

from rnncore.ledger import (
    build_ledger,
    catalogue,
    count_table,
    entry_table,
    judge,
    measured,
    open_table,
    verdict_filter,
)
from rnncore.ledger.records import Record

LIVE = measured("a < b", 1.0, below=2.0, control=3.0)


def ledger(*settlements):
    records = [Record("03-bptt", i, s.record) for i, s in enumerate(settlements)]
    return build_ledger(catalogue(), records)


WRONG = judge("D.e9", printed=[1.0, 2.0], corrected=[2.0, 1.0], truth=[2.0, 1.0])
PART = judge("D.e7", verdict="holds in part", evidence=[LIVE], because="Not for x < 1 & y.")
CITED = judge("A.c1", verdict="false", citation=["mozer1989focused"], because="Others were first.")
ROWS = ledger(WRONG, PART, CITED)


def soup(table):
    return BeautifulSoup(table._repr_html_(), "html.parser")


def test_counts_add_up():
    table = count_table(catalogue(), ROWS)
    lines = [line.split() for line in repr(table).splitlines()]
    assert lines[0] == "A B C D E all".split()
    assert lines[1] == "holds 0 0 0 0 0 0".split()
    assert lines[2] == "corrected 0 0 0 1 0 1".split()
    assert lines[-1] == "entries 40 24 26 38 25 153".split()
    cells = [cell.get_text() for cell in soup(table).select("tbody tr")[-1].select("td")]
    assert cells == lines[-1][1:]


def test_open_entries_stand_at_their_chapter():
    table = open_table(catalogue(), ROWS)
    assert "6. Schmidhuber's hybrid (3): D.a5, D.c9, D.c10" in repr(table)
    assert "D.e9" not in repr(table)
    ids = re.findall(r"\b[A-E]\.[eatc]\d+", soup(table).get_text(" "))
    assert len(ids) == len(set(ids)) == 150


def test_nothing_open():
    rows = [row for row in ROWS if row.records]
    assert repr(open_table(catalogue(), rows)) == "nothing is open"


def test_entries_of_a_source():
    table = entry_table(catalogue(), ROWS, "D")
    rows = {row.th["id"]: row for row in soup(table).select("tbody tr")}
    assert len(rows) == 38
    settled = rows["ledger-D-e9"]
    assert settled["data-verdict"] == "corrected"
    assert settled.select_one(".ledger-corrected").get_text() == "corrected"
    assert settled.a["href"] == "03-bptt.html#settle-D-e9"
    assert "Right:" in settled.get_text()
    assert "printed formula off by" in settled.details.get_text()
    assert "Note:" in rows["ledger-D-e7"].get_text()
    assert "Not for x < 1 & y." in rows["ledger-D-e7"].get_text()
    unsettled = rows["ledger-D-c9"]
    assert unsettled["data-verdict"] == "open"
    assert "To be shown:" in unsettled.get_text()
    assert "planned in Chapter 6, Schmidhuber's hybrid." in unsettled.get_text()


def test_formulas_are_left_to_mathjax():
    table = soup(entry_table(catalogue(), ROWS, "B"))
    cell = table.select_one("#ledger-B-e3").find_next("td")
    assert r"\(y_k(t+1) = f_k(s_k(t))\)" in cell.get_text()
    assert "mathjax_process" in cell["class"]
    assert "$" not in table.get_text()
    long = table.select_one("#ledger-B-e9").find_next("td").select_one(".ledger-math")
    assert long.get_text().startswith(r"\(p^k_{ij}(t+1)")


def test_text_of_a_source():
    text = repr(entry_table(catalogue(), ROWS, "A"))
    assert "A.c1  false  RTRL is due to Jürgen Schmidhuber." in text
    assert "settled by citation: mozer1989focused" in text
    assert "A.c21  open" in text and "belongs to chapter 5" in text


def test_unknown_source():
    with pytest.raises(ValueError, match="source must be one of"):
        entry_table(catalogue(), ROWS, "F")


def test_filter_offers_every_verdict():
    options = [option.get_text() for option in soup(verdict_filter()).select("option")]
    assert options == ["any", "holds", "corrected", "holds in part", "false", "open"]
