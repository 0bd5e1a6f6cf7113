"""A prediction says for which day it is, if the message dates its newest rate."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from ratecast.contract.messages import Prediction
from ratecast.model.bundle import Bundle
from ratecast.scoring import target
from ratecast.scoring.scorer import Scorer
from tests.bundles import forest_on_noise, training_stats
from tests.fakes import FakeRecord

NOW = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
_STATS = training_stats()
SCORER = Scorer(
    Bundle(version="test-1", directory=Path(), stats=_STATS, digests={}, onnx=forest_on_noise()[0]), 1_000_000
)
BEFORE_A_WEEKEND = ["2026-10-28", "2026-10-29", "2026-10-30"]


def scored(**fields: object) -> bytes:
    message = json.dumps({"history": [0.85, 0.86, 0.87], **fields}).encode()
    (value,) = SCORER.score([FakeRecord(message)], NOW).values
    return value


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"as_of": "2026-10-30"}, "2026-11-02"),
        ({"times": BEFORE_A_WEEKEND}, "2026-11-02"),
        ({"times": BEFORE_A_WEEKEND, "as_of": "2026-11-02"}, "2026-11-03"),
        ({"times": BEFORE_A_WEEKEND, "as_of": "2026-10-30T14:15:00Z"}, "2026-11-02"),
        ({"as_of": "2026-12-24"}, "2026-12-28"),
        ({"as_of": "2026-10-30", "\\u0061": 1}, "2026-11-02"),  # by the slow path
    ],
)
def test_the_forecast_is_for_the_next_target_day_after_the_newest_rate(fields, expected) -> None:
    assert Prediction.model_validate_json(scored(**fields)).target == expected


@pytest.mark.parametrize("fields", [{}, {"as_of": "2026-10-30T14:15:00Z"}, {"as_of": "9999-12-31"}])
def test_without_a_date_the_field_is_absent(fields) -> None:
    assert "target" not in json.loads(scored(**fields))


def test_the_calendar_is_asked_once_for_each_day_of_a_batch(monkeypatch) -> None:
    asked = []

    def next_target_day(day: dt.date) -> dt.date:
        asked.append(day)
        return dt.date(2026, 11, 2)

    monkeypatch.setattr(target, "next_target_day", next_target_day)
    target._after.cache_clear()
    target._after_text.cache_clear()
    try:
        for _ in range(5):
            scored(times=BEFORE_A_WEEKEND)
            scored(as_of="2026-10-29")
    finally:
        target._after.cache_clear()
        target._after_text.cache_clear()
    assert asked == [dt.date(2026, 10, 30), dt.date(2026, 10, 29)]
