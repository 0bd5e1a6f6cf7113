"""Consumer lag, read when Prometheus asks: a partition that is not assigned has no series."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far one assigned partition is behind; None where it is not known yet."""

    topic: str
    partition: int
    records: int | None
    oldest_timestamp_ms: int | None  # broker timestamp of the oldest polled record not yet committed


class LagCollector(Collector):
    """Exposes ``consumer_lag_records`` and ``consumer_lag_seconds`` of the partitions assigned right now.

    Args:
        partitions: what is assigned, asked at every scrape.
        registry: where it is exposed.
    """

    def __init__(self, partitions: Callable[[], Iterable[PartitionLag]], registry: CollectorRegistry) -> None:
        self._partitions = partitions
        registry.register(self)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """What the registry checks names against."""
        yield from self._families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Lag as of now."""
        records, seconds = self._families()
        now = time.time()
        for lag in self._partitions():
            labels = [lag.topic, str(lag.partition)]
            if lag.records is not None:
                records.add_metric(labels, lag.records)
                age = 0.0 if lag.oldest_timestamp_ms is None else now - lag.oldest_timestamp_ms / 1000
                seconds.add_metric(labels, max(0.0, age))
        yield records
        yield seconds

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
        labels = ["topic", "partition"]
        return (
            GaugeMetricFamily(
                "consumer_lag_records", "Committed end minus committed position.", labels=labels
            ),
            GaugeMetricFamily(
                "consumer_lag_seconds",
                "Age of the oldest record not yet committed; 0 for none.",
                labels=labels,
            ),
        )
