"""Set limits of this process, then become the command: ``limits.py SECONDS BYTES -- command``.

Run by a bare interpreter (``python -I -S``) between the marking process and a student's kernel,
so that the limits never touch the marking process itself.
"""

import os
import resource
import sys


def main() -> None:
    seconds, size = int(sys.argv[1]), int(sys.argv[2])
    command = sys.argv[sys.argv.index("--") + 1 :]
    for limit, value in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, size),
        (resource.RLIMIT_FSIZE, 50 * 2**20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 512),
    ):
        resource.setrlimit(limit, (value, value))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
