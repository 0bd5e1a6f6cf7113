"""Isolates records on which scoring fails unexpectedly, so that one record does not stop its batch or partition.

A batch that raises is halved until each failing record is alone. Failing records become dead letters; the others are
scored. If too many records fail, the model is at fault, and stopping is better than turning every message into a dead
letter.
"""

from __future__ import annotations

import logging
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

from ratecast.errors import ErrorCode, ModelFailingError, RecordError
from ratecast.log_fields import place_of, trace_fields
from ratecast.scoring.scored_batch import DeadLetter, ScoredBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ratecast.contract.record import Record

    Score = Callable[[Sequence[Record]], ScoredBatch]

log = logging.getLogger(__name__)

_RECENT = 200  # number of records over which the share of failures is computed


class Isolation:
    """Scores the batches of one partition and isolates failing records.

    Args:
        in_a_row: Number of consecutive failures after which the model is at fault.
        share: Share of the last 200 records above which the model is at fault.
    """

    def __init__(self, in_a_row: int, share: float) -> None:
        self._in_a_row = in_a_row
        self._share = share
        self._recent: deque[bool] = deque(maxlen=_RECENT)  # whether each of the last records failed
        self._uncommitted: deque[list[bool]] = deque()  # the same of each batch whose commit is not known yet

    def score(self, score: Score, records: Sequence[Record]) -> ScoredBatch:
        """Return the outcome of every record, in order.

        Args:
            score: Scores some records.
            records: Records of one partition, at least one.

        Raises:
            ModelFailingError: Too many records fail.
        """
        self._uncommitted.append([])
        parts = list(self._scored(score, records))
        return parts[0] if len(parts) == 1 else ScoredBatch.joined(parts)

    def scored(self, batch: ScoredBatch, records: Sequence[Record]) -> ScoredBatch:
        """Take note of a batch that was scored without an error, and return it."""
        self._uncommitted.append([False] * len(records))
        return batch

    def committed(self) -> None:
        """Record that the oldest batch is committed. Before that it may be scored again and must not count twice."""
        self._recent.extend(self._uncommitted.popleft())

    def restarted(self) -> None:
        """Record that batches without a commit will be scored again."""
        self._uncommitted.clear()

    def _scored(self, score: Score, records: Sequence[Record]) -> Iterator[ScoredBatch]:
        try:
            scored = score(records)
        except Exception as error:
            if len(records) > 1:
                half = len(records) // 2
                yield from self._scored(score, records[:half])
                yield from self._scored(score, records[half:])
                return
            if isinstance(error, MemoryError):
                raise  # a lack of memory is not the record's fault
            self._failed(records[0], error)
            # RecordError limits the length of its message.
            fault = RecordError(ErrorCode.SCORING_FAILED, f"{type(error).__name__}: {error}")
            yield ScoredBatch.rejected([DeadLetter(records[0], fault.code, fault.message)], failures=1)
        else:
            self._uncommitted[-1] += [False] * len(records)
            yield scored

    def _failed(self, record: Record, error: Exception) -> None:
        current = self._uncommitted[-1]
        if not any(current):  # one traceback per batch: the others are probably the same
            log.error(
                "scoring %s-%d@%d failed",
                *(record.topic, record.partition, record.offset),
                exc_info=error,
                extra={**place_of(record), **trace_fields(record)},
            )
        current.append(True)
        recent = [*self._recent, *chain.from_iterable(self._uncommitted)][-_RECENT:]
        if len(recent) >= self._in_a_row and all(recent[-self._in_a_row :]):
            self._stop(record, error, f"{self._in_a_row} records in a row")
        if len(recent) == _RECENT and sum(recent) > self._share * _RECENT:
            self._stop(record, error, f"{sum(recent)} of the last {_RECENT} records")

    def _stop(self, record: Record, error: Exception, how_many: str) -> None:
        raise ModelFailingError(
            f"{record.topic}-{record.partition}@{record.offset}: scoring failed for {how_many}, last with "
            f"{type(error).__name__}: {error}. The model or this program is at fault, not the records. Nothing of this "
            "batch is committed. Switch to another model with `ratecast train` or by editing models/current"
        ) from error
