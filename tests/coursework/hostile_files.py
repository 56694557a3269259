"""Hostile submissions that are made by editing the notebook or the file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from tests.coursework.hostile import ANSWERS, EXITS, LOOPS, RIGHT, ZERO, Hostile
from tests.coursework.hostile_kernel import FORGED, TRICKS
from tests.coursework.hostile_machine import NETWORK, READERS, RESOURCES
from tests.coursework.sample import LEAK, TOTAL

Edit = Callable[[NotebookNode], object]


def cell(notebook: NotebookNode, id: str) -> NotebookNode:
    """The cell with a ``grade_id``."""
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == id)


def without(*ids: str) -> Edit:
    """An edit that deletes cells."""

    def edit(notebook: NotebookNode) -> None:
        gone = [cell(notebook, id) for id in ids]
        notebook.cells = [c for c in notebook.cells if c not in gone]

    return edit


def weaken_tests(notebook: NotebookNode) -> None:
    for id in ("leak", "total"):
        cell(notebook, id).source = "pass"


def raise_points(notebook: NotebookNode) -> None:
    cell(notebook, "leak").metadata.nbgrader.points = 100
    cell(notebook, "total").metadata.nbgrader |= {"points": 100, "grade": False, "solution": True}
    cell(notebook, "total").source = "total = lambda xs: {'loss': 0.0, 'gradient': xs}"


def strip_metadata(notebook: NotebookNode) -> None:
    for each in notebook.cells:
        each.metadata.pop("nbgrader", None)


def duplicate(notebook: NotebookNode) -> None:
    extra = deepcopy(cell(notebook, "leak-answer"))
    extra |= {"source": ZERO, "id": "one-more"}
    again = deepcopy(cell(notebook, "leak"))
    again["id"] = "and-another"
    notebook.cells = [extra, *notebook.cells, again]


def reverse(notebook: NotebookNode) -> None:
    notebook.cells.reverse()


def answer_as_test(notebook: NotebookNode) -> None:
    answer = cell(notebook, "leak-answer")
    answer.metadata.nbgrader.grade_id = "leak"


def write(content: bytes) -> Callable[[Path], object]:
    """A file with that content in the place of the notebook."""
    return lambda path: path.write_bytes(content)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(40 * 2**30)


def link(target: str) -> Callable[[Path], object]:
    """A link in the place of the notebook."""

    def spoil(path: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return spoil


def folder_link(path: Path) -> None:
    path.unlink()
    (path.parent / "timestamp.txt").unlink()
    path.parent.rmdir()
    path.parent.symlink_to("../right/sample")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def missing(path: Path) -> None:
    path.unlink()
    (path.parent / "timestamp.txt").unlink()


def beside(name: str, text: str) -> Callable[[Path], object]:
    """A file beside the notebook."""

    def spoil(path: Path) -> None:
        (path.parent / name).write_text(text)

    return spoil


def raw(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """A change of the notebook as JSON, without anything that would refuse it."""

    def spoil(path: Path) -> None:
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))

    return spoil


def odd_sources(data: dict[str, Any]) -> None:
    source = LEAK + "\n# \ud800 \x00 \x1b[31m"
    data["cells"][2]["source"] = source.splitlines(keepends=True)


def odd_cells(data: dict[str, Any]) -> None:
    data["cells"][0]["metadata"] = []


EDITS = (
    Hostile("deleted-tests", "the tests deleted", 4, 2, RIGHT, without("leak", "total")),
    Hostile(
        "deleted-tests-wrong",
        "the tests deleted, wrong answers",
        0,
        0,
        {"leak-answer": ZERO, "total-answer": "total = lambda xs: {}"},
        without("leak", "total"),
        says="should have the keys",
    ),
    Hostile(
        "deleted-answer",
        "an answer deleted",
        0,
        2,
        RIGHT,
        without("leak-answer"),
        says="no function leak",
    ),
    Hostile(
        "no-cells", "every cell deleted", 0, 0, RIGHT, lambda n: n.cells.clear(), says="no function"
    ),
    Hostile(
        "no-metadata", "right answers in cells without their names", 4, 2, RIGHT, strip_metadata
    ),
    Hostile(
        "edited-tests",
        "tests that test nothing",
        0,
        0,
        {"leak-answer": ZERO, "total-answer": "total = lambda xs: 0"},
        weaken_tests,
        says="should be a dictionary",
    ),
    Hostile(
        "raised-points",
        "points and flags changed in the metadata",
        0,
        2,
        {"leak-answer": ZERO, "total-answer": TOTAL},
        raise_points,
    ),
    Hostile("duplicate", "an answer and a test twice", 0, 2, RIGHT, duplicate, says="wrong values"),
    Hostile("reordered", "cells in reverse order", 4, 2, RIGHT, reverse),
    Hostile("renamed", "an answer under a test's name", 0, 2, RIGHT, answer_as_test),
)

SPOILED = (
    Hostile("no-notebook", "a text file", 0, 0, RIGHT, spoil=write(b"hello"), says="can be read"),
    Hostile("empty", "an empty file", 0, 0, RIGHT, spoil=write(b""), says="not a notebook"),
    Hostile("no-json-cells", "JSON without cells", 0, 0, RIGHT, spoil=write(b"[1]"), says="read"),
    Hostile(
        "deep-json", "JSON nested deep", 0, 0, RIGHT, spoil=write(b"[" * 10**6), says="can be read"
    ),
    Hostile(
        "binary", "bytes that are no text", 0, 0, RIGHT, spoil=write(b"\xff\xfe\x00"), says="read"
    ),
    Hostile("missing", "no file at all", 0, 0, RIGHT, spoil=missing, says="no file sample.ipynb"),
    Hostile(
        "huge",
        "a file of 40 GB",
        0,
        0,
        RIGHT,
        spoil=huge,
        says="larger than 20 MB",
        unfit="it would be read whole",
    ),
    Hostile(
        "link-classmate",
        "a link to a classmate's notebook",
        0,
        0,
        RIGHT,
        spoil=link("../../right/sample/sample.ipynb"),
        says="no file sample.ipynb",
    ),
    Hostile(
        "link-folder",
        "a link to a classmate's folder",
        0,
        0,
        RIGHT,
        spoil=folder_link,
        says="no file",
    ),
    Hostile(
        "link-endless",
        "a link to /dev/zero",
        0,
        0,
        RIGHT,
        spoil=link("/dev/zero"),
        says="no file",
        unfit="it would be read without end",
    ),
    Hostile(
        "pipe",
        "a named pipe",
        0,
        0,
        RIGHT,
        spoil=pipe,
        says="no file",
        unfit="it would be waited for without end",
    ),
    Hostile("bad-source", "a source that no file can hold", 0, 2, RIGHT, spoil=raw(odd_sources)),
    Hostile("bad-cell", "a cell of a wrong form", 0, 0, RIGHT, spoil=raw(odd_cells), says="read"),
    Hostile(
        "shadow-kernel",
        "a file that takes the place of the kernel",
        4,
        2,
        RIGHT,
        spoil=beside("ipykernel_launcher.py", "raise SystemExit(3)"),
    ),
    Hostile(
        "shadow-library",
        "a file that takes the place of a library and ends the kernel",
        4,
        2,
        RIGHT,
        spoil=beside("numpy.py", "import os\nos._exit(3)"),
    ),
    Hostile(
        "shadow-start",
        "a file that keeps the kernel from starting",
        4,
        2,
        RIGHT,
        spoil=beside("matplotlib_inline.py", "import os\nos._exit(3)"),
    ),
)

HOSTILE: tuple[Hostile, ...] = (
    *ANSWERS,
    *LOOPS,
    *EXITS,
    *TRICKS,
    *FORGED,
    *READERS,
    *NETWORK,
    *RESOURCES,
    *EDITS,
    *SPOILED,
)
