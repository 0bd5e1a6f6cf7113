"""Which messages a feed publishes next: from a source's rates and from what the topic already has. Pure.

A message is what a replay makes of the same rates: 61 rates of one pair, their days, and no hole of more than ten days
between them. Each day after the newest published one gets a message. If a rate of the newest history changed, or a day
was added to it, that day is published again as ``PAIR@DATE+r1``, and so is the newest day: the forecast that counts is made
from it, and it tells the next start of the feed that the revision is done.

Rates are screened by `ratecast.rates.screening`, beside what was published. A suspicious one is held back: it is left out of
every message until a later rate confirms it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from producer.plan.histories import DEFAULT_WINDOW, Tape
from ratecast.errors import UsageError
from ratecast.rates import screening
from ratecast.rates.left_out import LeftOut
from ratecast.rates.tables import MAX_GAP_DAYS, Series, series

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from producer.feed.published_rates import Newest, PublishedRates
    from ratecast.rates.tables import RateTable

_SAME_RATE = 1e-9  # relative; a difference below it is noise of a float


class NextMessage(NamedTuple):
    """A message to publish."""

    pair: str
    day: str  # ISO 8601
    message_id: str
    rate: float  # the newest of the history
    value: bytes
    is_again: bool = False  # whether it belongs to a revision


@dataclass(frozen=True)
class NextHistories:
    """What to publish, and what not.

    Attributes:
        messages: the messages, by day and then in the order of the pairs.
        held: suspicious rates that are in none of them.
        short: pairs with too few rates in a row for a message, and how many they have.
        unknown: pairs that the source does not have, and what it says.
        revised_from: the oldest day that is published again; None without a revision.
    """

    messages: tuple[NextMessage, ...] = ()
    held: tuple[LeftOut, ...] = ()
    short: tuple[tuple[str, int], ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    revised_from: dt.date | None = None

    def transactions(self) -> Iterator[list[NextMessage]]:
        """Yield the messages that are published together: all of the revisions, and then those of each new day.

        Who reads a revised day but not the newest one that follows from it would take the revision for not done.
        """
        if again := [message for message in self.messages if message.is_again]:
            yield again
        fresh = [message for message in self.messages if not message.is_again]
        for day in dict.fromkeys(message.day for message in fresh):
            yield [message for message in fresh if message.day == day]


@dataclass(frozen=True)
class _Merged:
    """The published rates of a pair, with those of the source over them; parallel arrays."""

    days: NDArray[np.datetime64]
    rates: NDArray[np.float64]
    is_changed: NDArray[np.bool_]  # the source's rate of a day that was published with another one
    is_added: NDArray[np.bool_]  # a day that was not published


def next_histories(
    table: RateTable,
    published: PublishedRates,
    pairs: Sequence[str],
    today: dt.date,
    source: str,
    *,
    screened: bool = True,
) -> NextHistories:
    """Return the messages that the topic lacks.

    A pair of which nothing was published begins with its newest rate. A pair that was last published by another source
    or by a replay continues, and its published days are not revised, since that source may quote otherwise.

    Args:
        table: the source's rates.
        published: what the topic has.
        pairs: the pairs, in the order of their messages within a day.
        today: rates dated later wait.
        source: name of the source.
        screened: hold suspicious rates back.
    """
    messages: list[NextMessage] = []
    held: list[LeftOut] = []
    short: list[tuple[str, int]] = []
    unknown: list[tuple[str, str]] = []
    revised: list[dt.date] = []
    for pair in dict.fromkeys(pairs):
        try:
            quoted = _until(series(table, pair, end=today))
        except UsageError as error:
            unknown.append((pair, str(error)))
            continue
        newest = published.newest.get(pair)
        merged = _merge(quoted, newest)
        if not len(merged.days):
            continue
        merged, suspicious = _screen(pair, merged, newest) if screened else (merged, [])
        held += suspicious
        days = _days_to_publish(merged, newest, source)
        made, longest = _messages(pair, merged, days, published)
        messages += made
        if len(made) < len(days) and not made:
            short.append((pair, longest))
        if newest is not None:
            revised += [day for day in days if day <= newest.day]
    position = {pair: at for at, pair in enumerate(dict.fromkeys(pairs))}
    messages.sort(key=lambda message: (message.day, position[message.pair]))
    return NextHistories(
        tuple(messages), tuple(held), tuple(short), tuple(unknown), min(revised, default=None)
    )


def _until(stretches: Sequence[Series]) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    if not stretches:
        return np.zeros(0, dtype="datetime64[D]"), np.zeros(0)
    return (
        np.concatenate([stretch.dates for stretch in stretches]).astype("datetime64[D]"),
        np.concatenate([stretch.rates for stretch in stretches]),
    )


def _merge(quoted: tuple[NDArray[np.datetime64], NDArray[np.float64]], newest: Newest | None) -> _Merged:
    quoted_days, quoted_rates = quoted
    if newest is None:
        everything = np.ones(len(quoted_days), dtype=np.bool_)
        return _Merged(quoted_days, quoted_rates, ~everything, everything)
    days = np.union1d(newest.days, quoted_days)
    rates, before = np.full(len(days), np.nan), np.full(len(days), np.nan)
    rates[np.searchsorted(days, newest.days)] = before[np.searchsorted(days, newest.days)] = newest.rates
    rates[np.searchsorted(days, quoted_days)] = quoted_rates
    was_published = ~np.isnan(before)
    is_changed = was_published & ~np.isclose(rates, before, rtol=_SAME_RATE, atol=0.0)
    # What came before the newest history was published too, but is no longer known. It is trusted.
    is_added = ~was_published & (days > newest.days[0])
    return _Merged(days, rates, is_changed, is_added)


def _screen(pair: str, merged: _Merged, newest: Newest | None) -> tuple[_Merged, list[LeftOut]]:
    """Remove suspicious rates of the source; a published rate that it changed so becomes what it was."""
    days, rates = merged.days, merged.rates
    holes = np.diff(days, prepend=days[:1]) > np.timedelta64(MAX_GAP_DAYS, "D")
    bounds = screening.spike_bounds(rates)
    if newest is None:
        faults = screening.suspects_of_file(rates, bounds, holes)
    else:
        faults = screening.suspects(rates, merged.is_changed | merged.is_added, bounds, holes)
    at = np.array(sorted(faults), dtype=np.intp)
    held = [LeftOut(pair, str(days[i]), float(rates[i]), faults[i]) for i in at.tolist()]
    if not held:
        return merged, held
    rates, is_changed = rates.copy(), merged.is_changed.copy()
    keep = np.ones(len(days), dtype=np.bool_)
    keep[at] = is_changed[at]
    restored = at[is_changed[at]]
    if newest is not None:
        rates[restored] = newest.rates[np.searchsorted(newest.days, days[restored])]
    is_changed[restored] = False
    return _Merged(days[keep], rates[keep], is_changed[keep], merged.is_added[keep]), held


def _days_to_publish(merged: _Merged, newest: Newest | None, source: str) -> list[dt.date]:
    """Return the days whose messages the topic lacks, ascending."""
    if newest is None:
        return merged.days[-1:].tolist()  # type: ignore[no-any-return]
    is_later = merged.days > newest.days[-1]
    later: list[dt.date] = merged.days[is_later].tolist()
    if newest.source != source:
        return later
    revised = (merged.is_changed | merged.is_added) & ~is_later
    again: list[dt.date] = merged.days[revised].tolist()
    return sorted({*again, newest.day}) + later if again else later


def _messages(
    pair: str, merged: _Merged, days: Sequence[dt.date], published: PublishedRates
) -> tuple[list[NextMessage], int]:
    """Return the messages of these days that have enough rates in a row, and how many the newest of them has."""
    if not days:
        return [], 0
    newest = published.newest.get(pair)
    cuts = np.flatnonzero(np.diff(merged.days) > np.timedelta64(MAX_GAP_DAYS, "D")) + 1
    found: list[NextMessage] = []
    in_a_row = 0
    for stretch, rates in zip(np.split(merged.days, cuts), np.split(merged.rates, cuts), strict=True):
        wanted = [day for day in days if stretch[0] <= np.datetime64(day) <= stretch[-1]]
        if not wanted:
            continue
        tape = Tape(Series(pair, stretch, rates))
        for day in wanted:
            in_a_row = int(np.searchsorted(stretch, np.datetime64(day), "right"))
            if in_a_row >= DEFAULT_WINDOW:
                mark = published.next_mark(pair, day)
                message = tape.message(in_a_row, DEFAULT_WINDOW, mark)
                rate = float(rates[in_a_row - 1])
                is_again = newest is not None and day <= newest.day
                name = f"{pair}@{message.day}{mark}"
                found.append(NextMessage(pair, message.day, name, rate, message.value, is_again))
    return found, in_a_row
