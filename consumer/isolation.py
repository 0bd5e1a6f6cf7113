"""The second wall: what scoring did not foresee in a record costs that record, not its batch and not its partition.

A batch that raises is halved until the records that raise stand alone; those become dead letters, the others are
scored. When too many raise it is the model that is broken, and turning every message into a dead letter would be worse
than to stop.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from ratecast.errors import ErrorCode, ModelFailingError, RecordError
from ratecast.scoring.scorer import DeadLetter, ScoredBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ratecast.contract.record import Record

    Score = Callable[[Sequence[Record]], ScoredBatch]

log = logging.getLogger(__name__)

_RECENT = 200  # records that the share of failures is taken of


class Isolation:
    """Scores the batches of one partition behind the wall.

    Args:
        in_a_row: this many failures in a row are the model's.
        share: and so are more than this share of the last 200 records.
    """

    def __init__(self, in_a_row: int, share: float) -> None:
        self._in_a_row = in_a_row
        self._share = share
        self._recent: deque[bool] = deque(maxlen=_RECENT)  # whether each of the last records failed
        self._in_hand: list[bool] = []

    def score(self, score: Score, records: Sequence[Record]) -> ScoredBatch:
        """The outcome of every record, in order.

        Args:
            score: scores some records.
            records: of one partition, at least one.

        Raises:
            ModelFailingError: too many fail.
        """
        self._in_hand = []
        parts = list(self._scored(score, records))
        return parts[0] if len(parts) == 1 else ScoredBatch.joined(parts)

    def committed(self) -> None:
        """The batch in hand is done; before that it may be scored again, and no failure counts twice."""
        self._recent.extend(self._in_hand)
        self._in_hand = []

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
                raise  # it says nothing about the record
            self._failed(records[0], error)
            # A RecordError's words are of bounded length.
            fault = RecordError(ErrorCode.SCORING_FAILED, f"{type(error).__name__}: {error}")
            yield ScoredBatch.rejected([DeadLetter(records[0], fault.code, fault.message)], failures=1)
        else:
            self._in_hand += [False] * len(records)
            yield scored

    def _failed(self, record: Record, error: Exception) -> None:
        if not any(self._in_hand):  # one traceback a batch: the others are most likely the same
            log.error(
                "scoring %s-%d@%d failed", record.topic, record.partition, record.offset, exc_info=error
            )
        self._in_hand.append(True)
        recent = [*self._recent, *self._in_hand][-_RECENT:]
        if len(recent) >= self._in_a_row and all(recent[-self._in_a_row :]):
            self._stop(record, error, f"{self._in_a_row} records in a row")
        if len(recent) == _RECENT and sum(recent) > self._share * _RECENT:
            self._stop(record, error, f"{sum(recent)} of the last {_RECENT} records")

    def _stop(self, record: Record, error: Exception, how_many: str) -> None:
        raise ModelFailingError(
            f"{record.topic}-{record.partition}@{record.offset}: scoring failed for {how_many}, last with "
            f"{type(error).__name__}: {error}. The model or this program is at fault, not the records; nothing of this "
            "batch is committed. Put another model into use with `ratecast train` or by models/current"
        ) from error
