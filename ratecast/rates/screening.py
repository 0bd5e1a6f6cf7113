"""Finds faulty rates, which must stay out of training, by rules that a market hardly ever breaks. Pure.

A model trained on a topic also learns the feed's faults: one rate ten times too high multiplies a pair's sigma. The
bounds are generous, since a real shock must stay in, and every rate that is left out is reported with its rule:

``spike``
    One rate is beyond the bound from the rate before it, and the next rate reverses three quarters of that or more. The
    bound is ``SPIKE_SIGMAS`` robust standard deviations (1.4826 times the median absolute return of the pair's whole
    past or of the 60 days around, whichever is greater), and at least ``SPIKE_FLOOR``.
``excursion``
    Consecutive rates are wrong by a factor of 2 or more and then right again: a decimal slip, a swapped quote, another
    pair's rates. In a file, so are up to 20 rates beyond the bound of a spike if the level is left and regained in one
    step each, and the step back reverses three quarters or more: a pair near 1 that is inverted for some days. (A
    feed's rates are compared with its base instead.)
``unconfirmed``
    The newest rate is beyond the bound of a spike, and no rate after it can tell a shock from a fault; a later training
    will have one. So are rates wrong by a factor of 2 or more until now. No free currency has moved so far in a day. If
    one does, or gets a new unit, the model must be trained on a base that contains the move. In a file this also
    applies to the oldest rates.
``contradiction``
    The rate is beyond the bound of a spike from the base's rate of the same day, which is used instead. If most of five
    days or more contradict the base, all rates of the feed are left out.
``future``
    The rate is dated later than tomorrow (tomorrow has already begun in the east). It follows a hole, so the other rules
    cannot judge it, and the model would claim to know the days until then.

A shock that lasts (EUR/CHF on 2015-01-15) breaks no rule once the next rate is known. If all 235,954 rates of the ECB's
41 currencies and two crosses came from a feed, 3 would be left out (CYP, MTL, SIT). From a file it would be these and 2
of ROL. None is of a default pair. With up to 60 rates instead of 20, EUR/ISK's 21 days of October 2008 would be left
out as well. A feed that is wrong by less than a factor of 2 for two days or more is not found, nor is a file that is
wrong in this way for more than 20 days or until its newest rate.
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
SPIKE_FLOOR = 0.01  # log return; a peg hardly moves, and its robust sigma may be zero
REVERSED = 0.75  # share of a move
EXCURSION_FACTOR = 2.0
SHORT_EXCURSION = 20  # rates, four weeks
SPIKE, EXCURSION, UNCONFIRMED, CONTRADICTION = "spike", "excursion", "unconfirmed", "contradiction"
FUTURE = "future"

_COARSE = math.log(EXCURSION_FACTOR)
_AROUND = 30  # returns before and after
_MANY_DAYS = 5
_FIRST_RATES = 11  # the first rate is compared with their median


def in_future(days: NDArray[np.datetime64], today: dt.date) -> NDArray[np.bool_]:
    """Return which days are later than tomorrow, ``(n,)``.

    >>> import datetime
    >>> days = np.array(["2026-10-31", "2026-11-01", "2099-01-04"], dtype="datetime64[D]")
    >>> in_future(days, datetime.date(2026, 10, 30)).tolist()
    [False, True, True]
    """
    late: NDArray[np.bool_] = days > np.datetime64(today) + np.timedelta64(1, "D")
    return late


def spike_bounds(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each rate, oldest first, the greatest log return to it that is not suspicious, ``(n,)``.

    >>> calm = np.exp([0.0, 0.002, 0.0, -0.002, 0.0, 2.3, 0.0])
    >>> spike_bounds(calm).round(4).tolist()[:2]
    [0.0237, 0.0237]
    """
    returns = np.abs(np.diff(np.log(rates)))
    if not len(returns):
        return np.full(len(rates), SPIKE_FLOOR)
    # The median of the whole past is too small in volatile years, and the median of the days around is too small
    # when a calm feed begins to move, so the greater of both counts.
    padded = np.pad(returns, _AROUND, mode="reflect") if len(returns) > _AROUND else returns
    local = np.median(sliding_window_view(padded, min(2 * _AROUND + 1, len(padded))), axis=1)
    robust = 1.4826 * np.maximum(np.median(returns), local)
    bounds = np.maximum(SPIKE_SIGMAS * np.broadcast_to(robust, returns.shape), SPIKE_FLOOR)
    return np.concatenate((bounds[:1], bounds))


def contradictions(
    rates: NDArray[np.float64], reference: NDArray[np.float64], bounds: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which rates contradict a reference, ``(n,)``.

    Args:
        rates: rates of the feed, ``(n,)``.
        reference: rates of the reference on the same days, NaN where it has none, ``(n,)``.
        bounds: greatest log distances that are no contradiction, ``(n,)``.

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
    """Return the positions of the rates to leave out, and the rule that each breaks.

    Args:
        rates: rates of one pair, oldest first, ``(n,)``.
        of_feed: which of them come from the feed; the others are trusted, ``(n,)``.
        bounds: from `spike_bounds`, ``(n,)``.
        after_hole: which rates follow a hole so long that they cannot be compared with the rate before it, ``(n,)``.
        of_file: whether rates that are wrong by less than a factor of 2 for some days are an excursion.

    >>> rates = np.array([1.0, 1.001, 1.2, 1.002, 1.0, 10.0, 10.01])
    >>> suspects(rates, np.ones(7, dtype=np.bool_), np.full(7, 0.05))
    {2: 'spike', 5: 'unconfirmed', 6: 'unconfirmed'}
    """
    logs = np.log(rates)
    found: dict[int, str] = {}
    begins = np.flatnonzero(after_hole).tolist() if after_hole is not None else []
    for start, stop in pairwise(sorted({0, *begins, len(logs)})):
        # The first rate is compared with a level of days later, so only the coarse bound is fair.
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
    """Return what `suspects` returns, for a file without any trusted rate.

    The newest rates of a feed are compared with its past. A file may be wrong from its first row on, and compared with
    that row all others would be left out. So the rates are compared forwards and backwards from a calm day on the level
    that most rates share. The arguments are those of `suspects`.

    >>> rates = np.array([0.01, 1.0, 1.001, 1.0, 1.002, 1.0, 0.1])
    >>> suspects_of_file(rates, np.full(7, 0.05), np.zeros(7, dtype=np.bool_))
    {0: 'unconfirmed', 6: 'unconfirmed'}
    """
    found: dict[int, str] = {}
    for start, stop in pairwise(sorted({0, *np.flatnonzero(after_hole).tolist(), len(rates)})):
        part, limits = rates[start:stop], bounds[start:stop]
        anchor = _calm_day(np.log(part))
        ones = np.ones(len(part), dtype=np.bool_)
        later = suspects(part[anchor:], ones[anchor:], limits[anchor:], of_file=True)
        # Backwards, the step to a rate is the step that follows it in time.
        limits_back = np.append(limits[1 : anchor + 1], limits[-1])[::-1]
        earlier = suspects(part[anchor::-1], ones[: anchor + 1], limits_back, of_file=True)
        found |= {start + anchor + i: rule for i, rule in later.items()}
        found |= {start + anchor - i: rule for i, rule in earlier.items()}
    return dict(sorted(found.items()))


def _calm_day(logs: NDArray[np.float64]) -> int:
    """Return the day with the smallest moves around it on the level that most rates share (the newest such level)."""
    if len(logs) < 3:
        return len(logs) - 1
    steps = np.diff(logs)
    # How far each rate is off the first one if only the coarse steps are faults.
    off = np.concatenate(([0.0], np.cumsum(np.where(np.abs(steps) >= _COARSE, steps, 0.0))))
    levels, sizes = np.unique(off, return_counts=True)
    shared = [int(sizes[np.abs(levels - level) < _COARSE].sum()) for level in levels]
    most = np.flatnonzero(np.array(shared) == max(shared))
    latest = max(most.tolist(), key=lambda i: int(np.flatnonzero(off == levels[i])[-1]))
    on_level = np.abs(off - levels[latest]) < _COARSE
    moves = np.abs(np.concatenate((steps[:1], steps))) + np.abs(np.concatenate((steps, steps[-1:])))
    return int(np.argmin(np.where(on_level, moves, np.inf)))


def _rule(distances: NDArray[np.float64], bound: float, *, of_file: bool) -> tuple[str | None, int]:
    """Return the rule that the first of some rates breaks, and how many rates belong to its fault.

    Args:
        distances: log distances from the last good rate, of this rate and of the rates that follow it.
        bound: greatest distance that is not suspicious.
        of_file: as for `suspects`.
    """
    first = abs(float(distances[0]))
    if first <= bound:
        return None, 1
    returned = np.flatnonzero(np.abs(distances) <= (1 - REVERSED) * first)
    length = int(returned[0]) if len(returned) else len(distances)
    coarse = bool((np.abs(distances[:length]) >= _COARSE).all())
    if coarse or length == 1:
        return (UNCONFIRMED if not len(returned) else EXCURSION if coarse else SPIKE), length
    if of_file and len(returned) and _is_short_excursion(distances[: length + 1], bound):
        return EXCURSION, length
    return None, 1


def _is_short_excursion(distances: NDArray[np.float64], bound: float) -> bool:
    """Whether all distances but the last are large, and the last rate came back in one step."""
    inside = distances[:-1] * np.sign(distances[0])
    step_back = abs(float(distances[-1] - distances[-2]))
    return len(inside) <= SHORT_EXCURSION and bool((inside >= inside[0] / 2).all()) and step_back > bound
