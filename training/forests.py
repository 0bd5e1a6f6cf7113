"""Grows the forests: one for the return (centre) and one for the width of the ranges, or the estimators that replace them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.ensemble import RandomForestRegressor

    from training.bounded_regressor import BoundedRegressor
    from training.chosen_estimators import ChosenEstimator
    from training.dataset import Rows

# Larger errors count as this many scales: one shock (EUR/CHF on 2015-01-15 was 237 sigma) must not decide a leaf.
MOST_SCALES = (4.0, 5.0)  # columns `ratecast.model.ranges.LEVELS`


@dataclass(frozen=True)
class ForestSettings:
    """Settings of both forests, or of what replaces them; they are part of the version of a model."""

    seed: int = 0
    trees: int = 100
    max_depth: int = 6
    max_leaf: int = 2000
    # Each tree uses a quarter of the rows. This takes a quarter of the time and changed the MAE ratios of two splits by
    # less than 0.0001.
    sample_share: float = 0.25
    range_trees: int = 40
    range_depth: int = 10
    range_features: float = 0.4
    range_estimator: ChosenEstimator | None = None
    centre_estimator: ChosenEstimator | None = None

    def recipe(self) -> tuple[object, ...]:
        """Returns what the version of a model depends on."""
        return tuple(
            value for value in (getattr(self, field.name) for field in fields(self)) if value is not None
        )

    def chosen(self) -> dict[str, str | None]:
        """Returns the names of the estimators that replace a forest, as `TrainingStats` has them."""
        estimators = {"range_estimator": self.range_estimator, "centre_estimator": self.centre_estimator}
        return {purpose: None if chosen is None else chosen.name for purpose, chosen in estimators.items()}


def min_samples_leaf(rows: int, max_leaf: int) -> int:
    """2 % of the rows, at least 20 and at most ``max_leaf``: little data must not grow noisy leaves.

    >>> min_samples_leaf(130_000, 2000), min_samples_leaf(5_000, 2000), min_samples_leaf(300, 2000)
    (2000, 100, 20)
    """
    return max(20, min(max_leaf, rows // 50))


def range_samples_leaf(rows: int) -> int:
    """A 500th of the rows, at least 100: with leaves of 2 % most of the gain is gone, with small ones it turns to loss.

    >>> range_samples_leaf(130_000), range_samples_leaf(1_000)
    (260, 100)
    """
    return max(100, rows // 500)


def capped(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns |error| / scale with no error above ``MOST_SCALES``, ``(n, 2)``: what the widths are fitted to."""
    return np.minimum(errors, MOST_SCALES)


def grow_centre(
    rows: Rows, settings: ForestSettings, jobs: int = 2
) -> RandomForestRegressor | BoundedRegressor:
    """Returns a forest from a row's inputs to its standardised return; it predicts with one thread.

    With several threads scikit-learn adds up the trees in any order, so the last digit of a prediction would change
    from run to run; and ``n_jobs``, which is saved with the model, makes a single row five times slower.
    """
    if settings.centre_estimator is not None:
        return settings.centre_estimator.fit(rows.inputs, rows.target / rows.sigma, settings.seed)
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        n_estimators=settings.trees,
        max_depth=settings.max_depth,
        min_samples_leaf=min_samples_leaf(len(rows), settings.max_leaf),
        max_samples=settings.sample_share,
        n_jobs=jobs,
        random_state=settings.seed,
    ).fit(rows.inputs, rows.target / rows.sigma)
    forest.set_params(n_jobs=1)
    return forest


def grow_range(
    inputs: NDArray[np.float32], errors: NDArray[np.float64], settings: ForestSettings, jobs: int = 2
) -> RandomForestRegressor | BoundedRegressor:
    """Returns a forest from a row's range inputs to the expected |error| / scale of each level.

    Args:
        inputs: `ratecast.model.range_inputs`, ``(n, 11)``.
        errors: |error| / scale, ``(n, 2)``, columns ``LEVELS``.
        settings: seed and size.
        jobs: threads for growing; the forest predicts with one.
    """
    if settings.range_estimator is not None:
        return settings.range_estimator.fit(inputs, capped(errors), settings.seed)
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        n_estimators=settings.range_trees,
        max_depth=settings.range_depth,
        min_samples_leaf=range_samples_leaf(len(inputs)),
        max_features=settings.range_features,
        max_samples=settings.sample_share,
        n_jobs=jobs,
        random_state=settings.seed,
    ).fit(inputs, capped(errors))
    forest.set_params(n_jobs=1)
    return forest
