"""The worker's consumer: a member of the group that reads committed records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumer.readable_assignments import ReadableAssignments
from consumer.static_requests import naming
from ratecast.kafka.aiokafka_seams import replace_coordinator_send
from ratecast.kafka.consumers import started_consumer

if TYPE_CHECKING:
    from ratecast.settings import Settings

# Members hear of a rebalance with their next heartbeat, so a long session must not make heartbeats rare.
_HEARTBEAT_MS = 3000

_METADATA_MAX_AGE_MS = 30_000  # the longest that new partitions, or those of a recreated topic, stay unread

# Most bytes in one response of a broker. The client holds a response two or three times while it arrives, and a worker
# with many partitions would ask for all of them at once: with the client's 50 MiB it needed 60 MB more for 64 partitions.
_FETCH_MAX_BYTES = 8 * 2**20


async def started(settings: Settings) -> Any:
    """Returns a connected AIOKafkaConsumer that has not subscribed yet.

    Raises:
        BrokerUnavailableError: no broker answered.
    """
    timeout_ms = settings.session_timeout_ms
    consumer = await started_consumer(
        settings,
        group_id=settings.group_id,
        group_instance_id=settings.group_instance_id,
        # The pipelines choose where to begin. The client's own reset would skip removed records without a report.
        auto_offset_reset="none",
        isolation_level="read_committed",
        session_timeout_ms=timeout_ms,
        heartbeat_interval_ms=max(300, min(_HEARTBEAT_MS, timeout_ms // 3)),
        # Pipelines detect their own stalls. A member without partitions never polls and must stay in the group.
        max_poll_interval_ms=2**31 - 1,
        metadata_max_age_ms=_METADATA_MAX_AGE_MS,
        # A single partition may be given more: a fetch of less than its share would cut off large records.
        fetch_max_bytes=max(_FETCH_MAX_BYTES, settings.max_partition_fetch_bytes),
    )
    if (instance_id := settings.group_instance_id) is not None:
        replace_coordinator_send(consumer, lambda send: lambda request: send(naming(request, instance_id)))
    replace_coordinator_send(
        consumer, lambda send: ReadableAssignments(send, settings.group_id, settings.input_topic).send
    )
    return consumer
