"""The committed offset of a partition, asked for so that "none", "not known yet" and "not final" differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.client import CoordinationType
from aiokafka.errors import CoordinatorLoadInProgressError, KafkaError, for_code

from consumer.offset_fetch import UNSTABLE_OFFSET_COMMIT, StableOffsetFetch, answers
from ratecast.contract import commit_note
from ratecast.contract.commit_note import Committed
from ratecast.kafka.client import wire_client

if TYPE_CHECKING:
    from aiokafka import TopicPartition

    from ratecast.settings import Settings


async def committed_offset(settings: Settings, source: TopicPartition) -> Committed | None:
    """The group's committed offset and its note; None when it has committed nothing on this partition.

    Two ways of asking have each scored messages twice in chaos runs:

    - The consumer's ``committed()``. A coordinator that still loads its groups answers with an error for the
      whole request and no partitions. aiokafka overlooks it, takes that for "nothing committed" and begins at
      the beginning. Here a partition that was asked for and is not in the answer is an error.
    - OffsetFetch without ``require_stable``, which is all that aiokafka can send. A coordinator that has just
      taken over from one that died answers it from below its high watermark, which trails the last commit
      until its followers have fetched again: an older offset, without any sign that it is one.

    Raises:
        KafkaError: the coordinator cannot say, does not answer, or a transaction may still move the offset.
    """
    request = StableOffsetFetch(settings.group_id, source.topic, source.partition)
    async with wire_client(settings) as client:
        coordinator = await client.coordinator_lookup(CoordinationType.GROUP, settings.group_id)
        response = await client.send(coordinator, request)
    if response.error_code:
        raise for_code(response.error_code)(f"the offset of {source}")
    answer = answers(response).get(source)
    if answer is None:
        raise CoordinatorLoadInProgressError(
            f"the coordinator of {settings.group_id} names no offset of {source}"
        )
    offset, metadata, code = answer
    if code == UNSTABLE_OFFSET_COMMIT:
        raise KafkaError(f"a transaction that may move the offset of {source} is still open")
    if code:
        raise for_code(code)(f"the offset of {source}")
    return None if offset < 0 else Committed(offset, commit_note.decode(metadata))
