"""The committed offset when it is hardest to know: a transaction half way, a coordinator just killed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaError

from consumer.offsets import committed_offset
from ratecast.kafka.client import client_options, wire_client
from ratecast.kafka.closing import stop_producer
from ratecast.kafka.topics import ensure_topics
from ratecast.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ratecast_stack.jvm.cluster import JvmCluster


@pytest.fixture
async def cluster_settings(kafka_cluster: JvmCluster) -> Settings:
    settings = Settings(
        bootstrap_servers=kafka_cluster.bootstrap_servers,
        input_topic="offsets-in",
        output_topic="offsets-out",
        dead_letter_topic="offsets-dead",
        group_id="offsets",
        topic_partitions=1,
        topic_replication_factor=3,
    )
    await ensure_topics(settings)
    return settings


@asynccontextmanager
async def transactional(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(**client_options(settings), transactional_id="another", acks="all")
    await producer.start()
    try:
        yield producer
    finally:
        await stop_producer(producer)


async def test_an_offset_in_an_open_transaction_is_not_final(cluster_settings) -> None:
    source = TopicPartition(cluster_settings.input_topic, 0)
    async with transactional(cluster_settings) as producer:
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({source: 1}, cluster_settings.group_id)
        with pytest.raises(KafkaError, match="may still change the committed offset"):
            await committed_offset(cluster_settings, source)
        await producer.commit_transaction()
    # The commit is acknowledged before its marker is on the offsets' topic.
    assert await _known(cluster_settings, source) == 1


async def test_the_next_coordinator_never_answers_with_an_older_offset(
    cluster_settings, kafka_cluster
) -> None:
    """Asked without ``require_stable`` it did so every time: messages were scored twice in a chaos run."""
    source = TopicPartition(cluster_settings.input_topic, 0)
    last = 20
    async with wire_client(cluster_settings) as client:
        coordinator = await client.coordinator_lookup(CoordinationType.GROUP, cluster_settings.group_id)
    async with transactional(cluster_settings) as producer:
        for offset in range(1, last + 1):
            await producer.begin_transaction()
            await producer.send_offsets_to_transaction({source: offset}, cluster_settings.group_id)
            await producer.commit_transaction()
        kafka_cluster.kill(coordinator)  # at once: the others learn what is committed with their next fetch
    try:
        assert await _known(cluster_settings, source) == last
    finally:
        kafka_cluster.start_broker(coordinator)


async def _known(settings: Settings, source: TopicPartition) -> int | None:
    """The first answer that is no error."""
    async with asyncio.timeout(60):
        while True:
            try:
                found = await committed_offset(settings, source)
            except KafkaError:
                await asyncio.sleep(0.002)
            else:
                return None if found is None else found.offset
