"""Child processes on this machine: start, wait until ready, watch, stop. No child outlives its parent."""

from __future__ import annotations

import ctypes
import http.client
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from ratecast.errors import OperationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

READY_LIMIT_SECONDS = 60.0
STOP_LIMIT_SECONDS = 15.0
_POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Child:
    """A running child process.

    Attributes:
        name: what messages call it.
        process: the process.
        log: the file that receives its output.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def require_running(self) -> None:
        """Check that the process still runs.

        Raises:
            OperationError: it ended; the message quotes the last line of its log.
        """
        if self.process.poll() is not None:
            raise OperationError(f"{self.name} ended unexpectedly: {self.last_line()}")

    def wait_until(self, is_ready: Callable[[], bool], limit_seconds: float = READY_LIMIT_SECONDS) -> None:
        """Wait until a condition holds.

        Raises:
            OperationError: the process ended, or the condition did not hold in time.
        """
        deadline = time.monotonic() + limit_seconds
        while not is_ready():
            self.require_running()
            if time.monotonic() > deadline:
                raise OperationError(
                    f"{self.name} is not ready after {limit_seconds:g} s: {self.last_line()}"
                )
            time.sleep(_POLL_SECONDS)

    def last_line(self) -> str:
        """Returns the last line of the log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "its log is empty"

    def stop(self, limit_seconds: float = STOP_LIMIT_SECONDS) -> None:
        """Send SIGTERM and wait for the end; send SIGKILL if that takes longer than the limit."""
        self.process.terminate()
        wait_or_kill(self.process, limit_seconds)


def start(
    name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Child:
    """Start a child whose output is appended to a log file."""
    with log.open("ab") as sink:
        return Child(name, start_child(command, stdout=sink, stderr=sink, environment=environment), log)


@contextmanager
def running(
    name: str, command: Sequence[str], directory: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Run a child within the block; its output goes to ``<name>.log`` in the directory."""
    child = start(name, command, directory / f"{name.replace(' ', '-')}.log", environment)
    try:
        yield child
    finally:
        child.stop()


def start_child(
    command: Sequence[str],
    *,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    kill: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a process in a new session; on Linux it ends with its parent, even if that gets SIGKILL.

    To the kernel the parent is the *thread* that started the child. Call this from a thread that lives as long as the
    child should.

    Args:
        command: program and arguments.
        stdout: where its output goes, as in `subprocess.Popen`.
        stderr: where its errors go.
        environment: all its variables; this process's if None.
        cwd: its working directory; this process's if None.
        kill: end it with SIGKILL instead of SIGTERM when the parent ends.
    """

    def die_with_parent() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if kill else signal.SIGTERM)

    return subprocess.Popen(  # noqa: S603 - our child, no shell
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        # Ctrl-C in the terminal must reach only the parent, which then stops its children in order.
        start_new_session=True,
        preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - takes no lock
    )


def wait_or_kill(process: subprocess.Popen[bytes], limit_seconds: float) -> None:
    """Wait for a process to end; kill it if it takes longer than the limit."""
    try:
        process.wait(limit_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answers(port: int, path: str) -> bool:
    """Returns whether a GET request to a loopback port is answered with status 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def is_taken(port: int) -> bool:
    """Returns whether a process listens on this loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port(preferred: int = 0) -> int:
    """Returns the preferred loopback port if nothing listens on it, otherwise any free port."""
    with socket.socket() as probe:
        # Connections of a server that has just ended must not make its port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            return free_port()
        port: int = probe.getsockname()[1]
        return port
