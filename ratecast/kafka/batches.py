"""Fills a producer's batches by hand: several times faster than one ``send()`` per record.

``send()`` also rejects a record that is longer than a request, and some dead letters are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Key, value, headers. Headers are a list because aiokafka's C code accepts nothing else.
OutgoingRecord = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]


def filled_batches(producer: Any, records: Iterable[OutgoingRecord]) -> Iterator[Any]:
    """Yields batches that hold these records in order, for ``producer.send_batch``.

    Args:
        producer: an AIOKafkaProducer.
        records: for one partition; at least one.
    """
    batch = producer.create_batch()
    for key, value, headers in records:
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)
    yield batch
