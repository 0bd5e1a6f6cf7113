"""A feed's rates laid over a base table's, suspicious ones left out. Pure."""

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
    """A table of both.

    Attributes:
        table: a column a pair.
        taken: rates of the feed in it, by pair.
        left_out: rates of the feed that are not.
        no_rates: pairs that neither has.
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
    """The rates of some pairs: the feed's where it has them and they are not suspicious, else the base's.

    A pair's feed is laid over that pair alone. Crosses that the base derives stay derived from the base: a feed's
    EUR/USD, taken at another hour than the base's EUR/GBP, would make GBP/USD jump.

    Args:
        base: rates beyond doubt, if there are any.
        feed: rates as they came, by pair.
        pairs: which.
        today: what the feed dates later than tomorrow is left out.
        until: later days are cut off.
        keep_outliers: take also what is suspicious; not what is dated later than tomorrow.
    """
    left_out: list[LeftOut] = []
    columns: dict[str, tuple[NDArray[np.datetime64], NDArray[np.float64]]] = {}
    taken: dict[str, int] = {}
    for pair in pairs:
        known = _base_rates(base, pair, until)
        said, quoted = _cut(feed.get(pair), until)
        late = screening.in_future(said, today)
        days, found, of_feed = _joined(*known, said[~late], quoted[~late])
        if not keep_outliers:
            days, found, of_feed, removed = _screened(days, found, of_feed, known)
            left_out += [LeftOut(pair, *faulty) for faulty in removed]
        left_out += [
            LeftOut(pair, str(day), rate, screening.FUTURE)
            for day, rate in zip(said[late], quoted[late].tolist(), strict=True)
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
        return none  # the base does not quote it; the feed may
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
    """Days, rates, and which rates are the feed's."""
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
    """The same without suspicious rates of the feed: the base's stand again where it has some."""
    reference = np.full(len(days), np.nan)
    reference[np.searchsorted(days, base[0])] = base[1]
    removed: list[_Faulty] = []

    def remove(positions: Sequence[int], rules: Sequence[str]) -> None:
        removed.extend(
            (str(days[i]), float(found[i]), rule) for i, rule in zip(positions, rules, strict=True)
        )
        of_feed[list(positions)] = False
        found[list(positions)] = reference[list(positions)]

    ours = np.flatnonzero(of_feed)
    contrary = ours[
        screening.contradictions(found[ours], reference[ours], screening.spike_bounds(found)[ours])
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
    for pair, (own, found) in columns.items():
        table[pair][np.searchsorted(days, own)] = found
    return RateTable(source, days, table)
