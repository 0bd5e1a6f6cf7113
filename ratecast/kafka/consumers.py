"""Starts consumers: any consumer within the connection limit, and consumers without a group for reading topics."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer

from ratecast.kafka import tolerant_records
from ratecast.kafka.client import client_options, started
from ratecast.kafka.closing import stop_consumer
from ratecast.kafka.embedded_fetches import pace_on_embedded_broker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ratecast.settings import Settings


async def started_consumer(settings: Settings, **options: Any) -> Any:
    """Returns a started AIOKafkaConsumer that commits nothing by itself. Close it with `closing.stop_consumer`.

    Args:
        settings: the brokers and limits.
        options: further keyword arguments of the consumer.

    Raises:
        BrokerUnavailableError: no broker answered.
    """
    consumer = await started(
        lambda: AIOKafkaConsumer(
            **client_options(settings),
            enable_auto_commit=False,
            max_partition_fetch_bytes=settings.max_partition_fetch_bytes,
            **options,
        ),
        stop_consumer,
        settings,
    )
    try:
        await pace_on_embedded_broker(consumer)
    except BaseException:
        await stop_consumer(consumer)
        raise
    return consumer


@asynccontextmanager
async def open_consumer(settings: Settings, *, committed_only: bool = True) -> AsyncIterator[Any]:
    """Opens an AIOKafkaConsumer without a group and without partitions, and closes it on exit.

    Args:
        settings: the brokers and limits.
        committed_only: hide records of open and aborted transactions. Offsets then end at the first open transaction.

    Raises:
        BrokerUnavailableError: no broker answered.
    """
    tolerant_records.install()
    consumer = await started_consumer(
        settings,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if committed_only else "read_uncommitted",
    )
    try:
        yield consumer
    finally:
        await stop_consumer(consumer)
