"""The promises of docs/drift.md on feed checks and ranges, measured on the ECB's rates; only the faults are invented."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import lasting_changes
from benchmarks.coverage import MOST_POINTS_OFF, coverage, coverage_table
from benchmarks.detection import (
    CLEAN_PROMISES,
    COVERAGE_COLUMNS,
    PROMISE_COLUMNS,
    PROMISES,
    STARTS,
    markdown,
    promises_table,
)
from benchmarks.detectors import CASES, TRAINED_UNTIL, Detectors, clean_marks, clean_series, delays
from ratecast.model.bundle import load
from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from ratecast.model.ranges import LEVELS
from ratecast.model.references import MIN_MESSAGES, WINDOW_MESSAGES
from ratecast.rates.tables import load_ecb
from training import evaluate
from training.forests import ForestSettings
from training.model_drift_thresholds import FALSE_ALARMS
from training.train import train
from training.train_options import TrainOptions


@pytest.fixture(scope="module")
def under_test(tmp_path_factory):
    """Detectors and clean rates; a small forest is enough, because with lambda 0 checks and ranges do not depend on it."""
    models_dir = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            evaluate, "walk_forward_years", lambda *_: []
        )  # takes most of the time, for the report alone
        train(TrainOptions(models_dir=models_dir, until=TRAINED_UNTIL, forest=ForestSettings(trees=3)))
    bundle, table = load(models_dir), load_ecb()
    assert bundle.stats.shrinkage.lambda_ == 0
    detectors = Detectors(bundle)
    return detectors, table, clean_series(table, detectors.forecaster.pairs)


def model_drift(detectors, series, length=WINDOW_MESSAGES, broken=None):
    """Score over threshold of every tenth window; one input may have the greatest value of training all the time."""
    reference = detectors.stats.model_drift
    inputs, _ = lasting_changes.inputs_after_training(detectors.forecaster, series)
    if broken is not None:
        inputs[:, RANGE_INPUT_NAMES.index(broken)] = reference.edges[broken][-1] + 1
    scores = lasting_changes.model_scores(reference, series.pair, inputs, length)
    return scores / reference.threshold(length)


@pytest.fixture(scope="module")
def measured(under_test):
    """Delays by fault, and clean marks by detector."""
    detectors, table, series = under_test
    promised = {promise.fault for promise in PROMISES}
    found = {
        case.title: delays(detectors, table, series, case, STARTS) for case in CASES if case.title in promised
    }
    marks = clean_marks(detectors, series)
    return found, {name: np.concatenate(list(by_pair.values())) for name, by_pair in marks.items()}


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.fault)
def test_a_fault_is_found_as_often_and_as_soon_as_promised(measured, promise) -> None:
    found, _ = measured
    of_fault = found[promise.fault]
    assert len(of_fault.pairs) == 20 * STARTS
    assert of_fault.found(promise.detector, promise.within, promise.leave_out) >= promise.share


@pytest.mark.parametrize(("detector", "most", "_study"), CLEAN_PROMISES)
def test_clean_messages_are_marked_no_more_often_than_promised(measured, detector, most, _study) -> None:
    _, clean = measured
    assert len(clean[detector]) > 29_000
    assert clean[detector].mean() <= most


def test_the_coverage_of_every_pair_is_near_the_level(under_test) -> None:
    detectors, _, series = under_test
    for of_pair in coverage(detectors, series):
        assert of_pair.forecasts > 1400
        assert max(abs(of_pair.points_off(level)) for level in LEVELS) <= MOST_POINTS_OFF, of_pair


@pytest.mark.parametrize("length", [MIN_MESSAGES, WINDOW_MESSAGES])
def test_importance_weighted_drift_has_no_more_false_alarms_than_wanted(under_test, length) -> None:
    detectors, _, series = under_test
    over = [model_drift(detectors, clean, length) > 1 for clean in series.values()]
    assert sum(map(len, over)) > 1800
    assert np.mean([marks.mean() for marks in over]) <= FALSE_ALARMS


def test_importance_weighted_drift_finds_a_fault_in_an_important_input_and_not_in_an_unimportant_one(
    under_test,
) -> None:
    detectors, _, series = under_test
    importances = detectors.stats.model_drift.importances
    most, least = max(importances, key=importances.get), min(importances, key=importances.get)
    assert importances[most] > 0.2
    assert importances[least] < 0.03
    found = {
        name: np.mean([model_drift(detectors, clean, broken=name).max() > 1 for clean in series.values()])
        for name in (most, least)
    }
    assert found[most] >= 0.9
    assert found[least] <= 0.15


def test_the_documented_figures_are_current(under_test, measured) -> None:
    page = (Path(__file__).parents[1] / "docs" / "drift.md").read_text(encoding="utf-8")
    detectors, _, series = under_test
    tables = (
        markdown(PROMISE_COLUMNS, promises_table(*measured)),
        markdown(
            lasting_changes.COLUMNS,
            lasting_changes.changes_table(detectors.forecaster, detectors.stats, series),
        ),
        markdown(COVERAGE_COLUMNS, coverage_table(coverage(detectors, series))),
    )
    for table in tables:
        assert table in page, "run `make detection`"
