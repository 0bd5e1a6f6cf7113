"""``ratecast broker``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ratecast.cli import console


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "broker",
        help="Run a Kafka broker for development: one small process on 127.0.0.1, no Docker, no Java. Its data "
        "stays in a directory, so it survives restarts. Ctrl-C stops it.",
        epilog="In another terminal: ratecast worker",
    )(broker)


def broker(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free port.")] = 9092,
    data_dir: Annotated[Path, typer.Option(help="Where records and offsets are kept.")] = Path(
        ".ratecast/broker"
    ),
) -> None:
    """Start the embedded broker and stay until it or the user ends it."""
    import signal
    import threading

    from ratecast.broker import EmbeddedBroker
    from ratecast.errors import OperationError

    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with EmbeddedBroker(data_dir, port or None) as running:
        console.out.print(f"Kafka on {running.bootstrap_servers}, data in {data_dir} (Ctrl-C stops it)")
        while not stopping.wait(0.2):
            if (code := running.exit_code()) is not None:
                raise OperationError(f"the broker ended by itself with exit code {code}")
    console.out.print("stopped")
