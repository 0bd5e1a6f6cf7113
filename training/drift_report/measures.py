"""What can be measured of a pair's predictions: drift by the classic rule and in windows, and accuracy.

A message with an alert that casts doubt on its rate says nothing about model or market, nor do the next two, whose
features hold that rate; and a forecast whose 61 rates hold a faulty one has a range for another market. Both are left
out here, and so are weekends that only repeat Friday's rate. (The live ``feature_drift_score`` leaves out every message with an alert of the feed, a gap's too, and counts
the two after it.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitoring.windows import accuracy
from monitoring.windows.feature_drift import drift_scores
from ratecast.contract.alerts import MARKET_ALERTS, Alert
from ratecast.model import classic_drift
from ratecast.model.accuracy_measures import coverage, error_ratio
from ratecast.model.features import FEATURE_NAMES, WINDOW
from ratecast.model.references import DRIFT_FEATURES, DRIFT_TESTS, MIN_MESSAGES, WINDOW_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ratecast.model.references import DriftTest, FeatureReference
    from ratecast.model.training_stats import PairStats
    from training.drift_report.tape import PairMessages

MIN_ANSWERS, ANSWERS = accuracy.MIN_MESSAGES, accuracy.WINDOW_MESSAGES
CHECKPOINTS = 120  # windows scored over time: a picture shows no more
NOW_MESSAGES = 60  # what "now" means of a level: three months of days
# The other is shown: PSI is over its threshold in 7 % of clean windows (docs/drift.md).
JUDGED_BY: DriftTest = "ks"
RATES_ARE_RIGHT = MARKET_ALERTS | {Alert.GAP}  # alerts that cast no doubt on the rates themselves


@dataclass(frozen=True)
class ScorePath:
    """Windowed scores of one feature by one test, oldest first; empty where there were too few messages."""

    feature: str
    test: DriftTest
    rows: NDArray[np.intp]  # (c,), newest message of each window
    scores: NDArray[np.float64]  # (c,)
    thresholds: NDArray[np.float64]  # (c,)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def over(self) -> bool:
        """Whether the newest window is over its threshold."""
        return bool(len(self) and self.scores[-1] > self.thresholds[-1])

    @property
    def tells(self) -> bool:
        """Whether returns have changed: over, by the test that the alerts go by as well."""
        return self.over and self.test == JUDGED_BY


@dataclass(frozen=True)
class Answers:
    """Forecasts whose answer came with the next message, and how they did; ``(m,)`` each unless told."""

    rows: NDArray[np.intp]  # of the message with the answer
    error: NDArray[np.float64]  # |ln answer - ln forecast|
    naive: NDArray[np.float64]  # |ln answer - ln last rate|
    inside: NDArray[np.bool_]  # (m, 2), columns LEVELS
    left_out: int  # answered forecasts that a fault of the feed spoilt, or whose answer is a closed market's

    def __len__(self) -> int:
        return len(self.rows)

    def newest(self, count: int = ANSWERS) -> Answers:
        """The last of them."""
        tail = slice(max(0, len(self) - count), None)
        return Answers(self.rows[tail], self.error[tail], self.naive[tail], self.inside[tail], self.left_out)

    @property
    def error_ratio(self) -> float | None:
        """Mean absolute error over the last rate's; None where no rate moved."""
        return error_ratio(float(self.error.sum()), float(self.naive.sum()))

    @property
    def coverage(self) -> tuple[float, ...] | None:
        """Share of answers inside the range of each level; None without any."""
        return coverage(self.inside) if len(self) else None


def drifted(features: NDArray[np.float64], stats: PairStats, std_threshold: float) -> NDArray[np.bool_]:
    """The classic rule against this model, ``(n, 5)``.

    The published ``drift`` says the same of the model that made the prediction, which may be another.
    """
    return classic_drift.drift(features, classic_drift.feature_ranges([stats]), std_threshold)[1]


def untainted(messages: PairMessages) -> NDArray[np.bool_]:
    """Messages of open days whose five features hold no rate that an alert casts doubt on, ``(n,)``."""
    return ~_after(messages.marked(besides=RATES_ARE_RIGHT), 2) & ~messages.copied()


def score_paths(
    messages: PairMessages, kept: NDArray[np.bool_], references: Mapping[str, FeatureReference]
) -> list[ScorePath]:
    """Windowed scores against training over time, every feature and test that has a reference.

    Args:
        messages: of one pair.
        kept: which of them count, ``(n,)``.
        references: feature -> its training distribution.
    """
    rows = np.flatnonzero(kept)
    paths = []
    for feature in DRIFT_FEATURES:
        reference = references.get(feature)
        if reference is None:
            continue
        counts, ends = window_counts(messages.features[rows, FEATURE_NAMES.index(feature)], reference)
        found = drift_scores(counts, np.array(reference.counts)) if len(ends) else {}
        for test in DRIFT_TESTS:
            limits = [reference.threshold(test, int(n)) for n in counts.sum(axis=1)]
            told = np.array([limit is not None for limit in limits], dtype=np.bool_)
            scores = found.get(test, np.zeros(0))
            thresholds = np.array([limit for limit in limits if limit is not None])
            paths.append(ScorePath(feature, test, rows[ends[told] - 1], scores[told], thresholds))
    return paths


def window_counts(
    values: NDArray[np.float64], reference: FeatureReference
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Values of each window in the reference's bins, ``(c, bins)``, and each window's end, ``(c,)``.

    At most `CHECKPOINTS` windows, the last of which ends with the last value.
    """
    bins = np.searchsorted(np.array(reference.edges), values, side="left")
    first = min(MIN_MESSAGES, len(values) + 1)
    ends = np.zeros(0, dtype=np.intp)
    if first <= len(values):
        ends = np.unique(np.linspace(first, len(values), CHECKPOINTS).astype(np.intp))
    counts = [
        np.bincount(bins[max(0, end - WINDOW_MESSAGES) : end], minlength=len(reference.counts))
        for end in ends
    ]
    shape = (len(counts), len(reference.counts))
    return np.array(counts, dtype=np.int64).reshape(shape), ends


def answers(messages: PairMessages) -> Answers:
    """Forecasts whose answer is known: the next message continues the same history by one rate."""
    rates, before = messages.rates, messages.features[:, 1]
    follows = np.append(False, before[1:] == rates[:-1])
    doubtful = messages.marked(besides=RATES_ARE_RIGHT)
    spoilt = messages.marked() | messages.copied() | _after(doubtful, WINDOW)
    rows = np.flatnonzero(follows & ~spoilt)
    asked = rows - 1
    actual = np.log(rates[rows])
    return Answers(
        rows=rows,
        error=np.abs(actual - np.log(messages.prediction[asked])),
        naive=np.abs(actual - np.log(rates[asked])),
        inside=(messages.lower[asked] <= rates[rows, None]) & (rates[rows, None] <= messages.upper[asked]),
        left_out=int((follows & spoilt).sum()),
    )


@dataclass(frozen=True)
class RollingAccuracy:
    """Accuracy over the last `ANSWERS` answers, from `MIN_ANSWERS` on."""

    rows: NDArray[np.intp]  # (k,), newest message of each window
    error_ratio: NDArray[np.float64]  # (k,), NaN where no rate moved
    coverage: NDArray[np.float64]  # (k, 2), columns LEVELS


def rolling(found: Answers) -> RollingAccuracy:
    """Accuracy over time, as a worker's metrics would have shown it."""
    ends = np.arange(MIN_ANSWERS, len(found) + 1)
    starts: NDArray[np.intp] = np.maximum(0, ends - ANSWERS)
    columns = np.column_stack((found.error, found.naive, found.inside)).astype(np.float64)
    sums: NDArray[np.float64] = np.vstack((np.zeros(columns.shape[1]), np.cumsum(columns, axis=0)))
    window = sums[ends] - sums[starts]
    ratio = np.divide(window[:, 0], window[:, 1], out=np.full(len(ends), np.nan), where=window[:, 1] > 0)
    return RollingAccuracy(found.rows[ends - 1], ratio, window[:, 2:] / (ends - starts)[:, None])


def _after(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """The mask, and so many rows after each of its own.

    >>> _after(np.array([False, True, False, False]), 1).tolist()
    [False, True, True, False]
    """
    seen: NDArray[np.intp] = np.concatenate((np.zeros(steps + 1, dtype=np.intp), np.cumsum(mask)))
    result: NDArray[np.bool_] = seen[steps + 1 :] > seen[: -steps - 1]
    return result
