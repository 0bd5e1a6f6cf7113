"""A broker's view of its cluster, by one Metadata request over a plain socket, without a client or an event loop."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

_METADATA, _VERSION, _ALL_TOPICS = 3, 1, -1
_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class ClusterState:
    """One broker's view of its cluster."""

    brokers: frozenset[int]  # those the controller considers alive
    partitions: int
    leaderless: int
    under_replicated: int


def cluster_state(port: int) -> ClusterState | None:
    """Returns the cluster as the broker on this loopback port sees it, or None if it does not answer.

    The format is version 1 of https://kafka.apache.org/protocol#The_Messages_Metadata.
    """
    request = struct.pack(">hhih8si", _METADATA, _VERSION, 1, 8, b"ratecast", _ALL_TOPICS)
    try:
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            stream = connection.makefile("rb")
            (size,) = struct.unpack(">i", stream.read(4))
            return _parse(_Reader(stream.read(size)))
    except (OSError, struct.error):  # refused, timed out, or cut off
        return None


def _parse(reader: _Reader) -> ClusterState:
    reader.take("i")  # the correlation id
    brokers = set()
    for _ in range(reader.take("i")):
        brokers.add(reader.take("i"))
        reader.skip_text()  # host
        reader.take("i")  # port
        reader.skip_text()  # rack
    reader.take("i")  # the controller; with KRaft it is any broker
    partitions = leaderless = under_replicated = 0
    for _ in range(reader.take("i")):
        reader.take("h")
        reader.skip_text()
        reader.take("b")
        for _ in range(reader.take("i")):
            reader.take("h")
            reader.take("i")
            leader = reader.take("i")
            replicas, in_sync = reader.numbers(), reader.numbers()
            partitions += 1
            leaderless += leader < 0
            under_replicated += len(in_sync) < len(replicas)
    return ClusterState(frozenset(brokers), partitions, leaderless, under_replicated)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, kind: str) -> int:
        value: int
        (value,) = struct.unpack_from(f">{kind}", self._data, self._at)
        self._at += struct.calcsize(kind)
        return value

    def skip_text(self) -> None:
        length = self.take("h")  # -1 for null
        self._at += max(length, 0)

    def numbers(self) -> list[int]:
        return [self.take("i") for _ in range(self.take("i"))]
