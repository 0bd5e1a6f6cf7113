"""Fits the references of drift scores: quantile bins of training, and thresholds from resampled windows of training.

Textbook thresholds (0.2 for PSI, a p-value for KS) assume independent values. Returns are not independent: volatility
comes in clusters, so two years of clean messages differ a lot from twenty years of training. So the thresholds come
from training itself, by a moving-block bootstrap (Kuensch, Annals of Statistics 17, 1989): windows are joined from
stretches of training that are long enough to keep the clusters.

Measured over the default pairs, trained to 2011, 2014 and 2017 and compared with the three years after. Windows have
500 returns. The first figure is the share of clean windows above the threshold, the second one the share with three
times the volatility:

=====================  =============  =============
block, .995 of a pair  KS             PSI
=====================  =============  =============
63                     23 %, 96 %     32 %, 98 %
125                    15 %, 94 %     18 %, 93 %
250                    9 %, 84 %      9 %, 82 %
250 and the floor      4 %, 80 %      5 %, 79 %
=====================  =============  =============

A single block of 500 is worse again (clean: KS 15 %, PSI 17 %, even at the maximum), because training has too few
of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitoring.windows.feature_drift import drift_scores
from ratecast.model.features import FEATURE_NAMES
from ratecast.model.references import DRIFT_FEATURES, DRIFT_TESTS, WINDOW_MESSAGES, FeatureReference
from training.dataset import shortest_features

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from ratecast.model.references import DriftTest
    from training.dataset import PairHistory

BINS = 40
WINDOW_LENGTHS = (250, 300, 400, WINDOW_MESSAGES)
BLOCK = 250  # returns, a year of days
DRAWS = 2000
QUANTILE = 0.995
# Scores have no unit, so thresholds of pairs can be compared. The years of a pair may lack the turmoil that others
# had, so a threshold is at least this quantile of the thresholds of all pairs.
FLOOR_QUANTILE = 0.75
# Eight years of days. Trained on the four or the eight years before 2021, KS flags 18 % or 7 % of later clean windows.
MIN_VALUES = 2000
DIGITS = 4  # significant digits; values are counted after rounding, so the counts are exact

_Scores = dict[tuple["DriftTest", int], float]


def feature_references(
    histories: Sequence[PairHistory], seed: int, not_pooled: Collection[int] = ()
) -> dict[str, dict[str, FeatureReference]]:
    """Returns pair -> feature -> bins and thresholds; a pair with fewer than ``MIN_VALUES`` values has none.

    The same histories and seed give the same references. Pairs at the positions ``not_pooled`` do not affect the
    thresholds of other pairs.
    """
    found: dict[str, dict[str, tuple[NDArray[np.float64], NDArray[np.int64], _Scores]]] = {}
    for history in histories:
        values = shortest_features(history)
        if len(values) < MIN_VALUES:
            continue
        found[history.pair] = {
            name: _measure(values[:, FEATURE_NAMES.index(name)], seed) for name in DRIFT_FEATURES
        }
    excluded = {histories[position].pair for position in not_pooled}
    common = [of_pair for pair, of_pair in found.items() if pair not in excluded] or list(found.values())
    floors = {name: _floors([of_pair[name][2] for of_pair in common]) for name in DRIFT_FEATURES}
    return {
        pair: {
            name: FeatureReference(
                edges=tuple(edges.tolist()),
                counts=tuple(counts.tolist()),
                thresholds={
                    test: {n: _rounded(max(scores[test, n], floors[name][test, n])) for n in WINDOW_LENGTHS}
                    for test in DRIFT_TESTS
                },
            )
            for name, (edges, counts, scores) in of_pair.items()
        }
        for pair, of_pair in found.items()
    }


def _measure(
    values: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], _Scores]:
    """Returns edges, counts, and the scores that nearly all resampled windows of the pair stay below."""
    quantiles = np.quantile(values, np.arange(1, BINS) / BINS, method="inverted_cdf")
    edges = np.unique([_rounded(value) for value in quantiles.tolist()])
    bins = np.searchsorted(edges, values)
    counts = np.bincount(bins, minlength=len(edges) + 1)
    generator = np.random.default_rng(seed)
    scores: _Scores = {}
    for length in WINDOW_LENGTHS:
        windows = _resampled(bins, len(counts), length, generator)
        for test, drawn in drift_scores(windows, counts).items():
            scores[test, length] = float(np.quantile(drawn, QUANTILE))
    return edges, counts, scores


def _resampled(
    bins: NDArray[np.intp], count: int, length: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Returns the bin counts of ``DRAWS`` windows, each joined from random blocks, ``(DRAWS, count)``.

    A block may contain the hole between two stretches, because the score of a window does not depend on the order.
    """
    seen = np.zeros((len(bins) + 1, count), dtype=np.int64)
    seen[np.arange(1, len(bins) + 1), bins] = 1
    np.cumsum(seen, axis=0, out=seen)
    windows = np.zeros((DRAWS, count), dtype=np.int64)
    for done in range(0, length, BLOCK):
        block = min(BLOCK, length - done)
        starts = generator.integers(0, len(bins) - block + 1, DRAWS)
        windows += seen[starts + block] - seen[starts]
    return windows


def _floors(pairs: Sequence[_Scores]) -> _Scores:
    keys = [(test, length) for test in DRIFT_TESTS for length in WINDOW_LENGTHS]
    if not pairs:
        return {}
    return {key: float(np.quantile([scores[key] for scores in pairs], FLOOR_QUANTILE)) for key in keys}


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
