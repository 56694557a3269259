"""The command that shuts a student's kernel in, and the private folder it talks through.

bubblewrap gives the kernel a world of its own: the system and the environment read-only, the
folder of its own submission read-only, an empty temporary folder, no network, no other process,
no course, none of the teacher's variables. It talks to the marking process through sockets in a
folder that only the two share.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import rnncore

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
# Folders in memory, with their sizes; nothing else can be written.
MEMORY = {"/tmp": 256 * 2**20, "/dev/shm": 64 * 2**20}
FILES = ("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts")
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp/home",
    "LANG": "C.UTF-8",
    "IPYTHONDIR": "/tmp/ipython",
    "MPLBACKEND": "agg",
    "MPLCONFIGDIR": "/tmp/matplotlib",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class SandboxError(Exception):
    """The sandbox cannot be had; the message says what to do."""


@cache
def available() -> str | None:
    """``None`` if the sandbox works on this machine, else the reason why not."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian and Ubuntu: apt install bubblewrap)"
    trial = [*_walls(), "/usr/bin/true"]
    done = subprocess.run(trial, capture_output=True, text=True, timeout=30, env=environment())
    if done.returncode != 0:
        return f"bubblewrap does not work here: {done.stderr.strip() or done.returncode}"
    return None


def require(*secret: Path) -> None:
    """Refuse to go on where the sandbox does not work, or would show ``secret`` folders.

    Raises
    ------
    SandboxError
        With the reason, and the way round it.
    """
    reason = available()
    if reason is not None:
        raise SandboxError(
            f"{reason}. Students' code would run with your rights: it could read your files, "
            "change marks, and use the network. If you accept that, say --no-sandbox."
        )
    for path in secret:
        folder = exposed(path)
        if folder is not None:
            raise SandboxError(
                f"{path}: students' code would see this folder, since it sees {folder}; "
                "move the one or the other"
            )


def _walls() -> list[str]:
    """bubblewrap with the system alone, read-only."""
    command = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns"]
    command += ["--die-with-parent", "--new-session", "--clearenv"]
    # As root of its namespace, if the teacher is root, the kernel would have capabilities.
    command += ["--cap-drop", "ALL", "--uid", "1000", "--gid", "1000"]
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), name]
        elif path.is_dir():
            command += ["--ro-bind", name, name]
    for name in FILES:
        command += ["--ro-bind-try", name, name]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for name, size in MEMORY.items():
        command += ["--size", str(size), "--tmpfs", name]
    return command


def enclosed(command: Sequence[str], private: Path, work: Path) -> list[str]:
    """The command line that runs ``command`` in the sandbox.

    Parameters
    ----------
    command
        What to run inside.
    private
        The folder of the sockets, the only one that can be written, besides the temporary one.
    work
        The folder that the kernel sees as its own, read-only.
    """
    walls = _walls()
    for folder in _python_folders():
        walls += ["--ro-bind", str(folder), str(folder)]
    walls += ["--bind", str(private), str(private), "--ro-bind", str(work), "/submission"]
    walls += ["--chdir", "/submission", "--dir", ENVIRONMENT["HOME"]]
    for name, value in ENVIRONMENT.items():
        walls += ["--setenv", name, value]
    # The root is a folder in memory too, without a bound.
    return [*walls, "--remount-ro", "/dev", "--remount-ro", "/", *command]


def environment() -> dict[str, str]:
    """The environment of bubblewrap itself, which the student can read in ``/proc/1``."""
    return {"PATH": os.environ.get("PATH", os.defpath)}


def exposed(path: Path) -> Path | None:
    """The folder through which the kernel could see ``path``, or ``None`` if it cannot."""
    seen = [*_python_folders(), *(Path(name).resolve() for name in SYSTEM)]
    return next((folder for folder in seen if path.resolve().is_relative_to(folder)), None)


def _python_folders() -> list[Path]:
    """The interpreter, the environment, and the package; not the rest of the repository."""
    folders = [Path(sys.base_prefix), Path(sys.prefix), Path(rnncore.__file__).parent]
    system = tuple(Path(name) for name in SYSTEM)
    kept = [f for f in dict.fromkeys(folders) if not any(f.is_relative_to(s) for s in system)]
    return sorted(kept)


class PrivateFolder:
    """A folder that only this user can enter, for the sockets of one kernel.

    Raises
    ------
    SandboxError
        If the folder that is given could be entered by others.
    """

    def __init__(self, path: Path | None = None) -> None:
        made = path is None
        self.path = Path(tempfile.mkdtemp(prefix="kernel-")) if path is None else path
        self._remove = made
        found = self.path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise SandboxError(f"{self.path}: expected a folder of this user")
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise SandboxError(
                f"{self.path}: other users could enter this folder and talk to the kernel; "
                "expected a private one (mode 700)"
            )
        if len(str(self.path)) > 80:
            raise SandboxError(f"{self.path}: the path is too long for a socket")

    def oversize(self) -> bool:
        """Whether there is more in it than sockets; the kernel could fill the disk here."""
        with os.scandir(self.path) as entries:
            for count, entry in enumerate(entries):
                if count >= 32 or entry.is_dir(follow_symlinks=False):
                    return True
                if entry.stat(follow_symlinks=False).st_size > 2**20:
                    return True
        return False

    def close(self) -> None:
        if not self._remove:
            return
        if any(entry.is_dir(follow_symlinks=False) for entry in os.scandir(self.path)):
            # Nested deeper, it may be, than Python's own recursion goes.
            subprocess.run(["rm", "-rf", "--", str(self.path)], check=False, capture_output=True)
        shutil.rmtree(self.path, ignore_errors=True)
