"""The embedded broker: noida-db's Kafka as a child process that never outlives its owner."""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ratecast.errors import OperationError, UsageError
from ratecast_stack.children import free_port, is_taken, make_directory, start_child, wait_or_kill

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType

START_LIMIT_SECONDS = 20.0
STOP_LIMIT_SECONDS = 10.0
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
