"""Two transactional echoes with aiokafka to compare with. They do no work, so they are what the client leaves a worker.

``send`` calls ``send`` for each record, as the documentation of aiokafka shows it. ``batch`` fills batches by hand and
sends each with one call. Each reads and commits as a worker does: one transaction for what one poll returned.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH_BYTES = 512 * 1024


async def send_each(producer: Any, target: str, partition: int, records: Sequence[Any]) -> list[Any]:
    """Sends each record with one call, and returns the futures of their delivery."""
    return [
        await producer.send(target, record.value, key=record.key, partition=partition) for record in records
    ]


async def send_batches(producer: Any, target: str, partition: int, records: Sequence[Any]) -> list[Any]:
    """Sends records in batches that are filled by hand, and returns the futures of their delivery."""
    futures = []
    batch = producer.create_batch()
    for record in records:
        fields = {"key": record.key, "value": record.value, "timestamp": None, "headers": []}
        if batch.append(**fields) is None:  # full
            futures.append(await producer.send_batch(batch, target, partition=partition))
            batch = producer.create_batch()
            batch.append(**fields)
    futures.append(await producer.send_batch(batch, target, partition=partition))
    return futures


async def main(how: str, bootstrap_servers: str, source: str, target: str, group: str) -> None:
    deliver, batch_bytes = {"send": (send_each, 16_384), "batch": (send_batches, BATCH_BYTES)}[how]
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=bootstrap_servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, transactional_id=group, acks="all", max_batch_size=batch_bytes
    )
    await consumer.start()
    await producer.start()
    while True:
        polled = await consumer.getmany(timeout_ms=1000, max_records=4000)
        if not polled:
            continue
        async with producer.transaction():
            futures = []
            for partition, records in polled.items():
                futures += await deliver(producer, target, partition.partition, records)
            offsets = {partition: records[-1].offset + 1 for partition, records in polled.items()}
            await producer.send_offsets_to_transaction(offsets, group)
            await asyncio.gather(*futures)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
