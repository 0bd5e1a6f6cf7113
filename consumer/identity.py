"""Checks before every commit that the input topic was not deleted and recreated.

A recreated topic keeps its name. A client that misses the change continues at its old position, and the records below
it would never be scored. The broker never reuses a topic's id. So if the topic has the expected id after a batch was
read, the batch came from the expected topic.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError, NotLeaderForPartitionError

from ratecast.kafka.aiokafka_seams import consumer_client
from ratecast.kafka.topic_ids import topic_id

if TYPE_CHECKING:
    from aiokafka import TopicPartition


class TopicChangedError(KafkaError):  # type: ignore[misc]
    """The input topic was deleted and recreated."""


class TopicIdentity:
    """Asks for the id of a consumer's topic. Callers that ask the same broker at the same time share a request.

    It asks the leader of the partition, which serves the records and therefore knows the id of their topic.

    Args:
        consumer: the worker's AIOKafkaConsumer.
    """

    def __init__(self, consumer: Any) -> None:
        # With another client every partition would need one more connection.
        self._client = consumer_client(consumer)
        self._sent: dict[tuple[int, str], asyncio.Task[str | None]] = {}
        self._waiting: dict[tuple[int, str], asyncio.Task[str | None]] = {}

    async def current(self, source: TopicPartition) -> str | None:
        """Returns the topic's id from a request sent after this call; None if the broker assigns no ids.

        Raises:
            KafkaError: the broker does not answer, or the topic does not exist.
        """
        node = self._client.cluster.leader_for_partition(source)
        if node is None or node < 0:
            raise NotLeaderForPartitionError(f"{source.topic}-{source.partition} has no leader")
        place = node, source.topic
        if (waiting := self._waiting.get(place)) is None:
            # A request already sent may have been answered before this caller's records were read.
            waiting = self._waiting[place] = asyncio.create_task(self._ask(place, self._sent.get(place)))
            waiting.add_done_callback(_retrieve_error)
        return await asyncio.shield(waiting)

    async def _ask(self, place: tuple[int, str], before: asyncio.Task[str | None] | None) -> str | None:
        if before is not None:
            await asyncio.wait([before])
        # This request counts as sent from here on, and later callers wait for the next one.
        self._sent[place] = self._waiting.pop(place)
        try:
            # Not on the connection for records, where it would wait behind a fetch that the broker holds.
            return await topic_id(self._client, *place, group=ConnectionGroup.COORDINATION)
        finally:
            self._sent.pop(place, None)

    async def check(self, source: TopicPartition, expected: str | None) -> None:
        """Fail if the topic no longer has the expected id. Without an expected id nothing is checked.

        Raises:
            TopicChangedError: the topic has another id.
            KafkaError: the broker does not answer, or the topic does not exist.
        """
        if expected is not None and await self.current(source) != expected:
            raise TopicChangedError(f"topic {source.topic} was deleted and recreated")


def _retrieve_error(task: asyncio.Task[str | None]) -> None:
    """Keep asyncio from logging the error of a request that no caller waits for any more."""
    if not task.cancelled():
        task.exception()
