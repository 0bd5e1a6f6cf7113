"""Faults of a rate feed, found and named from a message alone: pure, a batch at a time.

Every check is about the newest rate: a message whose history holds an old spike but whose newest rate is right
carries no alert. Thresholds come from the model bundle (`ratecast.quality_limits`), fitted at training to a
budget of false alarms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ratecast.alerts import MARKET_ALERTS, Alert
from ratecast.dates import day_number
from ratecast.features import longest_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.forecast import Windows
    from ratecast.model import TrainingStats
    from ratecast.quality_limits import QualityLimits

REGIME_RETURNS = 10  # two weeks: long enough not to be one wild day, short enough to be news
SPAN_STEPS = 20
# Added to n, so that the first days after training are not judged by the tails of single returns.
CONE_DAYS = 20.0
TRADING_DAYS = 5 / 7  # of calendar days
_LN10 = math.log(10)


@dataclass(frozen=True)
class Days:
    """When rates were fixed, as far as messages say; NaN where they do not. Days since 1970-01-01, ``(n,)`` each."""

    newest: NDArray[np.float64]  # day of the newest rate
    gap: NDArray[np.float64]  # days since the rate before it
    span: NDArray[np.float64]  # days that the newest SPAN_STEPS steps took

    @classmethod
    def unknown(cls, count: int) -> Days:
        """Of messages that carry no dates."""
        return cls(*(np.full(count, np.nan) for _ in range(3)))


@dataclass(frozen=True)
class Quality:
    """What is odd about the messages of a batch; a message that is not mentioned is clean.

    Attributes:
        count: n, the messages.
        alerts: row -> code -> what it looks like, in words.
        disbelieved: row -> which of its returns are a fault's and say nothing of the volatility: the zeros of a stuck
            feed, which would narrow the range, and the steps of a fault that is over, which would widen it for as
            long as they are in the history. A fault that lasts keeps its wide range: the next rate may be back.
    """

    count: int
    alerts: dict[int, dict[Alert, str]] = field(default_factory=dict)
    disbelieved: dict[int, NDArray[np.bool_]] = field(default_factory=dict)

    def add(self, row: int, alert: Alert, text: str) -> None:
        """Note an alert."""
        self.alerts.setdefault(row, {})[alert] = text

    def faulty(self) -> NDArray[np.bool_]:
        """Which rows' newest rates are not to be believed, ``(n,)``."""
        marked = np.zeros(self.count, dtype=np.bool_)
        marked[[row for row, found in self.alerts.items() if not found.keys() <= MARKET_ALERTS]] = True
        return marked


class QualityChecker:
    """Checks batches against the limits of one bundle.

    Args:
        limits: the bundle's.
        pairs: its pairs, in the order that ``Windows.pairs`` counts them.
        last_rates: last rate of each pair in training, ``(p,)``.
        last_days: its day, since 1970-01-01, ``(p,)``.
    """

    def __init__(
        self,
        limits: QualityLimits,
        pairs: Sequence[str],
        last_rates: NDArray[np.float64],
        last_days: NDArray[np.float64],
    ) -> None:
        self._limits = limits
        own = [limits.pairs[pair] for pair in pairs]
        self._equal_rates = np.array([pair.equal_rates for pair in own], dtype=np.intp)
        self._gap_days = np.array([pair.gap_days for pair in own], dtype=np.float64)
        self._span_days = np.array([pair.span_days for pair in own], dtype=np.float64)
        self._cone_sigmas = np.array([pair.cone_sigmas for pair in own])
        self._last_logs = np.log(last_rates)
        self._last_days = last_days
        self._least_run = int(self._equal_rates.min(initial=2**31))

    @classmethod
    def from_stats(cls, stats: TrainingStats) -> QualityChecker:
        """A checker on a bundle's statistics."""
        pairs = stats.pairs.values()
        return cls(
            stats.quality,
            tuple(stats.pairs),
            np.array([pair.last_rate for pair in pairs]),
            np.array([day_number(pair.last_date) for pair in pairs], dtype=np.float64),
        )

    def check(self, windows: Windows, days: Days) -> Quality:
        """Find what is odd; alerts of a message come in the order of `Alert`.

        Every step looks at whole columns; only the few suspects are then looked at one by one.
        """
        found = Quality(len(windows))
        with np.errstate(invalid="ignore"):
            steps = np.abs(windows.returns) > self._limits.level_step
        stepped = np.flatnonzero(steps.any(axis=1)).tolist()
        returned = self._returned(windows, steps, stepped)
        cone = self._cone(windows, days)

        jumps = self._jumps(windows, steps, stepped, returned, found)
        for row in np.flatnonzero(cone > self._cone_sigmas[windows.pairs]).tolist():
            text = f"level cone: {cone[row]:.3g} sigma from the last training rate for its age"
            found.add(row, Alert.LEVEL_CONE, text)
        self._stuck(windows, found)
        self._name_steps(
            windows, steps, [row for row in {*stepped, *jumps} if row not in returned], cone, found
        )
        self._gaps(windows, days, found)
        self._regime(windows, stepped, found)
        for row in stepped:
            if found.alerts.get(row, {}).keys() <= {Alert.STUCK, Alert.GAP}:
                found.disbelieved[row] = steps[row] | found.disbelieved.get(row, False)
        return found

    def _returned(self, windows: Windows, steps: NDArray[np.bool_], stepped: list[int]) -> set[int]:
        """Rows whose newest rate is back where it was before the first step in sight: an old spike."""
        before = {row: windows.rates[row, int(np.argmax(steps[row]))] for row in stepped}
        near = self._limits.level_step / 2
        logs = {row: math.log(windows.rates[row, -1]) - math.log(rate) for row, rate in before.items()}
        return {row for row, offset in logs.items() if abs(offset) < near}

    def _jumps(
        self,
        windows: Windows,
        steps: NDArray[np.bool_],
        stepped: list[int],
        returned: set[int],
        found: Quality,
    ) -> list[int]:
        """Rows that jumped, by the volatility before the newest rate; an old spike must not have raised that."""
        sigma = windows.without({row: steps[row] for row in stepped}).sigma_before
        jumped = np.flatnonzero(np.abs(windows.returns[:, -1]) > self._limits.jump_sigmas * sigma).tolist()
        rows = [row for row in jumped if not (row in returned and steps[row, -1])]
        for row in rows:
            percent = 100 * math.expm1(min(windows.returns[row, -1], 700.0))
            sigmas = abs(windows.returns[row, -1]) / sigma[row]
            found.add(row, Alert.JUMP, f"jump: {percent:+.3g} % in one step, {sigmas:.3g} sigma")
        return rows

    def _cone(self, windows: Windows, days: Days) -> NDArray[np.float64]:
        """How far each newest rate is from the training's last, in sigma for its age; NaN where that is unknown."""
        age = (days.newest - self._last_days[windows.pairs]) * TRADING_DAYS
        reach = windows.stored * np.sqrt(np.where(age > 0, age, np.nan) + CONE_DAYS)
        distance = np.abs(np.log(windows.rates[:, -1]) - self._last_logs[windows.pairs])
        result: NDArray[np.float64] = distance / reach
        return result

    def _stuck(self, windows: Windows, found: Quality) -> None:
        still = (windows.returns[:, 1 - self._least_run :] == 0).all(axis=1)
        for row in np.flatnonzero(still).tolist():
            moves = np.flatnonzero(windows.returns[row] != 0)  # NaN, before a short history, counts as a move
            run = windows.returns.shape[1] - (int(moves[-1]) + 1 if len(moves) else 0) + 1
            earlier = longest_run(windows.rates[row, : 1 - run])
            # A peg that held still as long before, within sight, is no news.
            if run >= max(self._equal_rates[windows.pairs[row]], earlier + 2 if earlier > 1 else 0):
                found.add(row, Alert.STUCK, f"stuck: {run} equal rates in a row")
                found.disbelieved[row] = np.arange(windows.returns.shape[1]) > windows.returns.shape[1] - run

    def _name_steps(
        self,
        windows: Windows,
        steps: NDArray[np.bool_],
        rows: list[int],
        cone: NDArray[np.float64],
        found: Quality,
    ) -> None:
        """Name what moved the level, for as long as the step is in sight."""
        last = windows.returns.shape[1] - 1
        for row in rows:
            first = int(np.argmax(steps[row])) if steps[row].any() else last
            before = windows.rates[row, first]
            if first == last or not self._is_way_back(windows, row, before, cone):
                tolerance = self._limits.jump_sigmas * windows.stored[row] * math.sqrt(last + 1 - first)
                self._name_step(row, before, windows.rates[row, -1], tolerance, found)

    @staticmethod
    def _name_step(row: int, before: float, newest: float, tolerance: float, found: Quality) -> None:
        """Say what turned one rate into the other, within a tolerance of the log; mostly nothing in particular."""
        offset = math.log(newest) - math.log(before)
        power = round(offset / _LN10)
        slip = abs(offset - power * _LN10) if power else math.inf
        # A pair near 1 is its own inverse: then nothing was inverted.
        inverse = abs(math.log(newest) + math.log(before)) if abs(offset) > 2 * tolerance else math.inf
        if min(slip, inverse) > tolerance:
            return
        if slip <= inverse:
            times = f"{10**power:,}" if power > 0 else f"1/{10**-power:,}"
            found.add(row, Alert.DECIMAL_SLIP, f"decimal slip: {times} times the previous rate")
        else:
            text = f"inverted quote: {newest:.6g} is about 1 / {before:.6g}, the previous rate"
            found.add(row, Alert.INVERTED_QUOTE, text)

    def _is_way_back(self, windows: Windows, row: int, before: float, cone: NDArray[np.float64]) -> bool:
        """Whether the level before the step was the wrong one: outside the cone, and the newest rate inside."""
        if np.isnan(cone[row]):
            return False
        pair = windows.pairs[row]
        logs = math.log(windows.rates[row, -1]), math.log(before)
        now, then = (abs(log - self._last_logs[pair]) for log in logs)
        reach = self._cone_sigmas[pair] * now / cone[row] if cone[row] > 0 else 0.0
        return bool(cone[row] <= self._cone_sigmas[pair] and then > max(reach, 2 * now))

    def _gaps(self, windows: Windows, days: Days, found: Quality) -> None:
        long = days.gap > self._gap_days[windows.pairs]
        sparse = days.span > self._span_days[windows.pairs]
        for row in np.flatnonzero(long | sparse).tolist():
            text = f"gap: {days.gap[row]:.0f} days between the last two rates"
            if not long[row]:
                text = f"gap: the last {SPAN_STEPS} steps took {days.span[row]:.0f} days, rates are missing"
            found.add(row, Alert.GAP, text)

    def _regime(self, windows: Windows, stepped: list[int], found: Quality) -> None:
        ratio = trimmed_rms(windows.returns[:, -REGIME_RETURNS:]) / windows.stored  # NaN: too short to say
        # A step of the level is a fault of the feed and says nothing about the market.
        wild = ratio > self._limits.regime_ratio
        wild[stepped] = False
        for row in np.flatnonzero(wild).tolist():
            text = (
                f"volatility regime: the last {REGIME_RETURNS} returns are {ratio[row]:.3g} times training's"
            )
            found.add(row, Alert.VOLATILITY_REGIME, text)


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
