"""What must hold of every stored notebook beyond its normal form (tools/notebooks.py).

Each check takes a notebook as JSON and returns its complaints, none if all is well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag

from tools.notebooks import describe

Json = dict[str, Any]

LONGEST_CELL = 19  # lines: a code cell stays under 20
SETTLE_MIME = "application/vnd.rnncore.settle+json"
# The kinds of output that the book's pages and nbval know what to do with.
KNOWN_MIMES = {
    "image/png",
    "image/svg+xml",
    "text/html",
    "text/latex",
    "text/markdown",
    "text/plain",
    SETTLE_MIME,
}
IMAGE_MIMES = {"image/png", "image/svg+xml", "image/jpeg"}
MACHINE_PATH = re.compile(
    r"(?<![\w/.])(/(home|Users|root|tmp|work|var|opt|usr)/[\w.-]+|[A-Za-z]:\\\w+)|site-packages"
)
CHAPTER_TITLE = re.compile(r"^# (\d+)\. \S", re.MULTILINE)


def _code(notebook: Json) -> Iterator[tuple[str, Json]]:
    for position, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "code":
            yield describe(cell, position), cell


def missing_alt(notebook: Json) -> list[str]:
    """Complain of every picture in an output without a text that says what it shows."""
    complaints = []
    for where, cell in _code(notebook):
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "").strip()
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "text/html" in data:
                complaints += [f"{where}: {c}" for c in unnamed_pictures(data["text/html"])]
            elif IMAGE_MIMES & set(data) and not alt:
                complaints.append(f"{where}: figure without alt text (mystnb.image.alt)")
    return complaints


def unnamed_pictures(html: str) -> list[str]:
    """Complain of every <img>, <svg> or <canvas> in `html` that has no text for it."""
    return [
        f"<{tag.name}> without alt text, aria-label or title"
        for tag in BeautifulSoup(html, "html.parser").find_all(["img", "svg", "canvas"])
        if not _named(tag)
    ]


def _named(tag: Tag) -> bool:
    if tag.get("aria-hidden") == "true" or tag.find_parent(attrs={"aria-hidden": "true"}):
        return True
    if any(str(tag.get(key) or "").strip() for key in ("alt", "aria-label", "aria-labelledby")):
        return True
    title = tag.find("title", recursive=False)
    return title is not None and bool(title.get_text(strip=True))


def long_cells(notebook: Json) -> list[str]:
    """Complain of code cells that a reader cannot take in at once."""
    counted = ((where, len(cell["source"].splitlines())) for where, cell in _code(notebook))
    return [f"{where} has {lines} lines" for where, lines in counted if lines > LONGEST_CELL]


def unknown_outputs(notebook: Json) -> list[str]:
    """Complain of outputs that the built page cannot show, or shows as nothing."""
    complaints = []
    for where, cell in _code(notebook):
        for output in cell["outputs"]:
            kinds = set(output.get("data", {}))
            complaints += [f"{where} gives {kind}" for kind in sorted(kinds - KNOWN_MIMES)]
            if kinds and kinds <= {SETTLE_MIME}:
                complaints.append(f"{where} gives a record without a text beside it")
    return complaints


def machine_paths(notebook: Json) -> list[str]:
    """Complain of the folders of somebody's machine, in a text, a code or an output."""
    complaints = []
    for position, cell in enumerate(notebook["cells"], 1):
        texts = [cell["source"]]
        for output in cell.get("outputs", []):
            texts.append(output.get("text", ""))
            data = output.get("data", {})
            texts += [d if isinstance(d, str) else json.dumps(d) for d in _readable(data)]
        found = [match[0] for text in texts for match in MACHINE_PATH.finditer(text)]
        complaints += [f"{describe(cell, position)} names {path}" for path in found]
    return complaints


def _readable(data: Json) -> Iterator[Any]:
    for mime, value in data.items():
        if mime == "text/html":
            yield re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", value)
        elif mime not in IMAGE_MIMES:
            yield value


def title_troubles(notebook: Json, name: str) -> list[str]:
    """Complain unless the title carries the number that the file's name starts with."""
    number = name.partition("-")[0]
    first = notebook["cells"][0] if notebook["cells"] else {"cell_type": "none", "source": ""}
    title = CHAPTER_TITLE.search(first["source"]) if first["cell_type"] == "markdown" else None
    if title is None:
        return [f'the first cell has no title "# {int(number)}. ..."']
    if int(title[1]) != int(number):
        return [f"the title says chapter {title[1]}, the file says {number}"]
    return []


def toc_files(toc: Any) -> list[str]:
    """Return every file named in a table of contents, in the order of reading."""
    if isinstance(toc, list):
        return [name for entry in toc for name in toc_files(entry)]
    if not isinstance(toc, dict):
        return []
    own = [toc[key] for key in ("root", "file") if key in toc]
    return own + [name for value in toc.values() for name in toc_files(value)]


def toc_troubles(toc: Any, root: Path) -> list[str]:
    """Complain of chapters missing from the contents, and of contents without a file."""
    listed = toc_files(toc)
    stored = {
        str(path.relative_to(root).with_suffix("")) for path in (root / "notebooks").glob("*.ipynb")
    }
    complaints = [f"{name} is not in _toc.yml" for name in sorted(stored - set(listed))]
    for name in listed:
        if not any((root / f"{name}{suffix}").is_file() for suffix in (".md", ".ipynb")):
            complaints.append(f"_toc.yml lists {name}, which does not exist")
        if listed.count(name) > 1:
            complaints.append(f"_toc.yml lists {name} more than once")
    return complaints
