"""The built pages: no other host, a text for every picture, no broken link, formulas set."""

from pathlib import Path

import pytest

from tests.book import page_checks as checks

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"

PAGES = checks.pages(HTML)


def name(page: Path) -> str:
    return str(page.relative_to(HTML))


each_page = pytest.mark.parametrize("page", PAGES, ids=name)
titled_page = pytest.mark.parametrize(
    "page", [page for page in PAGES if not checks.is_redirect(page)], ids=name
)


def test_the_book_is_built() -> None:
    assert PAGES, f"no pages in {HTML}: run make book"
    assert HTML / "index.html" in PAGES


@each_page
def test_nothing_is_loaded_from_another_host(page: Path) -> None:
    assert not checks.foreign_loads(page)


def test_no_style_sheet_loads_from_another_host() -> None:
    assert list(HTML.rglob("*.css")), f"no style sheets in {HTML}: run make book"
    assert not checks.foreign_css(HTML)


@each_page
def test_every_picture_has_alt_text(page: Path) -> None:
    assert not checks.missing_alt(page)


@each_page
def test_local_links_and_anchors_resolve(page: Path) -> None:
    assert not checks.broken_links(page, HTML)


@titled_page
def test_one_title(page: Path) -> None:
    assert not checks.heading_troubles(page)


@each_page
def test_formulas_are_set_by_local_mathjax(page: Path) -> None:
    assert not checks.mathematics_troubles(page, HTML)
