"""Run a command within limits, and leave nothing of it behind.

``warden.py SECONDS BYTES -- command``, run by a bare interpreter (``python -I -S``) between the
marking process and a student's kernel. The limits never touch the marking process itself.

Standard input is a pipe that the marking process alone holds open. Its end says that the marking
process is gone, however it went: SIGKILL too. The warden then kills the command and everything
that came of it. (bubblewrap's own ``--die-with-parent`` holds only once its start is over; a
marking process that is killed in the hundredths of a second before would leave a sandbox.)
"""

import os
import resource
import select
import signal
import sys
from contextlib import suppress


def limit(seconds: int, size: int) -> None:
    for kind, value in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, size),
        (resource.RLIMIT_FSIZE, 50 * 2**20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 512),
    ):
        resource.setrlimit(kind, (value, value))


def adopt_orphans() -> None:
    """What loses its parent below this process becomes its child. Linux alone can."""
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


def children() -> list[int]:
    path = f"/proc/self/task/{os.getpid()}/children"
    with suppress(OSError), open(path) as file:
        return [int(pid) for pid in file.read().split()]
    return []


def sweep() -> None:
    """Kill and reap until nothing is left: a child of a child that dies becomes a child."""
    while True:
        for pid in children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def main() -> int:
    seconds, size = int(sys.argv[1]), int(sys.argv[2])
    command = sys.argv[sys.argv.index("--") + 1 :]
    adopt_orphans()
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        limit(seconds, size)
        os.execvp(command[0], command)
    ended = 0
    while not ended:
        if 0 in select.select([0, wake], [], [])[0]:  # the marking process is gone
            os.kill(child, signal.SIGKILL)
        elif os.read(wake, 64):
            ended, status = os.waitpid(child, os.WNOHANG)
            continue
        ended, status = os.waitpid(child, 0)
    sweep()
    return 128 - os.waitstatus_to_exitcode(status) if os.WIFSIGNALED(status) else status >> 8


if __name__ == "__main__":
    sys.exit(main())
