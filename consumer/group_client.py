"""The worker's consumer: a member of the group that reads what is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer

from ratecast.kafka import client as kafka
from ratecast.kafka.closing import stop_consumer
from ratecast.kafka.fetching import pace_empty_fetches

if TYPE_CHECKING:
    from ratecast.settings import Settings

_METADATA_MAX_AGE_MS = 30_000  # how long partitions of a topic that was made anew or enlarged stay unread


async def started(settings: Settings) -> Any:
    """A connected AIOKafkaConsumer that has not subscribed yet.

    Raises:
        BrokerUnavailableError: no broker answered.
    """
    consumer = await kafka.started(lambda: _consumer(settings), stop_consumer, settings)
    pace_empty_fetches(consumer)
    return consumer


def _consumer(settings: Settings) -> AIOKafkaConsumer:
    timeout_ms = settings.session_timeout_ms
    return AIOKafkaConsumer(
        **kafka.client_options(settings),
        group_id=settings.group_id,
        enable_auto_commit=False,
        # Where to begin is for the pipelines to say: the client would pass over removed records without a word.
        auto_offset_reset="none",
        isolation_level="read_committed",
        session_timeout_ms=timeout_ms,
        heartbeat_interval_ms=max(300, timeout_ms // 3),
        # Pipelines watch themselves; a member without partitions polls nothing and must not be put out.
        max_poll_interval_ms=2**31 - 1,
        max_partition_fetch_bytes=settings.max_partition_fetch_bytes,
        metadata_max_age_ms=_METADATA_MAX_AGE_MS,
    )
