"""Importance-weighted drift of the range forest's inputs, on invented inputs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from monitoring.windows.model_drift import ModelDriftWindows, merged_model_scores
from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from tests.drifting_inputs import EDGES, IMPORTANCES, IMPORTANT, SHARES, UNIMPORTANT, inputs, reference

PAIRS = ["EUR/GBP", "EUR/USD", "EUR/JPY"]


def windows_of(*batches, **options):
    windows = ModelDriftWindows(PAIRS, reference(), **options)
    for row, values in batches:
        windows.add(np.full(len(values), row), values)
    return windows


def test_the_score_is_the_sum_of_importance_times_ks_of_each_input():
    values = inputs(300, seed=1, shifted="newest")
    (found,) = merged_model_scores([windows_of((0, values))])
    training = np.repeat(np.arange(len(SHARES)), SHARES)
    for column, name in enumerate(RANGE_INPUT_NAMES):
        exact = ks_2samp(np.searchsorted(EDGES, values[:, column]), training).statistic
        assert found.drifts[name] == pytest.approx(exact, abs=1e-12)
    assert found.score == pytest.approx(sum(IMPORTANCES[name] * found.drifts[name] for name in IMPORTANCES))
    assert (found.pair, found.n, found.threshold) == ("EUR/GBP", 300, 0.2)


def test_drift_of_an_important_input_exceeds_the_threshold_and_the_same_drift_of_another_does_not():
    scores = {
        name: merged_model_scores([windows_of((1, inputs(500, shifted=name)))])[0]
        for name in (IMPORTANT, UNIMPORTANT)
    }
    assert (
        scores[IMPORTANT].drifts[IMPORTANT] == scores[UNIMPORTANT].drifts[UNIMPORTANT] == pytest.approx(0.84)
    )
    assert scores[IMPORTANT].score > scores[IMPORTANT].threshold
    assert scores[UNIMPORTANT].score < scores[UNIMPORTANT].threshold


def test_a_window_has_the_last_messages_only():
    old, new = inputs(400, seed=2, shifted=IMPORTANT), inputs(500, seed=3)
    after = merged_model_scores([windows_of((0, old), (0, new))])
    assert after == merged_model_scores([windows_of((0, new))])


def test_there_is_no_score_of_few_messages_or_without_a_reference():
    assert merged_model_scores([]) == []
    assert merged_model_scores([windows_of((0, inputs(249)), (2, inputs(300)))]) == []


def test_partitions_form_one_window():
    values = inputs(400)
    together = merged_model_scores([windows_of((0, values))])
    assert merged_model_scores([windows_of((0, values[:150])), windows_of((0, values[150:]))]) == together
    assert together[0].threshold == 0.15


def test_windows_of_different_models_are_not_merged():
    other = ModelDriftWindows(PAIRS, reference(("EUR/GBP",)))
    with pytest.raises(ValueError, match="different models"):
        merged_model_scores([windows_of(), other])
