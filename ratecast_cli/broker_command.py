"""``ratecast broker``."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast_cli import console
from ratecast_cli.progress import stage_bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast_stack.embedded import EmbeddedBroker
    from ratecast_stack.jvm.cluster import JvmCluster

    Broker = EmbeddedBroker | JvmCluster


class Engine(StrEnum):
    """The program that serves the Kafka protocol."""

    EMBEDDED = "embedded"
    KAFKA = "kafka"


_DATA_DIRS = {Engine.EMBEDDED: Path(".ratecast/broker"), Engine.KAFKA: Path(".ratecast/kafka")}


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "broker",
        help="Run a Kafka broker for development on 127.0.0.1. Its data is kept in a directory, so it survives "
        "restarts. Ctrl-C stops the broker.",
        short_help="Run a Kafka broker for development on 127.0.0.1.",
        epilog="In another terminal: ratecast worker",
    )(broker)


def broker(
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, metavar="PORT", help="Port to listen on. 0 picks a free port."),
    ] = 9092,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Directory for records and offsets. "
            r"\[default: .ratecast/broker, or .ratecast/kafka with --engine kafka]",
        ),
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option(
            metavar="ENGINE",
            help="embedded: one small process that starts at once and needs nothing else, for development and demos. "
            "kafka: Apache Kafka, to test what production relies on, such as killed workers. It needs Java 17 or newer, "
            "and Maven and a 45 MB download on first use.",
        ),
    ] = Engine.EMBEDDED,
) -> None:
    """Start the broker and wait until it ends or the user stops it."""
    import signal
    import threading

    from ratecast.errors import OperationError
    from ratecast.settings import check_environment

    check_environment()
    directory = data_dir or _DATA_DIRS[engine]
    chosen = _embedded(directory, port) if engine is Engine.EMBEDDED else _apache_kafka(directory, port)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with _running(chosen, directory) as running:
        console.out.print(
            f"Kafka on {running.bootstrap_servers}, data in {directory} (Ctrl-C stops it)", soft_wrap=True
        )
        while not stopping.wait(0.2):
            if (code := running.exit_code()) is not None:
                raise OperationError(f"the broker ended unexpectedly with exit code {code}")
    console.out.print("stopped")


@contextmanager
def _running(broker: Broker, data_dir: Path) -> Iterator[Broker]:
    """Run the broker within the block.

    Raises:
        UsageError: another broker uses the directory.
    """
    from ratecast.errors import OperationError, UsageError

    with ExitStack() as stack:
        try:
            stack.enter_context(broker)
        except OperationError as error:
            if "already running" not in str(error):
                raise
            raise UsageError(
                f"{data_dir} is in use by another broker: choose another with --data-dir"
            ) from None
        yield broker


def _embedded(data_dir: Path, port: int) -> EmbeddedBroker:
    from ratecast_stack.embedded import EmbeddedBroker

    return EmbeddedBroker(data_dir, port or None)


def _apache_kafka(data_dir: Path, port: int) -> JvmCluster:
    """Returns Apache Kafka with its jars downloaded, while Ctrl-C still ends the program at once."""
    from ratecast_stack.jvm.cluster import JvmCluster
    from ratecast_stack.jvm.jars import are_cached, class_path, java

    java()
    if not are_cached():
        with stage_bar() as progress:
            class_path(progress=progress)
    return JvmCluster(data_dir, port=port or None)
