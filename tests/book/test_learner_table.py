"""The directive that puts the tables of the learners into the book."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from bs4 import BeautifulSoup

from rnncore.learners import every_learner

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "api" / "learner-table.md"
BUILT = ROOT / "_build" / "html" / "book" / "api" / "learner-table.html"


@pytest.fixture(scope="module")
def extension() -> ModuleType:
    path = ROOT / "book" / "_ext" / "learner_table.py"
    spec = importlib.util.spec_from_file_location("learner_table", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_extension_is_wired_in() -> None:
    sphinx = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]
    assert sphinx["local_extensions"]["learner_table"] == "book/_ext/"
    assert "learner_table" in sphinx["config"]["extensions"]
    assert "book/api/learner-table" in (ROOT / "_toc.yml").read_text(encoding="utf-8")


def test_the_page_asks_for_each_part_once_and_has_no_table_of_its_own(
    extension: ModuleType,
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    asked = re.findall(r"^```\{learner-table\} (\w+)$", text, re.MULTILINE)
    assert sorted(asked) == sorted(extension.PARTS)
    assert not re.search(r"^\|", text, re.MULTILINE)


def test_learners_link_to_their_documentation(extension: ModuleType) -> None:
    made = extension.table()
    for part in ("costs", "cells"):
        table = BeautifulSoup(extension.render(part, made, "learners.html"), "html.parser")
        links = [a["href"] for a in table.select("tbody th a")]
        want = [f"learners.html#rnncore.learners.{cls.__name__}" for cls in every_learner()]
        assert links == want


def test_an_unknown_part_is_refused(extension: ModuleType) -> None:
    with pytest.raises(ValueError, match="part: expected one of"):
        extension.render("prices", extension.table(), "learners.html")


def test_the_built_page_shows_every_learner() -> None:
    assert BUILT.exists(), "run make book"
    page = BeautifulSoup(BUILT.read_text(encoding="utf-8"), "html.parser")
    for table in page.select("table.learners"):
        assert len(table.select("tbody tr")) == len(every_learner())
    assert len(page.select("table.learners")) == 2
