from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from ratecast.errors import BrokerUnavailableError, OperationError
from ratecast.kafka import broker_watch
from ratecast.kafka import reader as tail
from ratecast.kafka.client import client_options
from ratecast.kafka.topics import ensure_topics
from ratecast.settings import Settings
from ratecast_stack.embedded import EmbeddedBroker
from tests.fakes import FakeRecord


@contextlib.asynccontextmanager
async def producing(settings: Settings, transactional_id: str | None = None):
    options = {"transactional_id": transactional_id} if transactional_id else {"enable_idempotence": True}
    producer = AIOKafkaProducer(**client_options(settings), **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def everything(settings: Settings, topic: str) -> list[bytes | None]:
    async with asyncio.timeout(20):
        reading = tail.read_topic(settings, topic, from_beginning=True, follow=False)
        return [record.value async for record in reading]


async def test_an_empty_topic_ends_at_once(settings):
    await ensure_topics(settings)
    assert await everything(settings, settings.output_topic) == []


async def test_every_record_of_every_partition_is_read_once_in_order(settings):
    await ensure_topics(settings)
    topic = settings.output_topic
    async with producing(settings) as producer:
        sends = [await producer.send(topic, b"%d" % i, partition=i % 4) for i in range(2000)]
        await asyncio.gather(*sends)
    values = [int(value) for value in await everything(settings, topic)]
    assert sorted(values) == list(range(2000))
    for partition in range(4):
        own = [value for value in values if value % 4 == partition]
        assert own == sorted(own)


async def test_the_end_is_found_behind_the_markers_of_transactions(settings):
    await ensure_topics(settings)
    topic = settings.output_topic
    async with producing(settings, f"t-{topic}") as producer:
        async with producer.transaction():
            await producer.send(topic, b"committed", partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"aborted", partition=0)
        await producer.send_and_wait(topic, b"aborted", partition=1)
        await producer.abort_transaction()
        assert await everything(settings, topic) == [b"committed"]


async def test_an_open_transaction_is_neither_shown_nor_waited_for(settings):
    await ensure_topics(settings)
    topic = settings.output_topic
    async with producing(settings, f"t-{topic}") as producer:
        async with producer.transaction():
            await producer.send(topic, b"committed", partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"open", partition=0)
        assert await everything(settings, topic) == [b"committed"]
        await producer.commit_transaction()
        assert await everything(settings, topic) == [b"committed", b"open"]


async def test_following_from_the_end_shows_only_what_comes_after_the_reader_is_open(settings):
    await ensure_topics(settings)
    topic = settings.output_topic
    async with producing(settings) as producer:
        await producer.send_and_wait(topic, b"old")
        async with tail.open_reader(settings, [topic], from_beginning=False) as reader:
            await producer.send_and_wait(topic, b"new")
            async with asyncio.timeout(20), aclosing(reader.batches(follow=True)) as batches:
                batch = await anext(batches)
    assert [record.value for record in batch] == [b"new"]


async def test_following_from_the_beginning_goes_on_with_what_comes(settings):
    await ensure_topics(settings)
    topic, seen = settings.output_topic, []
    reading = tail.read_topic(settings, topic, from_beginning=True, follow=True)
    async with producing(settings) as producer, asyncio.timeout(20), aclosing(reading):
        await producer.send_and_wait(topic, b"1")
        async for record in reading:
            seen.append(record.value)
            if len(seen) == 3:
                break
            await producer.send_and_wait(topic, b"%d" % (len(seen) + 1))
    assert seen == [b"1", b"2", b"3"]


async def test_what_arrives_while_reading_to_the_end_is_left_for_the_next_time():
    partition = TopicPartition("t", 0)

    class Consumer:
        """Its end was 2 when asked; by the time of the poll a third record has come."""

        polled = 0

        def assignment(self):
            return {partition}

        async def end_offsets(self, partitions):
            return {partition: 2}

        async def position(self, partition):
            return self.polled

        async def getmany(self, timeout_ms):
            self.polled = 3
            return {partition: [FakeRecord(b"%d" % offset, topic="t", offset=offset) for offset in range(3)]}

        def seek(self, partition, offset):
            self.polled = offset

    reader = tail.TopicReader(consumer := Consumer(), Settings(), ["t"])
    async with aclosing(reader.batches(follow=False)) as batches:
        seen = [[record.value for record in batch] async for batch in batches]
    assert seen == [[b"0", b"1"]]
    assert consumer.polled == 2


async def test_a_missing_topic_is_one_clear_line_and_is_not_created_by_asking(settings):
    for _ in range(2):
        with pytest.raises(
            OperationError, match=r"topic predictions-\w+ does not exist .* `ratecast topics`"
        ):
            await everything(settings, settings.output_topic)


async def test_without_a_broker_the_error_says_so():
    absent = Settings(bootstrap_servers="127.0.0.1:9", connect_timeout_seconds=0.1)
    with pytest.raises(BrokerUnavailableError, match="ratecast broker"):
        await everything(absent, "t")


async def test_a_broker_that_goes_away_for_too_long_ends_a_live_view(tmp_path, monkeypatch):
    monkeypatch.setattr(broker_watch, "LIMIT_SECONDS", 0.2)
    monkeypatch.setattr(tail, "_POLL_TIMEOUT_MS", 50)
    with EmbeddedBroker(tmp_path) as broker:
        settings = Settings(bootstrap_servers=broker.bootstrap_servers, give_up_seconds=0.5)
        await ensure_topics(settings)
        following = tail.read_topic(settings, settings.output_topic, from_beginning=True, follow=True)
        async with producing(settings) as producer:
            await producer.send_and_wait(settings.output_topic, b"1")
        async with asyncio.timeout(20), aclosing(following):
            assert (await anext(following)).value == b"1"
            broker.stop()
            with pytest.raises(BrokerUnavailableError, match=r"no broker at \S+ has answered for \d+ s"):
                await anext(following)


async def test_a_deleted_topic_ends_a_live_view(monkeypatch):
    monkeypatch.setattr(broker_watch, "LIMIT_SECONDS", 0.01)

    class Consumer:
        """As on a broker that does not make topics of itself; the embedded one does at once."""

        async def getmany(self, timeout_ms):
            return {}

        async def topics(self):
            return {"other"}

    async with aclosing(tail.TopicReader(Consumer(), Settings(), ["t"]).batches(follow=True)) as batches:
        with pytest.raises(OperationError, match="topic t was deleted"):
            await anext(batches)


async def test_records_are_counted_over_all_partitions(settings):
    await ensure_topics(settings)
    async with producing(settings) as producer:
        for partition in (0, 1, 1):
            await producer.send_and_wait(settings.input_topic, b"x", partition=partition)
    topics = [settings.input_topic, settings.output_topic]
    assert await tail.record_counts(settings, topics) == {settings.input_topic: 3, settings.output_topic: 0}
