"""Run one submission to the end, whatever it does, and write down what its kernel reported."""

from __future__ import annotations

import hashlib
import inspect
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from coursework import inside
from coursework.assignment import Assignment, is_test
from coursework.course import Course, Limits, Submission, write_atomically
from coursework.kernel import REASONS, Kernel, KernelStartError
from coursework.outputs import MIME, Outcome
from coursework.questions import Question
from coursework.rebuild import UnreadableError, content, read, rebuild
from coursework.values import encode

FORMAT = 1
RESTARTS = 3
LONGEST_REPORT = 16 * 2**20
LARGEST_FILE = 10 * 2**20
MOST_FILES = 50


@dataclass
class Answer:
    """What came back on one question: the results of the cases, or a reason why there are none."""

    results: list[Any] | None = None
    reason: str = ""


@dataclass
class Run:
    """A run of a submission: the notebook with outputs as text, and the answers by question."""

    digest: str
    notebook: str
    answers: dict[str, Answer] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak: int = 0

    def save(self, path: Path) -> None:
        write_atomically(path, json.dumps({"format": FORMAT, **asdict(self)}))

    @classmethod
    def load(cls, path: Path) -> Run | None:
        """The run that is stored, or ``None`` if none is or its format is another."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data.pop("format") != FORMAT:
                return None
            data["answers"] = {id: Answer(**answer) for id, answer in data["answers"].items()}
            return cls(**data)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def digest(course: Course, assignment: Assignment, submission: Submission) -> str:
    """A fingerprint of all that a run depends on: submission, released notebook, hidden inputs."""
    found = hashlib.sha256()
    found.update(course.released(assignment.name).read_bytes())
    try:
        found.update(content(submission.path))
    except UnreadableError as error:
        found.update(str(error).encode())
    else:
        for file in beside(submission.path):
            found.update(file.name.encode() + b"\0" + file.read_bytes())
    for question in assignment.questions.values():
        found.update(json.dumps([question.function, hidden(course, assignment, question)]).encode())
    limits = [course.limits.memory, course.limits.seconds, assignment.seconds]
    found.update(json.dumps(limits).encode())
    return found.hexdigest()


def hidden(course: Course, assignment: Assignment, question: Question) -> list[Any]:
    """The hidden inputs of a question as plain data, all parts in one list."""
    parts = question.cases(seed(course, assignment))
    return [encode(tuple(arguments)) for part in parts for arguments in part]


def seed(course: Course, assignment: Assignment) -> list[int]:
    """The seed of the hidden inputs: the course's secret and the assignment's name."""
    return [course.secret, *assignment.name.encode()]


def run(
    course: Course, assignment: Assignment, submission: Submission, enclose: bool = True
) -> Run:
    """Run a submission in a kernel and collect its answers.

    A cell that ends the kernel, or has to be ended, costs its own question. The others are asked
    in a new kernel, in which the cells before are run again without the one at fault.
    """
    start = time.monotonic()
    outcome = Run(digest(course, assignment, submission), "")
    released = nbformat.read(course.released(assignment.name), as_version=4)
    try:
        notebook = rebuild(released, read(submission.path))
    except UnreadableError as error:
        notebook = rebuild(released, [])
        outcome.answers = {id: Answer(reason=str(error)) for id in assignment.questions}
        outcome.events.append(str(error))
    else:
        questions = {
            id: (question, hidden(course, assignment, question))
            for id, question in assignment.questions.items()
        }
        with _copy(submission.path) as work:
            session = _Session(Path(work), course.limits, assignment.seconds, enclose)
            try:
                session.all(notebook, questions, outcome)
            finally:
                outcome.peak = session.end()
    outcome.notebook = nbformat.writes(notebook)
    outcome.seconds = time.monotonic() - start
    return outcome


def beside(path: Path) -> list[Path]:
    """The files that were handed in with a notebook and go with it into the sandbox."""
    return [
        file
        for file in sorted(path.parent.iterdir())
        if file.name not in (path.name, "timestamp.txt")
        and file.is_file()
        and not file.is_symlink()
        and file.stat().st_size < LARGEST_FILE
    ][:MOST_FILES]


def _copy(path: Path) -> tempfile.TemporaryDirectory[str]:
    """The submission's own files in a folder apart: the kernel sees nothing of the course."""
    folder = tempfile.TemporaryDirectory(prefix="submission-")
    for file in [path, *beside(path)]:
        shutil.copyfile(file, Path(folder.name) / file.name)
    return folder


class _Session:
    """The kernels that one submission needs, one after the other."""

    def __init__(self, work: Path, limits: Limits, seconds: float, enclose: bool) -> None:
        self.work, self.limits, self.seconds, self.enclose = work, limits, seconds, enclose
        self.deadline = time.monotonic() + limits.seconds
        self.kernel: Kernel | None = None
        self.starts, self.peak = 0, 0
        self.done: list[str] = []

    def all(
        self,
        notebook: NotebookNode,
        questions: dict[str, tuple[Question, list[Any]]],
        run: Run,
    ) -> None:
        """Every code cell in turn, and each question after its test cell."""
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            outcome = self.one(cell.source)
            cell.outputs = [nbformat.from_dict(output) for output in outcome.outputs]
            if outcome.status in REASONS:
                text = f"This cell was stopped: {REASONS[outcome.status]}."
                cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=text))
                run.events.append(text)
            else:
                self.done.append(cell.source)
            if is_test(cell) and cell.metadata.nbgrader.grade_id in questions:
                id = cell.metadata.nbgrader.grade_id
                run.answers[id] = self.ask(*questions[id])

    def one(self, code: str) -> Outcome:
        """Run a cell, in a new kernel if the last one is gone."""
        if self.kernel is None and not self._begin():
            return Outcome("restarts")
        left = self.deadline - time.monotonic()
        if left <= 0:
            return Outcome("time")
        assert self.kernel is not None
        outcome = self.kernel.run(code, min(self.seconds, left))
        self.peak = max(self.peak, self.kernel.peak)
        if outcome.status in REASONS:
            self.kernel = None
        return outcome

    def _begin(self) -> bool:
        """Start a kernel and bring it to where the last one was."""
        if self.starts > RESTARTS:
            return False
        self.starts += 1
        self.kernel = self._start()
        for code in list(self.done):
            if self.one(code).status in REASONS:
                self.done.remove(code)  # what was harmless before is not now
                self.kernel = None
                return self._begin()
        return True

    def _start(self) -> Kernel:
        """A kernel; one without the files beside the notebook if they keep it from starting."""
        try:
            return Kernel(self.work, self.limits, self.enclose)
        except KernelStartError:
            if not any(file.suffix != ".ipynb" for file in self.work.iterdir()):
                raise
            for file in self.work.iterdir():
                file.unlink()
            return Kernel(self.work, self.limits, self.enclose)

    def ask(self, question: Question, cases: Sequence[Any]) -> Answer:
        """Put a question to the kernel."""
        outcome = self.one(_code(question.function, cases))
        if outcome.status in REASONS:
            return Answer(reason=f"while your function ran, {REASONS[outcome.status]}.")
        reports = {report for report in outcome.reports if len(report) < LONGEST_REPORT}
        if len(reports) != 1:
            return Answer(reason="your notebook did not report the values that it was asked for.")
        try:
            results = json.loads(reports.pop())
        except (ValueError, RecursionError):
            results = None
        if not isinstance(results, list):
            return Answer(reason="your notebook reported something that is no list of values.")
        return Answer(results)

    def end(self) -> int:
        """Close the last kernel; return the peak of memory."""
        if self.kernel is not None:
            self.kernel.close()
        return self.peak


def _code(function: str, cases: Sequence[Any]) -> str:
    """The cell that puts a question: definitions in a namespace that is thrown away."""
    source = inspect.getsource(inside)
    call = f"__import__('json').loads({json.dumps(cases)!r})"
    return (
        f"(lambda space: (exec({source!r}, space), space['report']({function!r}, {call}, "
        f"{MIME!r})))({{'__name__': 'question'}}) and None"
    )
