"""The broker that a benchmark runs on: the embedded one, Apache Kafka on the JVM, or one that already runs."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ratecast_stack.embedded import EmbeddedBroker
from ratecast_stack.jvm.cluster import JvmCluster
from ratecast_stack.jvm.jars import KAFKA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKERS = ("embedded", "kafka")


class Broker(NamedTuple):
    """A running broker.

    Attributes:
        bootstrap_servers: ``host:port``.
        name: its name and version.
        pid: its process id; None if it is not a process of this run.
    """

    bootstrap_servers: str
    name: str
    pid: int | None


@contextmanager
def bench_broker(name: str) -> Iterator[Broker]:
    """Runs a broker with its data in a temporary directory.

    Args:
        name: ``embedded``, ``kafka``, or ``host:port`` of a broker that runs.
    """
    if name not in BROKERS:
        yield Broker(name, f"the broker at {name}", None)
        return
    with tempfile.TemporaryDirectory(prefix="ratecast-bench-") as home:
        if name == "embedded":
            with EmbeddedBroker(Path(home)) as embedded:
                called = f"embedded broker (noida-db {version('noida-db')})"
                yield Broker(embedded.bootstrap_servers, called, embedded.child.process.pid)
        else:
            with JvmCluster(Path(home)) as cluster:
                yield Broker(
                    cluster.bootstrap_servers, f"Apache Kafka {KAFKA_VERSION} on the JVM", cluster.pid(1)
                )
