"""The embedded broker: noida-db's Kafka as a child process."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ratecast.errors import UsageError
from ratecast_stack import children
from ratecast_stack.directories import make_data_dir
from ratecast_stack.extras import installation

if TYPE_CHECKING:
    from types import TracebackType

START_LIMIT_SECONDS = 20.0
STOP_LIMIT_SECONDS = 10.0


def executable() -> Path:
    """Returns the path of the broker's executable.

    Raises:
        UsageError: the broker is not installed.
    """
    spec = importlib.util.find_spec("noida_db")
    name = "noida-db.exe" if os.name == "nt" else "noida-db"
    path = None if spec is None or spec.origin is None else Path(spec.origin).with_name(name)
    if path is None or not path.is_file():
        raise UsageError(
            f"the embedded broker is not installed: {installation(['noida-db'])}, "
            "or run Apache Kafka with `docker compose up kafka`"
        )
    path.chmod(path.stat().st_mode | 0o111)  # a wheel may have lost the bit
    return path


class EmbeddedBroker:
    """A Kafka broker for development: one native process on loopback, its data in one directory.

    Args:
        data_dir: where records and offsets are kept; it is created if it does not exist.
        port: where to listen; any free port if None.
    """

    def __init__(self, data_dir: Path, port: int | None = None) -> None:
        self.data_dir = data_dir
        self.port = port
        self._child: children.Child | None = None

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` of the running broker."""
        return f"127.0.0.1:{self.port}"

    @property
    def child(self) -> children.Child:
        """The running broker's process.

        Raises:
            RuntimeError: the broker has not been started, or it was stopped.
        """
        if self._child is None:
            raise RuntimeError("the embedded broker is not started")
        return self._child

    def start(self) -> None:
        """Start the broker and wait until it listens.

        Raises:
            UsageError: the broker is not installed, or the port is taken.
            OperationError: it ended or did not listen in time; the message quotes its log.
        """
        program = executable()
        if self.port is not None and children.is_taken(self.port):
            raise UsageError(f"port {self.port} is taken: choose another with --port")
        port = self.port = self.port or children.free_port()
        make_data_dir(self.data_dir)
        command = (str(program), "start", "--only", "kafka", "--kafka-port", str(port))
        self._child = children.start(
            "the embedded broker",
            (*command, "--data-dir", str(self.data_dir)),
            self.data_dir / "broker.log",
        )
        try:
            self._child.wait_until(lambda: children.is_taken(port), START_LIMIT_SECONDS)
        except BaseException:
            self.stop()
            raise

    def exit_code(self) -> int | None:
        """Returns None while the broker runs."""
        return self._child.process.poll() if self._child else None

    def stop(self) -> None:
        """Stop the broker and wait for its end; a second call does nothing."""
        child, self._child = self._child, None
        if child is not None:
            child.stop(STOP_LIMIT_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
