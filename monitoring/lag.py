"""Consumer lag, computed at each scrape; a partition that is not assigned has no series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far one assigned partition is behind; None if not known yet."""

    topic: str
    partition: int
    records: int | None
    seconds: float | None  # age of the oldest record that is not committed; 0 if there is none
    held_back: int | None = None  # how many of the records are behind an open transaction of their publisher
    held_from: int | None = None  # offset of the first record of that transaction
    held_seconds: float = 0.0  # how long ago that transaction was first seen

    @property
    def to_read(self) -> int | None:
        """Number of records that can be read now."""
        return None if self.records is None else max(0, self.records - (self.held_back or 0))


class LagTracker:
    """Computes the lag of one partition from the events of its pipeline.

    The end of the partition comes from fetches. It is also requested separately, since a fetch may hang.

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
        self._done: int | None = None  # all records before it are committed
        self._end: int | None = None
        self._oldest_ms: int | None = None  # no waiting record has an older broker timestamp
        self._behind_since: float | None = None
        self._held: tuple[int, int, float] | None = None  # first offset, end offset, time it was first seen

    @property
    def position(self) -> int | None:
        """Offset before which all records are committed."""
        return self._done

    def positioned(self, offset: int) -> None:
        """Note that reading starts at an offset, after an assignment or a failure."""
        if offset != self._done:
            if self._done is not None and offset < self._done:
                self._end = self._held = None  # perhaps the topic was deleted and created again
            self._done, self._oldest_ms, self._behind_since = offset, None, None

    def ends_at(self, offset: int | None, now: float) -> None:
        """Note the end that the broker reported at ``now`` (seconds since the epoch)."""
        if offset is not None and offset >= 0:
            self._end = offset if self._end is None else max(self._end, offset)
            if self._behind_since is None and self._done is not None and self._end > self._done:
                self._behind_since = now

    def fetched(self, stable: int | None, high: int | None, now: float) -> None:
        """Note the two ends that a fetch reported: of the readable records, and of all; an open transaction is between them."""
        self.ends_at(stable, now)
        if stable is None or high is None or stable < 0 or high <= stable:
            self._held = None
            return
        since = self._held[2] if self._held is not None and self._held[0] == stable else now
        self._held = stable, high, since
        self.ends_at(high, now)

    def polled(self, oldest_timestamp_ms: int) -> None:
        """Note that records were read; the oldest has this timestamp."""
        self._oldest_ms = oldest_timestamp_ms

    def committed(self, next_offset: int, newest_timestamp_ms: int) -> None:
        """Note that the records read were committed; the records after them are no older than their newest."""
        more = self._end is not None and self._end > next_offset
        self._done, self._behind_since = next_offset, None
        self._oldest_ms = newest_timestamp_ms if more else None

    def idle(self, position: int) -> None:
        """Note that no record came; the offsets up to the client's position are only transaction markers."""
        if self._done is not None and position > self._done:
            self._done, self._oldest_ms, self._behind_since = position, None, None

    def known(self, now: float) -> PartitionLag:
        """Return the lag at ``now`` (seconds since the epoch).

        The timestamp of a record that was not read yet is unknown, so its age counts from when its offset was known.
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
    """Exposes the lag of the assigned partitions, and the part of it that an open transaction holds back.

    Args:
        partitions: returns the lag of the assigned partitions; called at every scrape.
        registry: registry to expose it in.
        reader: who reads the partitions, the first word of the metrics' names.
    """

    def __init__(
        self,
        partitions: Callable[[], Iterable[PartitionLag]],
        registry: CollectorRegistry,
        reader: str = "consumer",
    ) -> None:
        self._partitions = partitions
        self._reader = reader
        registry.register(self)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families without values, so that the registry can check their names."""
        yield from self._families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the current lag."""
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

    def _families(
        self,
    ) -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        labels = ["topic", "partition"]
        return (
            GaugeMetricFamily(
                f"{self._reader}_lag_records",
                "Messages not yet committed: end of the partition minus committed offset. Includes messages held back and markers of "
                "transactions.",
                labels=labels,
            ),
            GaugeMetricFamily(
                f"{self._reader}_lag_seconds",
                "Age of the oldest message that is not committed yet, in seconds. 0 if there is none.",
                labels=labels,
            ),
            GaugeMetricFamily(
                f"{self._reader}_records_held_back",
                "Messages that cannot be read yet because their publisher has not ended a transaction.",
                labels=labels,
            ),
        )
