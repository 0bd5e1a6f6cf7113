"""The day that the forecast of a message is for."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from ratecast.rates.target_days import next_target_day

if TYPE_CHECKING:
    from ratecast.contract.inputs import Message

_DATE_LENGTH = len("2026-10-30")


def target_of(message: Message, steps: int = 1) -> str | UnsetType:
    """Return the TARGET day after the newest rate's, an ISO 8601 date; UNSET if the message does not date that rate.

    An ``as_of`` with a time does not count: the next of rates by the minute is due today.

    Args:
        message: the message.
        steps: how many TARGET days after the newest rate's.

    >>> from ratecast.contract.inputs import Message
    >>> target_of(Message(as_of="2026-10-30"))
    '2026-11-02'
    """
    as_of = message.as_of
    if as_of is not None and len(as_of) == _DATE_LENGTH:
        return _after_text(as_of, steps)
    return UNSET if message.times is None else _after(message.times[-1], steps)


# Many messages of a batch have the same day, so the calendar is asked once for each.
@lru_cache(maxsize=4096)
def _after_text(date: str, steps: int) -> str | UnsetType:
    return _after(dt.date.fromisoformat(date), steps)


@lru_cache(maxsize=4096)
def _after(day: dt.date, steps: int) -> str | UnsetType:
    following: dt.date | None = day
    for _ in range(steps):
        following = None if following is None else next_target_day(following)
    return UNSET if following is None else following.isoformat()
