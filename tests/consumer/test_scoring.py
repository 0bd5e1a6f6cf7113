from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.scoring import Scorer
from ratecast.forecast import Forecaster, OnnxModel
from ratecast.messages import Prediction
from tests.bad_records import BAD, GOOD
from tests.bundles import LEVELS, onnx_forest, training_stats
from tests.fakes import FakeRecord

NOW = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
_SCORER = Scorer(Forecaster(training_stats(shrinkage=0.5), OnnxModel(onnx_forest())), 1_000_000)


def score(*values: bytes | None) -> list[Prediction]:
    records = [FakeRecord(value, offset=offset) for offset, value in enumerate(values)]
    batch = _SCORER.score(records, NOW)
    assert not batch.dead_letters
    return [Prediction.model_validate_json(value) for value in batch.values]


def message(history: list[float], **fields: object) -> bytes:
    return json.dumps({"history": history, **fields}).encode()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_becomes_one_dead_letter_and_its_neighbours_are_scored(name: str) -> None:
    value, code = BAD[name]
    records = [FakeRecord(GOOD, offset=0), FakeRecord(value, offset=1), FakeRecord(GOOD, offset=2)]
    batch = _SCORER.score(records, NOW)
    assert [record.offset for record in batch.records] == [0, 2]
    assert [(letter.record.offset, letter.code) for letter in batch.dead_letters] == [(1, code)]
    assert batch.dead_letters[0].record.value == value


def test_the_original_example_is_scored_as_it_stands() -> None:
    (prediction,) = score(b'{"history": [0.85, 0.86, 0.87]}')
    assert prediction.pair == "EUR/GBP"
    assert prediction.baseline == prediction.features.lag_1 == 0.87
    assert prediction.features.lag_3 == 0.85
    assert prediction.message_id == "rate-histories-0-0"
    assert prediction.interval_quality == "static"
    low, high = prediction.intervals.level_95
    assert (
        low
        < prediction.intervals.level_80[0]
        < prediction.prediction
        < prediction.intervals.level_80[1]
        < high
    )
    assert not prediction.drift.is_drift
    assert prediction.scored_at == NOW


def test_a_history_far_from_training_is_drift_with_every_feature_scored() -> None:
    (prediction,) = score(b'{"history": [10, 20, 30]}')
    assert prediction.drift.is_drift
    assert prediction.drift.features == ["lag_1", "lag_2", "lag_3", "return_1", "return_2"]
    assert prediction.drift.scores["lag_1"] == pytest.approx((30 - 0.85) / 0.085)


@pytest.mark.parametrize(("factor", "drifted"), [(1.31, True), (1.29, False), (0.69, True), (0.71, False)])
def test_drift_begins_outside_min_and_max_or_beyond_three_std(factor: float, drifted: bool) -> None:
    (prediction,) = score(message([0.85 * factor] * 3))
    assert prediction.drift.is_drift is drifted


def test_twenty_one_rates_make_the_range_adaptive() -> None:
    calm, short = score(message([0.85, 0.8501] * 11), message([0.85, 0.8501] * 10))
    assert (calm.interval_quality, short.interval_quality) == ("adaptive", "static")
    width = [p.intervals.level_95[1] - p.intervals.level_95[0] for p in (calm, short)]
    assert width[0] < width[1]  # the calm history's own volatility is far below the stored one


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(min_value=0.5, max_value=2.0), min_size=3, max_size=70),
        min_size=1,
        max_size=8,
    )
)
def test_a_prediction_is_the_same_bytes_in_any_company(histories: list[list[float]]) -> None:
    records = [FakeRecord(message(history), offset=i) for i, history in enumerate(histories)]
    together = _SCORER.score(records, NOW).values
    alone = [_SCORER.score([record], NOW).values[0] for record in records]
    assert together == alone


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(min_value=1e-320, max_value=1.7e308, allow_subnormal=True), min_size=3, max_size=40)
)
def test_any_positive_history_gives_a_valid_prediction_or_a_dead_letter(history: list[float]) -> None:
    batch = _SCORER.score([FakeRecord(message(history))], NOW)
    assert len(batch.values) + len(batch.dead_letters) == 1
    for value in batch.values:
        prediction = Prediction.model_validate_json(value)
        flat = [prediction.prediction, *prediction.intervals.level_95, *prediction.drift.scores.values()]
        assert np.isfinite(flat).all()


def test_fields_of_the_message_come_back() -> None:
    times = ["2025-01-02", "2025-01-03", "2025-01-06"]
    (prediction,) = score(
        message([160.0, 161.0, 162.0], pair="EUR/JPY", as_of="2025-01-06", message_id="mine", times=times)
    )
    assert (prediction.pair, prediction.as_of, prediction.message_id) == ("EUR/JPY", "2025-01-06", "mine")
    assert prediction.source.topic == "rate-histories"


def test_what_metrics_need_is_told_a_record() -> None:
    values = [message([level] * 3, pair=pair, as_of="2025-01-06") for pair, level in LEVELS.items()]
    values.append(message([30.0] * 3, pair="EUR/GBP", as_of="2025-01-07"))
    batch = _SCORER.score([FakeRecord(value) for value in values], NOW)
    assert batch.pairs == [*LEVELS, "EUR/GBP"]
    assert batch.drifted.tolist() == [False] * len(LEVELS) + [True]
    assert batch.as_of["EUR/GBP"] == "2025-01-07"
