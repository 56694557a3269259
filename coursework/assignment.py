"""An assignment: its master notebook, and the questions that its test cells ask."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

import nbformat

from coursework.questions import Question

HOME = Path(__file__).resolve().parent / "assignments"


class AssignmentError(Exception):
    """An assignment that does not exist or contradicts itself."""


@dataclass(frozen=True)
class Assignment:
    """An assignment on disk: ``<name>.ipynb``, ``reference.py``, ``rubric.md``, ``answers/``.

    Parameters
    ----------
    name
        Name of its folder.
    folder
        The folder.
    """

    name: str
    folder: Path

    @property
    def master(self) -> Path:
        """The notebook with the instructor's solutions."""
        return self.folder / f"{self.name}.ipynb"

    @cached_property
    def notebook(self) -> nbformat.NotebookNode:
        """The master notebook."""
        return nbformat.read(self.master, as_version=4)

    @cached_property
    def reference(self) -> ModuleType:
        """The module with the questions. It never leaves the grading process."""
        path = self.folder / "reference.py"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        title = f"coursework_reference_{self.name.replace('-', '_')}_{digest}"
        spec = importlib.util.spec_from_file_location(title, path)
        if spec is None or spec.loader is None:
            raise AssignmentError(f"assignment {self.name!r}: {path.name} cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        sys.modules[title] = module
        spec.loader.exec_module(module)
        return module

    @cached_property
    def questions(self) -> Mapping[str, Question]:
        """The questions by the ``grade_id`` of their test cell, checked against the master."""
        questions = {question.id: question for question in self.reference.QUESTIONS}
        points = {
            cell.metadata.nbgrader.grade_id: float(cell.metadata.nbgrader.points)
            for cell in self.notebook.cells
            if is_test(cell)
        }
        declared = {id: question.points for id, question in questions.items()}
        if points != declared:
            raise AssignmentError(
                f"assignment {self.name!r}: the test cells have the points {points}, "
                f"the questions {declared}"
            )
        return questions

    @property
    def seconds(self) -> float:
        """Time limit of one cell."""
        return float(getattr(self.reference, "SECONDS_PER_CELL", 20.0))


def is_test(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell asks a question that is judged automatically."""
    info = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(info.get("grade")) and not info.get("solution")


def find(name: str, home: Path = HOME) -> Assignment:
    """The assignment of that name.

    Raises
    ------
    AssignmentError
        If there is none; the message lists those that exist.
    """
    folder = home / name
    if not (folder / f"{name}.ipynb").is_file():
        there = ", ".join(names(home)) or "none"
        raise AssignmentError(f"no assignment {name!r} in {home}; there are: {there}")
    return Assignment(name, folder)


def names(home: Path = HOME) -> list[str]:
    """The names of all assignments."""
    folders = home.iterdir() if home.is_dir() else ()
    return sorted(p.name for p in folders if (p / f"{p.name}.ipynb").is_file())
