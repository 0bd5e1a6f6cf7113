"""Starts the producer that every client of the input topic uses."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ratecast.errors import OperationError
from ratecast.kafka.client import client_options, started
from ratecast.kafka.closing import stop_producer
from ratecast.kafka.rights import in_one_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ratecast.settings import Settings


@asynccontextmanager
async def idempotent_producer(settings: Settings) -> AsyncIterator[Any]:
    """Opens a connected producer whose retries cause no duplicates, and closes it on exit within a few seconds.

    Raises:
        BrokerUnavailableError: no broker answered.
        OperationError: the user may not write.
    """

    def make() -> Any:
        return AIOKafkaProducer(
            **client_options(settings),
            enable_idempotence=True,
            acks="all",
            max_batch_size=settings.publish_batch_bytes,
        )

    try:
        producer = await started(make, stop_producer, settings)
    except KafkaError as error:
        raise OperationError(in_one_line(error, settings, written=[settings.input_topic])) from error
    try:
        yield producer
    finally:
        await stop_producer(producer)
