from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from ratecast.kafka.client import client_options
from ratecast.kafka.closing import stop_consumer
from ratecast.kafka.fetching import pace_empty_fetches
from ratecast.kafka.topics import ensure_topics
from tests.integration.workers import publish


async def test_a_broker_that_answers_empty_fetches_at_once_is_not_asked_without_end(settings) -> None:
    await ensure_topics(settings)
    consumer = AIOKafkaConsumer(**client_options(settings), auto_offset_reset="earliest")
    await consumer.start()
    try:
        fetcher, fetches = consumer._fetcher, 0
        fetch = fetcher._proc_fetch_request

        async def counted(*request: object) -> bool:
            nonlocal fetches
            fetches += 1
            return await fetch(*request)

        fetcher._proc_fetch_request = counted
        pace_empty_fetches(consumer)
        consumer.assign([TopicPartition(settings.input_topic, 0)])
        assert await consumer.getmany(timeout_ms=1000) == {}
        assert 0 < fetches <= 250  # unpaced it is thousands
        waiting = asyncio.create_task(consumer.getone())
        await publish(settings, [(None, b"x", [])], partition=0)
        assert (await asyncio.wait_for(waiting, 10)).value == b"x"
    finally:
        await stop_consumer(consumer)
