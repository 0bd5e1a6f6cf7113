"""Reads back from the input topic what was published. This is all that a feed remembers: there is no file."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING

from producer.feed.publication_times import today
from producer.feed.published_rates import PublishedRates
from ratecast.data.span_reader import open_span
from ratecast.data.time_span import Span
from ratecast.errors import UsageError
from ratecast.kafka.embedded_fetches import is_embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ratecast.settings import Settings

log = logging.getLogger(__name__)

# How far to look back for the newest message of each pair: a night, a weekend with holidays, a month, a season.
_LOOK_BACK_DAYS = (2, 8, 32, 128)
_EVERYTHING = dt.date.min
# A message is never older than the day that it is about. This much later by the broker's clock is no reason for doubt.
_CLOCKS_DIFFER = dt.timedelta(days=1)


class TopicState:
    """What the input topic has of the pairs of a feed.

    The first reading goes back in growing steps. It ends when no pair can have a newer message further back: a message
    cannot be older than its newest rate. Later readings only take what was added since.

    Args:
        settings: the brokers and the topic.
        pairs: the pairs of the feed.
        on_progress: called after each batch of records.
    """

    def __init__(
        self, settings: Settings, pairs: Sequence[str], on_progress: Callable[[], None] = lambda: None
    ) -> None:
        self._settings = settings
        self._pairs = pairs
        self._on_progress = on_progress
        self._positions: dict[int, int] = {}
        self._is_whole: bool | None = None  # whether the broker can only be read from the beginning
        self._since: dt.date | None = None  # all messages of this day and later ones were read
        self.published = self._nothing()

    @property
    def is_read(self) -> bool:
        """Whether the topic was read."""
        return self._since is not None

    async def refresh(self, now: dt.datetime, back_to: dt.date | None = None) -> None:
        """Read what was added to the topic since the last call.

        Args:
            now: the present.
            back_to: a day whose earlier publications must be known too.

        Raises:
            BrokerUnavailableError: no broker answered.
            OperationError: the topic does not exist or cannot be read.
        """
        if self._is_whole is None:
            self._is_whole = await is_embedded(self._settings)
        if self._is_whole:
            await self._read_back(now, _EVERYTHING)
            return
        if self._since is None or (back_to is not None and back_to < self._since):
            await self._read_back(now, back_to)
            return
        try:
            is_whole = await self._read(Span(first_offsets=self._positions), self.published, now)
        except UsageError:  # a partition that was read is no longer there
            is_whole = False
        if not is_whole:
            log.warning("topic %s was made anew: reading it from its beginning", self._settings.input_topic)
            await self._read_back(now, _EVERYTHING)

    async def _read_back(self, now: dt.datetime, back_to: dt.date | None) -> None:
        days = today(now)
        steps = [days - dt.timedelta(days=back) for back in _LOOK_BACK_DAYS]
        for since in (*steps, _EVERYTHING):
            if back_to is not None and since > back_to:
                continue
            published = self._nothing()
            await self._read(_span(since), published, now)
            if since == _EVERYTHING or all(
                pair in published.newest and published.newest[pair].day >= since for pair in self._pairs
            ):
                break
        is_first, self._since, self.published = self._since is None, since, published
        if not is_first:
            return
        left = ", ".join(f"{count:,} {reason}" for reason, count in published.left_aside.items())
        log.info(
            "read %s back to %s: %d of %d pairs were published before%s",
            self._settings.input_topic,
            "its beginning" if since == _EVERYTHING else since,
            len(published.newest),
            len(self._pairs),
            f" (left aside: {left})" if left else "",
        )

    async def _read(self, span: Span, published: PublishedRates, now: dt.datetime) -> bool:
        """Take the records of a span; return False if the topic ends before what was read earlier."""
        async with (
            open_span(self._settings, self._settings.input_topic, span) as reader,
            aclosing(reader.steps()) as steps,
        ):
            if any(reader.ends[number] < offset for number, offset in span.first_offsets.items()):
                return False
            async for step in steps:
                published.take(step.records, today(now))
                self._positions = step.positions
                self._on_progress()
                await asyncio.sleep(0)  # so that a long reading does not hold up the answers for health
        return True

    def _nothing(self) -> PublishedRates:
        return PublishedRates(self._pairs, self._settings.max_message_bytes)


def _span(since: dt.date) -> Span:
    """Return the span with every message about a day or a later one."""
    if since == _EVERYTHING:
        return Span()
    first = dt.datetime.combine(since, dt.time(), dt.UTC) - _CLOCKS_DIFFER
    return Span(since_ms=int(first.timestamp() * 1000))
