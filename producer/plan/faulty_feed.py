"""Faults in the feed of several pairs: where each strikes, whose rates come instead, and what messages show.

A series is not cut anew where a fault takes rates away, for the feed's client notices nothing: its next history
reaches across the hole, and only the days in it tell.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from producer.plan.faults import TAKES_RATES_AWAY, Fault, FaultKind
from producer.plan.injection import faulty, inject
from ratecast.errors import UsageError
from ratecast.rates import tables as rates
from ratecast.rates.tables import Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

LEAST_DIFFERENCE = 0.03  # of levels: a wrong pair nearer than that could pass for one more volatile day


@dataclass(frozen=True)
class Injection:
    """What one fault does to one pair.

    Attributes:
        fault: as ordered.
        pair: whose rates.
        days: of the rates changed or taken away, ascending, shape ``(n,)``.
        other: the pair whose rates came instead, for ``wrong-pair``.
    """

    fault: Fault
    pair: str
    days: NDArray[np.datetime64]
    other: str | None = None


def inject_all(
    table: rates.RateTable, clean: Mapping[str, list[Series]], faults: Sequence[Fault]
) -> tuple[dict[str, list[Series]], list[Injection]]:
    """Faults one after the other, each in the feed that the ones before it have left.

    Args:
        table: where another pair's rates come from when that pair is not replayed.
        clean: pair -> its stretches, oldest first, of every pair replayed.
        faults: in this order.

    Returns:
        The stretches, and what was injected where.

    Raises:
        UsageError: a pair is not replayed, the rates end before a fault begins, or no other pair's rates fit.
    """
    feed = {pair: list(stretches) for pair, stretches in clean.items()}
    injections: list[Injection] = []
    for fault in faults:
        if fault.pair is not None and fault.pair not in feed:
            raise UsageError(f"--inject {fault}: {fault.pair} is not replayed; replayed: {', '.join(feed)}")
        pairs = [fault.pair] if fault.pair else [name for name in feed if name != fault.other] or list(feed)
        reached = [pair for pair in pairs if any(s.dates[-1] >= np.datetime64(fault.day) for s in feed[pair])]
        if not reached:
            newest = max((s.dates[-1] for pair in pairs for s in feed[pair]), default=None)
            where = "there are none" if newest is None else f"the newest is of {newest}"
            raise UsageError(f"--inject {fault}: no rate that day or later; {where}")
        for pair in reached:
            whole = Series(pair, *_joined(feed[pair]))
            start = int(np.searchsorted(whole.dates, np.datetime64(fault.day)))
            days = whole.dates[faulty(whole.dates, fault.kind, start, fault.count)]
            injected, values = Injection(fault, pair, days), None
            if fault.kind is FaultKind.WRONG_PAIR:
                other, values = _partner(table, clean, injected, whole.dates)
                injected = replace(injected, other=other)
            feed[pair] = _cut(inject(whole, fault.kind, start, fault.count, values), clean[pair])
            injections.append(injected)
    return feed, injections


def carried(
    faults: Sequence[Fault],
    injections: Iterable[Injection],
    clean: Mapping[str, list[NDArray[np.datetime64]]],
    feed: Mapping[str, list[NDArray[np.datetime64]]],
) -> list[Injection]:
    """The injections that messages show, each with only the days that they show.

    A changed rate is shown by a message that holds it, a lost one by a hole in a message or a missing message.

    Args:
        faults: as ordered.
        injections: what became of them.
        clean: pair -> the days that its messages would hold without faults, a stretch at a time.
        feed: the same with them.

    Raises:
        UsageError: a fault shows nowhere.
    """
    found: list[Injection] = []
    for injection in injections:
        days, held = injection.days, feed.get(injection.pair, [])
        shown = np.zeros(len(days), dtype=np.bool_)
        for dates in held:
            shown |= np.isin(days, dates)
        if injection.fault.kind in TAKES_RATES_AWAY:
            for dates in [*clean.get(injection.pair, []), *held]:
                shown |= (days >= dates[0]) & (days <= dates[-1])
        if shown.any():
            found.append(replace(injection, days=days[shown]))
    for fault in faults:
        if not any(injection.fault is fault for injection in found):
            raise UsageError(f"--inject {fault}: no message here shows it: leave it out or choose other days")
    return found


def mark(injections: Sequence[Injection], faults: Sequence[Fault]) -> str:
    """What to add to the ids of messages from a faulty feed; nothing without faults.

    The same faults give the same mark whatever span is replayed, so that a replay can be resumed. A pair
    chosen for ``wrong-pair`` depends on which pairs are replayed, so it is part of the digest.

    >>> mark([], [])
    ''
    """
    if not faults:
        return ""
    chosen = sorted(f"{i.fault} {i.pair} {i.other}" for i in injections if i.other and not i.fault.other)
    text = "\n".join([*map(str, faults), *chosen])
    return f"+f{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _partner(
    table: rates.RateTable,
    clean: Mapping[str, list[Series]],
    injected: Injection,
    dates: NDArray[np.datetime64],
) -> tuple[str, NDArray[np.float64]]:
    """The pair that comes instead of another, and its rates on ``dates``, NaN where it has none."""
    fault, pair = injected.fault, injected.pair
    if fault.other is None:
        other = _nearest(table, clean, injected)
    elif fault.other == pair:
        raise UsageError(f"--inject {fault}: {pair} is replayed too and cannot stand in for itself")
    else:
        other = fault.other
    try:
        known = clean[other] if other in clean else rates.series(table, other)
    except UsageError as error:
        raise UsageError(f"--inject {fault}: {error}") from None
    if not np.isfinite(_as_of(known, injected.days)).all():
        raise UsageError(f"--inject {fault}: {other} has not got a rate for each of those days of {pair}")
    return other, _as_of(known, dates)


def _nearest(table: rates.RateTable, clean: Mapping[str, list[Series]], injected: Injection) -> str:
    """The pair whose level is nearest on the first faulty day, among those replayed or else those quoted."""
    level = _as_of(clean[injected.pair], injected.days[:1])[0]
    for candidates in (clean, dict.fromkeys(table.columns)):
        distances: dict[str, float] = {}
        for name, stretches in candidates.items():
            others = _as_of(rates.series(table, name) if stretches is None else stretches, injected.days)
            distance = abs(float(np.log(others[0] / level)))
            if np.isfinite(others).all() and distance >= np.log1p(LEAST_DIFFERENCE):
                distances[name] = distance
        if distances:
            return min(distances, key=distances.__getitem__)
    raise UsageError(
        f"--inject {injected.fault}: no other pair has rates on all those days and a level at least "
        f"{LEAST_DIFFERENCE:.0%} off that of {injected.pair}"
    )


def _as_of(stretches: Sequence[Series], days: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """The last rate on each day or, within `rates.MAX_GAP_DAYS`, before it; NaN where there is none."""
    if not stretches:
        return np.full(len(days), np.nan)
    dates, values = _joined(stretches)
    at = np.searchsorted(dates, days, "right") - 1
    stale = (at < 0) | (days - dates[at] > np.timedelta64(rates.MAX_GAP_DAYS, "D"))
    return np.where(stale, np.nan, values[at])


def _joined(stretches: Sequence[Series]) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """Dates and rates of a pair's stretches in one, each of shape ``(n,)``."""
    return np.concatenate([s.dates for s in stretches]), np.concatenate([s.rates for s in stretches])


def _cut(series: Series, clean: Sequence[Series]) -> list[Series]:
    """A pair's rates in the stretches that it has without faults; without those that lost every rate."""
    cuts = np.searchsorted(series.dates, [stretch.dates[0] for stretch in clean[1:]])
    parts = zip(np.split(series.dates, cuts), np.split(series.rates, cuts), strict=True)
    return [Series(series.pair, dates, values) for dates, values in parts if len(dates)]
