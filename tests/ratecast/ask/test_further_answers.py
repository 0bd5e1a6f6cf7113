"""Asking for ranges several steps ahead and for quantiles gives what a worker with these settings publishes."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest

import ratecast
from ratecast.ask.answers import Held
from ratecast.ask.forecast_model import ForecastModel
from ratecast.contract.messages import Prediction
from ratecast.errors import ModelBundleError, UsageError
from ratecast.model import bundle as bundles
from ratecast.model.training_stats import RangesHeld
from ratecast.optional_fields import HORIZONS, QUANTILES, OptionalFields
from ratecast.scoring.scorer import Scorer
from tests.fakes import FakeRecord

FRIDAY, MONDAY = dt.date(2025, 5, 30), dt.date(2025, 6, 2)


def dated(count: int) -> dict[dt.date, float]:
    rates = (0.85 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.004, count)))).tolist()
    days = np.busday_offset(np.datetime64(FRIDAY), np.arange(1 - count, 1)).tolist()
    return dict(zip(days, rates, strict=True))


@pytest.fixture(scope="module")
def model(models_dir) -> ForecastModel:
    return ratecast.load(models_dir)


@pytest.mark.parametrize("count", [3, 61])
def test_it_answers_as_a_worker_does(models_dir, model, count):
    rates = dated(count)
    message = {"history": [*rates.values()], "pair": "EUR/GBP", "times": [*map(str, rates)]}
    scorer = Scorer(bundles.load(models_dir), 1_000_000, None, OptionalFields(HORIZONS, QUANTILES))
    scored = scorer.score([FakeRecord(json.dumps(message).encode())], dt.datetime.now(dt.UTC))
    (value,) = scored.values
    expected = Prediction.model_validate_json(value)
    answers = model.forecast({"EUR/GBP": rates}, today=MONDAY, horizons=[21, 5], quantiles=[97.5, 1])
    found = answers["EUR/GBP"]
    assert list(found.horizons) == [5, 21]
    by_steps = {item.steps: item for item in expected.horizons}
    for steps, horizon in found.horizons.items():
        assert str(horizon.target) == by_steps[steps].target
        assert (horizon.range_80.lower, horizon.range_80.upper) == by_steps[steps].intervals.level_80
        assert (horizon.range_95.lower, horizon.range_95.upper) == by_steps[steps].intervals.level_95
    assert found.quantiles == {1.0: expected.quantiles["1"], 97.5: expected.quantiles["97.5"]}


def test_nothing_further_is_answered_unless_it_is_asked(model):
    found = model.forecast({"EUR/GBP": dated(61)}, today=MONDAY)["EUR/GBP"]
    assert (found.horizons, found.quantiles, found.remarks) == ({}, {}, ())


def test_a_data_frame_has_a_column_for_each_bound(model):
    answers = model.forecast({"EUR/GBP": dated(61)}, today=MONDAY, horizons=[2], quantiles=[2.5])
    (row,) = answers.to_dataframe("pandas").to_dict("records")
    found = answers["EUR/GBP"]
    assert row["lower_95_in_2"] == found.horizons[2].range_95.lower
    assert row["target_in_2"] == dt.date(2025, 6, 3)
    assert row["quantile_2.5"] == found.range_95.lower


def test_only_twenty_one_steps_come_with_a_caveat(model):
    near, far = (
        model.forecast({"EUR/GBP": dated(61)}, today=MONDAY, horizons=steps)["EUR/GBP"].remarks
        for steps in ([2, 5, 10], [21])
    )
    assert near == ()
    (caveat,) = far
    assert caveat.startswith("The ranges in 21 steps hold as often as they claim over all pairs together.")


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"horizons": [3]}, "horizons must be some of 2, 5, 10, 21, got 3"),
        (
            {"quantiles": [0.1]},
            "quantiles must be some of 1, 2.5, 5, 10, 25, 50, 75, 90, 95, 97.5, 99, got 0.1",
        ),
    ],
)
def test_what_no_table_has_is_refused(model, asked, fault):
    with pytest.raises(UsageError) as error:
        model.forecast({"EUR/GBP": dated(61)}, **asked)
    assert str(error.value) == fault


def changed(models_dir, **update: object) -> ForecastModel:
    bundle = bundles.load(models_dir)
    return ForecastModel(bundle.model_copy(update={"stats": bundle.stats.model_copy(update=update)}))


def test_a_model_without_tables_still_forecasts_and_says_what_it_lacks(models_dir):
    old = changed(models_dir, horizons={}, central_ranges={})
    assert old.forecast({"EUR/GBP": dated(61)}, today=MONDAY)["EUR/GBP"].remarks == ()
    with pytest.raises(
        ModelBundleError, match=r"has no table for 2 steps ahead, quantiles, .* `ratecast train` again"
    ):
        old.forecast({"EUR/GBP": dated(61)}, horizons=[2], quantiles=[5])


def test_an_answer_tells_how_often_the_ranges_of_these_steps_held_for_the_pair(models_dir, model):
    shares = {"80": 0.79, "95": 0.9412}
    record = RangesHeld(n=1476, first_date="2021-01-04", last_date="2026-10-26", shares=shares)
    pairs = dict(bundles.load(models_dir).stats.pairs)
    pairs["EUR/GBP"] = pairs["EUR/GBP"].model_copy(update={"horizons_held": {5: record}})
    found = changed(models_dir, pairs=pairs).forecast({"EUR/GBP": dated(61)}, horizons=[2, 5])["EUR/GBP"]
    assert found.horizons[5].held == Held(1476, dt.date(2021, 1, 4), dt.date(2026, 10, 26), 0.79, 0.9412)
    assert found.horizons[2].held is None
