"""Runs every detector of feed faults on clean feeds and on feeds with planted faults, for `benchmarks.detection`.

The model is trained to the end of 2020. From 2021 on each fault begins on some days in the feed of each pair. The 60
messages from the first faulty one on are checked. Rates are the ECB's; only the faults are invented.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from producer.plan.faults import Fault, FaultKind
from producer.plan.faulty_feed import inject_all
from ratecast.contract.alerts import MARKET_ALERTS, Alert
from ratecast.model.features import FEATURE_NAMES, WINDOW
from ratecast.model.forecast import Forecaster
from ratecast.rates import tables as rates
from ratecast.rates.tables import Series
from ratecast.scoring.quality import SPAN_STEPS, Days, QualityChecker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ratecast.model.bundle import Bundle
    from ratecast.model.rate_windows import Windows
    from ratecast.scoring.quality import Quality

TRAINED_UNTIL = dt.date(2020, 12, 31)
MESSAGES = 60
ANY = "any feed alert"
RULE, LEVEL_RULE = "classic rule, returns", "classic rule, all features"
DETECTORS = (RULE, LEVEL_RULE, *(alert.value for alert in Alert), ANY)
RETURNS = [name.startswith("return") for name in FEATURE_NAMES]


@dataclass(frozen=True)
class Case:
    """A planted fault and its title in the tables."""

    title: str
    kind: FaultKind
    count: int | None = None


CASES = (
    Case("x10", FaultKind.LEVEL_JUMP),
    Case("x100 once", FaultKind.DECIMAL_SLIP),
    Case("x100 for good", FaultKind.DECIMAL_SLIP_FOR_GOOD),
    Case("inverted", FaultKind.INVERTED),
    Case("wrong pair", FaultKind.WRONG_PAIR),
    Case("+5 % step", FaultKind.STEP),
    Case("volatility x5", FaultKind.VOLATILITY),
    Case("stuck", FaultKind.STUCK),
    Case("gap of 10 days", FaultKind.GAP),
    Case("every second rate missing", FaultKind.MISSING),
)


class Detectors:
    """All detectors, with the limits of one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self.forecaster = Forecaster.from_bundle(bundle)
        self.checker = QualityChecker.from_stats(bundle.stats)
        self.stats = bundle.stats

    def prepared(self, series: Series, first: int, stop: int) -> tuple[Windows, Quality]:
        """Returns the messages whose newest rates are ``first`` to ``stop``, as a worker prepares them, and their alerts."""
        histories = sliding_window_view(series.rates, WINDOW)[first - WINDOW + 1 : stop - WINDOW + 1]
        pair = np.full(len(histories), self.forecaster.pair_index[series.pair], dtype=np.intp)
        numbers = series.dates.astype(np.int64).astype(np.float64)
        at = np.arange(first, stop)
        longest = sliding_window_view(np.diff(numbers), SPAN_STEPS)[at - SPAN_STEPS].max(axis=1)
        days = Days(
            numbers[at], numbers[at] - numbers[at - 1], numbers[at] - numbers[at - SPAN_STEPS], longest
        )
        windows = self.forecaster.windows(histories.tolist(), pair)
        quality = self.checker.check(windows, days)
        return windows.without(quality.ignored_returns), quality

    def fired(self, series: Series, first: int, count: int) -> dict[str, NDArray[np.bool_]]:
        """Returns detector -> whether it marks the messages whose newest rates are ``first`` to ``first + count``."""
        windows, quality = self.prepared(series, first, min(first + count, len(series.rates)))
        drifted = self.forecaster.forecast(windows).drifted
        found = {name: np.zeros(len(windows), dtype=np.bool_) for name in DETECTORS}
        found[RULE], found[LEVEL_RULE] = drifted[:, RETURNS].any(axis=1), drifted.any(axis=1)
        for row, codes in quality.alerts.items():
            for code in codes:
                found[code.value][row] = True
                found[ANY][row] |= code not in MARKET_ALERTS
        return found


def clean_series(table: rates.RateTable, pairs: tuple[str, ...]) -> dict[str, Series]:
    """Returns the newest stretch of each pair."""
    return {pair: rates.series(table, pair)[-1] for pair in pairs}


def start_days(series: dict[str, Series], count: int) -> list[np.datetime64]:
    """Returns days spread evenly over the years after training, with at least MESSAGES rates of each pair after them."""
    days = next(iter(series.values())).dates
    first = after_training(next(iter(series.values())))
    return [days[i] for i in np.linspace(first + 5, len(days) - MESSAGES - 40, count).astype(int)]


def after_training(series: Series) -> int:
    """Returns the index of the first rate after training."""
    return int(np.searchsorted(series.dates, np.datetime64(TRAINED_UNTIL), "right"))


def injected(
    series: dict[str, Series], case: Case, day: np.datetime64, table: rates.RateTable
) -> Iterator[tuple[Series, int]]:
    """Yields the series of each pair with the fault, and the index of the first faulty rate."""
    near = {}
    for pair, whole in series.items():
        at = int(np.searchsorted(whole.dates, day))
        cut = slice(max(0, at - 2 * WINDOW), at + 4 * MESSAGES)
        near[pair] = [Series(pair, whole.dates[cut], whole.rates[cut])]
    feed, _ = inject_all(table, near, [Fault(case.kind, None, day.astype(dt.date), case.count)])
    for (faulty,) in feed.values():
        yield faulty, int(np.searchsorted(faulty.dates, day))


@dataclass(frozen=True)
class Delays:
    """Delay of each detector for one fault in each feed; inf if it marks none of MESSAGES messages."""

    pairs: tuple[str, ...]  # pair of each feed
    by_detector: dict[str, NDArray[np.float64]]  # detector -> (n,), 0 is the first faulty message

    def found(self, detector: str, within: int = MESSAGES, leave_out: frozenset[str] = frozenset()) -> float:
        """Returns the share of feeds in which the detector finds the fault within ``within`` messages."""
        counted = np.array([pair not in leave_out for pair in self.pairs])
        return float((self.by_detector[detector][counted] < within).mean())


def delays(
    detectors: Detectors, table: rates.RateTable, series: dict[str, Series], case: Case, starts: int
) -> Delays:
    """Plants one fault on ``starts`` days in every pair, and returns when each detector finds it."""
    pairs: list[str] = []
    found: dict[str, list[float]] = {name: [] for name in DETECTORS}
    for day in start_days(series, starts):
        for faulty, first in injected(series, case, day, table):
            pairs.append(faulty.pair)
            fired = detectors.fired(faulty, first, 1 if case.title == "x100 once" else MESSAGES)
            for name, marks in fired.items():
                found[name].append(float(np.argmax(marks)) if marks.any() else np.inf)
    return Delays(tuple(pairs), {name: np.array(values) for name, values in found.items()})


def clean_marks(detectors: Detectors, series: dict[str, Series]) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Returns detector -> pair -> which of the clean messages after training it marks."""
    marks: dict[str, dict[str, NDArray[np.bool_]]] = {name: {} for name in DETECTORS}
    for pair, whole in series.items():
        first = after_training(whole)
        for name, fired in detectors.fired(whole, first, len(whole.rates)).items():
            marks[name][pair] = fired
    return marks
