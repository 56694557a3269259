"""One kernel for one submission: run a cell within limits of time, memory and output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any, Literal

import psutil
import zmq
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from coursework import sandbox
from coursework.course import Limits
from coursework.outputs import Outcome, keep

START_SECONDS = 60.0
GRACE_SECONDS = 1.0  # between the interrupt of a cell and the end of its kernel
LONGEST_MESSAGE = 32 * 2**20
MESSAGES_WAITING = 8  # so that a flood waits in the kernel and not in the marking process
MOST_PROCESSES = 48

REASONS: Mapping[str, str] = {
    "time": "it ran longer than the time limit",
    "memory": "it used more memory than allowed",
    "died": "it ended the kernel",
    "processes": f"it started more than {MOST_PROCESSES} processes",
    "disk": "it wrote where only the kernel writes",
    "restarts": "the notebook ended too many kernels before",
}


class KernelStartError(Exception):
    """The kernel did not start: the fault of the machine, not of the student."""


class Kernel:
    """A Python kernel in the sandbox.

    Parameters
    ----------
    work
        The folder of the submission, which the kernel sees read-only.
    limits
        Memory and output; its time for the whole submission bounds the processor time.
    enclose
        Whether to shut the kernel in. Without, only the limits of resources hold.
    """

    def __init__(self, work: Path, limits: Limits, enclose: bool = True) -> None:
        self.limits, self.peak = limits, 0
        self._private = sandbox.PrivateFolder()
        folder = self._private.path
        file, _ = write_connection_file(
            str(folder / "kernel.json"), transport="ipc", ip=str(folder / "s")
        )
        self._process = self._start(work, file, enclose)
        self._looked = 0.0
        self._connect(file)
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def _connect(self, file: str) -> None:
        self._file = file
        self._context = _context()
        self._client = BlockingKernelClient(connection_file=file, context=self._context)
        self._client.load_connection_file()
        self._client.start_channels(hb=False, stdin=False)

    def _start(self, work: Path, file: str, enclose: bool) -> subprocess.Popen[bytes]:
        kernel = [sys.executable, "-P", "-m", "ipykernel_launcher", "-f", file, "--log-level=50"]
        kernel += ["--InteractiveShell.colors=nocolor", "--HistoryManager.enabled=False"]
        command = sandbox.enclosed(kernel, self._private.path, work) if enclose else kernel
        seconds, most = int(2 * self.limits.seconds) + 30, self.limits.memory + 2**30
        warden = [sys.executable, "-I", "-S", str(Path(__file__).with_name("warden.py"))]
        return subprocess.Popen(
            [*warden, str(seconds), str(most), "--", *command],
            cwd=work,
            stdin=subprocess.PIPE,  # its end tells the warden that this process is gone
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=sandbox.environment()
            if enclose
            else {**sandbox.ENVIRONMENT, "HOME": str(self._private.path)},
        )

    def _wait_until_ready(self) -> None:
        deadline, request = time.monotonic() + START_SECONDS, None
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise KernelStartError(f"the kernel ended at once ({self._process.returncode})")
            request = request or self._client.kernel_info()
            if self._replied(request, 0.2):
                request = None
                if self._next() is not None:  # outputs come through too
                    return
        raise KernelStartError(f"the kernel did not answer within {START_SECONDS:g} s")

    # -- running a cell --------------------------------------------------------------------

    def run(self, code: str, seconds: float) -> Outcome:
        """Run a cell. After the status time, memory or died the kernel is gone."""
        outcome, left = Outcome(), self.limits.output
        request = self._client.execute(code, store_history=True, stop_on_error=False)
        deadline, interrupted = time.monotonic() + seconds, False
        replied = 0.0
        while True:
            now = time.monotonic()
            gone = self._trouble(now, deadline, interrupted)
            if gone is not None:
                if gone == "interrupt":
                    self._interrupt()
                    interrupted, deadline = True, now + GRACE_SECONDS
                    continue
                outcome.status = gone
                self.close()
                return outcome
            message = self._next()
            if message is None:
                # The end may be lost with a message that was too long; the reply tells.
                replied = replied or (now if self._replied(request) else 0.0)
                if replied and now - replied > 1.0:
                    self._reconnect()
                    break
                continue
            # A student's code can send anything in the kernel's name.
            with suppress(KeyError, TypeError, ValueError, AttributeError):
                if message["parent_header"].get("msg_id") != request:
                    continue
                kind, content = message["msg_type"], message["content"]
                if kind == "status" and content["execution_state"] == "idle":
                    break
                left -= keep(outcome, kind, content, left)
        self._drain(request)
        if interrupted:
            outcome.status = "time"
            self.close()
        return outcome

    def _trouble(
        self, now: float, deadline: float, interrupted: bool
    ) -> Literal["time", "memory", "died", "processes", "disk", "interrupt"] | None:
        if self._process.poll() is not None:
            return "died"
        if now > self._looked + 0.2:
            self._looked = now
            used, processes = self._used()
            self.peak = max(self.peak, used)
            if processes > MOST_PROCESSES:  # first: pages that they share count for each
                return "processes"
            if used > self.limits.memory:
                return "memory"
            if self._private.oversize():
                return "disk"
        if now > deadline:
            return "time" if interrupted else "interrupt"
        return None

    def _used(self) -> tuple[int, int]:
        """Resident memory of everything in the sandbox, and how many processes there are."""
        total, processes = 0, []
        with suppress(psutil.Error):
            processes = psutil.Process(self._process.pid).children(recursive=True)
            for process in processes:
                with suppress(psutil.Error):
                    total += process.memory_info().rss
        return total, len(processes)

    def _next(self) -> dict[str, Any] | None:
        try:
            return self._client.get_iopub_msg(timeout=0.1)
        except Empty:
            return None
        except Exception:  # a forged or broken message is no message
            return None

    def _replied(self, request: str, seconds: float = 0.01) -> bool:
        try:
            reply = self._client.get_shell_msg(timeout=seconds)
            return bool(reply["parent_header"].get("msg_id") == request)
        except Exception:
            return False

    def _disconnect(self) -> None:
        self._client.stop_channels()
        self._context.destroy(linger=0)

    def _reconnect(self) -> None:
        """Connect anew: after a message that is too long nothing else comes through."""
        self._disconnect()
        self._connect(self._file)
        with suppress(KernelStartError):  # the next cell will find out
            self._wait_until_ready()

    def _drain(self, request: str) -> None:
        """Take the reply off the shell channel."""
        end = time.monotonic() + 1.0
        while time.monotonic() < end and not self._replied(request):
            if self._process.poll() is not None:
                return

    def _interrupt(self) -> None:
        """Ask the kernel by a message; a signal would end the sandbox and not the cell."""
        self._client.control_channel.send(self._client.session.msg("interrupt_request", {}))

    def close(self) -> None:
        """End the kernel and everything it started."""
        with suppress(psutil.Error):
            for process in psutil.Process(self._process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    process.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):  # the warden waits until all are gone
            self._process.wait(5)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._disconnect()
        self._private.close()


def _context() -> zmq.Context:
    context = zmq.Context()
    context.setsockopt(zmq.MAXMSGSIZE, LONGEST_MESSAGE)
    context.setsockopt(zmq.LINGER, 0)
    context.setsockopt(zmq.RCVHWM, MESSAGES_WAITING)
    return context
