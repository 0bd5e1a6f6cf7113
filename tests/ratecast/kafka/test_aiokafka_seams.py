"""Each private attribute of aiokafka must exist and behave as `ratecast.kafka.aiokafka_seams` needs it.

A test here fails when a new version of aiokafka changes one. If an upstream issue is fixed, the seam can go.
"""

from __future__ import annotations

import inspect
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import client as client_module
from aiokafka import conn as conn_module
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.errors import GroupAuthorizationFailedError, InvalidProducerEpoch, KafkaError, ProducerFenced
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from ratecast.kafka import aiokafka_seams as seams
from ratecast.kafka.client import client_options
from ratecast.kafka.closing import stop_consumer, stop_producer
from ratecast.kafka.topics import ensure_topics
from tests.batches import batch_of
from tests.integration.workers import publish, until

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def consuming(settings, **options):
    consumer = AIOKafkaConsumer(**client_options(settings), auto_offset_reset="earliest", **options)
    await consumer.start()
    try:
        yield consumer
    finally:
        await stop_consumer(consumer)


def test_the_minor_version_that_these_tests_describe_is_installed_and_pinned() -> None:
    assert version("aiokafka").startswith("0.14.")
    assert ">=0.14,<0.15" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


async def test_a_consumer_s_client_sends_requests_and_has_no_public_name(settings) -> None:
    async with consuming(settings) as consumer:
        client = seams.consumer_client(consumer)
        assert isinstance(client, AIOKafkaClient)
        assert await client.fetch_all_metadata()
        assert not hasattr(consumer, "client")


async def test_a_producer_s_sender_is_a_task_that_ends_with_the_producer(settings) -> None:
    producer = AIOKafkaProducer(**client_options(settings))
    assert seams.sender_task(producer) is None
    await producer.start()
    task = seams.sender_task(producer)
    assert task is not None
    assert not task.done()
    await stop_producer(producer)
    assert task.done()


async def test_a_fenced_producer_keeps_an_error_that_nobody_has_retrieved(settings) -> None:
    await ensure_topics(settings)
    options = {**client_options(settings), "transactional_id": f"fenced-{settings.input_topic}"}
    earlier, later = AIOKafkaProducer(**options), AIOKafkaProducer(**options)
    await earlier.start()
    assert seams.forgotten_futures(earlier) == []
    await earlier.begin_transaction()
    await later.start()
    with pytest.raises((ProducerFenced, InvalidProducerEpoch)):
        await (await earlier.send(settings.input_topic, b"x", partition=0))
    errors = [future.exception() for future in seams.forgotten_futures(earlier) if future.done()]
    assert any(isinstance(error, ProducerFenced | InvalidProducerEpoch) for error in errors)
    for producer in (earlier, later):
        await stop_producer(producer)


async def test_an_error_of_the_group_is_raised_once_and_then_the_consumer_goes_on(settings) -> None:
    await ensure_topics(settings)
    async with consuming(settings, group_id=settings.group_id) as consumer:
        consumer.subscribe([settings.input_topic])
        seams.raise_group_error(consumer)  # there is none
        consumer._coordinator._pending_exception = GroupAuthorizationFailedError(settings.group_id)
        with pytest.raises(GroupAuthorizationFailedError):
            seams.raise_group_error(consumer)
        seams.raise_group_error(consumer)


async def test_a_consumer_whose_group_task_has_died_joins_after_the_error_was_raised(settings) -> None:
    await ensure_topics(settings)
    async with consuming(settings, group_id=settings.group_id) as consumer:
        coordinator = consumer._coordinator
        joined, coordinator._on_join_complete = coordinator._on_join_complete, broken
        consumer.subscribe([settings.input_topic])
        await until(coordinator._coordination_task.done)
        coordinator._on_join_complete = joined
        with pytest.raises(KafkaError, match="a bug of the client"):
            seams.raise_group_error(consumer)
        await until(consumer.assignment)
        seams.raise_group_error(consumer)


async def broken(*_: object) -> None:
    raise ValueError("a bug of the client")


async def test_requests_to_the_coordinator_go_through_the_replaced_method_and_a_rejoin_is_one(
    settings,
) -> None:
    await ensure_topics(settings)
    sent: list[str] = []

    def noting(send):
        async def noted(request):
            sent.append(type(request).__name__)
            return await send(request)

        return noted

    async with consuming(settings, group_id=settings.group_id, heartbeat_interval_ms=100) as consumer:
        seams.replace_coordinator_send(consumer, noting)
        consumer.subscribe([settings.input_topic])
        await until(lambda: "HeartbeatRequest" in sent)
        assert sent.count("SyncGroupRequest") == 1
        seams.request_rejoin(consumer)
        await until(lambda: sent.count("SyncGroupRequest") == 2)


async def test_a_replaced_fetch_is_called_and_returns_whether_there_were_records(settings) -> None:
    await ensure_topics(settings)
    returned = []

    def noting(fetch):
        async def noted(*request):
            returned.append(await fetch(*request))
            return returned[-1]

        return noted

    await publish(settings, [(None, b"x", [])], partition=0)
    async with consuming(settings) as consumer:
        seams.replace_fetch(consumer, noting)
        consumer.assign([TopicPartition(settings.input_topic, 0)])
        assert (await consumer.getone()).value == b"x"
        assert await consumer.getmany(timeout_ms=1000) == {}
    assert returned[0] is True
    assert returned[1] is False


def test_aiokafka_s_own_fetch_method_is_a_coroutine_of_the_fetcher() -> None:
    assert inspect.iscoroutinefunction(fetcher.Fetcher._proc_fetch_request)


async def test_a_replaced_parser_gets_the_fetched_bytes(settings, monkeypatch) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)  # restores it afterwards
    await ensure_topics(settings)
    await publish(settings, [(None, b"x", [])], partition=0)
    parsed = []

    def parser(data):
        parsed.append(bytes(data))
        return MemoryRecords(data)

    assert seams.replace_record_parser(parser) is True
    assert seams.replace_record_parser(parser) is False
    async with consuming(settings) as consumer:
        consumer.assign([TopicPartition(settings.input_topic, 0)])
        await consumer.getone()
    assert any(parsed)


def test_the_bytes_of_each_batch_are_those_that_were_fetched() -> None:
    batches = [batch_of(b"a", b"b"), batch_of(b"c", base=2)]
    assert [bytes(raw) for raw in seams.batch_bytes(b"".join(batches))] == batches
    assert [bytes(raw) for raw in seams.batch_bytes(b"".join(batches)[:-1])] == batches[:1]
    assert list(seams.batch_bytes(b"")) == []


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_the_python_parser_reads_what_the_c_parser_reads(codec: int) -> None:
    data = batch_of(b"a" * 100, b"b", headers=(("k", b"v"),), base=5, codec=codec)
    wrapped = []

    def wrap(buffer):
        wrapped.append(buffer)
        return bytearray(buffer)

    (raw,) = seams.batch_bytes(data)
    records = list(seams.records_by_python_parser(raw, wrap))
    assert [(r.offset, bytes(r.value), r.headers) for r in records] == [
        (5, b"a" * 100, [("k", b"v")]),
        (6, b"b", [("k", b"v")]),
    ]
    assert len(wrapped) == 1


def test_the_c_extension_is_detected(monkeypatch) -> None:
    assert seams.has_c_extension()
    assert DefaultRecordBatch.__module__ != _DefaultRecordBatchPy.__module__
    monkeypatch.setattr(seams, "DefaultRecordBatch", _DefaultRecordBatchPy)
    assert not seams.has_c_extension()


async def test_every_client_connects_through_the_replaced_function(settings, monkeypatch) -> None:
    connected = []

    def noting(connect):
        async def create_conn(host, port, **options):
            connected.append(
                (
                    f"{host}:{port}",
                    {"security_protocol", "ssl_context", "sasl_plain_password"} <= set(options),
                )
            )
            return await connect(host, port, **options)

        return create_conn

    monkeypatch.setattr(client_module, "create_conn", conn_module.create_conn)
    assert seams.replace_connect(noting) is True
    assert seams.replace_connect(noting) is False
    async with consuming(settings):
        assert (settings.bootstrap_servers, True) in connected


def test_a_token_is_sent_by_the_replaced_class(monkeypatch) -> None:
    monkeypatch.setattr(
        conn_module, "OAuthAuthenticator", conn_module.OAuthAuthenticator
    )  # restores it afterwards
    made = []
    seams.replace_token_login(lambda **given: made.append(given))
    conn_module.AIOKafkaConnection.authenticator_oauth(SimpleNamespace(_sasl_oauth_token_provider=42))
    assert made == [{"sasl_oauth_token_provider": 42}]
