"""A partition whose committed offset an open transaction may still change waits for the brokers, on Apache Kafka: the embedded broker
reports no open transaction with an offset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.protocol.transaction import TxnOffsetCommitRequest

from consumer.offsets import committed_offset
from consumer.transactions import PartitionTransactions
from consumer.undecided_offsets import UndecidedOffsetError
from ratecast.kafka.client import client_options, wire_client
from ratecast.kafka.closing import stop_producer
from ratecast.kafka.topics import ensure_topics
from ratecast_stack.jvm.cluster import JvmCluster
from tests import brokers
from tests.bad_records import GOOD
from tests.integration.workers import publish, read, running_worker, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


@pytest.fixture
def trusting_broker(tmp_path: Path) -> Iterator[str]:
    """A broker that accepts an offset of a transaction that it does not know, as one that has lost its record of it."""
    if reason := brokers.jvm_is_missing():
        pytest.skip(f"no Apache Kafka on the JVM: {reason}")
    cluster = JvmCluster(tmp_path / "kafka")
    cluster.configure = lambda given: {**given, "transaction.partition.verification.enable": "false"}
    with cluster:
        yield cluster.bootstrap_servers


async def test_an_offset_of_a_lost_transaction_is_settled_by_the_new_owner(trusting_broker, models_dir):
    settings = brokers.settings_of_its_own(
        trusting_broker, models_dir, give_up_seconds=20, topic_partitions=1
    )
    source = TopicPartition(settings.input_topic, 0)
    async with running_worker(settings):  # after which the group has its coordinator
        await publish(settings, [(None, GOOD, [])], partition=0)
        await read(settings, settings.output_topic, 1)
    lost = PartitionTransactions(settings, source)
    await lost.start()
    manager = lost._producer._txn_manager
    request = TxnOffsetCommitRequest(
        transactional_id=manager.transactional_id,
        group_id=settings.group_id,
        producer_id=manager.producer_id,
        producer_epoch=manager.producer_epoch,
        topics=[(source.topic, [(0, 2, "")])],
    )
    async with wire_client(settings) as client:
        coordinator = await client.coordinator_lookup(CoordinationType.GROUP, settings.group_id)
        ((_, ((_, error_code),)),) = (await client.send(coordinator, request)).errors
    assert error_code == 0
    await lost.stop()
    with pytest.raises(UndecidedOffsetError) as undecided:
        await committed_offset(settings, source)
    assert undecided.value.is_lost
    await publish(settings, [(None, GOOD, [])], partition=0)
    async with running_worker(settings):
        assert len(await read(settings, settings.output_topic, 2)) == 2
