"""Workers and topics for integration tests, in this process and as processes."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from consumer.worker import Worker
from ratecast.kafka.client import admin, client_options
from ratecast.kafka.topics import partition_counts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from ratecast.settings import Settings

DEADLINE_SECONDS = 40.0


@asynccontextmanager
async def running_worker(settings: Settings) -> AsyncIterator[Worker]:
    """A worker that is ready, stopped in order at the end. A second may run beside it, so neither owns the process."""
    worker = Worker(settings)
    task = asyncio.create_task(worker.run(handle_signals=False))
    try:
        await until(lambda: task.done() or worker.readiness()["ready"])
        if task.done():
            task.result()
        yield worker
    finally:
        worker.stop()
        await task


async def until(condition: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> None:
    """Poll a condition until it holds; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)


Message = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]


async def publish(settings: Settings, messages: Sequence[Message], partition: int | None = None) -> None:
    """Publish (key, value, headers) to the input topic."""
    producer = AIOKafkaProducer(**client_options(settings), max_request_size=8 * 2**20)
    await producer.start()
    try:
        sent = [
            await producer.send(settings.input_topic, value, key=key, headers=headers, partition=partition)
            for key, value, headers in messages
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def read(settings: Settings, topic: str, count: int, quiet_seconds: float = 0.5) -> list[Any]:
    """Read committed records of a topic from the beginning: at least ``count``, and then until it is quiet."""
    async with admin(settings) as client:
        count_of_partitions = (await partition_counts(client))[topic]
    consumer = AIOKafkaConsumer(**client_options(settings), isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, partition) for partition in range(count_of_partitions)])
        await consumer.seek_to_beginning()
        records: list[Any] = []
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            polled = await consumer.getmany(timeout_ms=int(quiet_seconds * 1000))
            records += [record for batch in polled.values() for record in batch]
            if len(records) >= count and not polled:
                return records
            assert time.monotonic() < deadline, f"{len(records)} of {count} records in time"
    finally:
        await consumer.stop()
