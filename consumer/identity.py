"""Is the input topic still the one that was read? Asked with every transaction, before it commits.

A topic deleted and made anew keeps its name, and a client that missed the moment goes on reading at its old position:
what lies before it would never be scored. Ids never come back, so a batch whose topic still has its id after the batch
was read came from that topic.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError, NotLeaderForPartitionError

from ratecast.kafka.topic_ids import topic_id

if TYPE_CHECKING:
    from aiokafka import TopicPartition


class TopicChangedError(KafkaError):  # type: ignore[misc]
    """The input topic was deleted and made anew."""


class TopicIdentity:
    """Asks for the id of a consumer's topic; callers that ask one broker at one time share the question.

    The broker that is asked leads the partition: it serves the records, so it knows which topic they are of.

    Args:
        consumer: the worker's consumer (an AIOKafkaConsumer).
    """

    def __init__(self, consumer: Any) -> None:
        self._client = consumer._client  # noqa: SLF001 - a connection of its own for each partition would be the price
        self._asking: dict[tuple[int, str], asyncio.Task[str | None]] = {}
        self._next: dict[tuple[int, str], asyncio.Task[str | None]] = {}

    async def current(self, source: TopicPartition) -> str | None:
        """The topic's id by a question that is put after this call; None where brokers give none.

        Raises:
            KafkaError: the broker does not answer, or there is no such topic.
        """
        node = self._client.cluster.leader_for_partition(source)
        if node is None or node < 0:
            raise NotLeaderForPartitionError(f"{source.topic}-{source.partition} has no leader")
        place = node, source.topic
        if (waiting := self._next.get(place)) is None:
            # A question that is under way may have been answered before this caller's records were read.
            waiting = self._next[place] = asyncio.create_task(self._ask(place, self._asking.get(place)))
            waiting.add_done_callback(_looked_at)
        return await asyncio.shield(waiting)

    async def _ask(self, place: tuple[int, str], before: asyncio.Task[str | None] | None) -> str | None:
        if before is not None:
            await asyncio.wait([before])
        # From here on it is under way: whoever comes now waits for the next.
        self._asking[place] = self._next.pop(place)
        try:
            # Its own connection: on the one for records it would wait for a fetch that the broker holds.
            return await topic_id(self._client, *place, group=ConnectionGroup.COORDINATION)
        finally:
            self._asking.pop(place, None)

    async def check(self, source: TopicPartition, expected: str | None) -> None:
        """Fail when the topic is no longer the expected one; nothing to check where brokers give no ids.

        Raises:
            TopicChangedError: it has another id.
            KafkaError: the broker does not answer, or there is no such topic.
        """
        if expected is not None and await self.current(source) != expected:
            raise TopicChangedError(f"topic {source.topic} was deleted and made anew")


def _looked_at(task: asyncio.Task[str | None]) -> None:
    """A question whose askers are all gone may fail unheard."""
    if not task.cancelled():
        task.exception()
