from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder

from producer.delivery import Outbox

if TYPE_CHECKING:
    from ratecast.kafka.batches import OutgoingRecord


class FakeProducer:
    """Takes batches as the real one does; a test settles their deliveries."""

    def __init__(self, batch_bytes: int = 2000) -> None:
        self.batch_bytes = batch_bytes
        self.deliveries: list[tuple[int, int, asyncio.Future]] = []
        self.refusals = 0
        self.blocked = False

    def create_batch(self):
        return BatchBuilder(self.batch_bytes, 0, is_transactional=0)

    async def send_batch(self, batch, topic, *, partition):
        if self.refusals:
            self.refusals -= 1
            raise KafkaTimeoutError
        if self.blocked:
            await asyncio.Event().wait()
        future = asyncio.get_running_loop().create_future()
        self.deliveries.append((partition, batch.record_count(), future))
        return future


def messages(count: int, key: bytes | None = b"EUR/GBP") -> list[OutgoingRecord]:
    return [(key, b"x" * 300, []) for _ in range(count)]


async def test_messages_count_as_delivered_only_once_acknowledged():
    producer = FakeProducer()
    outbox = Outbox(producer, "t", 4, 5)
    await outbox.send(messages(20), 0)
    assert sum(count for _, count, _ in producer.deliveries) == 20
    assert len(producer.deliveries) > 1, "a full batch is followed by another"
    assert (outbox.delivered, outbox.first_undelivered) == (0, 0)
    _, first, delivery = producer.deliveries[0]
    delivery.set_result(None)
    outbox.collect()
    assert (outbox.delivered, outbox.first_undelivered) == (first, first)
    for _, _, delivery in producer.deliveries[1:]:
        delivery.set_result(None)
    await outbox.settle()
    assert (outbox.delivered, outbox.first_undelivered) == (20, 20)


async def test_a_failed_delivery_raises_and_what_came_after_it_does_not_hide_it():
    producer = FakeProducer()
    outbox = Outbox(producer, "t", 4, 5)
    await outbox.send(messages(20), 0)
    failed = producer.deliveries[1]
    for delivery in producer.deliveries:
        if delivery is failed:
            delivery[2].set_exception(MessageSizeTooLargeError())
        else:
            delivery[2].set_result(None)
    with pytest.raises(KafkaError):
        await outbox.settle()
    assert outbox.first_undelivered == producer.deliveries[0][1]
    assert outbox.delivered == 20 - failed[1]


async def test_silence_ends_at_the_limit_and_what_was_not_taken_counts_as_undelivered():
    producer = FakeProducer()
    outbox = Outbox(producer, "t", 4, 0.05)
    await outbox.send(messages(2), 0)
    producer.deliveries[0][2].set_result(None)
    producer.blocked = True
    with pytest.raises(TimeoutError, match=r"accepted nothing for 0\.05 s"):
        await outbox.send(messages(2), 2)
    producer.blocked = False
    await outbox.send(messages(1), 4)
    with pytest.raises(TimeoutError, match="were not acknowledged"):
        await outbox.settle()
    assert (outbox.delivered, outbox.first_undelivered) == (2, 2)


async def test_the_client_s_own_shorter_patience_is_not_ours():
    producer = FakeProducer()
    producer.refusals = 3
    outbox = Outbox(producer, "t", 4, 5)
    await outbox.send(messages(1), 0)
    assert len(producer.deliveries) == 1


async def test_a_key_keeps_its_partition_and_its_order():
    producer = FakeProducer()
    outbox = Outbox(producer, "t", 4, 5)
    for position in range(3):
        await outbox.send(messages(1, b"EUR/GBP") + messages(1, b"EUR/USD"), 2 * position)
    assert len({partition for partition, _, _ in producer.deliveries}) == outbox.partitions_used == 2
    assert outbox.keys == {b"EUR/GBP", b"EUR/USD"}


async def test_records_without_a_key_and_with_long_keys_are_delivered_and_not_remembered():
    producer = FakeProducer()
    outbox = Outbox(producer, "t", 4, 5)
    await outbox.send(messages(20, None) + messages(20, b"k" * 100), 0)
    for _, _, delivery in producer.deliveries:
        delivery.set_result(None)
    await outbox.settle()
    assert (outbox.delivered, outbox.first_undelivered, outbox.keys) == (40, 40, frozenset())


async def test_memory_for_keys_is_bounded(monkeypatch):
    monkeypatch.setattr("producer.delivery._REMEMBERED_KEYS", 3)
    outbox = Outbox(FakeProducer(), "t", 4, 5)
    await outbox.send([(b"%d" % number, b"x", []) for number in range(10)], 0)
    assert len(outbox.keys) == 3
