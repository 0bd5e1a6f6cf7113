"""Reads the committed offset of a partition so that "none", "not known yet" and "not final" are distinct."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.client import CoordinationType
from aiokafka.errors import CoordinatorLoadInProgressError, for_code

from consumer.offset_fetch import UNSTABLE_OFFSET_COMMIT, StableOffsetFetch, offsets_of
from consumer.undecided_offsets import undecided
from ratecast.contract import commit_note
from ratecast.contract.commit_note import Committed
from ratecast.kafka.client import wire_client

if TYPE_CHECKING:
    from aiokafka import TopicPartition

    from ratecast.settings import Settings


async def committed_offset(settings: Settings, source: TopicPartition) -> Committed | None:
    """Returns the group's committed offset and its note; None if the group has committed nothing on this partition.

    Two simpler ways to read it each caused messages to be scored twice in chaos runs:

    - The consumer's ``committed()``. A coordinator that is still loading its groups responds with an error for the
      whole request and without partitions. aiokafka ignores that error, assumes that nothing is committed, and starts
      at the beginning. Here it is an error if the response lacks the requested partition.
    - OffsetFetch without ``require_stable``, the only form that aiokafka can send. A coordinator that has just replaced
      a dead one responds with offsets below its high watermark. Until its followers have fetched again, that watermark
      is behind the last commit, and the response holds an older offset without any sign of it.

    Raises:
        UndecidedOffsetError: an open transaction may still change the offset.
        KafkaError: the coordinator does not know the offset or does not answer.
    """
    request = StableOffsetFetch(settings.group_id, source.topic, source.partition)
    async with wire_client(settings) as client:
        coordinator = await client.coordinator_lookup(CoordinationType.GROUP, settings.group_id)
        response = await client.send(coordinator, request)
        if response.error_code:
            raise for_code(response.error_code)(f"the offset of {source}")
        found = offsets_of(response).get(source)
        if found is not None and found[2] == UNSTABLE_OFFSET_COMMIT:
            raise await undecided(client, source)
    if found is None:
        raise CoordinatorLoadInProgressError(
            f"the coordinator of group {settings.group_id} returned no offset of {source}"
        )
    offset, metadata, code = found
    if code:
        raise for_code(code)(f"the offset of {source}")
    return None if offset < 0 else Committed(offset, commit_note.decode(metadata))
