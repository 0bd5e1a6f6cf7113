"""The references of windowed drift: quantile bins of training, and thresholds from training's own windows.

Textbook thresholds (0.2 for PSI, a p-value for KS) assume independent values. Returns are not: volatility comes
in clusters, so two years of clean messages are far from twenty years of training. What is far is therefore
asked of training itself, by a moving-block bootstrap (Kuensch, Annals of Statistics 17, 1989): windows joined
from stretches of it, long enough to keep their clusters.

Measured over the default pairs, trained to 2011, 2014 and 2017 and held against the three years after (windows
of 500; share of clean windows above the threshold, and of windows with three times the volatility):

=====================  =============  =============
block, .995 of a pair  KS             PSI
=====================  =============  =============
63                     23 %, 96 %     32 %, 98 %
125                    15 %, 94 %     18 %, 93 %
250                    9 %, 84 %      9 %, 82 %
250 and the floor      4 %, 80 %      5 %, 79 %
=====================  =============  =============

One contiguous block of 500 does worse again (clean: KS 15 %, PSI 17 %, even at the maximum): training holds too
few of them.
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
# The scores know no scale, so pairs compare. A pair's own years may lack the turmoil that others had: where it
# is among the calmer three quarters, it is held to the threshold at their upper end.
FLOOR_QUANTILE = 0.75
# Eight years of days. Trained on the four or the eight before 2021, KS flags 18 % or 7 % of the clean windows after.
MIN_VALUES = 2000
DIGITS = 4  # significant; counts are taken after rounding, so nothing is lost but bytes

_Scores = dict[tuple["DriftTest", int], float]


def feature_references(
    histories: Sequence[PairHistory], seed: int, not_pooled: Collection[int] = ()
) -> dict[str, dict[str, FeatureReference]]:
    """Pair -> feature -> bins and thresholds; a pair of fewer than ``MIN_VALUES`` values has none.

    The same histories and seed give the same references. Pairs at the positions ``not_pooled`` raise no other pair's
    threshold.
    """
    found: dict[str, dict[str, tuple[NDArray[np.float64], NDArray[np.int64], _Scores]]] = {}
    for history in histories:
        values = shortest_features(history)
        if len(values) < MIN_VALUES:
            continue
        found[history.pair] = {
            name: _measure(values[:, FEATURE_NAMES.index(name)], seed) for name in DRIFT_FEATURES
        }
    unlike = {histories[position].pair for position in not_pooled}
    common = [of_pair for pair, of_pair in found.items() if pair not in unlike] or list(found.values())
    floors = {name: _floors([of_pair[name][2] for of_pair in common]) for name in DRIFT_FEATURES}
    return {
        pair: {
            name: FeatureReference(
                edges=tuple(edges.tolist()),
                counts=tuple(counts.tolist()),
                thresholds={
                    test: {n: _rounded(max(own[test, n], floors[name][test, n])) for n in WINDOW_LENGTHS}
                    for test in DRIFT_TESTS
                },
            )
            for name, (edges, counts, own) in of_pair.items()
        }
        for pair, of_pair in found.items()
    }


def _measure(
    values: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], _Scores]:
    """Edges, counts, and the scores that the pair's own resampled windows stay under."""
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
    """Bin counts of ``DRAWS`` windows, each joined from random blocks, ``(DRAWS, count)``.

    A block may span the hole between two stretches: a window's score does not look at order.
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
