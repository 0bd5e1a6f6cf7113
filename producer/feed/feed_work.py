"""One turn of a feed: poll the source, compare with the topic, publish what the topic lacks.

Several feeds of one source may run. Each publication begins with a transactional producer, whose start fences the others,
and only then reads the topic to its end. What another feed has committed is visible at that point, and what it has not
committed never will be. So each rate is published once, and no feed has to know of another.
"""

from __future__ import annotations

import datetime as dt
import logging
from itertools import groupby
from typing import TYPE_CHECKING

from monitoring.feed_metrics import READ, REFUSED, UNCHANGED
from producer.feed.feed_transactions import open_transactions
from producer.feed.next_histories import NextHistories, next_histories
from producer.feed.publication_times import today
from producer.feed.rate_book import from_day, with_answer
from producer.feed.refusal_log import RefusalLog
from producer.feed.source import Reason, SourceUnavailableError
from producer.feed.topic_state import TopicState
from ratecast.errors import UsageError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from monitoring.feed_metrics import FeedMetrics
    from producer.feed.feed_clock import Clock
    from producer.feed.next_histories import NextMessage
    from producer.feed.publication_times import Timetable
    from producer.feed.source import Source
    from ratecast.rates.tables import RateTable
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

# The first poll asks for so much, since a revised day may be as old as the newest history, and needs 61 rates before it.
_FIRST_LOOK_DAYS = 200
_BEFORE_NEWEST_DAYS = 100  # 61 rates, the longest holidays, and some more for screening
_REVISION_DAYS = 14  # how far back later polls look for revisions
# Reasons for which an address is wrong, and not only a bad day of its server.
_WRONG_ADDRESS = frozenset({Reason.ERROR_PAGE, Reason.MALFORMED, Reason.WRONG_BASE})
_TEMPORARY = frozenset({"status_408", "status_425", "status_429"})
_WRONG_USE = frozenset({"no_host", "tls", "redirect", "protocol"})


class NothingTakenError(SourceUnavailableError):
    """The source answered, and nothing in the answer could be taken."""

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message, REFUSED)
        self.reason = reason


def is_wrong_use(error: SourceUnavailableError) -> bool:
    """Whether a failure of the first poll is more likely a wrong address than a source that is down."""
    if isinstance(error, NothingTakenError):
        return error.reason in _WRONG_ADDRESS
    is_rejected = error.outcome.startswith("status_4") and error.outcome not in _TEMPORARY
    return is_rejected or error.outcome in _WRONG_USE


class FeedWork:
    """Knows a source's newest rates and what the topic has of them.

    Args:
        settings: the brokers and the topic.
        source: what to poll.
        pairs: what to publish; everything that the source quotes if empty.
        timetable: when the source publishes.
        clock: the clock.
        metrics: counts what happens.
        screened: hold suspicious rates back.
        on_progress: called after each step.
    """

    def __init__(  # noqa: PLR0913 - it joins the parts of a feed
        self,
        settings: Settings,
        source: Source,
        pairs: Sequence[str],
        timetable: Timetable,
        clock: Clock,
        metrics: FeedMetrics,
        *,
        screened: bool = True,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.source = source
        self.timetable = timetable
        self.clock = clock
        self.metrics = metrics
        self._screened = screened
        self._on_progress = on_progress
        self._refusals = RefusalLog(metrics)
        self._book: RateTable | None = None
        self._since: dt.date | None = None
        self._state = TopicState(settings, pairs, on_progress)
        self._noted: set[tuple[str, str]] = set()
        self.pairs = tuple(pairs)
        self.is_committing = False

    @property
    def complete_day(self) -> dt.date | None:
        """The day up to which every pair is published; None if none is."""
        return self._state.published.complete_day()

    def late_seconds(self) -> float:
        """Return for how long a rate that is due has been late; 0 until the topic was read."""
        if not self._state.is_read:
            return 0.0
        return self.timetable.late_seconds(self.complete_day, self.clock.now())

    def missing_day(self) -> dt.date | None:
        """Return the newest day whose rates are due and not all published; None if there is none."""
        due = self.timetable.newest_due(self.clock.now())
        complete = self.complete_day
        return due if due is not None and (complete is None or complete < due) else None

    async def read_topic(self) -> None:
        """Read what the topic has.

        Raises:
            OperationError: it cannot be read.
        """
        if self.pairs:
            await self._state.refresh(self.clock.now())
            self._show_newest()

    async def poll(self) -> str:
        """Poll the source, and return the outcome.

        Raises:
            SourceUnavailableError: nothing could be read or taken.
            UsageError: the source can never be read.
        """
        day = today(self.clock.now())
        since = self._wanted(day)
        answer = await self.source.poll(since, day)
        self._on_progress()
        self._refusals.take(answer.refusals, is_logged=answer.table is not None)
        if answer.table is None and answer.refusals:
            first = answer.refusals[0]
            raise NothingTakenError(
                f"{self.source.address}: nothing in the answer could be taken: {first.detail}", first.reason
            )
        if answer.table is None or not len(answer.table.dates):
            return UNCHANGED
        if self._since is None:
            self._since = since or dt.date.min
        self._book = with_answer(self._book, answer.table, self._since)
        if not self.pairs:
            self.pairs = tuple(answer.table.columns)
            self._state = TopicState(self.settings, self.pairs, self._on_progress)
            await self.read_topic()
        return READ

    def _wanted(self, day: dt.date) -> dt.date | None:
        """Return the first day to ask for; None for everything."""
        newest = self.complete_day
        if self._book is not None and newest is not None:
            return newest - dt.timedelta(days=_REVISION_DAYS)
        if not self.pairs:
            return None
        first = day - dt.timedelta(days=_FIRST_LOOK_DAYS)
        return first if newest is None else min(first, newest - dt.timedelta(days=_BEFORE_NEWEST_DAYS))

    def plan(self) -> NextHistories:
        """Return what the topic lacks, as far as is known, and log what is left out."""
        found = self._found()
        self._refusals.held_back(found.held)
        for pair, reason in found.unknown:
            self._note(pair, f"{pair} is left out: {reason}")
        for pair, count in found.short:
            self._note(pair, f"{pair} has {count} rates in a row: its first message comes when it has 61")
        return found

    async def plan_with_revisions(self) -> NextHistories:
        """Return what the topic lacks, after reading how often its revised days were published.

        Raises:
            OperationError: the topic cannot be read.
        """
        revised_from = self._found().revised_from
        if revised_from is not None:
            await self._state.refresh(self.clock.now(), revised_from)
        return self.plan()

    def _found(self) -> NextHistories:
        if self._book is None:
            return NextHistories()
        # A file may hold decades. Screening needs the rates around those that are new.
        newest: dt.date = self._book.dates[-1].item()
        first = min(newest, self.complete_day or newest) - dt.timedelta(days=_FIRST_LOOK_DAYS)
        return next_histories(
            from_day(self._book, first),
            self._state.published,
            self.pairs,
            today(self.clock.now()),
            self.source.name,
            screened=self._screened,
        )

    def _note(self, pair: str, text: str) -> None:
        kind = text.partition(":")[2]
        if (pair, kind) not in self._noted:
            self._noted.add((pair, kind))
            log.warning("%s", text)

    def check_pairs(self) -> None:
        """Check that the source has every pair.

        Raises:
            UsageError: it lacks one.
        """
        for pair, reason in self._found().unknown:
            raise UsageError(f"{pair} cannot be published: {reason}")

    async def publish(self, stop: asyncio.Event) -> list[NextMessage]:
        """Publish what the topic lacks, a transaction for each day, and return the messages.

        Raises:
            FencedError: another feed publishes now. Call this again after a while.
            OperationError: publishing failed. Calling this again repeats nothing.
        """
        expected = self.plan()
        if not expected.messages:
            return []
        done: list[NextMessage] = []
        async with open_transactions(self.settings, self.source.name) as transactions:
            await self._state.refresh(self.clock.now(), expected.revised_from)
            for messages in self.plan().transactions():
                if stop.is_set():
                    break
                self.is_committing = True
                try:
                    await transactions.publish(messages)
                finally:
                    self.is_committing = False
                self._published(messages)
                done += messages
        self._show_newest()
        return done

    def _published(self, messages: Sequence[NextMessage]) -> None:
        self._on_progress()
        for message in messages:
            self._state.published.note(message.value, self.source.name, today(self.clock.now()))
        self.metrics.published(len(messages))
        for day, of_day in groupby(messages, lambda message: message.day):
            pairs = [message.pair for message in of_day]
            more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
            marked = " (a revision)" if messages[0].is_again else ""
            log.info("published %s%s: %s%s", day, marked, ", ".join(pairs[:3]), more)

    def _show_newest(self) -> None:
        for pair, newest in self._state.published.newest.items():
            midnight = dt.datetime.combine(newest.day, dt.time(), dt.UTC)
            self.metrics.newest(pair, midnight.timestamp())
