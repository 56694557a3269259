"""Hostile submissions that turn against the course, classmates and the machine."""

from __future__ import annotations

from tests.coursework.hostile import ZERO, attack, if_won, with_right, within

STEAL = """
import glob, json, os, re
found = []
for top in ("@COURSE@", "@REPO@", "@OUTSIDE@", os.path.expanduser("~"), "/submission", "..", "/"):
    for pattern in (%s):
        found += glob.glob(os.path.join(top, pattern), recursive="**" in pattern and top != "/")
text = "".join(open(path, errors="replace").read() for path in found if os.path.isfile(path))
"""


def steal(*patterns: str) -> str:
    """Code that reads what it can."""
    return STEAL % ", ".join(map(repr, (*patterns, "no")))


READERS = (
    attack(
        "read-solution",
        "the solution in the course folder",
        if_won(steal("source/*/*.ipynb", "../source/*/*.ipynb") + "won = 'BEGIN SOLUTION' in text"),
    ),
    attack(
        "read-reference",
        "the reference and the machinery in the repository",
        if_won(
            steal("coursework/**/*.py", "tests/coursework/*.py", "home/*/reference.py")
            + "won = 'QUESTIONS' in text"
        ),
    ),
    attack(
        "import-machinery",
        "the machinery as a module",
        if_won("import sys; sys.path.append('@REPO@')\nimport coursework.judge\nwon = True"),
    ),
    attack(
        "read-classmates",
        "classmates' submissions and results",
        if_won(
            steal("submitted/*/*/*.ipynb", "results/*/*", "../submission-*/*")
            + "won = 'tanh' in text"
        ),
    ),
    attack(
        "delete-classmates",
        "deleting and changing what classmates handed in",
        if_won(
            """
import shutil, os
for name in ("submitted/right", "source", "autograded", "gradebook.db", "course.toml"):
    path = "@COURSE@/" + name
    won |= os.path.exists(path)
    shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
"""
        ),
        unfit="it deletes the course",
    ),
    attack(
        "gradebook",
        "marks written into the gradebook",
        if_won(
            """
import sqlite3
with sqlite3.connect("@COURSE@/gradebook.db", timeout=60) as book:
    book.execute("update grade set manual_score = 100, needs_manual_grade = 0")
won = True
"""
        ),
    ),
    attack(
        "outside",
        "a file of the teacher's, read and written",
        if_won(
            "won = bool(open('@OUTSIDE@/private.txt').read())\n"
            "open('@OUTSIDE@/written.txt', 'w').write('here')"
        ),
    ),
    attack(
        "environment",
        "the teacher's variables, wherever a process shows them",
        if_won(
            """
import glob, os
for path in glob.glob("/proc/[0-9]*/environ"):
    try: won |= b"COURSEWORK_TEST_TOKEN" in open(path, "rb").read()
    except OSError: pass
won |= "COURSEWORK_TEST_TOKEN" in os.environ
"""
        ),
    ),
    attack(
        "processes",
        "processes that are not its own",
        if_won(
            """
import os, glob
won = bool({int(p[6:]) for p in glob.glob("/proc/[0-9]*")} - {os.getpid(), os.getppid(), 1})
"""
        ),
    ),
    attack(
        "capabilities",
        "the rights of root, if the teacher is root",
        if_won(
            """
import ctypes, os
c = ctypes.CDLL(None)
status = open("/proc/self/status").read().split("CapEff:")[1].split()[0]
won = int(status, 16) != 0
won |= c.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0
won |= c.mount(b"none", b"/submission", None, 32, None) == 0
won |= c.mount(b"none", b"/", None, 32, None) == 0
won |= os.getuid() == 0 or c.umount(b"/submission") == 0
"""
        ),
        unfit="it would change the file systems",
    ),
    attack(
        "walls",
        "writing where there should be no writing",
        if_won(
            """
import os
for path in ("/", "/usr", "/etc", "/dev", "/submission", "@REPO@", "@REPO@/rnncore", "/proc/sys/vm",
             os.path.dirname(np.__file__)):
    if path == "@REPO@" and path.startswith("/tmp/"): continue  # in the sandbox's own folder
    try:
        open(path + "/x", "w").close()
        won = True
    except OSError: pass
"""
        ),
    ),
    attack(
        "user-namespace",
        "a sandbox of its own, as root",
        if_won("import subprocess\nwon = subprocess.call(['unshare', '-Ur', 'true']) == 0"),
    ),
)

NETWORK = (
    attack(
        "socket-out",
        "a connection to the world",
        if_won("import socket\nsocket.create_connection(('1.1.1.1', 53), 1)\nwon = True"),
        unfit="it would depend on the network",
    ),
    attack(
        "socket-localhost",
        "a connection to a program of this machine",
        if_won("import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 1)\nwon = True"),
    ),
    attack(
        "socket-unix",
        "the sockets of programs of this machine",
        if_won(
            "import glob, socket\nfor path in glob.glob('/run/**/*sock*', recursive=True)"
            " + ['@OUTSIDE@/socket']:\n"
            "    with socket.socket(socket.AF_UNIX) as s: s.connect(path)\n    won = True"
        ),
    ),
    attack(
        "listen",
        "waiting for a connection, which nobody outside can make",
        with_right(
            "import socket, threading\ns = socket.socket()\n"
            "s.bind(('0.0.0.0', 54321))\ns.listen()\n"
            "threading.Thread(target=s.accept, daemon=True).start()"
        ),
        4,
    ),
)

RESOURCES = (
    attack(
        "orphan",
        "a process that outlives the kernel",
        with_right(
            """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "86399.5"])
    os._exit(0)
"""
        ),
        4,
    ),
    attack(
        "fork-bomb",
        "processes without end (here: 150)",
        within(
            """
import os, time
for k in range(150):
    if os.fork() == 0:
        time.sleep(60); os._exit(0)
time.sleep(2)
"""
        ),
        says="processes",
    ),
    attack(
        "thread-bomb",
        "threads without end (here: 3000)",
        within(
            """
import threading, time
for k in range(3000): threading.Thread(target=time.sleep, args=(0.5,), daemon=True).start()
"""
        ),
        says="start new thread",
    ),
    attack("memory", "an array of 40 GB", within("b = bytearray(40 * 2**30)"), says="MemoryError"),
    attack(
        "memory-slowly",
        "memory in one process, piece by piece",
        within(
            "import time\nb = []\nfor k in range(30):\n"
            "    b.append(b'x' * 80 * 2**20); time.sleep(0.02)"
        ),
        says="emory",
    ),
    attack(
        "memory-many",
        "memory in several processes",
        within(
            """
import os, time
for k in range(10):
    if os.fork() == 0:
        b = b"x" * 300 * 2**20
        time.sleep(60); os._exit(0)
time.sleep(2)
"""
        ),
        says="more memory than allowed",
    ),
    attack(
        "disk-tmp",
        "a temporary folder filled, beside a right answer",
        with_right(
            """
try:
    for k in range(1000): open(f"/tmp/flood{k}", "wb").write(b"x" * 20 * 2**20)
except OSError: pass
"""
        ),
        4,
        unfit="it fills the disk",
    ),
    attack(
        "disk-memory",
        "the folder of shared memory filled, beside a right answer",
        with_right(
            """
try:
    for k in range(1000): open(f"/dev/shm/flood{k}", "wb").write(b"x" * 20 * 2**20)
except OSError: pass
"""
        ),
        4,
        unfit="it fills the memory",
    ),
    attack(
        "disk-sockets",
        "the folder of the sockets filled",
        within(
            """
import glob, os, time
top = os.path.dirname(glob.glob("/tmp/**/kernel.json", recursive=True)[0])
for k in range(40): open(f"{top}/flood{k}", "wb").write(b"x" * 2**18); time.sleep(0.05)
"""
        ),
        says="where only the kernel writes",
        unfit="it has no such folder",
    ),
    attack(
        "deep-folders",
        "folders nested so deep that they are hard to remove",
        within(
            """
import glob, os
os.chdir(os.path.dirname(glob.glob("/tmp/**/kernel.json", recursive=True)[0]))
for k in range(4000):
    os.mkdir("d"); os.chdir("d")
import time; time.sleep(2)
"""
        ),
        says="where only the kernel writes",
        unfit="it has no such folder",
    ),
    attack(
        "output-lines",
        "200 MB of output by lines",
        "print('now')\nfor k in range(400): print('x' * 2**19)\n" + ZERO,
    ),
    attack(
        "output-string",
        "200 MB of output at once",
        "print('x' * 200 * 2**20)\n" + ZERO,
    ),
    attack(
        "output-right",
        "10 MB of output beside a right answer",
        with_right("for k in range(10**4): print('x' * 1000)"),
        4,
    ),
    attack(
        "output-right-long",
        "a line of 40 MB beside a right answer",
        with_right("print('x' * 40 * 2**20)"),
        4,
    ),
    attack(
        "long-error",
        "an error of 100 MB",
        within("raise ValueError('x' * 100 * 2**20)"),
        says="0 of",
    ),
    attack(
        "many-plots",
        "a thousand pictures",
        with_right(
            "from IPython.display import Image, display\n"
            "data = b'\\x89PNG\\r\\n\\x1a\\n' + b'x' * 2**14\n"
            "for k in range(1000): display(Image(data=data, format='png'))"
        ),
        4,
    ),
)
