"""The value of a record that the Kafka client cannot read."""

from __future__ import annotations

from typing import Self


class Unreadable(bytes):
    """An empty value for a record in an unreadable batch, with the reason.

    Args:
        reason: why the batch cannot be read.
    """

    reason: str

    def __new__(cls, reason: str) -> Self:
        """Create an empty value with the reason."""
        value = super().__new__(cls)
        value.reason = reason
        return value
