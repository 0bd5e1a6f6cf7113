from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaProducer, client

from ratecast.kafka.client import client_options
from ratecast.kafka.closing import STOP_LIMIT_SECONDS, shielded_start, stop_consumer, stop_producer
from ratecast.kafka.topics import ensure_topics
from ratecast.settings import load_settings
from ratecast_stack.embedded import EmbeddedBroker


class LeakingClient:
    """An aiokafka client whose stop() lets the cancellation of its own task out, as the real one does."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.client = self._client = self
        self._sender = self
        self.sender_task: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        raise asyncio.CancelledError

    async def close(self) -> None:
        self.closed.append("closed")


@pytest.mark.parametrize("stop", [stop_producer, stop_consumer])
async def test_a_cancellation_nobody_asked_for_stays_inside(stop) -> None:
    client = LeakingClient()
    await stop(client)
    assert client.closed


@pytest.mark.parametrize("stop", [stop_producer, stop_consumer])
async def test_a_cancellation_somebody_asked_for_goes_on(stop) -> None:
    class Slow(LeakingClient):
        async def stop(self) -> None:
            stopping.set()
            await asyncio.Event().wait()

    stopping, client = asyncio.Event(), Slow()
    task = asyncio.create_task(stop(client))
    await stopping.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.closed


async def test_a_producer_whose_brokers_are_gone_is_closed_in_the_middle_of_a_transaction(tmp_path) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        settings = load_settings(bootstrap_servers=broker.bootstrap_servers)
        await ensure_topics(settings)
        producer = AIOKafkaProducer(**client_options(settings), transactional_id="closing", acks="all")
        await producer.start()
        await producer.begin_transaction()
    # Its sender now looks for the coordinator of a transaction, for ever.
    delivery = await producer.send(settings.output_topic, b"x", partition=0)
    await asyncio.sleep(1)
    async with asyncio.timeout(STOP_LIMIT_SECONDS + 5):
        await stop_producer(producer)
    assert producer._sender.sender_task.done()
    delivery.cancel()


async def test_a_start_that_is_cut_off_leaves_no_connection_open(settings, monkeypatch) -> None:
    """Cut off while the broker describes the cluster: the connection it does that over belongs to nobody yet."""
    connect, made, connected = client.create_conn, [], asyncio.Event()

    async def noting(*args: object, **options: object) -> object:
        connection = await connect(*args, **options)
        made.append(connection)
        connected.set()
        return connection

    monkeypatch.setattr(client, "create_conn", noting)
    producer = AIOKafkaProducer(**client_options(settings), transactional_id=settings.group_id, acks="all")
    starting = asyncio.create_task(shielded_start(producer.start()))
    await connected.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await stop_producer(producer)
    assert made
    assert not [connection for connection in made if connection.connected()]


async def test_a_start_that_never_ends_is_cut_off_all_the_same() -> None:
    async def hanging() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    begun, ended = asyncio.Event(), asyncio.Event()
    starting = asyncio.create_task(shielded_start(hanging()))
    await begun.wait()
    starting.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert ended.is_set()
