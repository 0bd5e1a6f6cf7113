"""Checks that a group of static members reads every partition of the input topic, and asks for a rebalance if not.

In aiokafka the leader of a group notices new partitions. A leader that was restarted under its instance id gets its
partitions back without being told that it leads (JoinGroup version 9 would tell it, KIP-814; aiokafka sends version 5).
Nobody would then notice new partitions, and their records would stay unread.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from aiokafka.client import CoordinationType
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import DescribeGroupsRequest

from ratecast.kafka.aiokafka_seams import consumer_client, request_rejoin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_CHECK_SECONDS = 30.0


async def watch(settings: Settings, consumer: Any) -> None:
    """Check the group again and again, until cancelled.

    Args:
        settings: the group and the input topic.
        consumer: the worker's AIOKafkaConsumer, a static member.
    """
    topic = settings.input_topic
    while True:
        await asyncio.sleep(_CHECK_SECONDS)
        try:
            assigned = await _assigned_partitions(consumer_client(consumer), settings.group_id, topic)
        except (KafkaError, OSError) as error:
            log.debug("cannot check which partitions group %s reads: %r", settings.group_id, error)
            continue
        if assigned is not None and (unread := (consumer.partitions_for_topic(topic) or set()) - assigned):
            names = ", ".join(f"{topic}-{number}" for number in sorted(unread))
            log.info("group %s does not read %s yet: asking for a rebalance", settings.group_id, names)
            request_rejoin(consumer)


async def _assigned_partitions(client: Any, group: str, topic: str) -> set[int] | None:
    """Returns the partitions that the group's members read; None while the group rebalances or has no members."""
    coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
    response = await client.send(coordinator, DescribeGroupsRequest([group]))
    ((error_code, _, state, _, _, members, *_),) = response.groups
    if error_code or state != "Stable":
        return None
    return _partitions((member[4] for member in members), topic)


def _partitions(assignments: Iterable[bytes], topic: str) -> set[int]:
    return {
        number
        for assignment in assignments
        for name, numbers in ConsumerProtocol.ASSIGNMENT.decode(assignment).assignment
        if name == topic
        for number in numbers
    }
