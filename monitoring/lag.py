"""Consumer lag, read when Prometheus asks: a partition that is not assigned has no series."""

from __future__ import annotations

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
    seconds: float | None  # age of the oldest record not yet committed, 0 for none
    held_back: int | None = None  # of these, behind a transaction that their publisher left open
    held_from: int | None = None  # offset at which that transaction begins
    held_seconds: float = 0.0  # for how long it has been seen

    @property
    def to_read(self) -> int | None:
        """How many records could be read now."""
        return None if self.records is None else max(0, self.records - (self.held_back or 0))


class LagTracker:
    """What one pipeline knows of its partition's lag.

    The end comes from fetches and, since a fetch that hangs says nothing, from questions asked beside them.

    >>> lag = LagTracker("t", 0)
    >>> lag.known(100.0)
    PartitionLag(topic='t', partition=0, records=None, seconds=None, held_back=None, held_from=None, held_seconds=0.0)
    >>> lag.positioned(5); lag.ends_at(8, 100.0); lag.polled(98_000)
    >>> lag.known(100.0)
    PartitionLag(topic='t', partition=0, records=3, seconds=2.0, held_back=0, held_from=None, held_seconds=0.0)
    >>> lag.committed(8, 98_000); lag.known(100.0)
    PartitionLag(topic='t', partition=0, records=0, seconds=0.0, held_back=0, held_from=None, held_seconds=0.0)
    """

    def __init__(self, topic: str, partition: int) -> None:
        self._topic = topic
        self._partition = partition
        self._done: int | None = None  # everything before it is dealt with
        self._end: int | None = None
        self._oldest_ms: int | None = None  # no waiting record's broker timestamp is older than this
        self._behind_since: float | None = None
        self._held: tuple[int, int, float] | None = None  # from, to, since when

    @property
    def position(self) -> int | None:
        """Everything before this offset is dealt with."""
        return self._done

    def positioned(self, offset: int) -> None:
        """The partition was taken over, perhaps once more after a failure; reading begins there."""
        if offset != self._done:
            if self._done is not None and offset < self._done:
                self._end = self._held = None  # of a topic that was made anew, perhaps
            self._done, self._oldest_ms, self._behind_since = offset, None, None

    def ends_at(self, offset: int | None, now: float) -> None:
        """The broker's word on the committed end, at ``now`` (seconds since the epoch)."""
        if offset is not None and offset >= 0:
            self._end = offset if self._end is None else max(self._end, offset)
            if self._behind_since is None and self._done is not None and self._end > self._done:
                self._behind_since = now

    def fetched(self, stable: int | None, high: int | None, now: float) -> None:
        """A fetch named the end of what may be read, and the end of all; between them a transaction is open."""
        self.ends_at(stable, now)
        if stable is None or high is None or stable < 0 or high <= stable:
            self._held = None
            return
        since = self._held[2] if self._held is not None and self._held[0] == stable else now
        self._held = stable, high, since
        self.ends_at(high, now)

    def polled(self, oldest_timestamp_ms: int) -> None:
        """Records are in hand."""
        self._oldest_ms = oldest_timestamp_ms

    def committed(self, next_offset: int, newest_timestamp_ms: int) -> None:
        """The records in hand are dealt with, the newest of them so old; those behind it are no older."""
        more = self._end is not None and self._end > next_offset
        self._done, self._behind_since = next_offset, None
        self._oldest_ms = newest_timestamp_ms if more else None

    def idle(self, position: int) -> None:
        """Nothing came; what lies before the client's position are marks of transactions, which nobody commits."""
        if self._done is not None and position > self._done:
            self._done, self._oldest_ms, self._behind_since = position, None, None

    def known(self, now: float) -> PartitionLag:
        """The lag as of ``now`` (seconds since the epoch).

        A record that waits at the broker unseen has no timestamp here: it counts from when it was first known.
        """
        if self._done is None or self._end is None:
            return PartitionLag(self._topic, self._partition, None, None)
        records = max(0, self._end - self._done)
        since = None
        if self._oldest_ms is not None:
            since = self._oldest_ms / 1000
        elif records:
            since = self._behind_since
        seconds = 0.0 if since is None else max(0.0, now - since)
        if self._held is None or self._held[1] <= self._done:
            return PartitionLag(self._topic, self._partition, records, seconds, 0)
        held_from, held_to, held_since = self._held
        return PartitionLag(
            *(self._topic, self._partition, records, seconds),
            *(held_to - max(held_from, self._done), held_from, max(0.0, now - held_since)),
        )


class LagCollector(Collector):
    """Exposes the lag of the partitions assigned right now, and how much of it an open transaction holds back.

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
        records, seconds, held_back = self._families()
        for lag in self._partitions():
            labels = [lag.topic, str(lag.partition)]
            if lag.records is not None and lag.seconds is not None:
                records.add_metric(labels, lag.records)
                seconds.add_metric(labels, lag.seconds)
            if lag.held_back is not None:
                held_back.add_metric(labels, lag.held_back)
        yield records
        yield seconds
        yield held_back

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        labels = ["topic", "partition"]
        return (
            GaugeMetricFamily(
                "consumer_lag_records",
                "End of the partition minus committed position, records held back by an open transaction included.",
                labels=labels,
            ),
            GaugeMetricFamily(
                "consumer_lag_seconds",
                "Age of the oldest record not yet committed; 0 for none.",
                labels=labels,
            ),
            GaugeMetricFamily(
                "consumer_records_held_back",
                "Records that cannot be read yet because a transaction of their publisher is open.",
                labels=labels,
            ),
        )
