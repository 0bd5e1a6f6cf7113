"""When the rates of a message were fixed, as far as it says: what checks for gaps and for age go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitoring.quality import SPAN_STEPS, Days
from ratecast import dates
from ratecast.carried_forward import weekdays
from ratecast.features import WINDOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.wire import History


# Days that so many steps take from working day to working day, at least.
_WORKING_SPAN, _WORKING_WINDOW = SPAN_STEPS / 5 * 7, (WINDOW - 1) / 5 * 7
_USUAL_SPAN = 30.0  # days of twenty steps: four weeks, and a holiday or two


def message_days(histories: Sequence[History]) -> Days:
    """The days of a batch of messages: from ``times``, and from ``as_of`` where it says more.

    An ``as_of`` after the last of ``times`` is a gap too: rates were fixed since, or should have been.

    >>> from ratecast.wire import decode_histories
    >>> value = b'{"history": [1, 2, 3], "times": ["2026-01-02", "2026-01-05", "2026-01-06"]}'
    >>> days = message_days(decode_histories([value], 1000))
    >>> days.newest.tolist(), days.gap.tolist(), days.span.tolist()
    ([20459.0], [1.0], [nan])
    """
    days = Days.unknown(len(histories))
    timed = [row for row, item in enumerate(histories) if item.has_times]
    if timed:
        arrays = [(histories[row].times, len(histories[row].history)) for row in timed]
        last, previous, far, first = dates.day_numbers(arrays, (0, 1, SPAN_STEPS, WINDOW - 1)).T
        days.newest[timed], days.gap[timed], days.span[timed] = last, last - previous, last - far
        if unusual := np.flatnonzero(last - far > _USUAL_SPAN).tolist():
            each = dates.day_numbers([arrays[i] for i in unusual], range(SPAN_STEPS + 1))
            days.longest[[timed[i] for i in unusual]] = -np.diff(each, axis=1).min(axis=1)
        dense = (last - far < _WORKING_SPAN) | (last - first < _WORKING_WINDOW)
        for i in np.flatnonzero(np.isnan(first) & ~dense).tolist():
            dense[i] = _holds_a_weekend(*arrays[i], int(last[i]))
        if rows := np.flatnonzero(dense).tolist():
            each = dates.day_numbers([arrays[i] for i in rows], range(WINDOW - 2, -1, -1))
            known = np.where(np.isnan(each), -1, weekdays(np.nan_to_num(each).astype(np.int64)))
            days.weekdays.update(zip((timed[i] for i in rows), known, strict=True))
    for row, history in enumerate(histories):
        if history.as_of is not None:
            as_of = dates.day_number(history.as_of)
            if days.newest[row] != as_of:
                days.gap[row] = np.fmax(days.gap[row], as_of - days.newest[row])
                days.newest[row] = as_of
    return days


def _holds_a_weekend(times: bytes | memoryview, count: int, last: int) -> bool:
    """Whether the dates of a short history are more than there are working days from its first to its last."""
    first = dates.day_number(bytes(memoryview(times)[2:12]).decode())
    return count - 1 > _working_days_until(last) - _working_days_until(first)


def _working_days_until(day: int) -> int:
    """Mondays to Fridays from 1970-01-05, a Monday, to a day."""
    weeks, weekday = divmod(day - 4, 7)
    return 5 * weeks + min(weekday + 1, 5)
