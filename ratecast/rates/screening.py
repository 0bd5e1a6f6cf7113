"""Rates of a feed that must not be learnt from, found by rules that a market hardly ever breaks. Pure.

A model that learns from a topic learns the feed's faults too: one rate ten times too high multiplies a pair's sigma.
The bounds are generous, since a real shock must stay in, and what is left out is always named:

``spike``
    one rate beyond the bound from the rate before it, of which the next rate takes back three quarters or more. The
    bound is ``SPIKE_SIGMAS`` robust standard deviations (1.4826 times the median absolute return, of the pair's whole
    past or of the 60 days around, whichever is greater), at least ``SPIKE_FLOOR``.
``excursion``
    rates in a row that are off by a factor of 2 or more, and then back: a decimal slip, a swapped quote, another pair's
    rates. Of a file also up to 20 rates beyond the spike's bound that are reached and left in one step each, of which
    the way back takes back three quarters or more: a pair near 1 that is quoted the other way round for days. (A feed's
    are held to its base instead.)
``unconfirmed``
    the newest rate beyond the spike's bound, with nothing behind it to tell a shock from a fault (a later training
    sees more); and rates off by a factor of 2 or more that have not come back. No free currency has moved so far in a
    day; one that has, or got a new unit, is learnt from a base that says so. Of a file also its oldest rates.
``contradiction``
    beyond the spike's bound from the base's rate of the same day, which stands; where most of five days or more
    contradict, all rates of the feed.
``future``
    dated later than tomorrow, by the clock of whoever asks (tomorrow has begun in the east). After the hole before it
    such a rate begins anew and breaks no other rule, and the model would claim to know the days until then.

A shock that stays (EUR/CHF on 2015-01-15) breaks none of them once the next rate is there. Had all 235,954 rates of
the ECB's 41 currencies and two crosses come from a feed, 3 would be left out (CYP, MTL, SIT), from a file 5 (and 2 of
ROL), none of them of a default pair; with up to 60 rates instead of 20, also EUR/ISK's 21 days of October 2008. A feed
that is wrong by less than a factor of 2 for two days or more is not found, nor is a file that is so for more than 20
days or until its newest rate.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    import datetime as dt

    from numpy.typing import NDArray

SPIKE_SIGMAS = 8.0
SPIKE_FLOOR = 0.01  # log return: a peg hardly moves, and its robust sigma may be zero
TAKEN_BACK = 0.75
EXCURSION_FACTOR = 2.0
SHORT_EXCURSION = 20  # rates, four weeks
SPIKE, EXCURSION, UNCONFIRMED, CONTRADICTION = "spike", "excursion", "unconfirmed", "contradiction"
FUTURE = "future"

_COARSE = math.log(EXCURSION_FACTOR)
_AROUND = 30  # returns before and after
_MANY_DAYS = 5
_FIRST_RATES = 11  # their median is the level that the first rate is held to


def in_future(days: NDArray[np.datetime64], today: dt.date) -> NDArray[np.bool_]:
    """Which days are later than tomorrow, ``(n,)``.

    >>> import datetime
    >>> days = np.array(["2026-10-31", "2026-11-01", "2099-01-04"], dtype="datetime64[D]")
    >>> in_future(days, datetime.date(2026, 10, 30)).tolist()
    [False, True, True]
    """
    late: NDArray[np.bool_] = days > np.datetime64(today) + np.timedelta64(1, "D")
    return late


def spike_bounds(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each of some rates, oldest first, the greatest log return to it that is no suspect, ``(n,)``.

    >>> calm = np.exp([0.0, 0.002, 0.0, -0.002, 0.0, 2.3, 0.0])
    >>> spike_bounds(calm).round(4).tolist()[:2]
    [0.0237, 0.0237]
    """
    returns = np.abs(np.diff(np.log(rates)))
    if not len(returns):
        return np.full(len(rates), SPIKE_FLOOR)
    # A median of a pair's whole past knows nothing of its wild years, one of the days around nothing of a calm
    # feed that wakes up: the greater of both.
    padded = np.pad(returns, _AROUND, mode="reflect") if len(returns) > _AROUND else returns
    local = np.median(sliding_window_view(padded, min(2 * _AROUND + 1, len(padded))), axis=1)
    robust = 1.4826 * np.maximum(np.median(returns), local)
    bounds = np.maximum(SPIKE_SIGMAS * np.broadcast_to(robust, returns.shape), SPIKE_FLOOR)
    return np.concatenate((bounds[:1], bounds))


def contradictions(
    rates: NDArray[np.float64], reference: NDArray[np.float64], bounds: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which rates are not to be believed beside a reference's of the same days, ``(n,)``.

    Args:
        rates: the feed's, ``(n,)``.
        reference: the reference's, NaN on days it has none, ``(n,)``.
        bounds: log distances, ``(n,)``.

    >>> contradictions(np.array([1.0, 1.1, 10.0]), np.array([1.0, np.nan, 1.0]), np.full(3, 0.05)).tolist()
    [False, False, True]
    """
    known = ~np.isnan(reference)
    off = np.zeros(len(rates), dtype=np.bool_)
    off[known] = np.abs(np.log(rates[known] / reference[known])) > bounds[known]
    if known.sum() >= _MANY_DAYS and 2 * off.sum() > known.sum():
        off[:] = True
    return off


def suspects(
    rates: NDArray[np.float64],
    of_feed: NDArray[np.bool_],
    bounds: NDArray[np.float64],
    after_hole: NDArray[np.bool_] | None = None,
    *,
    of_file: bool = False,
) -> dict[int, str]:
    """Positions of rates to leave out, and the rule each breaks.

    Args:
        rates: of one pair, oldest first, ``(n,)``.
        of_feed: which of them come from the feed; the others are beyond doubt, ``(n,)``.
        bounds: from `spike_bounds`, ``(n,)``.
        after_hole: which rates come so long after the one before them that they begin anew, ``(n,)``.
        of_file: whether rates that are off by less than a factor of 2 for some days are an excursion.

    >>> rates = np.array([1.0, 1.001, 1.2, 1.002, 1.0, 10.0, 10.01])
    >>> suspects(rates, np.ones(7, dtype=np.bool_), np.full(7, 0.05))
    {2: 'spike', 5: 'unconfirmed', 6: 'unconfirmed'}
    """
    logs = np.log(rates)
    found: dict[int, str] = {}
    begins = np.flatnonzero(after_hole).tolist() if after_hole is not None else []
    for start, stop in pairwise(sorted({0, *begins, len(logs)})):
        # The first rate is held to a level that is days away: only the coarse rule is fair to it.
        level, bound = float(np.median(logs[start:stop][:_FIRST_RATES])), _COARSE
        position = start
        while position < stop:
            rule, length = _rule(logs[position:stop] - level, bound, of_file=of_file)
            if rule is not None and of_feed[position : position + length].all():
                found.update(dict.fromkeys(range(position, position + length), rule))
                position += length
            else:
                level = float(logs[position])
                position += 1
            bound = float(bounds[position]) if position < stop else bound
    return found


def suspects_of_file(
    rates: NDArray[np.float64], bounds: NDArray[np.float64], after_hole: NDArray[np.bool_]
) -> dict[int, str]:
    """As `suspects`, of rates that come as a whole with nothing beyond doubt: both ends are judged from the middle.

    A feed's past is what its newest rates are held to. A file may be wrong from its first row on, and held to that all
    the others would be left out. So the rates are read forwards and backwards from a calm day of the level that most
    rates share. Arguments as there.

    >>> rates = np.array([0.01, 1.0, 1.001, 1.0, 1.002, 1.0, 0.1])
    >>> suspects_of_file(rates, np.full(7, 0.05), np.zeros(7, dtype=np.bool_))
    {0: 'unconfirmed', 6: 'unconfirmed'}
    """
    found: dict[int, str] = {}
    for start, stop in pairwise(sorted({0, *np.flatnonzero(after_hole).tolist(), len(rates)})):
        own, limits = rates[start:stop], bounds[start:stop]
        anchor = _calm_day(np.log(own))
        ones = np.ones(len(own), dtype=np.bool_)
        later = suspects(own[anchor:], ones[anchor:], limits[anchor:], of_file=True)
        # Read backwards, the step to a rate is the one that comes after it.
        limits_back = np.append(limits[1 : anchor + 1], limits[-1])[::-1]
        earlier = suspects(own[anchor::-1], ones[: anchor + 1], limits_back, of_file=True)
        found |= {start + anchor + i: rule for i, rule in later.items()}
        found |= {start + anchor - i: rule for i, rule in earlier.items()}
    return dict(sorted(found.items()))


def _calm_day(logs: NDArray[np.float64]) -> int:
    """Of the level that most rates share, the newest one of equals: the day with the least moves beside it."""
    if len(logs) < 3:
        return len(logs) - 1
    steps = np.diff(logs)
    # How far each rate is off, if none but the coarse steps are faults.
    off = np.concatenate(([0.0], np.cumsum(np.where(np.abs(steps) >= _COARSE, steps, 0.0))))
    levels, sizes = np.unique(off, return_counts=True)
    shared = [int(sizes[np.abs(levels - level) < _COARSE].sum()) for level in levels]
    most = np.flatnonzero(np.array(shared) == max(shared))
    latest = max(most.tolist(), key=lambda i: int(np.flatnonzero(off == levels[i])[-1]))
    own = np.abs(off - levels[latest]) < _COARSE
    moves = np.abs(np.concatenate((steps[:1], steps))) + np.abs(np.concatenate((steps, steps[-1:])))
    return int(np.argmin(np.where(own, moves, np.inf)))


def _rule(distances: NDArray[np.float64], bound: float, *, of_file: bool) -> tuple[str | None, int]:
    """The rule that the first of some rates breaks, and how many rates belong to the same fault.

    Args:
        distances: from the last good rate, in logs: this rate's, and those of the rates that follow.
        bound: of the first rule.
        of_file: as for `suspects`.
    """
    first = abs(float(distances[0]))
    if first <= bound:
        return None, 1
    returned = np.flatnonzero(np.abs(distances) <= (1 - TAKEN_BACK) * first)
    length = int(returned[0]) if len(returned) else len(distances)
    coarse = bool((np.abs(distances[:length]) >= _COARSE).all())
    if coarse or length == 1:
        return (UNCONFIRMED if not len(returned) else EXCURSION if coarse else SPIKE), length
    if of_file and len(returned) and _is_short_excursion(distances[: length + 1], bound):
        return EXCURSION, length
    return None, 1


def _is_short_excursion(distances: NDArray[np.float64], bound: float) -> bool:
    """Whether rates, and the first that is back, were away all the while and came back in one step."""
    inside = distances[:-1] * np.sign(distances[0])
    step_back = abs(float(distances[-1] - distances[-2]))
    return len(inside) <= SHORT_EXCURSION and bool((inside >= inside[0] / 2).all()) and step_back > bound
