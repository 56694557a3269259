"""The hostile set with stock nbgrader, for the table in ``coursework/HOSTILE.md``.

Stock nbgrader runs a student's code with the teacher's rights. So that the attacks do no harm
here, each runs in a sandbox around nbgrader as a whole: a copy of the course that can be written,
everything else read-only, limits of memory and time. Those that would do harm even so are not run.

``python -m tests.coursework.stock`` runs them and writes the table (minutes).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import nbformat
from nbgrader.api import MissingEntry
from sqlalchemy.exc import DatabaseError

from coursework.course import Course
from coursework.gradebook import gradebook
from coursework.release import release
from tests.coursework import sample
from tests.coursework.classroom import REPOSITORY, Listener, hand_in
from tests.coursework.hostile import Hostile
from tests.coursework.hostile_files import HOSTILE

RESULT = Path(__file__).with_name("stock.json")
TABLE = REPOSITORY / "coursework" / "HOSTILE.md"

# What these do would change what the others get.
APART = ("gradebook",)

# What a teacher writes who has only nbgrader: hidden tests in the test cells.
HIDDEN = {
    "leak": """
### BEGIN HIDDEN TESTS
def truth(x, h, a):
    return (1 - a) * h + a * np.tanh(x + h)
rng = np.random.default_rng(0)
for h in (np.zeros(3), rng.normal(size=3)):
    x = rng.normal(size=3)
    want = truth(x, h, 0.3)
    assert np.allclose(leak(x, h, 0.3), want)
### END HIDDEN TESTS""",
    "total": """
### BEGIN HIDDEN TESTS
xs = np.random.default_rng(1).normal(size=4)
assert np.allclose(total(xs)['loss'], 0.5 * (xs**2).sum())
assert np.allclose(total(xs)['gradient'], xs)
### END HIDDEN TESTS""",
}

HEAD = """# The hostile submissions, and what becomes of them

Each is a submission of the sample in `tests/coursework/sample.py`, whose two questions are worth 4
and 2 points. The tests mark all of them and compare with the last column
(`tests/coursework/test_hostile.py`). The column before it is stock nbgrader {version}, with hidden
tests in the test cells; it gives a question whole or not at all. **Bold** is where it differs,
other than in that. This page is written by `python -m tests.coursework.stock`.

| Submission | What it tries | Stock nbgrader | Here |
|---|---|---|---|
"""

TAIL = """
## What remains possible

- **Right values by another way.** Values are judged, not how they came about: finite differences,
  a complex step, or a function of `rnncore` inside an answer, where it computes what is asked. Ask
  for what the package lacks, with tolerances that finite differences miss, or mark code by hand.
- **Passing on.** The hidden inputs are the same for a whole course. A student's function sees them,
  and its errors and later cells can put them on the feedback page. Right values are never shown.
  Copies of a classmate's code are not looked for.
- **Slowing others down.** Up to 48 processes may keep every core busy until the time limit, which
  counts time on the clock. Mark again with fewer workers if honest answers ran out of time.
- **Memory for a moment.** Resident memory is looked at five times a second and may overshoot by
  some hundred megabytes. What is not resident in a process (memory files, segments of System V,
  full pipes) is bounded for each file only, and a forged message of many parts costs memory in the
  marking process. If a worker dies of it, the command says who was not marked.
- **What the machine shows.** The sandbox sees the version of the system, its load, the paths of the
  environment, and the system's own files. There is no filter of system calls: a hole in the kernel
  of the operating system is a hole in the sandbox. Mark on a machine, or in a virtual one, that
  holds nothing else, and keep it up to date.
- **Left in the temporary folder.** A command that is killed leaves private folders named
  `submission-*` and `kernel-*` there.
- **Everything, with `--no-sandbox`.**
"""


def course_of(root: Path) -> Course:
    """The sample as a teacher with nbgrader alone would have it."""
    assignment = sample.write_assignment(root / "home")
    notebook = nbformat.read(assignment.master, as_version=4)
    for cell in notebook.cells:
        cell.source += HIDDEN.get(cell.metadata.get("nbgrader", {}).get("grade_id"), "")
    nbformat.write(notebook, assignment.master)
    course = Course(root / "course")
    course.create()
    release(course, assignment)
    (root / "outside").mkdir()
    (root / "outside" / "private.txt").write_text("private")
    return course


def autograde(root: Path) -> None:
    """Run ``nbgrader autograde`` for the class in a course, in a sandbox around it."""
    walls = ["bwrap", "--unshare-all", "--share-net", "--die-with-parent", "--ro-bind", "/", "/"]
    walls += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--bind", str(root), str(root)]
    walls += ["--setenv", "HOME", "/tmp", "--chdir", str(root / "course")]
    line = [sys.executable, "-m", "nbgrader", "autograde", sample.NAME, "--force"]
    line += ["--ExecutePreprocessor.timeout=6"]
    bounds = ["prlimit", f"--as={4 * 2**30}", "--cpu=1000", "--core=0"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (root / "stock.log").open("w") as log, suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [*bounds, *walls, *line],
            env={**os.environ, "PATH": path, "COURSEWORK_TEST_TOKEN": "x"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=1200,
        )


def points(course: Course, student: str) -> list[float] | None:
    """The marks in the gradebook, or ``None`` if there are none."""
    with gradebook(course) as book:
        try:
            found = book.find_submission_notebook(sample.NAME, sample.NAME, student)
        except (MissingEntry, DatabaseError):
            return None
        grades = {grade.name: grade for grade in found.grades}
        if any(grades[id].auto_score is None for id in ("leak", "total")):
            return None
        return [float(grades[id].score) for id in ("leak", "total")]


def attempted(root: Path) -> set[str]:
    """The students whose submissions nbgrader has taken up, by its log."""
    log = (root / "stock.log").read_text(errors="replace")
    return set(re.findall(rf"submitted/([^/\s]+)/{sample.NAME}", log))


def run() -> dict[str, list[float] | None]:
    """The marks that stock nbgrader gives.

    Some submissions end the whole command. It is called again for the students after them.
    """
    found: dict[str, list[float] | None] = {}
    top = Path(tempfile.mkdtemp(prefix="stock-"))
    course_of(top / "template")
    fit = [hostile for hostile in HOSTILE if not hostile.unfit]
    classes = [[h for h in fit if h.name not in APART], *([h] for h in fit if h.name in APART)]
    count = 0
    while classes:
        members = classes.pop()
        root = top / str(count := count + 1)
        shutil.copytree(top / "template", root)
        course = Course(root / "course")
        listener = Listener(root / "outside")
        for hostile in members:
            hand_in(course, hostile, listener.port)
        autograde(root)
        listener.close()
        # Without one in the log, the first in order is the one that ended it.
        tried = attempted(root) or {min(hostile.name for hostile in members)}
        found |= {h.name: points(course, h.name) for h in members if h.name in tried}
        rest = [hostile for hostile in members if hostile.name not in tried]
        if rest:
            classes.append(rest)
        print(f"{len(tried)} tried, {len(rest)} left", flush=True)
        shutil.copy(root / "stock.log", top / f"{count}.log")
        shutil.rmtree(root, ignore_errors=True)
    shutil.rmtree(top, ignore_errors=True)
    return found


def row(hostile: Hostile, stock: dict[str, list[float] | None]) -> str:
    """One row of the table."""
    ours = f"{hostile.leak:g} + {hostile.total:g}"
    if hostile.unfit:
        theirs = f"not run: {hostile.unfit}"
    elif hostile.name not in stock:
        theirs = "not run"
    elif stock[hostile.name] is None:
        theirs = "**no mark**"
    else:
        marks = stock[hostile.name] or []
        theirs = " + ".join(f"{mark:g}" for mark in marks)
        partial = hostile.name == "partly-right"
        if marks != [hostile.leak, hostile.total] and not partial:
            theirs = f"**{theirs}**"
    return f"| `{hostile.name}` | {hostile.tries} | {theirs} | {ours} |"


def table(stock: dict[str, list[float] | None]) -> str:
    """The whole page."""
    from nbgrader import __version__

    head = HEAD.format(version=__version__)
    return head + "\n".join(row(hostile, stock) for hostile in HOSTILE) + "\n" + TAIL


def main() -> None:
    stock = run()
    RESULT.write_text(json.dumps(stock, indent=1) + "\n")
    TABLE.write_text(table(stock))


if __name__ == "__main__":
    main()
