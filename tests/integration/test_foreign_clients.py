"""What other clients write and do: codecs, batches nobody can read, and other applications in the workers' group."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from confluent_kafka import Consumer, Producer

from consumer.worker import Worker
from ratecast.contract.messages import Prediction
from ratecast.errors import JoinRefusedError
from ratecast.kafka.audit import audit
from ratecast.kafka.topics import ensure_topics
from tests.integration.test_foreign_topics import make_topic, metric
from tests.integration.workers import read, running_worker, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.settings import Settings

pytestmark = pytest.mark.apache_kafka
CODECS = ("gzip", "snappy", "lz4", "zstd")
HISTORY = [round(0.85 + 0.001 * (n % 7), 5) for n in range(61)]  # long enough that clients do compress it


def value(name: str) -> bytes:
    return json.dumps({"pair": "EUR/GBP", "history": HISTORY, "message_id": name}).encode()


def produce(settings: Settings, values: list[bytes], **config: Any) -> None:
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "linger.ms": 50, **config})
    for item in values:
        producer.produce(settings.input_topic, value=item, key="EUR/GBP", partition=0)
    assert producer.flush(20) == 0


def identifiers(records: list[Any]) -> list[str]:
    return [Prediction.model_validate_json(record.value).message_id for record in records]


async def test_messages_in_every_codec_are_scored(settings) -> None:
    await ensure_topics(settings)
    for codec in CODECS:
        produce(settings, [value(f"{codec}-{n}") for n in range(20)], **{"compression.codec": codec})
    async with running_worker(settings):
        records = await read(settings, settings.output_topic, 80)
    assert identifiers(records) == [f"{codec}-{n}" for codec in CODECS for n in range(20)]
    assert (await audit(settings)).exactly_once


@pytest.mark.parametrize("codec", CODECS)
async def test_topics_may_ask_for_any_codec(settings, codec: str) -> None:
    for name in (settings.input_topic, settings.output_topic, settings.dead_letter_topic):
        await make_topic(settings, name, **{"compression.type": codec})
    produce(settings, [value("a"), b"{" * 500, value("b")])
    async with running_worker(settings):
        assert identifiers(await read(settings, settings.output_topic, 2)) == ["a", "b"]
        assert len(await read(settings, settings.dead_letter_topic, 1)) == 1
    assert (await audit(settings)).exactly_once


class OtherApplication(threading.Thread):
    """Another member of the group, as librdkafka makes it."""

    def __init__(self, settings: Settings, **config: Any) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._config = config
        self._ended = threading.Event()
        self.joined = threading.Event()

    def run(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._settings.bootstrap_servers,
                "group.id": self._settings.group_id,
                "enable.auto.commit": False,
                **self._config,
            }
        )
        consumer.subscribe([self._settings.input_topic], on_assign=lambda *_: self.joined.set())
        while not self._ended.is_set():
            consumer.poll(0.05)
        consumer.close()

    def end(self) -> None:
        self._ended.set()
        self.join(20)


@pytest.fixture
def other(settings) -> Iterator[OtherApplication]:
    # Not group.protocol=consumer: Apache Kafka 4 lets members of both protocols into one group.
    application = OtherApplication(settings, **{"partition.assignment.strategy": "cooperative-sticky"})
    yield application
    application.end()


async def test_a_worker_that_another_application_keeps_out_says_why_and_gives_up(
    settings, other, caplog
) -> None:
    await ensure_topics(settings)
    other.start()
    await until(other.joined.is_set)
    worker = Worker(settings.model_copy(update={"give_up_seconds": 3.0}))
    running = asyncio.create_task(worker.run())
    await until(lambda: metric(worker, "group_join_refused") == 1)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{worker.http.port}/ready") as answer,
    ):
        assert answer.status == 503
        assert "give it a group of its own" in (await answer.json())["join_refused"]
    with pytest.raises(
        JoinRefusedError, match=r"cannot join group .*INCONSISTENT_GROUP_PROTOCOL.*RATECAST_GROUP_ID"
    ):
        await asyncio.wait_for(running, 30)
    assert "retrying for up to 3 s" in caplog.text


async def test_a_worker_joins_once_the_other_application_is_gone(settings, caplog) -> None:
    caplog.set_level(logging.INFO)
    await ensure_topics(settings)
    produce(settings, [value("x")])
    other = OtherApplication(settings, **{"partition.assignment.strategy": "cooperative-sticky"})
    other.start()
    await until(other.joined.is_set)
    worker = Worker(settings)
    running = asyncio.create_task(worker.run())
    try:
        await until(lambda: worker.membership.refusal is not None)
        await asyncio.to_thread(other.end)
        assert identifiers(await read(settings, settings.output_topic, 1)) == ["x"]
        assert metric(worker, "group_join_refused") == 0 or worker.membership.refusal is None
    finally:
        worker.stop()
        await running
    assert "has accepted this worker" in caplog.text


async def test_a_session_timeout_that_the_broker_does_not_allow_is_named_with_its_remedy(settings) -> None:
    wrong = settings.model_copy(update={"session_timeout_ms": 3_600_000, "give_up_seconds": 1.0})
    with pytest.raises(JoinRefusedError, match=r"INVALID_SESSION_TIMEOUT: set RATECAST_SESSION_TIMEOUT_MS"):
        await asyncio.wait_for(Worker(wrong).run(), 30)


async def test_a_healthy_worker_that_may_not_join_again_says_why_and_gives_up(settings) -> None:
    worker = Worker(settings.model_copy(update={"give_up_seconds": 2.0}))
    running = asyncio.create_task(worker.run())
    await until(lambda: running.done() or worker.readiness()["ready"])
    # As when the brokers' bounds were changed: the next join is refused.
    worker._consumer._coordinator._session_timeout_ms = 3_600_000
    worker._consumer._coordinator.request_rejoin()
    with pytest.raises(JoinRefusedError, match=r"INVALID_SESSION_TIMEOUT"):
        await asyncio.wait_for(running, 30)
