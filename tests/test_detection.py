"""What docs/drift.md promises of the feed checks, measured anew on the ECB's rates; only the faults are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection import CLEAN_PROMISES, PROMISES, STARTS, markdown, promises_table
from benchmarks.detectors import CASES, TRAINED_UNTIL, Detectors, clean_marks, clean_series, delays
from ratecast import model, rates
from training.fit import ForestSettings
from training.pipeline import TrainOptions, train


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Delays by fault, and clean marks by detector; the checks do not look at the forest, so a small one serves."""
    models_dir = tmp_path_factory.mktemp("models")
    train(TrainOptions(models_dir=models_dir, until=TRAINED_UNTIL, forest=ForestSettings(trees=3)))
    detectors, table = Detectors(model.load(models_dir)), rates.load_ecb()
    series = clean_series(table, detectors.forecaster.pairs)
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
def test_clean_messages_are_marked_no_oftener_than_promised(measured, detector, most, _study) -> None:
    _, clean = measured
    assert len(clean[detector]) > 29_000
    assert clean[detector].mean() <= most


def test_the_documented_figures_are_these(measured) -> None:
    page = (Path(__file__).parents[1] / "docs" / "drift.md").read_text(encoding="utf-8")
    table = markdown(["what", "promised", "measured", "the study"], promises_table(*measured))
    assert table in page, "run `make detection`"
