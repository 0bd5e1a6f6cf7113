"""Starts the producer that every client of the input topic uses."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer

from ratecast.kafka.client import client_options, started
from ratecast.kafka.closing import stop_producer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ratecast.settings import Settings


@asynccontextmanager
async def idempotent_producer(settings: Settings) -> AsyncIterator[Any]:
    """Opens a connected producer whose retries cause no duplicates, and closes it on exit within a few seconds.

    Raises:
        BrokerUnavailableError: no broker answered.
    """
    producer = await started(
        lambda: AIOKafkaProducer(
            **client_options(settings),
            enable_idempotence=True,
            acks="all",
            max_batch_size=settings.publish_batch_bytes,
        ),
        stop_producer,
        settings,
    )
    try:
        yield producer
    finally:
        await stop_producer(producer)
