"""The rates of a pair in the order of their days, each with the range that was forecast for it. Pure."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from ratecast.contract.messages import check_iso_date_or_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ratecast.contract.wire import PredictionRow

# After so many messages in a row that are older than those before them, the feed was started again.
_STARTED_AGAIN = 3

_LONGEST_MOMENT = 40

Band = tuple[float, float]


class Point(NamedTuple):
    """One rate of a pair, and the ranges that the message before it forecast for it."""

    as_of: str
    row: PredictionRow
    band80: Band | None
    band95: Band | None

    @property
    def missed80(self) -> bool | None:
        """Whether the rate is outside its 80 % range; None if there is none."""
        return _missed(self.row.baseline, self.band80)

    @property
    def missed95(self) -> bool | None:
        """Whether the rate is outside its 95 % range; None if there is none."""
        return _missed(self.row.baseline, self.band95)


def points(rows: Iterable[PredictionRow]) -> list[Point]:
    """Return the rates of one pair, the oldest day first; of several messages of a day the last one counts.

    Messages without a date belong to no day: they stand in the series only if no message of the pair has one, and then
    at the time at which they were scored. Days after that of a feed that was started again are left out.

    Args:
        rows: predictions of one pair in the order in which they arrived.
    """
    rows = list(rows)
    dated = [(row.as_of, row) for row in rows if row.as_of is not None and _is_moment(row.as_of)]
    if not dated:
        dated = [(row.scored_at, row) for row in rows if _is_moment(row.scored_at)]
    if not dated:
        return []
    newest = max(as_of for as_of, _ in dated[-_STARTED_AGAIN:])
    by_day = {as_of: row for as_of, row in dated if as_of <= newest}
    ordered = sorted(by_day.items(), key=lambda item: item[0])
    first_day, first = ordered[0]
    series = [Point(first_day, first, None, None)]
    for (_, before), (as_of, row) in pairwise(ordered):
        is_forecast = before.target is UNSET or as_of[:10] <= before.target
        bands = before.intervals if is_forecast else None
        series.append(Point(as_of, row, bands.level_80 if bands else None, bands.level_95 if bands else None))
    return series


def held(series: Sequence[Point], level: str, newest: int = 100) -> dict[str, int]:
    """Return how many of the newest rates with a range lay inside it, and how many there are."""
    judged: list[bool] = []
    for point in reversed(series):
        missed = point.missed80 if level == "80" else point.missed95
        if missed is not None:
            judged.append(missed)
            if len(judged) == newest:
                break
    return {"held": judged.count(False), "of": len(judged)}


def _missed(rate: float, band: Band | None) -> bool | None:
    return None if band is None else not band[0] <= rate <= band[1]


def _is_moment(text: str) -> bool:
    return len(text) <= _LONGEST_MOMENT and _is_short_moment(text)


@lru_cache(
    maxsize=8192
)  # all pairs have the same days, and the series of a pair is made anew with each of its messages
def _is_short_moment(text: str) -> bool:
    try:
        check_iso_date_or_time(text)
    except ValueError:
        return False
    return True
