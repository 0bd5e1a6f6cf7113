"""Gives each waiting request its own answer. One consumer reads for all of them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ratecast.errors import OperationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.contract.dead_letter import Place
    from ratecast.contract.wire import PredictionRow
    from web.entries import LetterEntry

_MOST_EARLY = 16


class TooManyWaitingError(OperationError):
    """As many requests as the setting allows wait for their predictions already."""


class Waiting:
    """One request that waits for the outcome of its message.

    The message id alone does not identify it, because a client chooses its ids and may use one again. The place of the
    record does, but it is known only when the brokers have acknowledged the message, and the outcome may be there first.
    """

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        self.outcome: asyncio.Future[PredictionRow | LetterEntry] = asyncio.get_running_loop().create_future()
        self._place: Place | None = None
        self._early: dict[Place, PredictionRow | LetterEntry] = {}

    def published(self, place: Place) -> None:
        """Note the place of the message on the input topic."""
        self._place = place
        if place in self._early:
            self._set(self._early[place])
        self._early.clear()

    def offer(self, place: Place, outcome: PredictionRow | LetterEntry) -> None:
        """Take the outcome of a message with this id, if it is this message."""
        if self._place is None:
            if len(self._early) < _MOST_EARLY:
                self._early[place] = outcome
        elif place == self._place:
            self._set(outcome)

    def _set(self, outcome: PredictionRow | LetterEntry) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class WaitingAnswers:
    """All waiting requests, by message id.

    Args:
        limit: how many may wait at the same time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_id: dict[str, list[Waiting]] = {}
        self.count = 0

    @contextmanager
    def waiting(self, message_id: str) -> Iterator[Waiting]:
        """Wait for the outcome of a message within the block; enter it before the message is published.

        Raises:
            TooManyWaitingError: as many wait already as may.
        """
        if self.count >= self._limit:
            raise TooManyWaitingError(f"{self.count} requests wait for their predictions already")
        waiting = Waiting(message_id)
        same = self._by_id.setdefault(message_id, [])
        same.append(waiting)
        self.count += 1
        try:
            yield waiting
        finally:
            self.count -= 1
            same.remove(waiting)
            if not same:
                self._by_id.pop(message_id, None)
            waiting.outcome.cancel()

    def prediction(self, row: PredictionRow) -> None:
        """Give a prediction to the request that waits for it."""
        for waiting in self._by_id.get(row.message_id, ()):
            waiting.offer((row.source.topic, row.source.partition, row.source.offset), row)

    def letter(self, letter: LetterEntry) -> None:
        """Give a dead letter to the request that waits for it."""
        if letter.message_id is not None and letter.source is not None:
            for waiting in self._by_id.get(letter.message_id, ()):
                waiting.offer(letter.source, letter)
