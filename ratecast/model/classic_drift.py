"""The classic drift rule: a feature outside its training min/max, or too many standard deviations from its mean."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import FEATURE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ratecast.model.training_stats import PairStats

MAX_SCORE = 1e9  # larger drift scores are cut to this, and JSON has no infinity


@dataclass(frozen=True)
class FeatureRanges:
    """Statistics of the features in training, one row a pair, columns ``FEATURE_NAMES``."""

    min: NDArray[np.float64]  # (p, 5)
    max: NDArray[np.float64]  # (p, 5)
    mean: NDArray[np.float64]  # (p, 5)
    std: NDArray[np.float64]  # (p, 5)

    def of(self, pair_rows: NDArray[np.intp]) -> FeatureRanges:
        """Return the rows of some pairs, ``(n, 5)`` each, in the order given."""
        return FeatureRanges(
            self.min[pair_rows], self.max[pair_rows], self.mean[pair_rows], self.std[pair_rows]
        )


def feature_ranges(pairs: Iterable[PairStats]) -> FeatureRanges:
    """Collect the training statistics of some pairs."""
    stats = [[pair.features[name] for name in FEATURE_NAMES] for pair in pairs]
    columns = (
        np.array([[getattr(s, field.name) for s in row] for row in stats]) for field in fields(FeatureRanges)
    )
    return FeatureRanges(*columns)


def drift(
    features: NDArray[np.float64], ranges: FeatureRanges, std_threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return each feature's drift score, ``(x - mean) / std``, and whether it drifted, both ``(n, 5)``.

    Args:
        features: one row a message, ``(n, 5)``.
        ranges: a row for each message, or one row for all.
        std_threshold: a feature drifts beyond this many standard deviations.
    """
    distance = features - ranges.mean
    # A feature that never moved in training has no scale: any value but the mean is outside min/max.
    with np.errstate(over="ignore"):
        scores = np.divide(distance, ranges.std, out=np.zeros(distance.shape), where=ranges.std > 0)
    scores = np.minimum(np.maximum(scores, -MAX_SCORE), MAX_SCORE)
    outside = (features < ranges.min) | (features > ranges.max)
    return scores, outside | (np.abs(scores) > std_threshold)


def level_bounds(stats: PairStats, std_threshold: float) -> tuple[float, float]:
    """Return the lowest and the highest rate of a pair that the rule accepts as ``lag_1``."""
    level = stats.features["lag_1"]
    reach = std_threshold * level.std if level.std > 0 else float("inf")
    return max(level.min, level.mean - reach), min(level.max, level.mean + reach)
