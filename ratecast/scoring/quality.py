"""Faults of a rate feed, found and named from a message alone: pure, a batch at a time.

Every check is about the newest rate: a message whose history holds an old fault but whose newest rate is right
carries no alert. Thresholds come from the model bundle (`ratecast.model.quality_limits`), fitted at training to a
budget of false alarms.
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

    from ratecast.model.forecast import Windows
    from ratecast.model.references import QualityLimits
    from ratecast.model.training_stats import PairStats, TrainingStats
    from ratecast.scoring.level_cone import Reach
    from ratecast.scoring.standstill import Standstills

REGIME_RETURNS = 10  # two weeks: long enough not to be one wild day, short enough to be news
SPAN_STEPS = 20
# Alerts that leave it open whether the level is right.
_NOT_OF_THE_LEVEL = MARKET_ALERTS | {Alert.STUCK, Alert.GAP}


@dataclass(frozen=True)
class Days:
    """When rates were fixed, as far as messages say; NaN where they do not. Days since 1970-01-01, ``(n,)`` each."""

    newest: NDArray[np.float64]  # day of the newest rate
    gap: NDArray[np.float64]  # days since the rate before it; negative where dates go backwards
    span: NDArray[np.float64]  # days that the newest SPAN_STEPS steps took
    longest: NDArray[np.float64]  # the longest of those steps; may be NaN where the span is nothing unusual
    # Row -> the weekday of the rate that each return leads to, -1 where unknown; of rows that hold weekends.
    weekdays: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    @classmethod
    def unknown(cls, count: int) -> Days:
        """Of messages that carry no dates."""
        newest, gap, span, longest = np.full((4, count), np.nan)
        return cls(newest, gap, span, longest)


@dataclass(frozen=True)
class Quality:
    """What is odd about the messages of a batch; a message that is not mentioned is clean.

    Attributes:
        count: n, the messages.
        alerts: row -> code -> what it looks like, in words.
        disbelieved: row -> which of its returns are a fault's and say nothing of the volatility: the zeros of a feed
            that is or was stuck and of weekends that were carried forward, which would narrow the range, and the
            steps of a fault that is over, which would widen it for as long as they are in the history. A fault that
            lasts keeps its wide range: the next rate may be back.
        repeated: rows whose newest rate was carried forward: right, but nothing to judge a forecast by.
    """

    count: int
    alerts: dict[int, dict[Alert, str]] = field(default_factory=dict)
    disbelieved: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    repeated: list[int] = field(default_factory=list)

    def add(self, row: int, alert: Alert, text: str) -> None:
        """Note an alert."""
        self.alerts.setdefault(row, {})[alert] = text

    def faulty(self) -> NDArray[np.bool_]:
        """Which rows' newest rates are not to be believed, or are no observations, ``(n,)``."""
        marked = np.zeros(self.count, dtype=np.bool_)
        marked[[row for row, found in self.alerts.items() if not found.keys() <= MARKET_ALERTS]] = True
        marked[self.repeated] = True
        return marked


class QualityChecker:
    """Checks batches against the limits of one bundle.

    Args:
        limits: the bundle's.
        pairs: its pairs, in the order that ``Windows.pairs`` counts them.
        seen: what training saw of each.
    """

    def __init__(self, limits: QualityLimits, pairs: Sequence[str], seen: Sequence[PairStats]) -> None:
        self._limits = limits
        own = [limits.pairs[pair] for pair in pairs]
        self._equal_rates = np.array([pair.equal_rates for pair in own], dtype=np.intp)
        self._longest_run = np.array([pair.longest_run for pair in seen], dtype=np.intp)
        self._gap_days = np.array([pair.gap_days for pair in own], dtype=np.float64)
        self._span_days = np.array([pair.span_days for pair in own], dtype=np.float64)
        self._cone = LevelCone(np.array([pair.cone_sigmas for pair in own]), seen)

    @classmethod
    def from_stats(cls, stats: TrainingStats) -> QualityChecker:
        """A checker on a bundle's statistics."""
        return cls(stats.quality, tuple(stats.pairs), tuple(stats.pairs.values()))

    def check(self, windows: Windows, days: Days) -> Quality:
        """Find what is odd; alerts of a message come in the order of `Alert`.

        Every step looks at whole columns; only the few suspects are then looked at one by one.
        """
        found = Quality(len(windows))
        with np.errstate(invalid="ignore"):
            steps = np.abs(windows.returns) > self._limits.level_step
        stepped = {row: steps[row] for row in np.flatnonzero(steps.any(axis=1)).tolist()}
        returned = self._returned(windows, stepped)
        closed = carried_forward(windows.returns, days.weekdays)
        open_days = closed.squeezed(windows.returns)
        still = self._standstills(windows, closed, open_days)
        # A step that ends a standstill and moves the level is judged as any such step is.
        doubted = dict(zip(still.rows.tolist(), still.doubted & ~steps[still.rows], strict=True))
        reach = self._cone.reach(windows, days.newest)

        doubted = _united(closed.masks(), doubted)
        jumps = self._jumps(windows.without(_united(stepped, doubted)), stepped, returned, still, found)
        for row, text in reach.outside(windows.rates[:, -1]).items():
            found.add(row, Alert.LEVEL_CONE, text)
        for position in np.flatnonzero(still.stuck).tolist():
            text = f"stuck: {still.equal_rates[position]} equal rates in a row"
            found.add(int(still.rows[position]), Alert.STUCK, text)
        suspects = np.array([row for row in {*stepped, *jumps} if row not in returned], dtype=np.intp)
        self._name_steps(windows, steps, suspects, reach, found)
        self._gaps(windows, days, found)
        for row, text in closed.words().items():
            found.add(row, Alert.CARRIED_FORWARD, text)
        found.repeated.extend(closed.newest())
        self._regime(windows, open_days, found)
        over = {
            row: mask
            for row, mask in stepped.items()
            if found.alerts.get(row, {}).keys() <= _NOT_OF_THE_LEVEL
        }
        found.disbelieved.update(_united(over, doubted))
        return found

    def _standstills(
        self, windows: Windows, closed: CarriedForward, open_days: NDArray[np.float64]
    ) -> Standstills:
        """Standstills of open days: a weekend that was carried forward makes no feed stuck."""
        limits = self._equal_rates[windows.pairs], self._longest_run[windows.pairs]
        return closed.spread(standstills(open_days, *limits))

    def _returned(self, windows: Windows, stepped: Mapping[int, NDArray[np.bool_]]) -> set[int]:
        """Rows whose newest rate is back where it was before the first step in sight: an old spike."""
        before = {row: windows.rates[row, int(np.argmax(mask))] for row, mask in stepped.items()}
        near = self._limits.level_step / 2
        logs = {row: math.log(windows.rates[row, -1]) - math.log(rate) for row, rate in before.items()}
        return {row for row, offset in logs.items() if abs(offset) < near}

    def _jumps(
        self,
        believed: Windows,
        stepped: Mapping[int, NDArray[np.bool_]],
        returned: set[int],
        still: Standstills,
        found: Quality,
    ) -> list[int]:
        """Rows that jumped, by the volatility before the newest rate; no fault may have raised or lowered that."""
        sigma = believed.sigma_before.copy()
        # What ends a standstill is the move of as many days: volatility grows with the root of time.
        sigma[still.rows] *= np.sqrt(still.waited)
        newest = believed.returns[:, -1]
        jumped = np.flatnonzero(np.abs(newest) > self._limits.jump_sigmas * sigma).tolist()
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
        """Name what moved the level, for as long as the step is in sight."""
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
        # A gap of its own was told when it came, and is not told again for as long as it is in the span.
        span = days.span - np.where(longest > most, longest - 1, 0.0)
        long, sparse = days.gap > most, span > self._span_days[windows.pairs]
        backwards = (days.gap < 0) | (days.span < 0)
        for row in np.flatnonzero(long | sparse | backwards).tolist():
            if backwards[row]:
                text = "gap: the dates of the rates go backwards"
            elif long[row]:
                text = f"gap: {days.gap[row]:.0f} days between the last two rates"
            else:
                text = f"gap: the last {SPAN_STEPS} steps took {days.span[row]:.0f} days, rates are missing"
            found.add(row, Alert.GAP, text)

    def _regime(self, windows: Windows, open_days: NDArray[np.float64], found: Quality) -> None:
        newest = open_days[:, -REGIME_RETURNS:]
        ratio = trimmed_rms(newest) / windows.stored  # NaN: too short to say
        # A step of the level is a fault of the feed and says nothing about the market.
        wild = (ratio > self._limits.regime_ratio) & (np.abs(newest) <= self._limits.level_step).all(axis=1)
        for row in np.flatnonzero(wild).tolist():
            text = (
                f"volatility regime: the last {REGIME_RETURNS} returns are {ratio[row]:.3g} times training's"
            )
            found.add(row, Alert.VOLATILITY_REGIME, text)


def _united(
    some: Mapping[int, NDArray[np.bool_]], others: Mapping[int, NDArray[np.bool_]]
) -> dict[int, NDArray[np.bool_]]:
    """Masks by row; where both have one, what either marks."""
    return {**some, **{row: mask | some[row] if row in some else mask for row, mask in others.items()}}


def trimmed_rms(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square of each row without its largest return, ``(n,)``: one wild day is a jump, not a regime.

    >>> trimmed_rms(np.array([[3.0, -50.0, 3.0]])).tolist()
    [3.0]
    """
    squares = returns**2
    result: NDArray[np.float64] = np.sqrt(
        np.maximum(squares.sum(axis=1) - squares.max(axis=1), 0.0) / (returns.shape[1] - 1)
    )
    return result
