"""The catalogue of entries that the book has to settle, read from ``catalogue.toml``.

An entry is an equation, an algorithm, a task or a claim of one of the five source documents
(A to E), restated in our own words. The file also names the sources and the chapters.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

ENTRY_ID = re.compile(r"^[A-E]\.[eatc][1-9][0-9]*$")
KINDS = {"e": "equation", "a": "algorithm", "t": "task", "c": "claim"}


@dataclass(frozen=True)
class Entry:
    """One entry of the catalogue.

    Attributes
    ----------
    id : str
        For instance ``"D.e17"``: source D, equation 17.
    says : str
        What the source states; formulas in LaTeX between dollar signs.
    right : str
        What is correct, where the source is wrong or incomplete; otherwise empty.
    check : str
        How the book settles the entry.
    chapter : int
        Number of the chapter that has to settle it, unless another has done so already.
    by_citation : bool
        True where the literature settles it and no code can.
    """

    id: str
    says: str
    right: str
    check: str
    chapter: int
    by_citation: bool = False

    @property
    def source(self) -> str:
        """Letter of the source document, ``"A"`` to ``"E"``."""
        return self.id[0]

    @property
    def kind(self) -> str:
        """``"equation"``, ``"algorithm"``, ``"task"`` or ``"claim"``."""
        return KINDS[self.id[2]]

    @property
    def anchor(self) -> str:
        """HTML id of the place where a notebook settles the entry."""
        return "settle-" + self.id.replace(".", "-")


@dataclass(frozen=True)
class Chapter:
    """A chapter of the book, written or planned.

    ``label`` is the reference label of a chapter that exists, and empty for a planned one.
    """

    number: int
    title: str
    part: str
    label: str = ""


class Catalogue(Mapping[str, Entry]):
    """Entries by id, in the order of the file, with the sources and the chapters.

    Parameters
    ----------
    data : mapping
        The parsed file: tables ``sources``, ``chapters`` and ``entries``.

    Raises
    ------
    ValueError
        If an id is malformed, a field is missing or unknown, or a chapter does not exist.

    Examples
    --------
    >>> len(catalogue())
    153
    >>> catalogue()["D.e17"].kind
    'equation'
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.sources: dict[str, str] = dict(data["sources"])
        self.chapters = {
            int(number): Chapter(int(number), **fields)
            for number, fields in data["chapters"].items()
        }
        self._entries = {key: self._entry(key, fields) for key, fields in data["entries"].items()}

    def _entry(self, key: str, fields: Mapping[str, Any]) -> Entry:
        if not ENTRY_ID.match(key):
            raise ValueError(f"catalogue: expected an id such as 'D.e17', got {key!r}")
        known = {"says", "right", "check", "chapter", "by_citation"}
        missing = {"says", "check", "chapter"} - set(fields)
        if missing or set(fields) - known:
            wrong = sorted(missing) or sorted(set(fields) - known)
            raise ValueError(f"catalogue: entry {key} has missing or unknown fields: {wrong}")
        if fields["chapter"] not in self.chapters:
            raise ValueError(f"catalogue: entry {key} names chapter {fields['chapter']}")
        return Entry(key, **{"right": "", **fields})

    def __getitem__(self, key: str) -> Entry:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


@cache
def catalogue() -> Catalogue:
    """Return the catalogue that ships with the package."""
    text = files("rnncore.ledger").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return Catalogue(tomllib.loads(text))
