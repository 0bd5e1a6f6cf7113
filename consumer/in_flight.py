"""The transaction of a partition that is on its way to the brokers while the pipeline scores the next batch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from aiokafka import TopicPartition

    from ratecast.contract.record import Record

# With more, other partitions fill the time, and batches scored ahead would only take memory.
_MOST_PARTITIONS = 8


class InFlight:
    """At most one transaction. A failure reaches the pipeline at its next call of `failed_before` or `settled`."""

    def __init__(self) -> None:
        self._publishing: asyncio.Task[None] | None = None

    def start(self, publishing: Coroutine[Any, Any, None]) -> None:
        """Start a transaction. The one before must be settled: the brokers see one after the other."""
        assert self._publishing is None  # noqa: S101 - two at once would commit offsets out of order
        self._publishing = asyncio.create_task(publishing)

    async def settled(self) -> None:
        """Wait until the transaction is committed; at once if there is none.

        Raises:
            KafkaError: It failed, or whatever else it raised.
        """
        publishing, self._publishing = self._publishing, None
        if publishing is not None:
            try:
                await asyncio.shield(publishing)
            except asyncio.CancelledError:
                if not publishing.done():
                    self._publishing = publishing  # this pipeline was cancelled, not the transaction
                raise

    async def failed_before(self, polling: asyncio.Future[Any]) -> None:
        """Wait until a poll is done, or fail before that if the transaction does.

        Raises:
            KafkaError: The transaction failed. The poll is cancelled then.
        """
        if (publishing := self._publishing) is None:
            return
        try:
            await asyncio.wait((polling, publishing), return_when=asyncio.FIRST_COMPLETED)
            if publishing.done():
                await self.settled()
        except BaseException:
            polling.cancel()
            raise

    async def abandoned(self) -> None:
        """Cancel the transaction if there is one. The next owner of the partition settles what it left."""
        publishing, self._publishing = self._publishing, None
        if publishing is not None:
            publishing.cancel()
            await asyncio.wait([publishing])
            if not publishing.cancelled():
                publishing.exception()  # otherwise asyncio logs that the exception was never retrieved


def more_waits(consumer: Any, source: TopicPartition, records: Sequence[Record]) -> bool:
    """Return whether as many records again wait behind these, and scoring them ahead pays.

    If fewer wait, more come while the transaction is on its way, and one large batch costs less than two small ones.
    """
    assigned = consumer.assignment()
    if source not in assigned or len(assigned) > _MOST_PARTITIONS:
        return False
    end = consumer.last_stable_offset(source)
    return end is not None and end - records[-1].offset > len(records)
