"""The days of a message's rates, for the checks of gaps, age and weekends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract import dates
from ratecast.model.features import WINDOW
from ratecast.rates.closed_days import weekdays
from ratecast.scoring.quality import SPAN_STEPS, Days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.contract.wire import History


_WORKING_SPAN = SPAN_STEPS / 5 * 7  # least number of days in twenty steps from working day to working day
_USUAL_SPAN = 30.0  # days in twenty steps: four weeks and a holiday or two


def message_days(histories: Sequence[History]) -> Days:
    """Return the days of a batch of messages, from ``times`` and ``as_of``.

    An ``as_of`` later than the last of ``times`` is a gap too, because there were rates after that or should have been.

    >>> from ratecast.contract.wire import decode_histories
    >>> value = b'{"history": [1, 2, 3], "times": ["2026-01-02", "2026-01-05", "2026-01-06"]}'
    >>> days = message_days(decode_histories([value], 1000))
    >>> days.newest.tolist(), days.gap.tolist(), days.span.tolist()
    ([20459.0], [1.0], [nan])
    """
    days = Days.unknown(len(histories))
    timed = [row for row, item in enumerate(histories) if item.times is not None]
    if timed:
        times = [histories[row].times or [] for row in timed]
        last, previous, far, first = (
            dates.day_numbers(times, index) for index in (-1, -2, -1 - SPAN_STEPS, 0)
        )
        days.newest[timed], days.gap[timed], days.span[timed] = last, last - previous, last - far
        if unusual := np.flatnonzero(last - far > _USUAL_SPAN).tolist():
            each = dates.last_day_numbers([times[i] for i in unusual], SPAN_STEPS + 1)
            days.longest[[timed[i] for i in unusual]] = np.diff(each, axis=1).max(axis=1)
        # A history contains weekends if it has more rates than working days, in all or in the last twenty steps.
        steps = np.array([len(dates_of_one) - 1 for dates_of_one in times])
        dense = (last - far < _WORKING_SPAN) | (
            steps > _working_days_until(last) - _working_days_until(first)
        )
        if rows := np.flatnonzero(dense).tolist():
            each = dates.last_day_numbers([times[i] for i in rows], WINDOW - 1)
            known = np.where(np.isnan(each), -1, weekdays(np.nan_to_num(each).astype(np.int64)))
            days.weekdays.update(zip((timed[i] for i in rows), known, strict=True))
    for row, history in enumerate(histories):
        if history.as_of is not None:
            as_of = dates.day_number(history.as_of)
            if days.newest[row] != as_of:
                days.gap[row] = np.fmax(days.gap[row], as_of - days.newest[row])
                days.newest[row] = as_of
    return days


def _working_days_until(days: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the number of Mondays to Fridays from 1970-01-05, a Monday, to each day, ``(n,)``."""
    weeks, weekday = np.divmod(days - 4, 7)
    working: NDArray[np.float64] = 5 * weeks + np.minimum(weekday + 1, 5)
    return working
