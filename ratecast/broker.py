"""The embedded broker: noida-db's Kafka as a child process that never outlives its owner."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from ratecast.errors import OperationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

START_LIMIT_SECONDS = 20.0
STOP_LIMIT_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1
_MISSING = (
    "the embedded broker is not installed: `pip install 'ratecast[embedded]'`, "
    "or run Apache Kafka with `docker compose up kafka`"
)


def executable() -> Path:
    """The broker's executable inside its package.

    Raises:
        UsageError: the ``embedded`` extra is not installed.
    """
    spec = importlib.util.find_spec("noida_db")
    if spec is None or spec.origin is None:
        raise UsageError(_MISSING)
    path = Path(spec.origin).with_name("noida-db.exe" if os.name == "nt" else "noida-db")
    if not path.is_file():
        raise UsageError(_MISSING)
    path.chmod(path.stat().st_mode | 0o111)  # a wheel may have lost the bit
    return path


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


class EmbeddedBroker:
    """A Kafka broker for development: one native process on loopback, its data in one directory.

    Args:
        data_dir: where records and offsets are kept; made when missing.
        port: where to listen; a free one when None.
    """

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self.data_dir = data_dir
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` of the running broker."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the broker and wait until it listens.

        Raises:
            UsageError: it is not installed, or the port is taken.
            OperationError: it ended at once or did not listen in time; the message quotes its log.
        """
        program = executable()
        if self.port is not None and is_taken(self.port):
            raise UsageError(f"port {self.port} is taken: choose another with --port")
        self.port = self.port or free_port()
        make_directory(self.data_dir)
        command = [str(program), "start", "--only", "kafka", "--kafka-port", str(self.port)]
        with self._log_path.open("ab") as log:
            self._process = start_child([*command, "--data-dir", str(self.data_dir)], stdout=log, stderr=log)
        self._wait_until_listening()

    def _wait_until_listening(self) -> None:
        assert self.port is not None  # noqa: S101 - set by start, for the type checker
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while not is_taken(self.port):
            if self.exit_code() is not None or time.monotonic() > deadline:
                tail = self._log_path.read_text(errors="replace").strip().splitlines()[-1:]
                self.stop()
                raise OperationError(f"the embedded broker did not start: {' '.join(tail) or 'no output'}")
            time.sleep(0.02)

    @property
    def _log_path(self) -> Path:
        return self.data_dir / "broker.log"

    def exit_code(self) -> int | None:
        """None while the broker runs."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """Stop the broker and wait for its end; a second call does nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            wait_or_kill(process, STOP_LIMIT_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
