"""The teacher's notebook with the student's answers, and nothing else, put in."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from coursework.course import Course
from coursework.rebuild import MAX_BYTES, MISSING, UnreadableError, read, rebuild
from tests.coursework import sample

ANSWERS = {"leak-answer": "leak = 1", "total-answer": "total = 2", "why": "Why not."}


@pytest.fixture
def released(course: Course) -> NotebookNode:
    return nbformat.read(course.released(sample.NAME), as_version=4)


@pytest.fixture
def student(course: Course) -> NotebookNode:
    return sample.answered(course.released(sample.NAME), ANSWERS)


def cells_of(notebook: NotebookNode, tmp_path: Path) -> list:
    path = tmp_path / "one.ipynb"
    path.write_text(nbformat.writes(notebook))
    return read(path)


def by_id(notebook: NotebookNode) -> dict[str, NotebookNode]:
    cells = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    return {cell.metadata.nbgrader.grade_id: cell for cell in cells}


def test_answers_are_taken_and_nothing_else(
    released: NotebookNode, student: NotebookNode, tmp_path: Path
) -> None:
    by_id(student)["leak"].source = "pass"
    by_id(student)["leak"].metadata.nbgrader |= {"points": 99, "solution": True, "grade": False}
    student.metadata.kernelspec.name = "bash"
    student.cells[2].outputs = [nbformat.v4.new_output("stream", text="forged")]
    built = rebuild(released, cells_of(student, tmp_path))
    want = {**{id: cell.source for id, cell in by_id(released).items()}, **ANSWERS}
    assert {id: cell.source for id, cell in by_id(built).items()} == want
    assert {id: c.metadata for id, c in by_id(built).items()} == {
        id: c.metadata for id, c in by_id(released).items()
    }
    assert built.metadata == released.metadata
    assert not any(cell.get("outputs") for cell in built.cells)
    assert len(built.cells) == len(released.cells)
    nbformat.validate(built)


def test_the_first_of_several_counts(
    released: NotebookNode, student: NotebookNode, tmp_path: Path
) -> None:
    extra = new_code_cell("leak = 3", metadata=by_id(student)["leak-answer"].metadata)
    student.cells.append(extra)
    built = rebuild(released, cells_of(student, tmp_path))
    assert by_id(built)["leak-answer"].source == "leak = 1"


def test_an_answer_of_another_type_is_none(
    released: NotebookNode, student: NotebookNode, tmp_path: Path
) -> None:
    cell = by_id(student)["why"]
    cell |= {"cell_type": "code", "outputs": [], "execution_count": None}
    built = rebuild(released, cells_of(student, tmp_path))
    assert by_id(built)["why"].source == by_id(released)["why"].source


def test_added_cells_stand_where_they_stood(
    released: NotebookNode, student: NotebookNode, tmp_path: Path
) -> None:
    student.cells.insert(0, new_code_cell("first = 1"))
    place = student.cells.index(by_id(student)["total-answer"])
    student.cells.insert(place, new_code_cell("second = 2"))
    student.cells.append(new_code_cell("third = 3"))
    built = rebuild(released, cells_of(student, tmp_path))
    order = [cell.source for cell in built.cells if cell.cell_type == "code"]
    assert order.index("import numpy as np") < order.index("first = 1") < order.index("leak = 1")
    assert order.index("leak = 1") < order.index("second = 2") < order.index("total = 2")
    assert order[-1] == "third = 3"


def test_an_answer_without_its_name_is_not_overruled_by_a_stub(
    released: NotebookNode, student: NotebookNode, tmp_path: Path
) -> None:
    by_id(student)["leak-answer"].metadata.pop("nbgrader")
    built = rebuild(released, cells_of(student, tmp_path))
    sources = [cell.source for cell in built.cells]
    assert by_id(built)["leak-answer"].source == MISSING
    assert "leak = 1" in sources and not any("NotImplemented" in s for s in sources)


def test_a_missing_text_stays_as_it_was_released(released: NotebookNode) -> None:
    assert by_id(rebuild(released, []))["why"].source == by_id(released)["why"].source


def test_rebuilding_changes_neither(
    released: NotebookNode, student: NotebookNode, tmp_path: Path
) -> None:
    before, cells = nbformat.writes(released), cells_of(student, tmp_path)
    copy = json.dumps(cells)
    rebuild(released, cells)
    assert (nbformat.writes(released), json.dumps(cells)) == (before, copy)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b'{"cells": [3]}',
        b'{"cells": [{"cell_type": "code"}]}',
        b'{"cells": [{"cell_type": "code", "source": 3}]}',
        b'{"cells": [{"cell_type": "code", "source": "", "metadata": []}]}',
        b'{"cells": [{"cell_type": "code", "source": "", "metadata": {"nbgrader": 1}}]}',
        b'{"worksheets": []}',
        b"\xff\xfe",
        b"[" * 10**5,
        b'{"cells": ' + b"1" * 5000 + b"}",
    ],
)
def test_what_is_no_notebook_says_so(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "one.ipynb"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match="not a notebook that can be read"):
        read(path)


def test_too_many_cells(tmp_path: Path) -> None:
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": ""}] * 501}))
    with pytest.raises(UnreadableError, match="more than 500 cells"):
        read(path)


def test_too_large_a_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "one.ipynb"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UnreadableError, match="larger than 20 MB"):
        read(path)


def test_links_and_pipes_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    real = tmp_path / "a" / "one.ipynb"
    real.write_text('{"cells": []}')
    assert read(real) == []
    (tmp_path / "two.ipynb").symlink_to(real)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe.ipynb")
    for name in ("two.ipynb", "b/one.ipynb", "pipe.ipynb", "a", "none.ipynb"):
        with pytest.raises(UnreadableError, match="there is no file"):
            read(tmp_path / name)


def test_a_byte_order_mark_and_lone_surrogates(tmp_path: Path) -> None:
    path = tmp_path / "one.ipynb"
    text = json.dumps({"cells": [{"cell_type": "code", "source": ["a\n", "\ud800"]}]})
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(path) == [{"type": "code", "source": "a\n?", "id": None}]
