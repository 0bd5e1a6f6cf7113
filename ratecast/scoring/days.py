"""The days of a message's rates, for the checks of gaps, age and weekends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract import dates
from ratecast.model.features import WINDOW
from ratecast.rates.closed_days import weekdays
from ratecast.scoring.quality import SPAN_STEPS, Days

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.contract.wire import History


_WORKING_SPAN = SPAN_STEPS / 5 * 7  # least number of days in twenty steps from working day to working day
_UNKNOWN = np.full((4, 1), np.nan)
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
    # Messages of the same days share one list, so what follows from it is computed once for each list.
    lists = {id(item.times): item.times for item in histories if item.times is not None}
    if lists:
        place = {key: position for position, key in enumerate(lists)}
        known = _list_days(list(lists.values()))
        rows = [place.get(id(item.times), len(place)) for item in histories]
        newest, gap, span, longest = np.column_stack((known.columns(), _UNKNOWN)).take(rows, axis=1)
        days = Days(newest, gap, span, longest)
        if known.weekdays:
            days.weekdays.update(
                (row, known.weekdays[position])
                for row, position in enumerate(rows)
                if position in known.weekdays
            )
    else:
        days = Days.unknown(len(histories))
    as_of = np.array([np.nan if item.as_of is None else dates.day_number(item.as_of) for item in histories])
    differs = ~np.isnan(as_of) & (days.newest != as_of)
    if differs.any():
        days.gap[differs] = np.fmax(days.gap, as_of - days.newest)[differs]
        days.newest[differs] = as_of[differs]
    return days


def _list_days(times: Sequence[Sequence[dt.date]]) -> Days:
    """Return what follows from lists of dates alone."""
    last, previous, far, first = (dates.day_numbers(times, index) for index in (-1, -2, -1 - SPAN_STEPS, 0))
    days = Days(last, last - previous, last - far, np.full(len(times), np.nan))
    if unusual := np.flatnonzero(days.span > _USUAL_SPAN).tolist():
        each = dates.last_day_numbers([times[row] for row in unusual], SPAN_STEPS + 1)
        days.longest[unusual] = np.diff(each, axis=1).max(axis=1)
    # A history contains weekends if it has more rates than working days, in all or in the last twenty steps.
    steps = np.array([len(dates_of_one) - 1 for dates_of_one in times])
    dense = (days.span < _WORKING_SPAN) | (steps > _working_days_until(last) - _working_days_until(first))
    if rows := np.flatnonzero(dense).tolist():
        each = dates.last_day_numbers([times[row] for row in rows], WINDOW - 1)
        known = np.where(np.isnan(each), -1, weekdays(np.nan_to_num(each).astype(np.int64)))
        days.weekdays.update(zip(rows, known, strict=True))
    return days


def _working_days_until(days: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the number of Mondays to Fridays from 1970-01-05, a Monday, to each day, ``(n,)``."""
    weeks, weekday = np.divmod(days - 4, 7)
    working: NDArray[np.float64] = 5 * weeks + np.minimum(weekday + 1, 5)
    return working
