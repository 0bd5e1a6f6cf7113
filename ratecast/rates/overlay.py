"""Combines a feed's rates with those of a base table, and leaves suspicious rates of the feed out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.errors import UsageError
from ratecast.rates import screening
from ratecast.rates.left_out import LeftOut
from ratecast.rates.tables import MAX_GAP_DAYS, RateTable, series

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ratecast.rates.gathered import PairRates


@dataclass(frozen=True)
class Overlay:
    """Rates of a feed over those of a base table.

    Attributes:
        table: one column per pair.
        taken: number of the feed's rates in the table, by pair.
        left_out: rates of the feed that are not in the table.
        no_rates: pairs without any rate.
    """

    table: RateTable
    taken: dict[str, int]
    left_out: tuple[LeftOut, ...]
    no_rates: tuple[str, ...]


def lay_over(
    base: RateTable | None,
    feed: Mapping[str, PairRates],
    pairs: Sequence[str],
    today: dt.date,
    until: dt.date | None = None,
    *,
    keep_outliers: bool = False,
) -> Overlay:
    """Return the rates of some pairs: the feed's unless they are missing or suspicious, else the base's.

    The feed's rates of a pair are used for that pair only. Crosses that the base derives are still derived from the
    base: a feed's EUR/USD, fixed at another hour than the base's EUR/GBP, would make GBP/USD jump.

    Args:
        base: trusted rates, if there are any.
        feed: rates of the feed, by pair.
        pairs: pairs of the result.
        today: rates of the feed that are dated later than tomorrow are left out.
        until: later days are cut off.
        keep_outliers: keep suspicious rates too, but not rates dated later than tomorrow.
    """
    left_out: list[LeftOut] = []
    columns: dict[str, tuple[NDArray[np.datetime64], NDArray[np.float64]]] = {}
    taken: dict[str, int] = {}
    for pair in pairs:
        known = _base_rates(base, pair, until)
        feed_days, feed_rates = _cut(feed.get(pair), until)
        late = screening.in_future(feed_days, today)
        days, found, of_feed = _joined(*known, feed_days[~late], feed_rates[~late])
        if not keep_outliers:
            days, found, of_feed, removed = _screened(days, found, of_feed, known)
            left_out += [LeftOut(pair, *faulty) for faulty in removed]
        left_out += [
            LeftOut(pair, str(day), rate, screening.FUTURE)
            for day, rate in zip(feed_days[late], feed_rates[late].tolist(), strict=True)
        ]
        taken[pair] = int(of_feed.sum())
        if len(days):
            columns[pair] = days, found
    source = "the topic" if base is None else f"{base.source} and the topic"
    no_rates = tuple(pair for pair in pairs if pair not in columns)
    return Overlay(_table(source, columns), taken, tuple(left_out), no_rates)


_Faulty = tuple[str, float, str]


def _base_rates(
    base: RateTable | None, pair: str, until: dt.date | None
) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    none = np.zeros(0, dtype="datetime64[D]"), np.zeros(0)
    if base is None:
        return none
    try:
        stretches = series(base, pair, end=until)
    except UsageError:
        return none  # the base does not quote the pair, but the feed may
    if not stretches:
        return none
    return np.concatenate([s.dates for s in stretches]), np.concatenate([s.rates for s in stretches])


def _cut(feed: PairRates | None, until: dt.date | None) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    if feed is None:
        return np.zeros(0, dtype="datetime64[D]"), np.zeros(0)
    keep = slice(None if until is None else int(np.searchsorted(feed.days, np.datetime64(until), "right")))
    return feed.days[keep], feed.rates[keep]


def _joined(
    base_days: NDArray[np.datetime64],
    base_rates: NDArray[np.float64],
    feed_days: NDArray[np.datetime64],
    feed_rates: NDArray[np.float64],
) -> tuple[NDArray[np.datetime64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return days, rates, and which of the rates are the feed's."""
    days = np.union1d(base_days, feed_days)
    found = np.full(len(days), np.nan)
    of_feed = np.isin(days, feed_days)
    found[np.searchsorted(days, base_days)] = base_rates
    found[of_feed] = feed_rates
    return days, found, of_feed


def _screened(
    days: NDArray[np.datetime64],
    found: NDArray[np.float64],
    of_feed: NDArray[np.bool_],
    base: tuple[NDArray[np.datetime64], NDArray[np.float64]],
) -> tuple[NDArray[np.datetime64], NDArray[np.float64], NDArray[np.bool_], list[_Faulty]]:
    """Replace suspicious rates of the feed with the base's, or remove them where the base has none."""
    reference = np.full(len(days), np.nan)
    reference[np.searchsorted(days, base[0])] = base[1]
    removed: list[_Faulty] = []

    def remove(positions: Sequence[int], rules: Sequence[str]) -> None:
        removed.extend(
            (str(days[i]), float(found[i]), rule) for i, rule in zip(positions, rules, strict=True)
        )
        of_feed[list(positions)] = False
        found[list(positions)] = reference[list(positions)]

    places = np.flatnonzero(of_feed)
    contrary = places[
        screening.contradictions(found[places], reference[places], screening.spike_bounds(found)[places])
    ].tolist()
    remove(contrary, [screening.CONTRADICTION] * len(contrary))
    there = np.flatnonzero(~np.isnan(found))
    holes = np.diff(days[there], prepend=days[:1]) > np.timedelta64(MAX_GAP_DAYS, "D")
    faults = screening.suspects(found[there], of_feed[there], screening.spike_bounds(found[there]), holes)
    remove(there[list(faults)].tolist(), list(faults.values()))
    keep = ~np.isnan(found)
    return days[keep], found[keep], of_feed[keep], sorted(removed)


def _table(
    source: str, columns: Mapping[str, tuple[NDArray[np.datetime64], NDArray[np.float64]]]
) -> RateTable:
    days = np.unique(np.concatenate([np.zeros(0, dtype="datetime64[D]"), *(d for d, _ in columns.values())]))
    table = {pair: np.full(len(days), np.nan) for pair in columns}
    for pair, (pair_days, found) in columns.items():
        table[pair][np.searchsorted(days, pair_days)] = found
    return RateTable(source, days, table)
