"""Histories that say little about volatility: the range is finite and nested, and the prediction says what it rests on."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path

import numpy as np
import pytest

from ratecast.contract.messages import Prediction
from ratecast.model.bundle import Bundle
from ratecast.scoring.scorer import Scorer
from tests.bundles import LEVELS, SIGMA, forest_on_noise, training_stats
from tests.fakes import FakeRecord

NOW = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
LEVEL = LEVELS["EUR/GBP"]
MOVING = (LEVEL * np.exp(np.cumsum(np.random.default_rng(2).normal(scale=SIGMA, size=1024)))).tolist()
FRIDAYS = [(dt.date(2023, 12, 8) + dt.timedelta(weeks=week)).isoformat() for week in range(61)]


def scorer(exponent: float) -> Scorer:
    stats = training_stats(exponent=exponent)
    onnx = forest_on_noise()[0]
    return Scorer(
        Bundle(version=stats.model_version, directory=Path(), stats=stats, digests={}, onnx=onnx), 1_000_000
    )


WITH_FOREST, WITHOUT = scorer(1.0), scorer(0.0)


def scored(by: Scorer, history: list[float], **fields: object) -> Prediction:
    record = FakeRecord(json.dumps({"history": history, **fields}).encode())
    batch = by.score([record], NOW)
    assert not batch.dead_letters
    return Prediction.model_validate_json(batch.values[0])


def widths(prediction: Prediction) -> list[float]:
    """Half widths of both ranges as logs."""
    ranges = (prediction.intervals.level_80, prediction.intervals.level_95)
    return [math.log(upper / prediction.prediction) for _, upper in ranges]


@pytest.mark.parametrize(
    ("history", "fields", "quality", "alerts"),
    [
        (MOVING[-3:], {}, "static", set()),
        (MOVING[-20:], {}, "static", set()),
        (MOVING[-21:], {}, "adaptive", set()),
        (MOVING, {}, "adaptive", set()),
        ([LEVEL] * 3, {}, "static", set()),
        ([LEVEL] * 20, {}, "static", {"stuck"}),
        ([LEVEL] * 61, {}, "static", {"stuck"}),  # equal rates of a stuck feed say nothing about volatility
        ([LEVEL] * 1024, {}, "static", {"stuck"}),
        ([*MOVING[-40:], *[MOVING[-1]] * 21], {}, "adaptive", {"stuck"}),
        ([*MOVING[-15:], *[MOVING[-1]] * 46], {}, "static", {"stuck"}),
        ([LEVEL, LEVEL, LEVEL, 1.00001 * LEVEL] * 15, {}, "floored", set()),  # a peg
        (MOVING[-61:], {"times": FRIDAYS}, "adaptive", {"gap"}),
    ],
)
def test_the_range_is_finite_and_nested_and_says_what_it_rests_on(
    history: list[float], fields: dict[str, object], quality: str, alerts: set[str]
) -> None:
    for by in (WITH_FOREST, WITHOUT):
        found = scored(by, history, **fields)
        low_80, high_80 = found.intervals.level_80
        low_95, high_95 = found.intervals.level_95
        assert 0 < low_95 < low_80 < found.prediction < high_80 < high_95 < math.inf
        assert found.interval_quality == quality
        assert {alert.value for alert in found.alerts} == alerts


def test_the_forest_moves_a_range_exactly_where_it_is_marked_adaptive() -> None:
    """``static`` rests on training's volatility and ``floored`` on a floor: there the base scale stands."""
    for history in (MOVING[-3:], MOVING[-20:], MOVING[-21:], MOVING, [LEVEL] * 61, [LEVEL] * 3):
        one, other = scored(WITH_FOREST, history), scored(WITHOUT, history)
        assert (widths(one) != widths(other)) == (one.interval_quality == "adaptive")
