"""Hostile submissions: what each tries, how its notebook is made, and the mark it should get.

Most are code in the place of an answer. Where the attack would earn something, the code sets
``won`` if it succeeded and ``leak`` is right only then, so that the mark tells. The names in
capitals between at-signs are filled in with real paths: an attacker who guesses well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from tests.coursework.sample import LEAK, TOTAL

ZERO = "def leak(x, h, a):\n    return 0 * x"
IF_WON = """
def leak(x, h, a):
    return (1 - a) * h + a * np.tanh(x + h) if won else 0 * x"""


@dataclass(frozen=True)
class Hostile:
    """One submission.

    Parameters
    ----------
    name
        The student's name, too.
    tries
        What it tries.
    leak, total
        The points it should get: of 4 and of 2.
    answers
        Sources of answer cells, by ``grade_id``; the other cells are as released.
    edit
        Changes the notebook after that.
    spoil
        Changes what has been handed in: the path of the notebook.
    says
        Must occur in what the student is told.
    unfit
        Why it is not run with stock nbgrader, if it is not.
    """

    name: str
    tries: str
    leak: float
    total: float
    answers: Mapping[str, str] = field(default_factory=dict)
    edit: Callable[[NotebookNode], object] | None = None
    spoil: Callable[[Path], object] | None = None
    says: str = ""
    unfit: str = ""


def attack(
    name: str,
    tries: str,
    code: str,
    leak: float = 0,
    total: float = 2,
    says: str = "",
    unfit: str = "",
) -> Hostile:
    """Code in the place of the first answer; the second is right."""
    answers = {"leak-answer": code, "total-answer": TOTAL}
    return Hostile(name, tries, leak, total, answers, says=says, unfit=unfit)


def with_right(code: str) -> str:
    """A right answer, then something else."""
    return f"{LEAK}\n{code}"


def if_won(code: str) -> str:
    """An attack, then an answer that is right if it succeeded."""
    return f"won = False\ntry:\n{_indented(code)}\nexcept Exception:\n    pass{IF_WON}"


def within(code: str) -> str:
    """Code that runs when the function is called."""
    return f"def leak(x, h, a):\n{_indented(code)}\n    return (1 - a) * h + a * np.tanh(x + h)"


def _indented(code: str) -> str:
    return "\n".join("    " + line for line in code.strip("\n").split("\n"))


RIGHT = {"leak-answer": LEAK, "total-answer": TOTAL}

ANSWERS = (
    attack("right", "right answers", LEAK, 4),
    attack(
        "partly-right",
        "a usual mistake",
        "def leak(x, h, a):\n    return a * np.tanh(x)",
        1,
        says="those of a unit without memory",
    ),
    Hostile(
        "wrong",
        "wrong answers",
        0,
        0,
        {"leak-answer": ZERO, "total-answer": "def total(xs):\n    return {'loss': 0.0}"},
        says="should have the keys ['gradient', 'loss']",
    ),
    Hostile("blank", "nothing filled in", 0, 0, says="NotImplementedError"),
    attack("crash", "an exception", within("raise ValueError('oh')"), says="ValueError: oh"),
    attack("syntax-error", "no Python", "def leak(x, h, a:\n    return", says="no function leak"),
    attack("random", "guessing", "def leak(x, h, a):\n    return np.random.rand(3)"),
    attack("slow", "slow but right", within("import time; time.sleep(0.15)"), 4),
    attack("warning", "a RuntimeWarning beside a right value", within("np.exp(1e4)"), 4),
    attack(
        "stderr",
        "noise on stderr beside a right value",
        with_right("import sys; print('noise', file=sys.stderr)"),
        4,
    ),
    attack("chdir", "another working directory", with_right("import os; os.chdir('/tmp')"), 4),
    attack("input", "asking for input", within("input('the answer? ')"), says="StdinNotImpl"),
    attack(
        "magic",
        "right, by a cell magic",
        "%%time\n" + LEAK,
        4,
    ),
    attack("nan", "NaN", "def leak(x, h, a):\n    return x * np.nan", says="not finite"),
    attack("inf", "infinity", "def leak(x, h, a):\n    return x + np.inf", says="not finite"),
    attack(
        "shape",
        "right values in a wrong shape",
        "def leak(x, h, a):\n    return ((1 - a) * h + a * np.tanh(x + h))[None]",
        says="should have the shape (3,), and has (1, 3)",
    ),
    attack("text", "text", "def leak(x, h, a):\n    return 'right'", says="number or an array"),
    attack(
        "huge-int", "10**400", "def leak(x, h, a):\n    return [10**400] * 3", says="array of num"
    ),
    attack("complex", "complex values", "def leak(x, h, a):\n    return x + 0j", says="TypeError"),
    attack("objects", "an array of objects", "def leak(x, h, a):\n    return x.astype(object)"),
    attack(
        "many-values",
        "an array of 8 MB",
        "def leak(x, h, a):\n    return np.zeros(10**6)",
        says="did not report",
    ),
)

LOOPS = (
    attack(
        "endless-cell",
        "a cell that never ends",
        with_right("while True: pass"),
        says="no function leak",
    ),
    attack("endless", "an endless loop", within("while True: pass"), says="time limit"),
    attack(
        "stubborn",
        "a loop that swallows interrupts",
        within(
            """
while True:
    try:
        while True: pass
    except BaseException: pass
"""
        ),
        says="time limit",
    ),
    attack(
        "deaf",
        "ignored signals, then a loop",
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + within("while True: pass"),
        says="time limit",
    ),
    attack(
        "long-call",
        "one long call of C",
        within("sum(range(10**13))"),
        says="time limit",
    ),
)

EXITS = (
    attack("sys-exit", "sys.exit", within("import sys; sys.exit()"), says="did not report"),
    attack(
        "sys-exit-cell", "sys.exit after a right answer", with_right("import sys; sys.exit()"), 4
    ),
    attack("quit", "quit()", within("quit()"), 4),
    Hostile(
        "os-exit-cell",
        "os._exit in the second answer",
        4,
        0,
        {"leak-answer": LEAK, "total-answer": "import os\nos._exit(0)"},
        says="no function total",
    ),
    attack("os-exit", "os._exit", within("import os; os._exit(0)"), says="ended the kernel"),
    attack("kill", "SIGKILL to itself", within("import os; os.kill(os.getpid(), 9)"), says="ended"),
    attack(
        "recursion",
        "recursion without end",
        "import sys\nsys.setrecursionlimit(10**9)\n"
        "def leak(x, h, a):\n    return np.add(leak(x, h, a), 0)",
        says="",
    ),
    attack(
        "segfault",
        "a segmentation fault",
        within("import ctypes; ctypes.string_at(0)"),
        says="ended the kernel",
    ),
    attack(
        "kill-all",
        "ends its parent and every process it can",
        with_right(
            "import os, signal\nfor pid in (os.getppid(), 1, -1):\n"
            "    try: os.kill(pid, signal.SIGKILL)\n    except OSError: pass"
        ),
        4,
        unfit="it would end the marking itself, and more",
    ),
    attack(
        "atexit",
        "an exit hook that waits",
        with_right("import atexit, time\natexit.register(time.sleep, 1000)"),
        4,
    ),
    attack(
        "close-stdout",
        "closed outputs",
        with_right("import sys, os\nos.close(1); os.close(2); sys.stdout.close()"),
        4,
    ),
    attack(
        "close-sockets",
        "every file closed",
        within("import os; os.closerange(3, 512)"),
        says="0 of 4 points",
    ),
    attack(
        "thread-exit",
        "a thread that ends the kernel later",
        with_right(
            "import threading, os\nthreading.Timer(0.02, os._exit, [0]).start()\n"
            "import time; time.sleep(0.5)"
        ),
        says="no function leak",
    ),
)
