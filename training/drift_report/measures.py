"""Measures drift and accuracy of a pair's predictions: the classic rule, drift scores of windows, coverage and error.

A message whose alert suggests a wrong rate tells nothing about the model or the market. Neither do the next two
messages, because their features contain that rate, nor a forecast with a wrong rate among its 61 rates. All of these
are left out here, and so are weekends that only repeat Friday's rate. (The metric ``feature_drift_score`` differs: it
leaves out every message with a feed alert, also those with a gap, and counts the two messages after it.)
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
    from training.drift_report.prediction_table import PairMessages

MIN_ANSWERS, ANSWERS = accuracy.MIN_MESSAGES, accuracy.WINDOW_MESSAGES
CHECKPOINTS = 120  # windows scored over time: a figure shows no more
NOW_MESSAGES = 60  # newest messages that decide whether a rate has left training: three months of days
# PSI is only drawn: it is over its threshold in 7 % of clean windows (docs/drift.md).
DECISIVE_TEST: DriftTest = "ks"
RATES_ARE_RIGHT = MARKET_ALERTS | {Alert.GAP}  # alerts of messages whose rates are right


@dataclass(frozen=True)
class ScorePath:
    """Drift scores of one feature by one test over time, oldest first; empty if there are too few messages."""

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
    def shows_change(self) -> bool:
        """Whether the feature has changed by the test that decides; Prometheus alerts use the same test."""
        return self.over and self.test == DECISIVE_TEST


@dataclass(frozen=True)
class Answers:
    """Forecasts whose answer, the next rate, came with the next message; arrays are ``(m,)`` unless noted."""

    rows: NDArray[np.intp]  # row of the message with the answer
    error: NDArray[np.float64]  # |ln answer - ln forecast|
    naive: NDArray[np.float64]  # |ln answer - ln last rate|
    inside: NDArray[np.bool_]  # (m, 2), columns LEVELS
    left_out: int  # answered forecasts left out: a fault of the feed affects them, or the market was closed

    def __len__(self) -> int:
        return len(self.rows)

    def newest(self, count: int = ANSWERS) -> Answers:
        """Returns the newest ``count`` forecasts."""
        tail = slice(max(0, len(self) - count), None)
        return Answers(self.rows[tail], self.error[tail], self.naive[tail], self.inside[tail], self.left_out)

    @property
    def error_ratio(self) -> float | None:
        """Mean absolute error over that of the last rate; None if no rate moved."""
        return error_ratio(float(self.error.sum()), float(self.naive.sum()))

    @property
    def coverage(self) -> tuple[float, ...] | None:
        """Share of answers inside the range of each level; None if there are no answers."""
        return coverage(self.inside) if len(self) else None


def drifted(features: NDArray[np.float64], stats: PairStats, std_threshold: float) -> NDArray[np.bool_]:
    """Applies the classic rule of this model, ``(n, 5)``.

    The ``drift`` field of a prediction applies the rule of the model that made it, which may be another one.
    """
    return classic_drift.drift(features, classic_drift.feature_ranges([stats]), std_threshold)[1]


def trusted(messages: PairMessages) -> NDArray[np.bool_]:
    """Which messages are of open days and have only right rates in their five features, ``(n,)``."""
    return ~_after(messages.marked(besides=RATES_ARE_RIGHT), 2) & ~messages.weekend_copies()


def score_paths(
    messages: PairMessages, kept: NDArray[np.bool_], references: Mapping[str, FeatureReference]
) -> list[ScorePath]:
    """Returns drift scores against training over time, for every feature and test that has a reference.

    Args:
        messages: messages of one pair.
        kept: which messages count, ``(n,)``.
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
            scored = np.array([limit is not None for limit in limits], dtype=np.bool_)
            scores = found.get(test, np.zeros(0))
            thresholds = np.array([limit for limit in limits if limit is not None])
            paths.append(ScorePath(feature, test, rows[ends[scored] - 1], scores[scored], thresholds))
    return paths


def window_counts(
    values: NDArray[np.float64], reference: FeatureReference
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Counts the values of each window in the reference's bins, ``(c, bins)``; also returns where each ends, ``(c,)``.

    There are at most `CHECKPOINTS` windows. The last one ends with the last value.
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
    """Returns the forecasts with a known answer: the next message continues the same history by one rate."""
    rates, before = messages.rates, messages.features[:, 1]
    follows = np.append(False, before[1:] == rates[:-1])
    wrong = messages.marked(besides=RATES_ARE_RIGHT)
    excluded = messages.marked() | messages.weekend_copies() | _after(wrong, WINDOW)
    rows = np.flatnonzero(follows & ~excluded)
    asked = rows - 1
    actual = np.log(rates[rows])
    return Answers(
        rows=rows,
        error=np.abs(actual - np.log(messages.prediction[asked])),
        naive=np.abs(actual - np.log(rates[asked])),
        inside=(messages.lower[asked] <= rates[rows, None]) & (rates[rows, None] <= messages.upper[asked]),
        left_out=int((follows & excluded).sum()),
    )


@dataclass(frozen=True)
class RollingAccuracy:
    """Accuracy over at most the last `ANSWERS` answers, as soon as there are `MIN_ANSWERS`."""

    rows: NDArray[np.intp]  # (k,), newest message of each window
    error_ratio: NDArray[np.float64]  # (k,), NaN where no rate moved
    coverage: NDArray[np.float64]  # (k, 2), columns LEVELS


def rolling(found: Answers) -> RollingAccuracy:
    """Returns accuracy over time, as the metrics of a worker would have shown it."""
    ends = np.arange(MIN_ANSWERS, len(found) + 1)
    starts: NDArray[np.intp] = np.maximum(0, ends - ANSWERS)
    columns = np.column_stack((found.error, found.naive, found.inside)).astype(np.float64)
    sums: NDArray[np.float64] = np.vstack((np.zeros(columns.shape[1]), np.cumsum(columns, axis=0)))
    window = sums[ends] - sums[starts]
    ratio = np.divide(window[:, 0], window[:, 1], out=np.full(len(ends), np.nan), where=window[:, 1] > 0)
    return RollingAccuracy(found.rows[ends - 1], ratio, window[:, 2:] / (ends - starts)[:, None])


def _after(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Returns the mask with ``steps`` more rows after each of its rows.

    >>> _after(np.array([False, True, False, False]), 1).tolist()
    [False, True, True, False]
    """
    seen: NDArray[np.intp] = np.concatenate((np.zeros(steps + 1, dtype=np.intp), np.cumsum(mask)))
    result: NDArray[np.bool_] = seen[steps + 1 :] > seen[: -steps - 1]
    return result
