"""A small assignment and a class of submissions, for the tests of the marking itself."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from coursework.assignment import Assignment

NAME = "sample"

REFERENCE = '''
"""Two questions of two parts each."""

import numpy as np

from coursework.questions import Mistake, Part, Question


def leak(x, h, a):
    """One step of a leaky unit."""
    return (1 - a) * h + a * np.tanh(x + h)


def at_rest(rng):
    return [(rng.normal(size=3), np.zeros(3), 0.3) for _ in range(3)]


def moving(rng):
    return [(rng.normal(size=3), rng.normal(size=3), 0.3) for _ in range(3)]


def total(xs):
    """Sum of squares, and its gradient."""
    return {"loss": 0.5 * float((xs**2).sum()), "gradient": xs}


def anywhere(rng):
    return [(rng.normal(size=4),)]


QUESTIONS = (
    Question(
        "leak",
        "leak",
        leak,
        (Part("a state of zero", 1, at_rest), Part("a state that is not zero", 3, moving)),
        mistakes=(Mistake("a unit without memory", lambda x, h, a: a * np.tanh(x)),),
    ),
    Question("total", "total", total, (Part("random inputs", 2, anywhere),)),
)
SECONDS_PER_CELL = 6
'''

LEAK = "def leak(x, h, a):\n    return (1 - a) * h + a * np.tanh(x + h)"
TOTAL = "def total(xs):\n    return {'loss': 0.5 * (xs**2).sum(), 'gradient': xs}"


def _info(id: str, points: float | None = None, solution: bool = False) -> dict:
    info = {"grade_id": id, "schema_version": 3, "solution": solution, "task": False}
    info |= {"grade": points is not None, "locked": not solution}
    if points is not None:
        info["points"] = points
    return {"nbgrader": info}


def _solved(source: str) -> str:
    head, body = source.split("\n", 1)
    return f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"


def master() -> NotebookNode:
    """The master notebook: two answers with their tests, and one text marked by hand."""
    cells = [
        new_markdown_cell("# A sample"),
        new_code_cell("import numpy as np"),
        new_code_cell(_solved(LEAK), metadata=_info("leak-answer", solution=True)),
        new_code_cell(
            "assert np.allclose(leak(np.ones(2), np.zeros(2), 0.5), 0.5 * np.tanh(1))",
            metadata=_info("leak", 4),
        ),
        new_code_cell(_solved(TOTAL), metadata=_info("total-answer", solution=True)),
        new_code_cell("assert total(np.ones(2))['loss'] == 1", metadata=_info("total", 2)),
        new_markdown_cell("Because it forgets.", metadata=_info("why", 2, solution=True)),
    ]
    notebook = new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    notebook.metadata.kernelspec["language"] = "python"
    return notebook


def write_assignment(home: Path) -> Assignment:
    """Write the assignment to a folder of its own."""
    folder = home / NAME
    folder.mkdir(parents=True)
    (folder / "reference.py").write_text(REFERENCE)
    nbformat.write(master(), folder / f"{NAME}.ipynb")
    return Assignment(NAME, folder)


def answered(released: Path, answers: dict[str, str]) -> NotebookNode:
    """The student's version with answers put in."""
    notebook = nbformat.read(released, as_version=4)
    for cell in notebook.cells:
        id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if id in answers:
            cell.source = answers[id]
    return notebook


def hand_in(root: Path, student: str, notebook: NotebookNode, name: str = NAME) -> Path:
    """Put a notebook where nbgrader collects submissions."""
    path = root / "submitted" / student / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    (path.parent / "timestamp.txt").write_text("2027-01-10 12:00:00 UTC")
    return path
