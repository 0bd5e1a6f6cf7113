"""Finds the offset at which a pipeline starts, logs why, and counts what was lost."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from consumer.offsets import committed_offset
from consumer.start_position import Cause, OffsetBeyondEndError, PartitionState, start_of

if TYPE_CHECKING:
    from consumer.identity import TopicIdentity
    from consumer.start_position import Start
    from monitoring.metrics import WorkerMetrics
    from ratecast.contract.commit_note import Committed, Loss
    from ratecast.settings import Settings

log = logging.getLogger(__name__)


class StartFinder:
    """Finds where reading starts, after the partition's previous owner is fenced.

    Args:
        settings: The group and the topics.
        consumer: The worker's consumer (an AIOKafkaConsumer).
        identity: Asks for the current id of the input topic.
        metrics: Counts lost records.
    """

    def __init__(
        self, settings: Settings, consumer: Any, identity: TopicIdentity, metrics: WorkerMetrics
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._identity = identity
        self._metrics = metrics
        self._counted: dict[TopicPartition, Loss] = {}

    async def find(
        self, source: TopicPartition, output_partition: int, reached: Committed | None = None
    ) -> Start:
        """Return where to start reading a partition.

        Args:
            source: The input partition.
            output_partition: The partition that its predictions go to.
            reached: How far this pipeline had got before. It is used only if the group has committed nothing.

        Raises:
            KafkaError: The brokers do not answer, or they lost records that were read.
        """
        committed = await committed_offset(self._settings, source) or reached
        # Ask for the id first: if the topic changes afterwards, the first transaction notices.
        topic_id = await self._identity.current(source)
        first_offsets, end_offsets = await asyncio.gather(
            self._consumer.beginning_offsets([source]), self._consumer.end_offsets([source])
        )
        state = PartitionState(topic_id, first_offsets[source], end_offsets[source])
        try:
            start = start_of(committed, state, dt.datetime.now(dt.UTC))
        except OffsetBeyondEndError as error:
            raise KafkaError(
                f"{error}: the brokers lost records or do not show them yet. If this continues, reset the group's offset "
                "with kafka-consumer-groups --reset-offsets"
            ) from None
        await self._report(source, start, state, output_partition)
        return start

    async def _report(
        self, source: TopicPartition, start: Start, state: PartitionState, output_partition: int
    ) -> None:
        name = f"{source.topic}-{source.partition}"
        fields = {"topic": source.topic, "partition": source.partition, "offset": start.offset}
        waiting = state.end - start.offset
        if start.cause is Cause.REMOVED_BY_RETENTION:
            if (uncounted := self._not_counted_yet(source, start)) == 0:
                return
            self._metrics.lost_to_retention(uncounted)
            log.error(
                "%s: retention removed %d records (offsets %d to %d) before they were scored. Raise the topic's retention.ms "
                "or retention.bytes, or add workers. Continuing at offset %d",
                *(name, start.removed, start.offset - start.removed, start.offset - 1, start.offset),
                extra=fields,
            )
        elif start.cause is Cause.TOPIC_RECREATED:
            log.warning(
                "topic %s was deleted and recreated: reading partition %d from its start, %d records from offset %d",
                *(source.topic, source.partition, waiting, start.offset),
                extra=fields,
            )
        elif (
            start.cause is Cause.NOTHING_COMMITTED and waiting and await self._has_outcomes(output_partition)
        ):
            log.warning(
                "group %s has no committed offset on %s, but %s-%d already has predictions (the group is new, its offsets "
                "expired, or the topic was recreated). Up to %d records may be scored again, from offset %d",
                *(
                    self._settings.group_id,
                    name,
                    self._settings.output_topic,
                    output_partition,
                    waiting,
                    start.offset,
                ),
                extra=fields,
            )

    def _not_counted_yet(self, source: TopicPartition, start: Start) -> int:
        """Return how many removed records were not counted yet. A loss is seen again until its note is committed."""
        loss, counted = start.note.loss, self._counted.get(source)
        if loss is None:
            return 0
        self._counted[source] = loss
        is_counted = counted is not None and counted.first == loss.first
        return loss.last - counted.last if counted is not None and is_counted else start.removed

    async def _has_outcomes(self, output_partition: int) -> bool:
        output = TopicPartition(self._settings.output_topic, output_partition)
        first_offsets, end_offsets = await asyncio.gather(
            self._consumer.beginning_offsets([output]), self._consumer.end_offsets([output])
        )
        return bool(end_offsets[output] > first_offsets[output])
