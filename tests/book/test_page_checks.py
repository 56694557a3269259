"""The checks of the built pages find what they are for: each on a small page that is wrong."""

from pathlib import Path

import pytest

from tests.book import page_checks as checks

FRAME = (
    '<html lang="en"><head><title>t</title>{head}</head><body><main id="main-content">'
    "<article><h1>t</h1>{body}</article></main></body></html>"
)


def write(folder: Path, body: str = "", head: str = "", name: str = "page.html") -> Path:
    page = folder / name
    page.write_text(FRAME.format(head=head, body=body), encoding="utf-8")
    return page


@pytest.mark.parametrize(
    "head, body",
    [
        ('<script src="https://cdn.example.org/a.js"></script>', ""),
        ('<script src="//cdn.example.org/a.js"></script>', ""),
        ('<link rel="stylesheet" href="https://fonts.example.org/css">', ""),
        ('<link rel="preconnect" href="https://fonts.example.org">', ""),
        ("<style>@import 'https://fonts.example.org/css';</style>", ""),
        ("<style>p { background: url(http://example.org/a.png) }</style>", ""),
        ("", '<p style="background: url(//example.org/a.png)"></p>'),
        ("", '<img alt="a" src="https://example.org/a.png">'),
        ("", '<img alt="a" src="a.png" srcset="a.png 1x, https://example.org/b.png 2x">'),
        ("", '<iframe src="https://example.org"></iframe>'),
        ("", '<svg><use href="https://example.org/a.svg#b"></use></svg>'),
        ("", '<script>fetch("https://example.org/data.json")</script>'),
        ("", '<script>import("//example.org/module.js")</script>'),
        ('<meta http-equiv="refresh" content="0; url=https://example.org">', ""),
    ],
)
def test_loading_from_another_host_is_found(tmp_path: Path, head: str, body: str) -> None:
    assert len(checks.foreign_loads(write(tmp_path, body, head))) == 1


@pytest.mark.parametrize(
    "head, body",
    [
        ("", '<a href="https://example.org">elsewhere</a>'),
        ("", '<img alt="a dot" src="data:image/png;base64,AAAA">'),
        ("", '<svg xmlns="http://www.w3.org/2000/svg"></svg>'),
        ("", '<script>document.createElementNS("http://www.w3.org/2000/svg", "g")</script>'),
        ("", "<script>let a = 1; // a.b, a comment</script>"),
        ('<link rel="canonical" href="https://example.org/page">', ""),
        ('<script src="_static/a.js"></script>', ""),
    ],
)
def test_what_stays_here_passes(tmp_path: Path, head: str, body: str) -> None:
    assert checks.foreign_loads(write(tmp_path, body, head)) == []


def test_a_style_sheet_that_loads_from_another_host_is_found(tmp_path: Path) -> None:
    (tmp_path / "good.css").write_text("@import 'basic.css'; a { src: url('../fonts/a.woff') }")
    assert checks.foreign_css(tmp_path) == []
    (tmp_path / "bad.css").write_text("a { src: url('https://example.org/a.woff') }")
    assert checks.foreign_css(tmp_path) == ["bad.css loads https://example.org/a.woff"]


@pytest.mark.parametrize("alt", ["", ' alt=""', ' alt=" "', ' alt="_images/0a1b.png"'])
def test_a_picture_without_alt_text_is_found(tmp_path: Path, alt: str) -> None:
    assert len(checks.missing_alt(write(tmp_path, f'<img src="a.png"{alt}>'))) == 1


def test_a_hash_for_alt_text_is_found(tmp_path: Path) -> None:
    page = write(tmp_path, f'<img src="a.png" alt="../_images/{"0f" * 32}.png">')
    assert len(checks.missing_alt(page)) == 1


def test_a_picture_with_alt_text_passes(tmp_path: Path) -> None:
    page = write(tmp_path, '<img src="a.png" alt="Loss of BPTT and/or RTRL over 100 steps.">')
    assert checks.missing_alt(page) == []


@pytest.mark.parametrize(
    "body",
    [
        '<a href="nowhere.html">x</a>',
        '<a href="#nothing">x</a>',
        '<a href="other.html#nothing">x</a>',
        '<a href="../outside.html">x</a>',
        '<img alt="a" src="missing.png">',
        '<script src="_static/missing.js"></script>',
    ],
)
def test_a_broken_link_is_found(tmp_path: Path, body: str) -> None:
    root = tmp_path / "book"
    root.mkdir()
    write(root, '<p id="here"></p>', name="other.html")
    write(tmp_path, name="outside.html")
    assert len(checks.broken_links(write(root, body), root)) == 1


def test_links_that_resolve_pass(tmp_path: Path) -> None:
    write(tmp_path, '<p id="here"></p>', name="other.html")
    body = (
        '<p id="eq"></p><a href="#eq">a</a><a href="other.html#here">b</a><a href="#">c</a>'
        '<a href="other.html?v=1">d</a><a href="https://example.org/#x">e</a>'
    )
    assert checks.broken_links(write(tmp_path, body), tmp_path) == []


def test_titles_are_counted(tmp_path: Path) -> None:
    assert checks.heading_troubles(write(tmp_path)) == []
    two = write(tmp_path, "<h1>again</h1>", name="two.html")
    assert checks.heading_troubles(two) == ["expected one <h1>, found 2"]
    bare = tmp_path / "bare.html"
    bare.write_text("<html><body><article></article></body></html>")
    assert len(checks.heading_troubles(bare)) == 3


def test_formulas_without_a_local_mathjax_are_found(tmp_path: Path) -> None:
    formula, script = '<span class="math">x</span>', '<script src="{}"></script>'
    assert checks.mathematics_troubles(write(tmp_path), tmp_path) == []
    assert len(checks.mathematics_troubles(write(tmp_path, formula, name="1.html"), tmp_path)) == 1
    head = script.format("https://cdn.example.org/mathjax/tex.js")
    page = write(tmp_path, formula, head, name="2.html")
    assert "not part of the book" in checks.mathematics_troubles(page, tmp_path)[0]
    (tmp_path / "mathjax").mkdir()
    (tmp_path / "mathjax" / "tex.js").touch()
    page = write(tmp_path, formula, script.format("mathjax/tex.js"), name="3.html")
    assert "fonts" in checks.mathematics_troubles(page, tmp_path)[0]
    fonts = tmp_path / "mathjax" / "output" / "chtml" / "fonts" / "woff-v2"
    fonts.mkdir(parents=True)
    (fonts / "a.woff").touch()
    assert checks.mathematics_troubles(page, tmp_path) == []


def test_templates_are_no_pages_and_redirects_are_known(tmp_path: Path) -> None:
    (tmp_path / "_static").mkdir()
    write(tmp_path / "_static", name="template.html")
    page = write(tmp_path, head='<meta http-equiv="Refresh" content="0; url=other.html" />')
    assert checks.pages(tmp_path) == [page]
    assert checks.is_redirect(page)
    assert not checks.is_redirect(write(tmp_path, name="other.html"))
