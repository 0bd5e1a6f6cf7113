"""A record as the brokers hand it over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Record(Protocol):
    """What is read of a consumed record; aiokafka's ConsumerRecord, which has no types, is one."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # milliseconds since 1970
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
