"""The metrics of a sink."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from monitoring.lag import LagCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client import CollectorRegistry

    from monitoring.lag import PartitionLag

TABLES = ("predictions", "dead_letters", "rejected_records")
OUTCOMES = ("committed", "failed", "overtaken")
BATCH_SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class SinkMetrics:
    """The counters, gauges and histograms of a sink.

    Args:
        registry: registry to expose the metrics in.
        partitions: returns the lag of the partitions that the sink reads; called at every scrape.
    """

    def __init__(self, registry: CollectorRegistry, partitions: Callable[[], Iterable[PartitionLag]]) -> None:
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        self._rows = counter("sink_rows_total", "Rows written and committed, by table.", ["table"])
        self._already_there = counter(
            "sink_rows_already_there_total",
            "Messages whose row was in the table before. Not 0 after offsets were set back by hand.",
            ["table"],
        )
        self._batches = counter(
            "sink_batches_total", "Ended transactions of the database, by outcome.", ["outcome"]
        )
        self._batch_seconds = Histogram(
            "sink_batch_seconds",
            "Time from receiving a batch from the Kafka client until its rows are committed, in seconds.",
            buckets=BATCH_SECONDS_BUCKETS,
            registry=registry,
        )
        self._lost = counter(
            "sink_records_lost_to_retention_total",
            "Messages that Kafka deleted by retention before the sink read them.",
        )
        self._failures = counter(
            "sink_database_failures_total", "Times that the database failed or could not be reached."
        )
        self._up = gauge("sink_database_up", "1 while the sink has a working session of the database.")
        self._active = gauge(
            "sink_active",
            "1 while this sink writes; 0 while it waits for another sink of the same topics to end.",
        )
        self.http_requests = counter(
            "http_requests_total", "Requests to the sink's HTTP server.", ["method", "endpoint", "status"]
        )
        LagCollector(partitions, registry, "sink")
        for table in TABLES:  # `rate()` misses the first event of a new series
            self._rows.labels(table)
            self._already_there.labels(table)
        for outcome in OUTCOMES:
            self._batches.labels(outcome)

    def committed(self, rows: Mapping[str, int], already_there: Mapping[str, int], seconds: float) -> None:
        """Count a committed batch."""
        self._batches.labels("committed").inc()
        self._batch_seconds.observe(seconds)
        for table, count in rows.items():
            self._rows.labels(table).inc(count)
        for table, count in already_there.items():
            self._already_there.labels(table).inc(count)

    def failed(self) -> None:
        """Count a failure of the database; its session is over."""
        self._batches.labels("failed").inc()
        self._failures.inc()

    def overtaken(self) -> None:
        """Count a transaction that was given up because the offsets had changed meanwhile."""
        self._batches.labels("overtaken").inc()

    def lost_to_retention(self, records: int) -> None:
        """Count records that Kafka deleted before the sink read them."""
        self._lost.inc(records)

    def session(self, *, up: bool, active: bool) -> None:
        """Note whether there is a session of the database, and whether this sink writes in it."""
        self._up.set(up)
        self._active.set(active)
