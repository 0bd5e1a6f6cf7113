"""Measures how often drift scores are above their threshold, with clean rates and with three times the volatility."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.detectors import after_training
from monitoring.windows.feature_drift import drift_scores
from ratecast.model.references import DRIFT_TESTS, WINDOW_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ratecast.model.bundle import Bundle
    from ratecast.model.references import FeatureReference
    from ratecast.rates.tables import Series


def window_counts(values: NDArray[np.float64], reference: FeatureReference, length: int) -> NDArray[np.int64]:
    """Counts the values of each full window in the reference's bins, ``(n - length + 1, bins)``."""
    one_hot = np.eye(len(reference.counts), dtype=np.int64)[np.searchsorted(reference.edges, values)]
    seen = np.concatenate((np.zeros((1, one_hot.shape[1]), dtype=np.int64), np.cumsum(one_hot, axis=0)))
    counts: NDArray[np.int64] = seen[length:] - seen[:-length]
    return counts


def windows_table(bundle: Bundle, series: Mapping[str, Series]) -> list[list[str]]:
    """Returns a row for each test: share of full windows above its threshold, clean and with three times the volatility."""
    shares: dict[tuple[str, int], dict[str, float]] = {(test, k): {} for test in DRIFT_TESTS for k in (1, 3)}
    delays: dict[str, list[float]] = {test: [] for test in DRIFT_TESTS}
    for pair, whole in series.items():
        reference = bundle.stats.feature_drift[pair]["return_1"]
        returns = np.diff(np.log(whole.rates))
        first = after_training(whole) - 1
        for factor in (1, 3):
            later = factor * returns[first:]
            counts = window_counts(later, reference, WINDOW_MESSAGES)
            # The first windows still contain clean returns of the days before.
            filling = np.concatenate((returns[first - WINDOW_MESSAGES : first], later))
            path = window_counts(filling, reference, WINDOW_MESSAGES)
            for test, scores in drift_scores(counts, np.array(reference.counts)).items():
                limit = reference.threshold(test, WINDOW_MESSAGES)
                shares[test, factor][pair] = float((scores > limit).mean())
                if factor == 3:
                    over = drift_scores(path, np.array(reference.counts))[test] > limit
                    delays[test].append(float(np.argmax(over)) if over.any() else np.inf)
    rows = []
    for test in DRIFT_TESTS[::-1]:
        clean, volatile = shares[test, 1], shares[test, 3]
        most = ", ".join(
            f"{p} {100 * s:.0f}" for p, s in sorted(clean.items(), key=lambda i: -i[1])[:3] if s > 0.005
        )
        means = [f"{100 * np.mean(list(of.values())):.1f}" for of in (clean, volatile)]
        rows.append([test.upper(), means[0], most, means[1], f"{np.median(delays[test]):.0f}"])
    return rows
