"""What must hold of every built page; each check returns its complaints, none if all is well."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

# Attributes whose value a browser loads by itself; <a href> is followed only by the reader.
LOADING = {
    "audio": ["src"],
    "embed": ["src"],
    "iframe": ["src"],
    "image": ["href", "xlink:href"],
    "img": ["src", "srcset"],
    "input": ["src"],
    "link": ["href"],
    "object": ["data"],
    "script": ["src"],
    "source": ["src", "srcset"],
    "track": ["src"],
    "use": ["href", "xlink:href"],
    "video": ["src", "poster"],
}
# <link> elements that describe the page instead of loading something.
DESCRIBING_LINKS = {"alternate", "author", "canonical", "help", "license", "next", "prev"}

CSS_LOADS = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
# An address in a script: anything but the names of XML languages could be fetched.
SCRIPT_ADDRESS = re.compile(r"""(?:(?:https?|wss?):)?//(?!www\.w3\.org/)[\w-]+\.[\w./@-]+""")


@cache
def parse(path: Path) -> BeautifulSoup:
    """Return the page's elements."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def pages(root: Path) -> list[Path]:
    """Return every page a reader can open below `root`: templates of the theme are none."""
    return sorted(p for p in root.rglob("*.html") if "_static" not in p.relative_to(root).parts)


def is_redirect(page: Path) -> bool:
    """Say whether the page only sends the reader to another."""
    return parse(page).select_one('meta[http-equiv="Refresh" i]') is not None


def _values(tag: Tag, attribute: str) -> list[str]:
    """Return the addresses in an attribute (several in a srcset)."""
    value = str(tag.get(attribute) or "").strip()
    if attribute == "srcset":
        return [part.split()[0] for part in value.split(",") if part.strip()]
    return [value] if value else []


def loaded(page: Path) -> Iterator[tuple[str, str]]:
    """Yield (element, address) for whatever the page itself loads."""
    for name, attributes in LOADING.items():
        for tag in parse(page).find_all(name):
            if name == "link" and set(tag.get("rel") or []) <= DESCRIBING_LINKS:
                continue
            for attribute in attributes:
                yield from ((f"<{name} {attribute}>", v) for v in _values(tag, attribute))
    for tag in parse(page).find_all(style=True):
        yield from (("style attribute", address) for address in css_loads(str(tag["style"])))
    for tag in parse(page).find_all("style"):
        yield from (("<style>", address) for address in css_loads(tag.get_text()))


def css_loads(css: str) -> list[str]:
    """Return the addresses that a style sheet loads."""
    return [match[1] or match[2] for match in CSS_LOADS.finditer(css)]


def is_foreign(address: str) -> bool:
    """Say whether loading `address` asks another host."""
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data", "blob", "about")


def foreign_loads(page: Path) -> list[str]:
    """Complain of everything that the page would load from another host."""
    complaints = [
        f"{what} loads {address}" for what, address in loaded(page) if is_foreign(address)
    ]
    for script in parse(page).find_all("script", src=False):
        found = SCRIPT_ADDRESS.findall(script.get_text())
        complaints += [f"inline <script> holds the address {address}" for address in found]
    for tag in parse(page).find_all("meta", attrs={"http-equiv": re.compile("refresh", re.I)}):
        target = str(tag.get("content", "")).partition("=")[2]
        if is_foreign(target):
            complaints.append(f"the page refreshes to {target}")
    return complaints


def foreign_css(root: Path) -> list[str]:
    """Complain of every style sheet below `root` that loads something from another host."""
    return [
        f"{sheet.relative_to(root)} loads {address}"
        for sheet in sorted(root.rglob("*.css"))
        for address in css_loads(sheet.read_text(encoding="utf-8"))
        if is_foreign(address)
    ]


def missing_alt(page: Path) -> list[str]:
    """Complain of every picture without a text that says what it shows."""
    complaints = []
    for tag in parse(page).find_all("img"):
        alt = str(tag.get("alt") or "").strip()
        source = str(tag.get("src") or "")[:60]
        if not alt:
            complaints.append(f"picture without alt text: {source}")
        elif re.fullmatch(r"\S*(/|\.(png|svg|jpe?g|gif))\S*|[0-9a-f]{32,}", alt):
            complaints.append(f"alt text is a file name: {alt}")
    return complaints


def broken_links(page: Path, root: Path) -> list[str]:
    """Complain of local links and files that do not exist, and of anchors that nothing carries."""
    links = [("<a href>", str(tag["href"])) for tag in parse(page).find_all("a", href=True)]
    links += [pair for pair in loaded(page)]
    return [
        f"{what}: {trouble}"
        for what, address in dict.fromkeys(links)
        if (trouble := _link_trouble(page, root, address))
    ]


def _link_trouble(page: Path, root: Path, address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or address == "#":
        return ""
    base = root if parts.path.startswith("/") else page.parent
    target = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(root.resolve()) and target != page:
        return f"{address} leaves the book"
    if not target.is_file():
        return f"{address} does not exist"
    if parts.fragment and target.suffix == ".html":
        if unquote(parts.fragment) not in _anchors(target):
            return f"{address} has no such anchor"
    return ""


@cache
def _anchors(page: Path) -> frozenset[str]:
    tags = parse(page).find_all(True)
    return frozenset(str(tag[key]) for tag in tags for key in ("id", "name") if tag.get(key))


def heading_troubles(page: Path) -> list[str]:
    """Complain unless the page has one title, a name for the tab and a language."""
    soup = parse(page)
    # The theme hides a second copy of the title for printing, outside of the article.
    count = len(soup.select("article h1, main#main-content:not(:has(article)) h1"))
    complaints = [] if count == 1 else [f"expected one <h1>, found {count}"]
    if soup.title is None or not soup.title.get_text(strip=True):
        complaints.append("no <title>")
    if soup.html is None or not soup.html.get("lang"):
        complaints.append("no language on <html>")
    return complaints


def mathematics_troubles(page: Path, root: Path) -> list[str]:
    """Complain if the page has formulas and no local MathJax to set them."""
    if not parse(page).select(".math"):
        return []
    sources = [str(tag["src"]) for tag in parse(page).find_all("script", src=True)]
    mathjax = [source for source in sources if "mathjax" in source.lower()]
    if len(mathjax) != 1:
        return [f"formulas, and {len(mathjax)} scripts of MathJax instead of one"]
    script = (page.parent / urlsplit(mathjax[0]).path).resolve()
    if is_foreign(mathjax[0]) or not script.is_file():
        return [f"MathJax is not part of the book: {mathjax[0]}"]
    if not list(script.parent.glob("output/chtml/fonts/woff-v2/*.woff")):
        return ["the fonts of MathJax are not part of the book"]
    return []
