"""What the input topic already has of some pairs: the newest history of each, and how often a day was revised. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract import inputs
from ratecast.errors import RecordError
from ratecast.rates.tables import MAX_GAP_DAYS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from ratecast.contract.inputs import History
    from ratecast.contract.record import Record

# A header and not the id names the source: a replay's messages have the same ids, and the feed continues after them.
SOURCE_HEADER = "ratecast.feed.source"
# How many days of a pair's revisions are remembered, the newest ones.
_REMEMBERED_DAYS = 200
_ID = re.compile(
    r"(?P<pair>[A-Z]{3}/[A-Z]{3})@(?P<day>\d{4}-\d\d-\d\d)(?:\+r(?P<revision>[1-9]\d{0,8}))?", re.ASCII
)
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Newest:
    """The newest message of a pair.

    Attributes:
        days: the days of its rates, ascending, shape ``(n,)``.
        rates: its rates, shape ``(n,)``.
        revision: how often its day was published again before it.
        source: the source of the feed that published it; None for a replay.
    """

    days: NDArray[np.datetime64]
    rates: NDArray[np.float64]
    revision: int
    source: str | None

    @property
    def day(self) -> dt.date:
        """The day of the newest rate."""
        day: dt.date = self.days[-1].item()
        return day


class PublishedRates:
    """What was published of some pairs, as the messages themselves say.

    Only messages that a feed or a replay made count: the id is ``PAIR@DATE`` or ``PAIR@DATE+rN``, and pair, ``as_of`` and
    the last of ``times`` agree with it. Anything else may be on the topic too, and must not stop a feed: a message by
    hand that is dated 2099 would.

    Args:
        pairs: the pairs of this feed.
        max_message_bytes: longer values are not decoded, as in scoring.
    """

    def __init__(self, pairs: Collection[str], max_message_bytes: int) -> None:
        self._pairs = frozenset(pairs)
        self._max_bytes = max_message_bytes
        self.newest: dict[str, Newest] = {}
        self._revisions: dict[str, dict[dt.date, int]] = {}
        self.left_aside: Counter[str] = Counter()

    def take(self, records: Sequence[Record], today: dt.date) -> None:
        """Take records in the order of their partition.

        Args:
            records: records of the topic.
            today: messages dated later than tomorrow are left aside.
        """
        decoded = inputs.decode_histories([record.value for record in records], self._max_bytes)
        for record, history in zip(records, decoded, strict=True):
            if isinstance(history, RecordError):
                self.left_aside["that are no histories"] += 1
            elif history.pair in self._pairs:
                self._take(history.pair, history, _source(record), today)
            else:
                self.left_aside["of other pairs"] += 1

    def _take(self, pair: str, history: History, source: str | None, today: dt.date) -> None:
        found = _ID.fullmatch(history.message_id or "")
        times = history.times
        if found is None or times is None or history.as_of is None or found["pair"] != pair:
            self.left_aside["not by a feed"] += 1
            return
        day = times[-1]
        days = np.array(times, dtype="datetime64[D]")
        is_ascending = bool((np.diff(days) > np.timedelta64(0, "D")).all())
        if not is_ascending or not found["day"] == history.as_of == day.isoformat() or day > today + _ONE_DAY:
            self.left_aside["with wrong dates"] += 1
            return
        revision = int(found["revision"] or 0)
        revisions = self._revisions.setdefault(pair, {})
        revisions[day] = max(revision, revisions.get(day, 0))
        if len(revisions) > 2 * _REMEMBERED_DAYS:
            self._revisions[pair] = dict(sorted(revisions.items())[-_REMEMBERED_DAYS:])
        known = self.newest.get(pair)
        if known is None or (day, revision) >= (known.day, known.revision):
            self.newest[pair] = Newest(days, np.array(history.history), revision, source)

    def note(self, value: bytes, source: str, today: dt.date) -> None:
        """Take a message that this feed has just committed; readers may not see it yet."""
        (history,) = inputs.decode_histories([value], self._max_bytes)
        if not isinstance(history, RecordError) and history.pair is not None:
            self._take(history.pair, history, source, today)

    def next_mark(self, pair: str, day: dt.date) -> str:
        """Return how the id of a day's next message ends: nothing for the first, then ``+r1``, ``+r2`` and so on."""
        revision = self._revisions.get(pair, {}).get(day)
        return "" if revision is None else f"+r{revision + 1}"

    def complete_day(self) -> dt.date | None:
        """Return the day up to which every pair is published; None if none is.

        A pair does not count if its newest rate is more than ten days older than another's: its currency has ended.
        """
        days = [newest.day for newest in self.newest.values()]
        return min((day for day in days if (max(days) - day).days <= MAX_GAP_DAYS), default=None)


def _source(record: Record) -> str | None:
    for name, value in record.headers:
        if name == SOURCE_HEADER and value is not None:
            return value.decode("utf-8", "replace")
    return None
