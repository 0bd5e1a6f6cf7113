"""One node of a KRaft cluster on loopback: ports, configuration, log."""

from __future__ import annotations

import random
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratecast.errors import OperationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# These ports are below every system's ephemeral range. So while a broker is down, an outgoing connection of a client
# cannot take its port, and cannot connect to itself by chance.
_PORTS = range(20_000, 32_000)
NEW_RUN = "---- a new run ----\n"
# Log to standard output, where the JVM writes its errors too, and leave out the three pages of settings at each start.
LOG_CONFIG = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1}: %m%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
logger.settings.name = org.apache.kafka.common.config.AbstractConfig
logger.settings.level = warn
"""


@dataclass(frozen=True)
class Node:
    """One broker's directory and ports. Each broker is also a controller."""

    number: int
    directory: Path
    port: int
    controller_port: int
    backend_port: int | None  # of the listener that advertises the proxy's port
    proxy_port: int | None

    @property
    def log_path(self) -> Path:
        """The log of all runs, each after a `NEW_RUN` line."""
        return self.directory / "broker.log"

    def last_failure(self) -> str:
        """Returns the exception under the first error of the newest run, or the last line of the log."""
        newest = self.log_path.read_text(errors="replace").rpartition(NEW_RUN)[2]
        first_error = newest.find(" ERROR ")
        cause = re.search(r"^[\w.$]+(?:Exception|Error): .*", newest[max(first_error, 0) :], re.MULTILINE)
        lines = newest.strip().splitlines() or ["no output"]
        return f"{cause[0] if cause and first_error >= 0 else lines[-1]} (see {self.log_path})"


def properties_of(node: Node, nodes: Sequence[Node]) -> Mapping[str, object]:
    """Returns the node's ``server.properties``; with three or more nodes, replication 3 and two replicas in sync."""
    replicas = min(len(nodes), 3)
    in_sync = 2 if replicas > 2 else 1
    listeners, advertised = {"PLAINTEXT": node.port}, {"PLAINTEXT": node.port}
    if node.backend_port is not None and node.proxy_port is not None:
        listeners["PROXIED"], advertised["PROXIED"] = node.backend_port, node.proxy_port
    voters = (f"{other.number}@127.0.0.1:{other.controller_port}" for other in nodes)
    return {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": ",".join(voters),
        "listeners": _addresses({**listeners, "CONTROLLER": node.controller_port}),
        "advertised.listeners": _addresses(advertised),
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": "data",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": 6,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": 6,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        # Nobody can take over from a single broker, so it should not be fenced when a laptop sleeps.
        "broker.session.timeout.ms": 9000 if replicas == 1 else 4000,
        "broker.heartbeat.interval.ms": 500,
        "log.cleaner.dedupe.buffer.size": 4 * 2**20,  # the default is 128 MiB of heap
    }


def _addresses(listeners: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())


def free_ports(count: int) -> list[int]:
    """Returns free TCP ports outside the ephemeral range."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise OperationError(f"fewer than {count} ports are free")
