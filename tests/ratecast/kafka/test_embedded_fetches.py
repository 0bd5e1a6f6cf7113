from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import NodeNotReadyError

from ratecast.kafka.closing import stop_consumer
from ratecast.kafka.consumers import open_consumer, started_consumer
from ratecast.kafka.embedded_fetches import EMBEDDED_CLUSTER_ID, pace_on_embedded_broker
from ratecast.kafka.topics import ensure_topics, existing_partitions
from ratecast.settings import Settings
from ratecast_stack.embedded import EmbeddedBroker
from ratecast_stack.jvm.cluster import JvmCluster
from tests.brokers import jvm_is_missing
from tests.integration.workers import publish


async def fetches_in_a_second(consumer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many fetch requests a consumer sends while there is nothing to read."""
    client, fetches = consumer._client, 0
    send = client.send

    async def counted(node, request, **options):
        nonlocal fetches
        fetches += type(request).__name__ == "FetchRequest"
        return await send(node, request, **options)

    monkeypatch.setattr(client, "send", counted)
    consumer.assign(await existing_partitions(settings, [settings.input_topic]))
    assert await consumer.getmany(timeout_ms=1000) == {}
    return fetches


def is_paced(consumer) -> bool:
    return consumer._fetcher._proc_fetch_request.__module__ == "ratecast.kafka.embedded_fetches"


async def test_an_idle_consumer_of_the_embedded_broker_pauses_between_fetches(settings, monkeypatch) -> None:
    await ensure_topics(settings)
    async with open_consumer(settings) as consumer:
        assert is_paced(consumer)
        assert 0 < await fetches_in_a_second(consumer, settings, monkeypatch) <= 250  # unpaced: thousands
        waiting = asyncio.create_task(consumer.getone())
        await publish(settings, [(None, b"x", [])], partition=0)
        assert (await asyncio.wait_for(waiting, 10)).value == b"x"


async def test_a_group_member_on_the_embedded_broker_is_paced_too(settings) -> None:
    consumer = await started_consumer(settings, group_id=settings.group_id)
    try:
        assert is_paced(consumer)
    finally:
        await stop_consumer(consumer)


async def test_the_embedded_broker_keeps_its_cluster_id_across_directories_and_restarts(tmp_path) -> None:
    for directory in ("a", "b", "a"):
        with EmbeddedBroker(tmp_path / directory) as broker:
            settings = Settings(bootstrap_servers=broker.bootstrap_servers)
            await ensure_topics(settings)
            async with open_consumer(settings) as consumer:
                assert is_paced(consumer)


@pytest.mark.skipif(jvm_is_missing() is not None, reason="Apache Kafka cannot run on the JVM here")
async def test_a_consumer_of_apache_kafka_keeps_aiokafka_s_fetching(tmp_path, monkeypatch) -> None:
    with JvmCluster(tmp_path) as cluster:
        settings = Settings(bootstrap_servers=cluster.bootstrap_servers)
        await ensure_topics(settings)
        async with open_consumer(settings) as consumer:
            assert not is_paced(consumer)
            # Apache Kafka holds an empty fetch for half a second.
            assert 0 < await fetches_in_a_second(consumer, settings, monkeypatch) <= 5


class OneResponse:
    """A consumer whose broker gives one response to a Metadata request."""

    def __init__(self, response: object) -> None:
        self._client = self._fetcher = self
        self._response = response

    def get_random_node(self) -> int:
        return 1

    async def send(self, node, request):
        if isinstance(self._response, Exception):
            raise self._response
        return self._response

    async def _proc_fetch_request(self) -> bool:
        return False


class Metadata:
    def __init__(self, cluster_id: str | None) -> None:
        self.cluster_id = cluster_id


@pytest.mark.parametrize(
    ("response", "paced"),
    [
        (Metadata(EMBEDDED_CLUSTER_ID), True),
        (Metadata("crKzYA3jS4Wa5FRO1_Prhw"), False),
        (Metadata(None), False),
        (object(), False),  # before version 2 of the response
        (NodeNotReadyError(), False),
    ],
)
async def test_only_the_embedded_broker_s_cluster_id_turns_the_pause_on(response, paced: bool) -> None:
    consumer = OneResponse(response)
    await pace_on_embedded_broker(consumer)
    assert is_paced(consumer) is paced
