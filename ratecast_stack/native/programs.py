"""Child processes of the native stack: found, started, waited for, and always ended."""

from __future__ import annotations

import http.client
import shutil
import socket
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratecast.errors import OperationError, UsageError
from ratecast_stack.children import free_port, start_child, wait_or_kill

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_READY_LIMIT_SECONDS = 60.0
_STOP_LIMIT_SECONDS = 15.0
_POLL_SECONDS = 0.1
# Program -> the names it goes by; Debian's Alertmanager carries its package's.
_NAMES = {"prometheus": ("prometheus",), "alertmanager": ("alertmanager", "prometheus-alertmanager")}


@dataclass(frozen=True)
class Program:
    """A running child.

    Attributes:
        name: what messages call it.
        process: the child.
        log: where its output goes.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def require_running(self) -> None:
        """Check that it has not ended.

        Raises:
            OperationError: it has; the message quotes the end of its log.
        """
        if self.process.poll() is not None:
            raise OperationError(f"{self.name} ended by itself: {self.last_words()}")

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "its log is empty"


def find() -> dict[str, str]:
    """Where Prometheus and Alertmanager are, by program.

    Raises:
        UsageError: one is not installed.
    """
    found = {
        program: next((path for name in names if (path := shutil.which(name))), None)
        for program, names in _NAMES.items()
    }
    if missing := [program for program, path in found.items() if path is None]:
        verb = "is" if len(missing) == 1 else "are"
        raise UsageError(
            f"{' and '.join(missing)} {verb} not installed: on Debian and Ubuntu "
            "`apt-get install prometheus prometheus-alertmanager`, on macOS `brew install prometheus alertmanager`"
        )
    return {program: path for program, path in found.items() if path is not None}


def port(wanted: int) -> int:
    """The wanted port when nothing listens on it, else any: Debian starts its Prometheus when it is installed."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port()
        taken: int = probe.getsockname()[1]  # the kernel's choice when 0 was wanted
        return taken


@contextmanager
def running(name: str, command: Sequence[str], directory: Path) -> Iterator[Program]:
    """Run a program within the block, its output in ``<name>.log``; SIGTERM ends it, and SIGKILL when that does not."""
    log = directory / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as sink:
        process = start_child(command, stdout=sink, stderr=sink)
    try:
        yield Program(name, process, log)
    finally:
        process.terminate()
        wait_or_kill(process, _STOP_LIMIT_SECONDS)


def ratecast(*arguments: str) -> tuple[str, ...]:
    """A ratecast command, run by this interpreter."""
    return (sys.executable, "-m", "ratecast", *arguments)


def wait_ready(program: Program, listen_port: int, path: str) -> None:
    """Wait until the program answers a request with 200.

    Raises:
        OperationError: it ended, or was not ready in time.
    """
    deadline = time.monotonic() + _READY_LIMIT_SECONDS
    while not _is_ready(listen_port, path):
        program.require_running()
        if time.monotonic() > deadline:
            raise OperationError(
                f"{program.name} is not ready after {_READY_LIMIT_SECONDS:g} s: {program.last_words()}"
            )
        time.sleep(_POLL_SECONDS)


def _is_ready(listen_port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", listen_port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
