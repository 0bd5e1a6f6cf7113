"""Finds and names faults of a rate feed from single messages. Pure, a batch at a time.

Every check is about the newest rate: if it is right, a message has no alert, even if its history contains an old
fault. The limits come from the model bundle (`ratecast.model.references`), where training fitted them to a budget of
false alarms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract.alerts import MARKET_ALERTS, Alert
from ratecast.scoring.carried_forward import CarriedForward, carried_forward
from ratecast.scoring.level_cone import LevelCone
from ratecast.scoring.level_steps import name_step
from ratecast.scoring.standstill import standstills

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ratecast.model.rate_windows import Windows
    from ratecast.model.references import QualityLimits
    from ratecast.model.training_stats import PairStats, TrainingStats
    from ratecast.scoring.level_cone import Reach
    from ratecast.scoring.standstill import Standstills

REGIME_RETURNS = 10  # two weeks: more than one volatile day, yet recent
SPAN_STEPS = 20
# Alerts that do not mean that the level of the rate is wrong.
_NOT_OF_THE_LEVEL = MARKET_ALERTS | {Alert.STUCK, Alert.GAP}


@dataclass(frozen=True)
class Days:
    """Days of the rates of a batch, from its messages; ``(n,)`` each, NaN where unknown."""

    newest: NDArray[np.float64]  # day of the newest rate since 1970-01-01
    gap: NDArray[np.float64]  # days since the rate before it; negative if dates go backwards
    span: NDArray[np.float64]  # days in the newest SPAN_STEPS steps
    longest: NDArray[np.float64]  # days in the longest of these steps; may be NaN if the span is usual
    # Row -> weekday of the rate that each return leads to, -1 if unknown; for histories that contain weekends.
    weekdays: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    @classmethod
    def unknown(cls, count: int) -> Days:
        """Return the days of messages without dates."""
        newest, gap, span, longest = np.full((4, count), np.nan)
        return cls(newest, gap, span, longest)


@dataclass(frozen=True)
class Quality:
    """What is unusual about the messages of a batch; a message that does not occur here is clean.

    Attributes:
        count: number of messages, n.
        alerts: row -> code -> text.
        ignored_returns: row -> mask of its returns that must not count in the volatility. These are the zeros of a feed
            that is or was stuck and of weekends that were carried forward, which would narrow the range. They are also
            the steps of a fault that is over, which would widen it for as long as they are in the history. While a
            fault lasts its range stays wide, because the next rate may be right again.
        repeated: rows whose newest rate was carried forward: no fault, but it cannot measure a forecast.
    """

    count: int
    alerts: dict[int, dict[Alert, str]] = field(default_factory=dict)
    ignored_returns: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    repeated: list[int] = field(default_factory=list)

    def add(self, row: int, alert: Alert, text: str) -> None:
        """Add an alert."""
        self.alerts.setdefault(row, {})[alert] = text

    def faulty(self) -> NDArray[np.bool_]:
        """Return the rows whose newest rate is a fault or was carried forward, ``(n,)``."""
        marked = np.zeros(self.count, dtype=np.bool_)
        if self.alerts:
            marked[[row for row, found in self.alerts.items() if not found.keys() <= MARKET_ALERTS]] = True
        if self.repeated:
            marked[self.repeated] = True
        return marked


class QualityChecker:
    """Checks batches against the limits of one bundle.

    Args:
        limits: the limits of the bundle.
        pairs: the pairs of the bundle; ``Windows.pairs`` holds indexes into them.
        training: training statistics of each pair.
    """

    def __init__(self, limits: QualityLimits, pairs: Sequence[str], training: Sequence[PairStats]) -> None:
        self._limits = limits
        by_pair = [limits.pairs[pair] for pair in pairs]
        self._equal_rates = np.array([pair.equal_rates for pair in by_pair], dtype=np.intp)
        self._longest_run = np.array([pair.longest_run for pair in training], dtype=np.intp)
        self._gap_days = np.array([pair.gap_days for pair in by_pair], dtype=np.float64)
        self._span_days = np.array([pair.span_days for pair in by_pair], dtype=np.float64)
        self._cone = LevelCone(np.array([pair.cone_sigmas for pair in by_pair]), training)

    @classmethod
    def from_stats(cls, stats: TrainingStats) -> QualityChecker:
        """Make a checker from a bundle's statistics."""
        return cls(stats.quality, tuple(stats.pairs), tuple(stats.pairs.values()))

    def check(self, windows: Windows, days: Days) -> Quality:
        """Find what is unusual; the alerts of a message are in the order of `Alert`.

        Every step works on whole columns first, and then on the few suspicious rows one by one.
        """
        found = Quality(len(windows))
        with np.errstate(invalid="ignore"):
            steps = np.abs(windows.returns) > self._limits.level_step
        stepped = {row: steps[row] for row in np.logical_or.reduce(steps, axis=1).nonzero()[0].tolist()}
        returned = self._back_at_old_level(windows, stepped)
        closed = carried_forward(windows.returns, days.weekdays)
        open_returns = closed.open_returns(windows.returns)
        still = self._standstills(windows, closed, open_returns)
        # A step that ends a standstill and moves the level is treated as any step of the level.
        hung = dict(zip(still.rows.tolist(), still.ignored & ~steps[still.rows], strict=True))
        ignored = _either(closed.masks(), hung)
        reach = self._cone.reach(windows, days.newest)

        jumps = self._jumps(windows.without(_either(stepped, ignored)), stepped, returned, still, found)
        for row, text in reach.outside(windows.rates[:, -1]).items():
            found.add(row, Alert.LEVEL_CONE, text)
        for position in still.stuck.nonzero()[0].tolist():
            text = f"stuck: {still.equal_rates[position]} equal rates in a row"
            found.add(int(still.rows[position]), Alert.STUCK, text)
        suspects = np.array([row for row in {*stepped, *jumps} if row not in returned], dtype=np.intp)
        if len(suspects):
            self._name_steps(windows, steps, suspects, reach, found)
        self._gaps(windows, days, found)
        if len(closed.rows):
            for row, text in closed.texts().items():
                found.add(row, Alert.CARRIED_FORWARD, text)
            found.repeated.extend(closed.newest())
        self._regime(windows, open_returns, found)
        over = {
            row: mask
            for row, mask in stepped.items()
            if found.alerts.get(row, {}).keys() <= _NOT_OF_THE_LEVEL
        }
        found.ignored_returns.update(_either(over, ignored))
        return found

    def _standstills(
        self, windows: Windows, closed: CarriedForward, open_returns: NDArray[np.float64]
    ) -> Standstills:
        """Find standstills on open days, because a weekend that was carried forward does not make a feed stuck."""
        limits = self._equal_rates[windows.pairs], self._longest_run[windows.pairs]
        return closed.restore_places(standstills(open_returns, *limits))

    def _back_at_old_level(self, windows: Windows, stepped: Mapping[int, NDArray[np.bool_]]) -> set[int]:
        """Return the rows whose newest rate is near the rate before the first step in the window: an old spike."""
        before = {row: windows.rates[row, int(np.argmax(mask))] for row, mask in stepped.items()}
        near = self._limits.level_step / 2
        logs = {row: math.log(windows.rates[row, -1]) - math.log(rate) for row, rate in before.items()}
        return {row for row, offset in logs.items() if abs(offset) < near}

    def _jumps(
        self,
        clean: Windows,
        stepped: Mapping[int, NDArray[np.bool_]],
        returned: set[int],
        still: Standstills,
        found: Quality,
    ) -> list[int]:
        """Add the jumps and return their rows; ``clean`` has the volatility before the newest rate without any fault."""
        sigma = clean.sigma_before
        if len(still.rows):
            # The step that ends a standstill is the move of several days, and volatility grows with the root of time.
            sigma = sigma.copy()
            sigma[still.rows] *= np.sqrt(still.waited)
        newest = clean.returns[:, -1]
        jumped = (np.abs(newest) > self._limits.jump_sigmas * sigma).nonzero()[0].tolist()
        rows = [row for row in jumped if not (row in returned and stepped[row][-1])]
        for row in rows:
            percent = 100 * math.expm1(min(newest[row], 700.0))
            sigmas = abs(newest[row]) / sigma[row]
            found.add(row, Alert.JUMP, f"jump: {percent:+.3g} % in one step, {sigmas:.3g} sigma")
        return rows

    def _name_steps(
        self,
        windows: Windows,
        steps: NDArray[np.bool_],
        rows: NDArray[np.intp],
        reach: Reach,
        found: Quality,
    ) -> None:
        """Add an alert for each step of the level that can be named, for as long as it is in the window."""
        last = windows.returns.shape[1] - 1
        first = np.where(steps[rows].any(axis=1), steps[rows].argmax(axis=1), last)
        before, newest, ago = windows.rates[rows, first], windows.rates[rows, -1], last + 1 - first
        tolerance = self._limits.jump_sigmas * windows.stored[rows] * np.sqrt(ago)
        wrong = (ago == 1) | ~reach.ways_back(rows, before, newest)
        columns = (rows, before, newest, ago, tolerance)
        for row, *step in zip(*(column[wrong].tolist() for column in columns), strict=True):
            if named := name_step(*step):
                found.add(row, *named)

    def _gaps(self, windows: Windows, days: Days, found: Quality) -> None:
        longest, most = days.longest, self._gap_days[windows.pairs]
        # A single long gap was reported when it came and is not reported again while it is in the span.
        span = days.span - np.where(longest > most, longest - 1, 0.0)
        long, sparse = days.gap > most, span > self._span_days[windows.pairs]
        backwards = (days.gap < 0) | (days.span < 0)
        for row in (long | sparse | backwards).nonzero()[0].tolist():
            if backwards[row]:
                text = "gap: the dates of the rates go backwards"
            elif long[row]:
                text = f"gap: {days.gap[row]:.0f} days between the last two rates"
            else:
                text = (
                    f"gap: the last {SPAN_STEPS} steps took {days.span[row]:.0f} days, so rates are missing"
                )
            found.add(row, Alert.GAP, text)

    def _regime(self, windows: Windows, open_returns: NDArray[np.float64], found: Quality) -> None:
        newest = open_returns[:, -REGIME_RETURNS:]
        ratio = trimmed_rms(newest) / windows.stored  # NaN if the history is too short
        for row in (ratio > self._limits.regime_ratio).nonzero()[0].tolist():
            # A step of the level is a fault of the feed and no move of the market.
            if not (np.abs(newest[row]) <= self._limits.level_step).all():
                continue
            text = f"volatility regime: the last {REGIME_RETURNS} returns are {ratio[row]:.3g} times as large as in training"
            found.add(row, Alert.VOLATILITY_REGIME, text)


def _either(
    some: Mapping[int, NDArray[np.bool_]], others: Mapping[int, NDArray[np.bool_]]
) -> dict[int, NDArray[np.bool_]]:
    """Return masks by row that mark what either of two sets of masks marks."""
    if not some or not others:
        return {**some, **others}
    return {**some, **{row: mask | some[row] if row in some else mask for row, mask in others.items()}}


def trimmed_rms(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root mean square of each row without its largest return, ``(n,)``.

    The largest return is left out because one volatile day is a jump and not a regime.

    >>> trimmed_rms(np.array([[3.0, -50.0, 3.0]])).tolist()
    [3.0]
    """
    squares = returns**2
    result: NDArray[np.float64] = np.sqrt(
        np.maximum(squares.sum(axis=1) - squares.max(axis=1), 0.0) / (returns.shape[1] - 1)
    )
    return result
