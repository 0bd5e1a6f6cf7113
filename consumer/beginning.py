"""Where a pipeline begins: found, said and counted."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from consumer.offsets import committed_offset
from consumer.positions import Cause, Holding, OffsetBeyondEndError, start_of

if TYPE_CHECKING:
    from consumer.identity import TopicIdentity
    from consumer.positions import Start
    from monitoring.metrics import WorkerMetrics
    from ratecast.contract.commit_note import Committed, Loss
    from ratecast.settings import Settings

log = logging.getLogger(__name__)


class Beginning:
    """Finds where reading begins, once the partition's last owner is fenced.

    Args:
        settings: the group and the topics.
        consumer: the worker's consumer (an AIOKafkaConsumer).
        identity: of its topics.
        metrics: where losses are counted.
    """

    def __init__(
        self, settings: Settings, consumer: Any, identity: TopicIdentity, metrics: WorkerMetrics
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._identity = identity
        self._metrics = metrics
        self._counted: dict[TopicPartition, Loss] = {}

    async def of(
        self, source: TopicPartition, output_partition: int, reached: Committed | None = None
    ) -> Start:
        """Where to begin reading a partition.

        Args:
            source: the input partition.
            output_partition: where its predictions go.
            reached: where this pipeline stood before; counts while nothing is committed.

        Raises:
            KafkaError: the brokers do not answer, or have lost what was read.
        """
        committed = await committed_offset(self._settings, source) or reached
        # The id first: should the topic change after this, the first transaction will notice.
        topic_id = await self._identity.current(source)
        beginnings, ends = await asyncio.gather(
            self._consumer.beginning_offsets([source]), self._consumer.end_offsets([source])
        )
        holding = Holding(topic_id, beginnings[source], ends[source])
        try:
            start = start_of(committed, holding, dt.datetime.now(dt.UTC))
        except OffsetBeyondEndError as error:
            raise KafkaError(
                f"{error}: the brokers have lost records, or do not show them yet. If this lasts, set the group's offset "
                "with kafka-consumer-groups --reset-offsets"
            ) from None
        await self._say(source, start, holding, output_partition)
        return start

    async def _say(
        self, source: TopicPartition, start: Start, holding: Holding, output_partition: int
    ) -> None:
        name = f"{source.topic}-{source.partition}"
        waiting = holding.end - start.offset
        if start.cause is Cause.REMOVED_BY_RETENTION:
            if (news := self._not_counted_yet(source, start)) == 0:
                return
            self._metrics.lost_to_retention(news)
            log.error(
                "%s: %d records (offsets %d to %d) were removed by retention before they were scored: raise the topic's "
                "retention.ms or retention.bytes, or add workers; going on at %d",
                *(name, start.removed, start.offset - start.removed, start.offset - 1, start.offset),
            )
        elif start.cause is Cause.TOPIC_MADE_ANEW:
            log.warning(
                "topic %s was deleted and made anew: partition %d is read from its beginning, %d records from offset %d",
                *(source.topic, source.partition, waiting, start.offset),
            )
        elif (
            start.cause is Cause.NOTHING_COMMITTED and waiting and await self._has_outcomes(output_partition)
        ):
            log.warning(
                "group %s has no committed offset on %s although %s-%d holds predictions (the group is new, its offsets "
                "have expired, or the topic was made anew): up to %d records may be scored again, from offset %d",
                *(
                    self._settings.group_id,
                    name,
                    self._settings.output_topic,
                    output_partition,
                    waiting,
                    start.offset,
                ),
            )

    def _not_counted_yet(self, source: TopicPartition, start: Start) -> int:
        """How many of the removed records are news: until a transaction commits its note a loss is met again."""
        loss, known = start.note.loss, self._counted.get(source)
        if loss is None:
            return 0
        self._counted[source] = loss
        is_known = known is not None and known.first == loss.first
        return loss.last - known.last if known is not None and is_known else start.removed

    async def _has_outcomes(self, output_partition: int) -> bool:
        output = TopicPartition(self._settings.output_topic, output_partition)
        beginnings, ends = await asyncio.gather(
            self._consumer.beginning_offsets([output]), self._consumer.end_offsets([output])
        )
        return bool(ends[output] > beginnings[output])
