"""Every stored notebook is executed, in normal form, fit to be read; none is left out."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.book import notebook_checks as checks
from tools import notebooks

ROOT = Path(__file__).resolve().parents[2]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(path: Path) -> dict[str, Any]:
    return notebooks.read(path)


def test_there_are_notebooks() -> None:
    assert PATHS


def test_executed_in_order_without_complaint_and_in_normal_form(path: Path) -> None:
    assert not notebooks.problems(path)


def test_every_figure_has_alt_text(notebook: dict[str, Any]) -> None:
    assert not checks.missing_alt(notebook)


def test_no_code_cell_is_long(notebook: dict[str, Any]) -> None:
    assert not checks.long_cells(notebook)


def test_every_output_can_be_shown(notebook: dict[str, Any]) -> None:
    assert not checks.unknown_outputs(notebook)


def test_no_folder_of_a_machine_is_named(notebook: dict[str, Any]) -> None:
    assert not checks.machine_paths(notebook)


def test_the_title_carries_the_chapter_number(path: Path, notebook: dict[str, Any]) -> None:
    assert not checks.title_troubles(notebook, path.name)


def test_the_table_of_contents_lists_what_exists() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    assert not checks.toc_troubles(toc, ROOT)
