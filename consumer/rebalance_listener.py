"""Passes what the group decides to the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka import ConsumerRebalanceListener

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiokafka import TopicPartition


class RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells a worker which partitions it has.

    Args:
        revoke: Gives up all partitions. aiokafka swallows exceptions of a listener, so neither of the two may raise one.
        assign: Takes partitions over.
    """

    def __init__(
        self,
        revoke: Callable[[], Awaitable[None]],
        assign: Callable[[Sequence[TopicPartition]], Awaitable[None]],
    ) -> None:
        self._revoke = revoke
        self._assign = assign

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - eager: all
        """Give up all partitions, because aiokafka rebalances eagerly."""
        await self._revoke()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Take the assigned partitions over, in order."""
        await self._assign(sorted(assigned))
