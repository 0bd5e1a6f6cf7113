"""A plain transactional echo with aiokafka to compare with: one ``send`` per record, as in its documentation."""

from __future__ import annotations

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def main(bootstrap_servers: str, source: str, target: str, group: str) -> None:
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=bootstrap_servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, transactional_id=group, acks="all")
    await consumer.start()
    await producer.start()
    while True:
        polled = await consumer.getmany(timeout_ms=1000, max_records=4000)
        if not polled:
            continue
        async with producer.transaction():
            futures = [
                await producer.send(target, record.value, key=record.key, partition=partition.partition)
                for partition, records in polled.items()
                for record in records
            ]
            offsets = {partition: records[-1].offset + 1 for partition, records in polled.items()}
            await producer.send_offsets_to_transaction(offsets, group)
            await asyncio.gather(*futures)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
