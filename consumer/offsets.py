"""The committed offset of a partition, asked for in a way that can tell "none" from "not known yet"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CoordinatorLoadInProgressError

from ratecast import kafka

if TYPE_CHECKING:
    from aiokafka import TopicPartition

    from ratecast.settings import Settings


async def committed_offset(settings: Settings, source: TopicPartition) -> int | None:
    """The group's committed offset; None when it has committed nothing on this partition.

    Not the consumer's ``committed()``: a coordinator that still loads its groups, as after a restart, answers
    with an error for the whole request and no partitions (OffsetFetch from version 2 on). aiokafka overlooks
    that error, takes the answer for "nothing committed", and would begin at the beginning: a chaos run scored
    14,000 messages twice. Here a partition that was asked for and is not in the answer is an error.

    Raises:
        KafkaError: the coordinator cannot say, or does not answer.
    """
    client = AIOKafkaAdminClient(**kafka.client_options(settings))
    try:
        await client.start()
        offsets = await client.list_consumer_group_offsets(settings.group_id, partitions=[source])
    finally:
        await client.close()
    if source not in offsets:
        raise CoordinatorLoadInProgressError(
            f"the coordinator of {settings.group_id} names no offset of {source}"
        )
    offset: int = offsets[source].offset
    return None if offset < 0 else offset
