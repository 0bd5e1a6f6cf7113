"""A partition whose committed offset an open transaction may still change waits for the brokers, on Apache Kafka: the embedded broker
reports no open transaction with an offset."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from ratecast.kafka.client import client_options
from ratecast.kafka.closing import stop_producer
from ratecast.kafka.topics import ensure_topics
from tests.bad_records import GOOD
from tests.integration.workers import publish, read, running_worker, until


@pytest.mark.apache_kafka
async def test_a_foreign_transaction_is_named_and_waited_for_and_ends_no_worker(settings, caplog):
    """Its producer is gone, so only the broker's timeout ends it."""
    settings = settings.model_copy(update={"give_up_seconds": 0.5, "topic_partitions": 1})
    await ensure_topics(settings)
    foreign = f"foreign-{settings.group_id}"
    producer = AIOKafkaProducer(
        **client_options(settings), transactional_id=foreign, transaction_timeout_ms=6000
    )
    await producer.start()
    await producer.begin_transaction()
    source = TopicPartition(settings.input_topic, 0)
    await producer.send_offsets_to_transaction({source: 1}, settings.group_id)
    await stop_producer(producer)
    await publish(settings, [(None, GOOD, [])], partition=0)
    async with running_worker(settings) as worker:
        await until(lambda: "waiting" in worker.readiness())
        (why,) = worker.readiness()["waiting"].values()
        assert why.startswith(f"the open transaction of {foreign} may still change the committed offset of ")
        assert "UTC" in why
        assert worker.unhealthy() is None
        assert len(await read(settings, settings.output_topic, 1)) == 1
        assert "waiting" not in worker.readiness()
    assert caplog.text.count(f"{why}. This partition waits; the others continue") == 1
