"""The days of a message's rates, for the checks of gaps, age and weekends."""

from __future__ import annotations

import math
from operator import sub
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract import dates
from ratecast.model.features import WINDOW
from ratecast.scoring.quality import SPAN_STEPS, Days

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.contract.inputs import Message


_WORKING_SPAN = SPAN_STEPS / 5 * 7  # least number of days in twenty steps from working day to working day
_USUAL_SPAN = 30.0  # days in twenty steps: four weeks and a holiday or two


def message_days(messages: Sequence[Message]) -> Days:
    """Return the days of a batch of messages, from ``times`` and ``as_of``.

    An ``as_of`` later than the last of ``times`` is a gap too, because there were rates after that or should have been.

    >>> from ratecast.contract.inputs import decode_histories
    >>> value = b'{"history": [1, 2, 3], "times": ["2026-01-02", "2026-01-05", "2026-01-06"]}'
    >>> days = message_days(decode_histories([value], 1000))
    >>> days.newest.tolist(), days.gap.tolist(), days.span.tolist()
    ([20459.0], [1.0], [nan])
    """
    # Messages of the same days share one list, so what follows from it is computed once for each list.
    lists = {id(item.times): item.times for item in messages if item.times is not None}
    if lists:
        place = {key: position for position, key in enumerate(lists)}
        known = np.array([*map(_list_days, lists.values()), (np.nan,) * 4])
        rows = [place.get(id(item.times), len(place)) for item in messages]
        days = Days(*known[rows].T)
        dense = {
            position: _weekdays(times)
            for position, times in enumerate(lists.values())
            if _has_weekends(times)
        }
        if dense:
            days.weekdays.update(
                (row, dense[position]) for row, position in enumerate(rows) if position in dense
            )
    else:
        days = Days.unknown(len(messages))
    as_of = np.array([np.nan if item.as_of is None else dates.day_number(item.as_of) for item in messages])
    differs = ~np.isnan(as_of) & (days.newest != as_of)
    if differs.any():
        days.gap[differs] = np.fmax(days.gap, as_of - days.newest)[differs]
        days.newest[differs] = as_of[differs]
    return days


def _list_days(times: Sequence[dt.date]) -> tuple[float, float, float, float]:
    """Return the columns of `Days` for a list of dates."""
    ordinals = [day.toordinal() for day in times[-1 - SPAN_STEPS :]]
    last = ordinals[-1]
    gap = float(last - ordinals[-2]) if len(ordinals) > 1 else math.nan
    span = float(last - ordinals[0]) if len(ordinals) > SPAN_STEPS else math.nan
    longest = float(max(map(sub, ordinals[1:], ordinals))) if span > _USUAL_SPAN else math.nan
    return float(last - dates.EPOCH_ORDINAL), gap, span, longest


def _has_weekends(times: Sequence[dt.date]) -> bool:
    """Whether there are more rates than working days, in the whole history or in the last twenty steps."""
    first, last = times[0].toordinal(), times[-1].toordinal()
    if len(times) - 1 > _working_days_until(last) - _working_days_until(first):
        return True
    return len(times) > SPAN_STEPS and last - times[-1 - SPAN_STEPS].toordinal() < _WORKING_SPAN


def _weekdays(times: Sequence[dt.date]) -> NDArray[np.int64]:
    """Return the weekday of the rate that each return of a window leads to, -1 before a short history, ``(WINDOW - 1,)``."""
    found = [day.weekday() for day in times[1 - WINDOW :]]
    return np.array([-1] * (WINDOW - 1 - len(found)) + found)


def _working_days_until(ordinal: int) -> int:
    """Return the number of Mondays to Fridays up to a day, with ordinal 1 for Monday, 0001-01-01."""
    weeks, weekday = divmod(ordinal - 1, 7)
    return 5 * weeks + min(weekday + 1, 5)
