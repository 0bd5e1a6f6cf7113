"""Fakes, few: a consumed record as aiokafka hands it over, and a clock that a test sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class FakeRecord:
    value: bytes | None
    key: bytes | None = b"EUR/GBP"
    topic: str = "rate-histories"
    partition: int = 0
    offset: int = 0
    timestamp: int = 1_760_000_000_000
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Clock:
    """Stands in for the module ``time``."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now
