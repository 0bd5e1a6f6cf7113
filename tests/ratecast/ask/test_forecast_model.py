"""Asking a model in memory gives what a worker publishes, and says what to keep in mind."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import ratecast
from ratecast.ask.answers import Held
from ratecast.ask.forecast_model import ForecastModel
from ratecast.contract.messages import Prediction
from ratecast.errors import ModelBundleError, UsageError
from ratecast.model import bundle as bundles
from ratecast.model.training_stats import RangesHeld
from ratecast.rates.target_days import next_target_day
from ratecast.scoring.scorer import Scorer
from tests.fakes import FakeRecord

FRIDAY, MONDAY = dt.date(2025, 5, 30), dt.date(2025, 6, 2)


def walk(count: int, level: float = 0.85, seed: int = 0) -> list[float]:
    return (level * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.004, count)))).tolist()


def dated(rates: list[float], last: dt.date = FRIDAY) -> dict[dt.date, float]:
    days = np.busday_offset(np.datetime64(last), np.arange(1 - len(rates), 1)).tolist()
    return dict(zip(days, rates, strict=True))


@pytest.fixture(scope="module")
def model(models_dir) -> ForecastModel:
    return ratecast.load(models_dir)


@pytest.mark.parametrize("count", [3, 20, 21, 61, 1024])
def test_it_answers_as_a_worker_does(models_dir, model, count):
    rates = dated(walk(count))
    message = {"history": [rates[day] for day in rates], "pair": "EUR/GBP", "times": [*map(str, rates)]}
    scorer = Scorer(bundles.load(models_dir), 1_000_000)
    scored = scorer.score([FakeRecord(json.dumps(message).encode())], dt.datetime.now(dt.UTC))
    (value,) = scored.values  # noqa: PD011 - not of pandas
    expected = Prediction.model_validate_json(value)
    found = model.forecast({"EUR/GBP": rates}, today=MONDAY)["EUR/GBP"]
    assert (found.forecast, found.last_rate) == (expected.prediction, expected.baseline)
    assert (found.range_80.lower, found.range_80.upper) == expected.intervals.level_80
    assert (found.range_95.lower, found.range_95.upper) == expected.intervals.level_95
    assert found.interval_quality == expected.interval_quality
    assert list(found.alerts) == expected.alerts
    assert (str(found.target), found.last_date) == (expected.target, FRIDAY)
    assert found.model_version == model.version == expected.model_version


def test_percent_is_the_change_of_the_last_rate(model):
    found = model.forecast({"EUR/GBP": walk(61)})["EUR/GBP"].range_95
    last = walk(61)[-1]
    assert last * (1 + found.lower_percent / 100) == pytest.approx(found.lower)
    assert last * (1 + found.upper_percent / 100) == pytest.approx(found.upper)
    assert found.lower_percent < 0 < found.upper_percent


def test_each_form_of_rates_gives_the_same_forecast(model):
    rates = dated(walk(30))
    series = pd.Series(rates.values(), index=pd.DatetimeIndex(rates))
    holes = pd.concat([series, pd.Series([np.nan], index=[pd.Timestamp("2025-05-31")])])
    backwards = {str(day): np.float64(rate) for day, rate in reversed(rates.items())}
    forms = {"dict": rates, "series": series, "with a hole": holes, "text, newest first": backwards}
    forms |= {"numpy days": dict(zip(series.index.to_numpy(), series.to_numpy(), strict=True))}
    found = {name: model.forecast({"EUR/GBP": form}, today=MONDAY)["EUR/GBP"] for name, form in forms.items()}
    assert set(found.values()) == {found["dict"]}
    values = list(rates.values())
    for undated in (values, tuple(values), series.to_numpy(), (rate for rate in values)):
        alone = model.forecast({"EUR/GBP": undated})["EUR/GBP"]
        assert alone.range_95 == found["dict"].range_95
        assert (alone.last_date, alone.target) == (None, None)


def test_more_rates_than_a_message_may_have_are_no_error(model):
    rates = walk(1500)
    assert model.forecast({"EUR/GBP": rates}) == model.forecast({"EUR/GBP": rates[-1024:]})


def test_several_pairs_are_answered_in_the_order_asked(model):
    asked = {"EUR/USD": walk(61, 1.1), "EUR/CHF": walk(30, 0.95), "EUR/GBP": walk(5)}
    answers = model.forecast(asked)
    assert list(answers) == list(asked)
    assert len(answers) == 3
    assert answers["EUR/CHF"] == model.forecast({"EUR/CHF": asked["EUR/CHF"]})["EUR/CHF"]
    assert "EUR/JPY" not in answers
    assert dict(model.forecast({})) == {}


@pytest.mark.parametrize(
    ("rates", "fault"),
    [
        ([0.85, 0.86], "EUR/GBP: history must have at least 3 rates, got 2"),
        ([], "EUR/GBP: history must have at least 3 rates, got 0"),
        ({}, "EUR/GBP: history must have at least 3 rates, got 0"),
        ([0.85, 0, 0.86], "EUR/GBP: history[1] must be greater than 0, got 0.0"),
        ([0.85, float("inf"), 0.86], "EUR/GBP: history[1] must be a number, got null"),
        ([0.85, float("nan"), 0.86], "EUR/GBP: NaN is no rate; only rates by date may have holes"),
        ([0.85, "0.86", 0.86], "EUR/GBP: '0.86' is not a number"),
        ([0.85, True, 0.86], "EUR/GBP: 'True' is not a number"),
        ([0.85, None, 0.86], "EUR/GBP: 'None' is not a number"),
        ("0.85", "EUR/GBP: give a list of rates, or rates by date, not '0.85'"),
        (0.85, "EUR/GBP: give a list of rates, or rates by date, not '0.85'"),
        ({0: 0.85}, "EUR/GBP: '0' is not a date like 2026-10-30; rates without dates are a list"),
        ({"30.10.2026": 0.85}, "'30.10.2026' is not a date"),
        (
            {dt.datetime(2025, 5, 30, 9, tzinfo=dt.UTC): 1.0, FRIDAY: 2.0},
            "EUR/GBP: 2025-05-30 occurs twice",
        ),
        ([5e-324, 1.7e308, 5e-324], "EUR/GBP: the forecast does not fit a 64-bit floating-point number"),
    ],
)
def test_rates_that_cannot_be_forecast_from_are_refused_with_the_reason(model, rates, fault):
    with pytest.raises(UsageError) as error:
        model.forecast({"EUR/GBP": rates})
    assert fault in str(error.value)


def test_an_unknown_pair_is_refused_and_the_known_ones_are_named(model):
    with pytest.raises(UsageError) as error:
        model.forecast({"EUR/GBP": walk(3), "USD/EUR": walk(3), "EUR/XXX": walk(3)})
    assert str(error.value) == (
        "model test-1 does not know USD/EUR, EUR/XXX (ask for EUR/USD, the inverse); "
        "it knows EUR/GBP, EUR/USD, EUR/JPY, EUR/CHF"
    )


def test_a_missing_model_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(ModelBundleError, match="run `ratecast train` first"):
        ratecast.load(tmp_path)


def remarks(model: ForecastModel, rates: object, today: dt.date = MONDAY) -> tuple[str, ...]:
    return model.forecast({"EUR/GBP": rates}, today=today)["EUR/GBP"].remarks


def test_fresh_sound_rates_need_no_remark(model):
    assert remarks(model, dated(walk(61))) == ()


def test_rates_are_old_once_the_day_of_the_forecast_has_passed(model):
    rates = dated(walk(61))
    assert next_target_day(FRIDAY) == MONDAY
    assert remarks(model, rates, MONDAY) == ()
    (remark,) = remarks(model, rates, MONDAY + dt.timedelta(days=1))
    assert remark == (
        "The last rate is 4 days old. The day of the forecast has passed, so newer rates exist."
    )


def test_alerts_drift_short_and_floored_histories_and_an_old_model_are_said(model):
    jumped = [*walk(60), 2 * walk(60)[-1]]
    found = remarks(model, dated(jumped))
    assert found[0].startswith("Feed alert: jump: +100 % in one step")
    assert any(remark.startswith("Drift: outside what training saw are lag_1 (") for remark in found)
    (short,) = remarks(model, dated(walk(20)))
    assert short.startswith("The history has 20 rates, so the range uses the volatility from training.")
    flat = remarks(model, dated([0.85, 0.85, 0.85001] * 10))
    assert "The rates moved less than a tenth as much as in training, so the ranges are too wide." in flat
    late = dt.date(2026, 6, 30)
    (old,) = remarks(model, dated(walk(61), late), late)
    assert old == (
        "The model was trained on rates until 2024-12-31, 1.5 years before the last rate. Train it again."
    )
    (undated,) = remarks(model, walk(61), late)
    assert undated.endswith("until 2024-12-31, 1.5 years ago. Train it again.")


def test_a_long_history_that_rests_on_training_is_not_said_to_be_short(model):
    text = " ".join(remarks(model, [*walk(15), *[0.85] * 46]))
    assert (
        "Most of the 61 rates only repeat a rate or are faulty, so the range uses the volatility from" in text
    )
    assert "The history has" not in text


def with_record(models_dir, pair: str) -> ForecastModel:
    bundle = bundles.load(models_dir)
    record = RangesHeld(
        n=1480, first_date="2021-01-04", last_date="2026-10-30", shares={"80": 0.8, "95": 0.9476}
    )
    pairs = dict(bundle.stats.pairs)
    pairs[pair] = pairs[pair].model_copy(update={"ranges_held": record})
    stats = bundle.stats.model_copy(update={"pairs": pairs})
    return ForecastModel(bundle.model_copy(update={"stats": stats}))


def test_an_answer_tells_how_often_the_pairs_own_ranges_held(models_dir):
    model = with_record(models_dir, "EUR/USD")
    answers = model.forecast({"EUR/USD": walk(61, 1.1), "EUR/GBP": walk(61)})
    held = answers["EUR/USD"].held
    assert held == Held(1480, dt.date(2021, 1, 4), dt.date(2026, 10, 30), 0.8, 0.9476)
    assert str(held) == "the 95 % range held 94.8 of 100 next rates in 2021-26 for this pair"
    assert dataclasses.replace(held, last_date=dt.date(2021, 12, 31)).years == "2021"
    assert answers["EUR/GBP"].held is None


def test_answers_are_frozen(model):
    found = model.forecast({"EUR/GBP": walk(61)})["EUR/GBP"]
    for value, name in ((found, "forecast"), (found.range_95, "lower")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, 1.0)


def test_import_ratecast_loads_nothing_heavy():
    code = (
        "import sys, ratecast; ratecast.load; "
        "print(sorted({'numpy', 'pydantic', 'msgspec', 'onnxruntime', 'aiokafka'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
