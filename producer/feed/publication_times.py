"""When rates are published, which days should have one by now, and when to ask again. Pure: the present is passed in.

The euro's reference rates appear around 16:00 in Frankfurt on every TARGET day (ECB, *Euro foreign exchange reference
rates*). That is local time: 15:00 UTC in winter and 14:00 UTC in summer. No due time falls into the hour that is skipped or
repeated when the clocks change, which is at night.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ratecast.rates.target_days import is_target_day, next_target_day

FRANKFURT = ZoneInfo("Europe/Berlin")
DUE = dt.time(16, 0)
LATE = dt.time(16, 30)
# A real publication was at 15:57. Earlier questions would only bring the day before.
_EARLY_SECONDS = 300.0
_IDLE_SECONDS = (
    6 * 3600.0
)  # between two due times: to see revisions, and faults of the source before they matter
_JITTER = 0.2  # share of a pause
_FIRST_BACK_OFF_SECONDS = 15.0
_MOST_DOUBLINGS = 10
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Timetable:
    """When a source publishes.

    Attributes:
        is_daily: whether there is a rate for each TARGET day. Of other sources nothing is ever due or late.
        late_at: the time in Frankfurt from which a missing rate of the day is late.
        poll_seconds: pause between two polls while a rate is due, and of a source without due times.
    """

    is_daily: bool = True
    late_at: dt.time = LATE
    poll_seconds: float = 300.0

    def newest_due(self, now: dt.datetime) -> dt.date | None:
        """Return the newest day whose rate should be there; None if nothing is ever due.

        >>> Timetable().newest_due(dt.datetime(2026, 4, 7, 13, 59, tzinfo=dt.UTC))  # summer time; Easter was before
        datetime.date(2026, 4, 2)
        >>> Timetable().newest_due(dt.datetime(2026, 4, 7, 14, 0, tzinfo=dt.UTC))
        datetime.date(2026, 4, 7)
        """
        if not self.is_daily:
            return None
        local = now.astimezone(FRANKFURT)
        day = local.date() if local.time() >= DUE else local.date() - _ONE_DAY
        while not is_target_day(day):
            day -= _ONE_DAY
        return day

    def days_due(self, after: dt.date, now: dt.datetime) -> tuple[dt.date, ...]:
        """Return the days after ``after`` whose rates should be there by now, ascending.

        >>> [day.day for day in Timetable().days_due(dt.date(2026, 4, 1), dt.datetime(2026, 4, 8, 12, tzinfo=dt.UTC))]
        [2, 7]
        """
        newest = self.newest_due(now)
        found: list[dt.date] = []
        day = next_target_day(after)
        while newest is not None and day is not None and day <= newest:
            found.append(day)
            day = next_target_day(day)
        return tuple(found)

    def late_seconds(self, newest: dt.date | None, now: dt.datetime) -> float:
        """Return for how long the oldest missing rate has been late; 0 if none is.

        Args:
            newest: the newest day whose rate is there. None counts as if only the newest due one were missing.
            now: the present.

        >>> Timetable().late_seconds(dt.date(2026, 4, 2), dt.datetime(2026, 4, 7, 14, 31, tzinfo=dt.UTC))
        60.0
        """
        due = self.newest_due(now)
        if due is None:
            return 0.0
        missing = due if newest is None else next_target_day(newest)
        if missing is None or missing > due:
            return 0.0
        return max(0.0, (now - instant(missing, self.late_at)).total_seconds())

    def next_poll(self, newest: dt.date | None, now: dt.datetime, chance: float) -> dt.datetime:
        """Return when to poll next after a poll that worked.

        While a rate is due, that is after about ``poll_seconds``. Otherwise it is shortly before the next due time, and
        after at most six hours.

        Args:
            newest: the newest day whose rate is there.
            now: the present.
            chance: a random number from 0 to 1, so that many feeds do not all ask at the same moment.
        """
        pause = dt.timedelta(seconds=self.poll_seconds * (1 + _JITTER * (chance - 0.5)))
        due = self.newest_due(now)
        if due is None or newest is None or newest < due:
            return now + pause
        following = next_target_day(newest)  # the rate of today may have come before its time
        early = dt.timedelta(seconds=_EARLY_SECONDS * chance)
        idle = now + dt.timedelta(seconds=_IDLE_SECONDS * (1 - _JITTER * chance))
        begin = idle if following is None else instant(following, DUE) - early
        return min(begin, idle) if begin > now else now + pause

    def back_off_seconds(self, failures: int, retry_after_seconds: float | None, chance: float) -> float:
        """Return how long to wait after a failed poll: longer each time, and at least as long as the source asks.

        Args:
            failures: how many polls in a row have failed, at least 1.
            retry_after_seconds: what the source asked for.
            chance: a random number from 0 to 1.

        >>> [round(Timetable().back_off_seconds(n, None, 0.5)) for n in (1, 2, 3, 9)]
        [15, 30, 60, 300]
        """
        doubled = _FIRST_BACK_OFF_SECONDS * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
        pause = min(doubled, self.poll_seconds) * (1 + _JITTER * (chance - 0.5))
        return max(pause, min(retry_after_seconds or 0.0, _IDLE_SECONDS))


def instant(day: dt.date, time: dt.time) -> dt.datetime:
    """Return a time of day in Frankfurt as an instant in UTC.

    >>> instant(dt.date(2026, 3, 27), DUE).hour, instant(dt.date(2026, 3, 30), DUE).hour
    (15, 14)
    """
    return dt.datetime.combine(day, time, FRANKFURT).astimezone(dt.UTC)


def today(now: dt.datetime) -> dt.date:
    """Return the day in Frankfurt.

    >>> today(dt.datetime(2026, 11, 28, 23, 30, tzinfo=dt.UTC))
    datetime.date(2026, 11, 29)
    """
    return now.astimezone(FRANKFURT).date()
