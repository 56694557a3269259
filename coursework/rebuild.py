"""The notebook that is run: the teacher's, with the student's answers put in.

It is built from the released notebook and not from the submission. So a deleted test comes back,
an edited one is undone, and changed points or flags mean nothing. Of the submission only two
things are taken: the source of the answer cells, and cells that the student added.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from coursework.outputs import clean

MAX_BYTES = 20 * 2**20
MAX_CELLS = 500
MISSING = "# This cell is not in the submission."


class UnreadableError(Exception):
    """A submission that is no notebook; the message is for the student."""


def read(path: Path) -> list[dict[str, Any]]:
    """The cells of a submitted notebook, as they stand: type, source, metadata.

    Raises
    ------
    UnreadableError
        If there is no notebook, or what is there is none.
    """
    text = content(path)
    try:
        cells = [_cell(cell) for cell in json.loads(text.decode("utf-8-sig"))["cells"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UnreadableError("the file is not a notebook that can be read.") from None
    if len(cells) > MAX_CELLS:
        raise UnreadableError(f"the notebook has more than {MAX_CELLS} cells.")
    return cells


def content(path: Path) -> bytes:
    """The bytes of a submitted notebook.

    Raises
    ------
    UnreadableError
        If there is no such file, it is a link (to a classmate's, or to something endless), or it
        is too large.
    """
    links = path.is_symlink() or path.parent.is_symlink() or path.parent.parent.is_symlink()
    if links or not path.is_file():
        raise UnreadableError(f"there is no file {path.name} in the submission.")
    if path.stat().st_size > MAX_BYTES:
        raise UnreadableError(f"the notebook is larger than {MAX_BYTES // 2**20} MB.")
    return path.read_bytes()


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    source = cell["source"]
    metadata = cell.get("metadata", {})
    info = metadata.get("nbgrader", {})
    id = info.get("grade_id")
    return {
        "type": str(cell["cell_type"]),
        "source": clean(source if isinstance(source, str) else "".join(source)),
        "id": id if isinstance(id, str) else None,
    }


def rebuild(released: NotebookNode, submitted: list[dict[str, Any]]) -> NotebookNode:
    """Put the student's answers and added cells into the released notebook.

    An answer is found by its ``grade_id``; of several with one id the first counts. An added
    cell stands after the cell of the teacher's that it followed.
    """
    known = {id: cell for cell in released.cells if (id := _id(cell)) is not None}
    teachers = {cell.source for cell in released.cells if _id(cell) is None}
    answers: dict[str, str] = {}
    added: dict[str | None, list[NotebookNode]] = {}
    place = None
    for cell in submitted:
        if cell["id"] in known:
            place = cell["id"]
            if cell["type"] == known[place].cell_type:
                answers.setdefault(place, cell["source"])
        elif cell["type"] == "code" and cell["source"].strip():
            if cell["source"] not in teachers:
                added.setdefault(place, []).append(_added(cell["source"]))
    cells = list(added.get(None, ()))
    # What stands before the first answer in the submission may use the teacher's imports.
    head = next((k for k, cell in enumerate(released.cells) if _id(cell)), 0)
    cells = [*map(nbformat.from_dict, released.cells[:head]), *cells]
    for cell in released.cells[head:]:
        id = _id(cell)
        fresh = nbformat.from_dict(cell)
        if id and cell.metadata.nbgrader.get("solution"):
            # Without its id an answer is an added cell, which a stub must not overrule.
            by_hand = cell.metadata.nbgrader.get("grade")
            fresh.source = answers.get(id, cell.source if by_hand else MISSING)
        cells.extend([fresh, *added.pop(id, [])] if id else [fresh])
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=released.metadata)
    for k, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{k}"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def _id(cell: NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _added(source: str) -> NotebookNode:
    return nbformat.v4.new_code_cell(source)
