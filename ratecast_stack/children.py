"""Child processes that never outlive their owner, and the ports and directories they take."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
from typing import IO, TYPE_CHECKING

from ratecast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PR_SET_PDEATHSIG = 1


def make_directory(data_dir: Path) -> None:
    """Make a broker's data directory, unless it is there.

    Raises:
        UsageError: it cannot be made or written to.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / ".writable").touch()
        (data_dir / ".writable").unlink()
    except OSError as error:
        raise UsageError(f"--data-dir {data_dir} cannot be used: {error.strerror}") from None


def free_port() -> int:
    """A TCP port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_taken(port: int) -> bool:
    """Whether something listens on the port on loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_child(
    command: Sequence[str],
    *,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
    cwd: Path | None = None,
    kill: bool = False,
) -> subprocess.Popen[bytes]:
    """A child process in a session of its own that ends when its owner ends, even by kill -9 (Linux).

    The kernel's owner of a child is the *thread* that started it: start from one that lives as long as the child.
    """

    def die_with_parent() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if kill else signal.SIGTERM)

    return subprocess.Popen(  # noqa: S603 - our own child, no shell
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        # Ctrl-C in the terminal is for the owner, which then stops the child in its own order.
        start_new_session=True,
        preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - takes no lock
    )


def wait_or_kill(process: subprocess.Popen[bytes], limit_seconds: float) -> None:
    """Wait for the end of a process; kill it when it takes longer."""
    try:
        process.wait(limit_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
