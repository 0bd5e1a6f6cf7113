"""Sinks in this process and as processes, and records for them to write."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer

from ratecast.kafka.client import client_options
from sink.postgres_sink import PostgresSink
from tests import rows
from tests.integration.workers import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from ratecast.settings import Settings

Sent = tuple[str, int, bytes | None, list[tuple[str, bytes | None]]]  # topic, partition, value, headers


def predictions(settings: Settings, count: int, *, first: int = 0, partition: int = 0) -> list[Sent]:
    """Predictions of inputs of one partition, from an offset on."""
    return [
        (
            settings.output_topic,
            partition,
            rows.prediction((settings.input_topic, partition, offset)),
            [],
        )
        for offset in range(first, first + count)
    ]


def letters(settings: Settings, count: int, *, first: int = 0, partition: int = 0) -> list[Sent]:
    """Dead letters of inputs of one partition, from an offset on."""
    return [
        (settings.dead_letter_topic, partition, *rows.dead_letter((settings.input_topic, partition, offset)))
        for offset in range(first, first + count)
    ]


async def send(settings: Settings, records: Iterable[Sent]) -> None:
    """Publish records, and wait until the broker has them."""
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    try:
        sent = [
            await producer.send(topic, value, partition=partition, headers=headers)
            for topic, partition, value, headers in records
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


@asynccontextmanager
async def running_sink(settings: Settings, state: str = "writing") -> AsyncIterator[PostgresSink]:
    """A sink in this process that has reached a state; stopped in order at the end."""
    sink = PostgresSink(settings)
    task = asyncio.create_task(sink.run())
    try:
        await until(lambda: task.done() or sink.readiness()["state"] == state)
        yield sink
    finally:
        sink.stop()
        await task


async def write_all(settings: Settings) -> None:
    """Run a sink until everything on the topics is written."""
    await PostgresSink(settings, follow=False).run()


async def start_process(settings: Settings, *options: str) -> asyncio.subprocess.Process:
    """Start the command in a process of its own."""
    given = {
        "RATECAST_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "RATECAST_INPUT_TOPIC": settings.input_topic,
        "RATECAST_OUTPUT_TOPIC": settings.output_topic,
        "RATECAST_DEAD_LETTER_TOPIC": settings.dead_letter_topic,
        "RATECAST_GIVE_UP_SECONDS": str(settings.give_up_seconds),
        "RATECAST_MAX_POLL_RECORDS": str(settings.max_poll_records),
        "RATECAST_HTTP_PORT": "0",
    }
    if settings.postgres_dsn is not None:
        given["RATECAST_POSTGRES_DSN"] = settings.postgres_dsn.get_secret_value()
    kept: dict[str, Any] = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ratecast_cli", "sink", "postgres", *options),
        env={**kept, **given},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
