from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from ratecast.kafka import consumers
from ratecast.kafka.client import client_options
from ratecast.kafka.consumers import open_consumer, started_consumer
from ratecast.kafka.topics import ensure_topics, existing_partitions


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[AIOKafkaConsumer]:
    """Every consumer that is made."""
    consumers_made = []

    class Noted(AIOKafkaConsumer):
        def __init__(self, *topics, **options):
            super().__init__(*topics, **options)
            consumers_made.append(self)

    monkeypatch.setattr(consumers, "AIOKafkaConsumer", Noted)
    return consumers_made


async def test_a_consumer_is_closed_when_its_block_ends_and_when_it_fails(settings, made) -> None:
    async with open_consumer(settings):
        assert not made[0]._closed
    with pytest.raises(ValueError, match="x"):
        async with open_consumer(settings):
            raise ValueError("x")
    assert [consumer._closed for consumer in made] == [True, True]


async def test_a_consumer_is_closed_when_it_is_cancelled_while_it_recognises_the_broker(
    settings, made, monkeypatch
) -> None:
    async def hang(_) -> None:
        asking.set()
        await asyncio.Event().wait()

    asking = asyncio.Event()
    monkeypatch.setattr(consumers, "pace_on_embedded_broker", hang)
    starting = asyncio.create_task(started_consumer(settings))
    await asking.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert made[0]._closed


async def test_offsets_end_at_an_open_transaction_only_for_readers_of_committed_records(settings) -> None:
    await ensure_topics(settings)
    partition = (await existing_partitions(settings, [settings.output_topic]))[0]
    producer = AIOKafkaProducer(**client_options(settings), transactional_id=f"open-{settings.group_id}")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(settings.output_topic, b"x", partition=partition.partition)
        ends = []
        for committed_only in (True, False):
            async with open_consumer(settings, committed_only=committed_only) as consumer:
                ends.append((await consumer.end_offsets([partition]))[partition])
        await producer.abort_transaction()
    finally:
        await producer.stop()
    assert ends == [0, 1]
