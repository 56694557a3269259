"""Read the ledger's records from stored notebooks, join them with the catalogue, audit them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnncore.ledger.catalogue import Catalogue, Entry
from rnncore.ledger.settle import MIME, VERDICTS


@dataclass(frozen=True)
class Record:
    """A settlement found in a stored notebook.

    Attributes
    ----------
    notebook : str
        File name without its ending, for instance ``"03-backpropagation-through-time"``.
    cell : int
        Index of the cell among all cells, from 0.
    data : dict
        What `settle` left: ``id``, ``verdict``, ``because``, ``evidence``, ``citation``.
    """

    notebook: str
    cell: int
    data: dict[str, Any]

    @property
    def id(self) -> str:
        """Id of the entry."""
        return str(self.data.get("id"))

    @property
    def verdict(self) -> str:
        """The verdict."""
        return str(self.data.get("verdict"))

    @property
    def chapter(self) -> int:
        """Number of the chapter, from the notebook's name."""
        return chapter_number(self.notebook)

    @property
    def lines(self) -> list[str]:
        """What was found, a line for each piece of evidence."""
        lines = [piece["line"] for piece in self.data["evidence"]]
        if self.data["citation"]:
            lines.append("settled by citation: " + ", ".join(self.data["citation"]))
        return lines


@dataclass(frozen=True)
class Row:
    """A row of the ledger: an entry and every place that settles it, first place first."""

    entry: Entry
    records: tuple[Record, ...]

    @property
    def verdict(self) -> str:
        """Verdict of the first place, or the empty string where nothing settles the entry."""
        return self.records[0].verdict if self.records else ""


def chapter_number(name: str) -> int:
    """Return the number that a notebook's name starts with.

    Raises
    ------
    ValueError
        If the name does not start with two digits and a hyphen.

    Examples
    --------
    >>> chapter_number("04-real-time-recurrent-learning")
    4
    """
    found = re.match(r"([0-9]{2})-", name)
    if not found:
        raise ValueError(f"expected a notebook's name such as '04-title', got {name!r}")
    return int(found[1])


def find_notebooks(folder: str | Path) -> list[Path]:
    """Return the numbered notebooks of a folder, in order."""
    return sorted(Path(folder).glob("[0-9][0-9]-*.ipynb"))


def read_records(notebooks: Iterable[str | Path]) -> list[Record]:
    """Collect the records in the stored outputs of notebooks, in order.

    Parameters
    ----------
    notebooks : iterable of paths
        ``.ipynb`` files in format 4.

    Raises
    ------
    ValueError
        If a file is not a notebook or a record is not a mapping with the expected keys.
    """
    records = []
    for path in map(Path, notebooks):
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"{path.name} is not a notebook: {error}") from None
        for index, cell in enumerate(cells):
            for output in cell.get("outputs", []):
                data = output.get("data", {}).get(MIME)
                if data is not None:
                    records.append(Record(path.stem, index, _checked(data, path, index)))
    return records


def _checked(data: Any, path: Path, cell: int) -> dict[str, Any]:
    keys = {"id", "verdict", "because", "evidence", "citation"}
    if not isinstance(data, dict) or set(data) != keys:
        raise ValueError(f"{path.name}, cell {cell}: a record has the keys {sorted(keys)}")
    return data


def build_ledger(entries: Catalogue, records: Sequence[Record]) -> list[Row]:
    """Join the catalogue with the records: one row for each entry, in the catalogue's order.

    The place in the entry's own chapter comes first, others follow in reading order. Records of
    unknown entries are left out; `audit` reports them.
    """
    rows = []
    for entry in entries.values():
        mine = [record for record in records if record.id == entry.id]
        mine.sort(key=lambda record, own=entry.chapter: record.chapter != own)  # type: ignore[misc]
        rows.append(Row(entry, tuple(mine)))
    return rows


def audit(
    entries: Catalogue,
    records: Sequence[Record],
    chapters: Iterable[int],
    bibliography: Iterable[str] | None = None,
) -> list[str]:
    """List everything that is wrong with the ledger; an empty list is a clean one.

    Parameters
    ----------
    entries : Catalogue
        The catalogue.
    records : sequence of Record
        What the notebooks settle.
    chapters : iterable of int
        Numbers of the chapters that exist: their entries must be settled, there or elsewhere.
    bibliography : iterable of str, optional
        Known keys; without it citations are not looked up.

    Returns
    -------
    list of str
        Unknown, missing, repeated and contradictory entries, and checks that cannot fail.
    """
    problems = []
    present = set(chapters)
    settled: dict[str, list[Record]] = {}
    for record in records:
        where = f"{record.notebook}, cell {record.cell}: {record.id}"
        if record.id not in entries:
            problems.append(f"{where} is not in the catalogue")
            continue
        problems += [f"{where} {text}" for text in _faults(entries[record.id], record)]
        unknown = set(record.data["citation"]) - set(bibliography or record.data["citation"])
        problems += [f"{where} cites {key}, not in the bibliography" for key in sorted(unknown)]
        settled.setdefault(record.id, []).append(record)
    for key, places in settled.items():
        names = [place.notebook for place in places]
        if len(set(names)) < len(names):
            problems.append(f"{key} is settled twice in one notebook: {sorted(names)}")
        if len({place.verdict for place in places}) > 1:
            verdicts = [f"{place.verdict} ({place.notebook})" for place in places]
            problems.append(f"{key} has contradictory verdicts: {', '.join(verdicts)}")
    for key, entry in entries.items():
        if entry.chapter in present and key not in settled:
            problems.append(f"{key} belongs to chapter {entry.chapter} and is not settled")
    return problems


def _faults(entry: Entry, record: Record) -> list[str]:
    faults = []
    if record.verdict not in VERDICTS:
        faults.append(f"has the unknown verdict {record.verdict!r}")
    evidence = record.data["evidence"]
    if not evidence and not (entry.by_citation and record.data["citation"]):
        faults.append("is settled without evidence")
    faults += [f"has a check that cannot fail: {piece}" for piece in evidence if not _live(piece)]
    return faults


def _live(piece: Any) -> bool:
    """Whether a piece of evidence carries what would make it fail."""
    if not isinstance(piece, dict):
        return False
    kind = piece.get("kind")
    if kind == "agrees":
        has_control = bool(piece.get("control"))
        return has_control and 0 <= piece.get("tol", -1) < piece.get("margin", 0)
    if kind == "differs":
        return piece.get("margin", 0) > 0
    if kind == "misshapen":
        return piece.get("got") != piece.get("want")
    if kind == "measured":
        return bool(piece.get("bound")) and "control" in piece
    return False
