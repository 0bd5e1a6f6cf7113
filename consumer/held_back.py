"""Logs each open transaction that keeps records from being read, once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitoring.lag import PartitionLag

log = logging.getLogger(__name__)

_LIMIT_SECONDS = 60.0


class HeldBack:
    """Remembers which transactions were logged."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, int, int]] = set()

    def log_new(self, lags: Iterable[PartitionLag]) -> None:
        """Log each transaction that has held records back for a minute.

        Args:
            lags: Lag of each assigned partition.
        """
        open_now = set()
        for lag in lags:
            if not lag.held_back or lag.held_from is None:
                continue
            place = lag.topic, lag.partition, lag.held_from
            open_now.add(place)
            if lag.held_seconds >= _LIMIT_SECONDS and place not in self._logged:
                self._logged.add(place)
                log.warning(
                    "%s-%d: %d records wait behind a transaction that a publisher left open at offset %d %.0f s ago. "
                    "Stop or restart that publisher, or abort the transaction with kafka-transactions",
                    *(lag.topic, lag.partition, lag.held_back, lag.held_from, lag.held_seconds),
                    extra={"topic": lag.topic, "partition": lag.partition, "offset": lag.held_from},
                )
        self._logged &= open_now
