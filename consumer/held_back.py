"""Records that wait behind a transaction that their publisher left open: said once for each."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitoring.lag import PartitionLag

log = logging.getLogger(__name__)

_LIMIT_SECONDS = 60.0


class HeldBack:
    """Which transactions were named already."""

    def __init__(self) -> None:
        self._said: set[tuple[str, int, int]] = set()

    def say(self, lags: Iterable[PartitionLag]) -> None:
        """Log a line for each transaction that has held records back for a minute.

        Args:
            lags: of the partitions that are assigned now.
        """
        open_now = set()
        for lag in lags:
            if not lag.held_back or lag.held_from is None:
                continue
            place = lag.topic, lag.partition, lag.held_from
            open_now.add(place)
            if lag.held_seconds >= _LIMIT_SECONDS and place not in self._said:
                self._said.add(place)
                log.warning(
                    "%s-%d: %d records wait behind a transaction that their publisher left open at offset %d, for %.0f s: "
                    "end or restart that publisher, or abort the transaction with kafka-transactions",
                    *(lag.topic, lag.partition, lag.held_back, lag.held_from, lag.held_seconds),
                )
        self._said &= open_now
