"""Turns a scored batch into the records to publish, in a form that the output topics accept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consumer import dead_letters
from consumer.publishing import Outgoing
from ratecast.contract.trace_context import continued
from ratecast.errors import ErrorCode
from ratecast.scoring.scored_batch import DeadLetter

if TYPE_CHECKING:
    from consumer.output_limits import OutputLimits
    from ratecast.contract.record import Record
    from ratecast.contract.trace_context import TraceContext
    from ratecast.kafka.batches import OutgoingRecord
    from ratecast.scoring.scored_batch import ScoredBatch
    from ratecast.settings import Settings


class Outcomes:
    """Makes the outgoing records of one input partition.

    Args:
        settings: The topics.
        limits: Size limits of these topics.
        output_partition: Partition for the predictions.
        dead_letter_partition: Partition for the dead letters.
        topic_id: Id of the input topic; None if the broker does not support topic ids.
    """

    def __init__(
        self,
        settings: Settings,
        limits: OutputLimits,
        output_partition: int,
        dead_letter_partition: int,
        topic_id: str | None,
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._output_partition = output_partition
        self._dead_letter_partition = dead_letter_partition
        self.topic_id = topic_id

    def fitted(self, batch: ScoredBatch, span: TraceContext | None) -> ScoredBatch:
        """Replace predictions that are too large for the output topic by dead letters. Used after a rejection.

        Args:
            batch: The outcomes.
            span: The span that made them, if any.
        """
        topic = self._settings.output_topic
        limit = self._limits.record_bytes(topic)
        if limit is None:
            return batch
        sizes = [
            _size(record, value, span) for record, value in zip(batch.records, batch.values, strict=True)
        ]
        kept = [row for row, size in enumerate(sizes) if size <= limit]
        letters = [
            DeadLetter(
                record,
                ErrorCode.TOO_LARGE,
                f"with the message's key and headers the prediction has {size} bytes; topic {topic} accepts {limit} "
                "(max.message.bytes)",
            )
            for record, size in zip(batch.records, sizes, strict=True)
            if size > limit
        ]
        if not letters:
            return batch
        return replace(
            batch,
            records=[batch.records[row] for row in kept],
            pairs=[batch.pairs[row] for row in kept],
            values=[batch.values[row] for row in kept],
            drifted=batch.drifted[kept],
            dead_letters=batch.dead_letters + letters,
        )

    def outgoing(
        self, batch: ScoredBatch, span: TraceContext | None, *, cut: bool, keyed: bool
    ) -> list[Outgoing]:
        """Return the records to publish.

        Dead letters keep the headers of their message, so that a redelivered message is the one that was sent.

        Args:
            batch: The outcomes.
            span: The span that made them, if any. Predictions then name it in ``traceparent``.
            cut: Shorten long dead letters, because the topic rejected them in full.
            keyed: Add a key to dead letters without one, because the topic rejected them without.
        """
        outgoing = []
        if batch.values:
            predictions: list[OutgoingRecord] = [
                # A compacted topic rejects records without a key, and a pair should stay in one partition.
                (
                    pair.encode() if record.key is None else record.key,
                    value,
                    list(record.headers) if span is None else continued(record.headers, span),
                )
                for record, pair, value in zip(batch.records, batch.pairs, batch.values, strict=True)
            ]
            outgoing.append(Outgoing(self._settings.output_topic, self._output_partition, predictions))
        if batch.dead_letters:
            letters = [
                dead_letters.outgoing(letter, cut=cut, keyed=keyed, topic_id=self.topic_id)
                for letter in batch.dead_letters
            ]
            outgoing.append(Outgoing(self._settings.dead_letter_topic, self._dead_letter_partition, letters))
        return outgoing


def _size(record: Record, value: bytes, span: TraceContext | None) -> int:
    headers = record.headers if span is None else continued(record.headers, span)
    return (
        len(record.key or b"")
        + len(value)
        + sum(len(name.encode()) + len(content or b"") + 10 for name, content in headers)
    )
