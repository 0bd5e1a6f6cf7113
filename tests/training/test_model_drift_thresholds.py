"""The learnt threshold of model drift, on invented inputs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from benchmarks.lasting_changes import model_scores
from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from tests.drifting_inputs import IMPORTANCES
from training.dataset import Rows
from training.model_drift_thresholds import FALSE_ALARMS, MIN_VALUES, model_drift_reference

PAIRS = ["EUR/GBP", "EUR/USD", "EUR/JPY", "EUR/CHF"]


def rows(counts, seed=0):
    """Inputs that follow an AR(1), as volatility does, so that windows differ more than independent values would."""
    rng = np.random.default_rng(seed)
    pair = np.repeat(np.arange(len(counts)), counts)
    noise = lfilter([1.0], [1.0, -0.8], rng.standard_normal((len(pair), len(RANGE_INPUT_NAMES))), axis=0)
    first = np.datetime64("2000-01-03")
    dates = np.concatenate([np.busday_offset(first, np.arange(n), roll="forward") for n in counts])
    ones = np.ones(len(pair))
    return Rows(
        pair, dates, ones, ones, ones, np.ones((len(pair), 2)), ones,
        np.zeros((len(pair), 3), dtype=np.float32), noise.astype(np.float32),
    )  # fmt: skip


def test_clean_windows_of_later_days_exceed_the_threshold_about_as_often_as_wanted():
    many = [f"EUR/{number}" for number in range(10)]
    everything = rows([6000] * len(many))
    day = np.unique(everything.date)[4000]
    known = everything.where(everything.date <= day)
    reference = model_drift_reference(many, known, IMPORTANCES, np.ones(len(many), dtype=bool))
    later = [everything.where((everything.pair == p) & (everything.date > day)) for p in range(len(many))]
    over = [
        model_scores(reference, pair, of_pair.range_inputs, 250) > reference.threshold(250)
        for pair, of_pair in zip(many, later, strict=True)
    ]
    assert FALSE_ALARMS / 5 < np.mean(over) < 2 * FALSE_ALARMS


def test_the_threshold_of_a_longer_window_is_lower():
    reference = model_drift_reference(PAIRS, rows([4000] * 4), IMPORTANCES, np.ones(4, dtype=bool))
    limits = [reference.threshold(n) for n in (250, 300, 400, 500)]
    assert limits == sorted(limits, reverse=True)
    assert limits[0] > limits[-1]


def test_a_short_pair_has_no_reference_and_a_pair_that_is_not_pooled_changes_no_threshold():
    short = model_drift_reference(
        PAIRS, rows([4000, 4000, 4000, MIN_VALUES - 1]), IMPORTANCES, np.ones(4, dtype=bool)
    )
    assert list(short.counts) == PAIRS[:3]
    pooled = np.array([True, True, True, False])
    found = rows([4000] * 4)
    strange = rows([4000] * 4)
    strange.range_inputs[strange.pair == 3] += 100
    with_it, without = (model_drift_reference(PAIRS, r, IMPORTANCES, pooled) for r in (strange, found))
    assert with_it.thresholds == without.thresholds
    assert with_it.edges == without.edges
    assert "EUR/CHF" in with_it.counts


@pytest.mark.parametrize("importances", [{}, IMPORTANCES])
def test_without_importances_or_with_too_few_windows_there_is_no_reference(importances):
    count = 4000 if not importances else MIN_VALUES + 300
    assert model_drift_reference(PAIRS, rows([count] * 4), importances, np.ones(4, dtype=bool)) is None
