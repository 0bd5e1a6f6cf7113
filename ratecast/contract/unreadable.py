"""What stands in for the value of a record that the Kafka client cannot read."""

from __future__ import annotations

from typing import Self


class Unreadable(bytes):
    """The value of a record that stands in an unreadable batch: no bytes, and why.

    Args:
        reason: what kept the batch from being read.
    """

    reason: str

    def __new__(cls, reason: str) -> Self:
        """An empty value that carries the reason."""
        value = super().__new__(cls)
        value.reason = reason
        return value
