"""The table of learners is complete, consistent, and true of what the learners do."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import numpy as np
import pytest
from bs4 import BeautifulSoup

import rnncore.cells
import rnncore.learners
from rnncore import BPTT, GRU, Batch, Linear, Network, SquaredError
from rnncore.cells import Cell
from rnncore.learners import Card, Learner, OnlineLearner, overview

TABLE = overview.learner_table()
CELLS = overview.every_cell()
each_row = pytest.mark.parametrize("row", TABLE.rows, ids=lambda row: row.learner.__name__)


def below(base: type) -> Iterator[type]:
    for cls in base.__subclasses__():
        yield cls
        yield from below(cls)


def in_package(package: str, base: type) -> set[type]:
    """Every class of a package that is not abstract, exported or not."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")
    return {
        cls
        for cls in below(base)
        if cls.__module__.startswith(package) and not inspect.isabstract(cls)
    }


def problem(cell: Cell, steps: int = 7) -> tuple[Network, Batch]:
    rng = np.random.default_rng(3)
    net = Network(cell, Linear(cell.output_size, 2), SquaredError())
    inputs, targets = rng.standard_normal((steps, 2, 2)), rng.standard_normal((steps, 2, 2))
    return net, Batch(inputs, targets)


def gradient(cls: type[Learner], cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """What a learner gives, and what is right."""
    net, batch = problem(cell)
    rng = np.random.default_rng(4)
    params = net.init_params(rng)
    got = overview.make_learner(cls, net).gradient(params, batch, rng).grads
    return got.flat(), BPTT(net).gradient(params, batch).grads.flat()


# -- complete ------------------------------------------------------------------


def test_every_learner_of_the_package_is_in_the_table() -> None:
    named = {cls for cls in in_package("rnncore.learners", Learner) if hasattr(cls, "name")}
    assert {row.learner for row in TABLE.rows} == named
    assert len(TABLE.rows) == len(named) >= 7


def test_a_class_without_a_name_is_only_a_base() -> None:
    found = in_package("rnncore.learners", Learner)
    for cls in found:
        assert hasattr(cls, "name") or any(cls in other.__mro__[1:] for other in found), cls


def test_every_cell_of_the_package_has_a_column() -> None:
    shown = {type(cell) for cell in CELLS.values()}
    public = {getattr(rnncore.cells, name) for name in rnncore.cells.__all__}
    assert shown == {cls for cls in public if issubclass(cls, Cell) and not inspect.isabstract(cls)}
    assert all(list(row.cells) == list(CELLS) for row in TABLE.rows)


def test_no_name_in_the_order_or_the_arguments_is_stale() -> None:
    names = {row.learner.__name__ for row in TABLE.rows}
    assert set(overview._LEARNERS) == names
    assert set(overview._ARGUMENTS) <= names
    assert set(overview._CELLS) <= {type(cell).__name__ for cell in CELLS.values()}


def test_names_are_unique() -> None:
    names = [row.name for row in TABLE.rows]
    assert len(set(names)) == len(names)


# -- consistent ------------------------------------------------------------------


@each_row
def test_the_card_is_complete(row: overview.LearnerRow) -> None:
    assert isinstance(row.learner.card, Card)
    assert row.time and row.memory
    assert re.search(r"(19|20)\d\d", row.reference), row.reference
    assert overview.symbols(row.time + " " + row.memory) <= set(overview.SYMBOLS)
    assert row.kind in ("exact", "unbiased", "biased")
    assert bool(row.limit) == (row.kind == "biased"), "a biased learner, and no other, has a limit"
    assert row.random or row.kind != "unbiased", "nothing is unbiased without chance"
    assert row.online == issubclass(row.learner, OnlineLearner)


@each_row
def test_the_docstring_says_its_class(row: overview.LearnerRow) -> None:
    assert re.search(rf"\b{row.kind}\b", row.learner.__doc__ or "", re.IGNORECASE)


def test_rows_are_ordered_by_class() -> None:
    order = [("exact", "unbiased", "biased").index(row.kind) for row in TABLE.rows]
    assert order == sorted(order)


# -- true ------------------------------------------------------------------------


@each_row
def test_a_learner_runs_where_it_applies_and_is_of_its_class(row: overview.LearnerRow) -> None:
    accepted = [name for name, why in row.cells.items() if not why]
    assert accepted, "it applies to nothing"
    differs = []
    for name in accepted:
        got, want = gradient(row.learner, CELLS[name])
        assert np.isfinite(got).all() and (got != 0).any()
        differs.append(np.abs(got - want).max() > 1e-9 * np.abs(want).max())
    # One draw of an unbiased learner is not exact, nor is a biased one everywhere.
    assert any(differs) == (row.kind != "exact")


@each_row
def test_a_refusal_names_the_cell_and_the_reason(row: overview.LearnerRow) -> None:
    for name, why in row.cells.items():
        if why:
            with pytest.raises((TypeError, ValueError), match=re.escape(why)):
                gradient(row.learner, CELLS[name])
            assert len(why.split()) > 5, why


def test_what_a_learner_refuses_is_found() -> None:
    class Choosy(BPTT):
        def __init__(self, network: Network) -> None:
            super().__init__(network)
            if isinstance(network.cell, GRU):
                raise ValueError("network: a GRU is not for me")

    refused = {name: why for name, why in overview.applies(Choosy).items() if why}
    assert refused == {"GRU": "a GRU is not for me"}
    (line,) = _table([_row(Choosy)]).select("tbody tr")
    assert [cell.text for cell in line.select("td")].count("no") == 1


# -- rendered --------------------------------------------------------------------


def _row(cls: type[Learner]) -> overview.LearnerRow:
    return TABLE.rows[0]._replace(learner=cls, cells=overview.applies(cls))


def _table(rows: list[overview.LearnerRow]) -> BeautifulSoup:
    return BeautifulSoup(overview.LearnerTable(rows).cells_html(), "html.parser")


def test_the_text_has_a_line_for_each_learner() -> None:
    lines = str(TABLE).splitlines()
    assert lines[0].split()[:3] == ["learner", "class", "time"]
    for row, line in zip(TABLE.rows, lines[1:], strict=False):
        assert line.startswith(row.name) and row.reference in line


def test_the_html_is_an_accessible_table_in_a_box() -> None:
    page = BeautifulSoup(TABLE._repr_html_(), "html.parser")
    tables = page.select("table")
    assert len(tables) == 2
    for table in tables:
        assert table.caption and table.caption.text
        box = table.parent
        assert box is not None and box["role"] == "region" and box["tabindex"] == "0"
        assert box["aria-label"] == table.caption.text
        heads = table.select("thead th[scope=col]")
        lines = table.select("tbody tr")
        assert len(lines) == len(TABLE.rows)
        for line in lines:
            assert len(line.select("th[scope=row]")) == 1
            assert len(line.select("th, td")) == len(heads)


def test_every_no_leads_to_its_reason() -> None:
    page = BeautifulSoup(TABLE._repr_html_(), "html.parser")
    ids = [item["id"] for item in page.select("[id]")]
    assert len(set(ids)) == len(ids)
    links = [str(a["href"]).removeprefix("#") for a in page.select("td a")]
    assert sorted(links) == sorted(ids)
    assert len(links) == sum(bool(why) for row in TABLE.rows for why in row.cells.values())


@pytest.mark.parametrize(
    "formula, text",
    [
        ("N^2 P / h", "<i>N</i><sup>2</sup> <i>P</i> / <i>h</i>"),
        ("sqrt(T) N", "√<i>T</i> <i>N</i>"),
        ("k2 >= k1", "<i>k</i><sub>2</sub> ≥ <i>k</i><sub>1</sub>"),
        ("N / c in the mean", "<i>N</i> / <i>c</i> in the mean"),
    ],
)
def test_formulas_are_set(formula: str, text: str) -> None:
    assert overview._formula(formula) == f'<span class="formula">{text}</span>'
