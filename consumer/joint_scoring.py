"""Scores what all partitions of a worker have waiting in one pass, because a pass has a cost of its own.

Nothing waits to be joined: whatever arrived while the pass before was running is scored by the next.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ratecast.contract.record import Record
    from ratecast.scoring.scored_batch import ScoredBatch
    from ratecast.scoring.scorer import Scorer

# A pass blocks the event loop, and with it heartbeats and scrapes: 4,000 records take about a tenth of a second.
_MOST_RECORDS = 4000


@dataclass(frozen=True, slots=True)
class _Waiting:
    records: Sequence[Record]
    topic_id: str | None
    answer: asyncio.Future[ScoredBatch | None]


class JointScoring:
    """The scoring that all pipelines of one worker share.

    Args:
        scorer: Returns the scorer of the current model.
    """

    def __init__(self, scorer: Callable[[], Scorer]) -> None:
        self._scorer = scorer
        self._waiting: deque[_Waiting] = deque()

    async def score(self, records: Sequence[Record], topic_id: str | None) -> ScoredBatch | None:
        """Score the records of one partition, together with those of others.

        Args:
            records: The records, in order, at least one.
            topic_id: The broker's id of the topic, if known.

        Returns:
            None if the pass raised an error. `alone` shows then whether these records are the cause.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(records, topic_id, loop.create_future())
        if not self._waiting:
            loop.call_soon(self._pass)  # after the other pipelines that the same fetch woke up
        self._waiting.append(waiting)
        return await waiting.answer

    def alone(self, records: Sequence[Record], topic_id: str | None) -> ScoredBatch:
        """Score the records of one partition at once, and raise whatever scoring raises."""
        return self._scorer().score(records, dt.datetime.now(dt.UTC), topic_id)

    def _pass(self) -> None:
        parts = self._next_parts()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._pass)
        if not parts:
            return
        try:
            batches: Sequence[ScoredBatch | None] = self._scorer().score_parts(
                [part.records for part in parts], dt.datetime.now(dt.UTC), [part.topic_id for part in parts]
            )
        except Exception:  # noqa: BLE001 - each pipeline scores alone now, and names the records that fail
            batches = [None] * len(parts)
        for part, batch in zip(parts, batches, strict=True):
            if not part.answer.done():  # its pipeline may have been cancelled
                part.answer.set_result(batch)

    def _next_parts(self) -> list[_Waiting]:
        parts: list[_Waiting] = []
        count = 0
        while self._waiting and (not parts or count + len(self._waiting[0].records) <= _MOST_RECORDS):
            part = self._waiting.popleft()
            if not part.answer.done():
                parts.append(part)
                count += len(part.records)
        return parts
