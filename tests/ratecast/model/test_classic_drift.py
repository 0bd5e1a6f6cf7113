from __future__ import annotations

import numpy as np
import pytest

from ratecast.model.classic_drift import drift, feature_ranges, level_bounds
from tests.bundles import training_stats


@pytest.mark.parametrize("std_threshold", [1.5, 2.9, 3.0, 100.0])
def test_the_bounds_of_a_level_are_where_the_rule_begins_to_find_drift(std_threshold: float) -> None:
    pair = training_stats().pairs["EUR/GBP"]
    low, high = level_bounds(pair, std_threshold)
    rates = np.array([low * (1 + 1e-9), high * (1 - 1e-9), low * (1 - 1e-9), high * (1 + 1e-9)])
    features = np.column_stack((rates, rates, rates, np.zeros(4), np.zeros(4)))
    drifted = drift(features, feature_ranges([pair]), std_threshold)[1]
    assert drifted[:, 0].tolist() == [False, False, True, True]


def test_a_feature_that_never_moved_in_training_drifts_at_any_other_value() -> None:
    pair = training_stats().pairs["EUR/GBP"]
    still = {
        name: one.model_copy(update={"min": 1.0, "max": 1.0, "mean": 1.0, "std": 0.0})
        for name, one in pair.features.items()
    }
    ranges = feature_ranges([pair.model_copy(update={"features": still})])
    scores, drifted = drift(np.array([[1.0, 1.0, 1.0, 1.0, 1.5]]), ranges, 3.0)
    assert drifted.tolist() == [[False, False, False, False, True]]
    assert scores.tolist() == [[0.0] * 5]
