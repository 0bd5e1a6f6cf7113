"""Injects faults into the rates of several pairs, and finds the faulty days that messages contain.

Where a fault removes rates, the series is not split. A real feed's client would not notice the hole either: its next
history spans it, and only the days in the history show it.
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

LEAST_DIFFERENCE = 0.03  # between the levels of two pairs; a smaller one could be a volatile day


@dataclass(frozen=True)
class Injection:
    """The effect of one fault on one pair.

    Attributes:
        fault: the fault as the user wrote it.
        pair: the pair whose rates are faulty.
        days: days of the changed or removed rates, ascending, shape ``(n,)``.
        other: for ``wrong-pair``, the pair whose rates were used.
    """

    fault: Fault
    pair: str
    days: NDArray[np.datetime64]
    other: str | None = None


def inject_all(
    table: rates.RateTable, clean: Mapping[str, list[Series]], faults: Sequence[Fault]
) -> tuple[dict[str, list[Series]], list[Injection]]:
    """Inject faults one after the other, each into the result of the previous ones.

    Args:
        table: the rates of pairs that are not replayed, for ``wrong-pair``.
        clean: each replayed pair and its stretches without faults, oldest first.
        faults: the faults, in order.

    Returns:
        The stretches with faults, and the effect of each fault on each pair.

    Raises:
        UsageError: a fault names a pair that is not replayed, the rates end before a fault starts, or no other pair has
            suitable rates.
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
            where = "there are no rates left" if newest is None else f"the newest rate is of {newest}"
            raise UsageError(f"--inject {fault}: no rate on that day or later; {where}")
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
    """Returns the injections that messages contain, each with only the days that messages contain.

    A message contains a changed rate if the rate is in its history. It contains a removed rate if its history spans the
    hole. A message that is missing because of a fault counts as well.

    Args:
        faults: the faults as the user wrote them.
        injections: their effects.
        clean: for each pair the days in its messages without faults, by stretch.
        feed: for each pair the days in its messages with faults, by stretch.

    Raises:
        UsageError: no message contains a fault.
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
            raise UsageError(f"--inject {fault}: no message contains it: omit it or choose other days")
    return found


def mark(injections: Sequence[Injection], faults: Sequence[Fault]) -> str:
    """Returns the suffix for the ids of messages from a faulty feed; empty without faults.

    The same faults give the same suffix for every replayed span, so that a replay can be resumed. The digest includes
    the pair chosen for ``wrong-pair``, because the choice depends on which pairs are replayed.

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
    """Returns the pair that replaces another, and its rates on ``dates``; NaN where it has none."""
    fault, pair = injected.fault, injected.pair
    if fault.other is None:
        other = _nearest(table, clean, injected)
    elif fault.other == pair:
        raise UsageError(f"--inject {fault}: {pair} is replayed too and cannot replace itself")
    else:
        other = fault.other
    try:
        known = clean[other] if other in clean else rates.series(table, other)
    except UsageError as error:
        raise UsageError(f"--inject {fault}: {error}") from None
    if not np.isfinite(_as_of(known, injected.days)).all():
        raise UsageError(f"--inject {fault}: {other} has no rate for some of the faulty days of {pair}")
    return other, _as_of(known, dates)


def _nearest(table: rates.RateTable, clean: Mapping[str, list[Series]], injected: Injection) -> str:
    """Returns the pair with the nearest level on the first faulty day: a replayed one, otherwise one of the table."""
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
        f"--inject {injected.fault}: no other pair has rates on all faulty days and a level that differs by at least "
        f"{LEAST_DIFFERENCE:.0%} from that of {injected.pair}"
    )


def _as_of(stretches: Sequence[Series], days: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Returns the last rate on or before each day; NaN if it is older than `rates.MAX_GAP_DAYS` or there is none."""
    if not stretches:
        return np.full(len(days), np.nan)
    dates, values = _joined(stretches)
    at = np.searchsorted(dates, days, "right") - 1
    stale = (at < 0) | (days - dates[at] > np.timedelta64(rates.MAX_GAP_DAYS, "D"))
    return np.where(stale, np.nan, values[at])


def _joined(stretches: Sequence[Series]) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """Returns the dates and rates of a pair's stretches joined, each of shape ``(n,)``."""
    return np.concatenate([s.dates for s in stretches]), np.concatenate([s.rates for s in stretches])


def _cut(series: Series, clean: Sequence[Series]) -> list[Series]:
    """Returns a pair's rates split like its clean stretches, without stretches that lost every rate."""
    cuts = np.searchsorted(series.dates, [stretch.dates[0] for stretch in clean[1:]])
    parts = zip(np.split(series.dates, cuts), np.split(series.rates, cuts), strict=True)
    return [Series(series.pair, dates, values) for dates, values in parts if len(dates)]
