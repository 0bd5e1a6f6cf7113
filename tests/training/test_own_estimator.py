"""An estimator of the user is fitted, gated, reported and served like the forest."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest

from ratecast.contract.messages import Prediction
from ratecast.errors import UsageError
from ratecast.model.bundle import CENTRE, JOBLIB, ONNX, REPORT, load
from ratecast.model.forecast import Forecaster
from ratecast.rates.tables import RateTable
from ratecast.scoring.scorer import Scorer
from ratecast_cli.estimator_options import require_choice
from tests.fakes import FakeRecord
from tests.training.conftest import NAMES
from tests.training.test_range_gate import DAYS, invented, nervous_after_a_shock
from training import chosen_estimators
from training.forests import ForestSettings
from training.retrain import RetrainOptions, retrain
from training.train import train
from training.train_options import TrainOptions

EXAMPLE = "examples.ridge_on_squares:make"
ROOT = Path(__file__).parents[2]
NOW = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
DAYS_OF_RATES = 800


def settings(**names):
    purposes = {"range_estimator": chosen_estimators.WIDTH, "centre_estimator": chosen_estimators.CENTRE}
    chosen = {name: chosen_estimators.choose(purposes[name], value) for name, value in names.items()}
    return ForestSettings(trees=5, range_trees=5, **chosen)


@pytest.fixture(scope="module")
def table():
    """Three pairs whose volatility can be forecast better than by an EWMA."""
    histories = invented(3, DAYS_OF_RATES, nervous_after_a_shock)
    columns = {name: h.stretches[0].rates for name, h in zip(NAMES[:3], histories, strict=True)}
    return RateTable("invented", DAYS[:DAYS_OF_RATES], columns)


@pytest.fixture(scope="module")
def with_ridge(table, tmp_path_factory):
    models_dir = tmp_path_factory.mktemp("ridge")
    forest = settings(range_estimator=EXAMPLE, centre_estimator="sklearn.linear_model:Ridge")
    return train(TrainOptions(models_dir=models_dir, table=table, forest=forest))


def test_it_is_named_in_the_statistics_the_headline_and_the_report(with_ridge):
    stats = load(with_ridge.directory.parent).stats
    assert (stats.range_estimator, stats.centre_estimator) == (EXAMPLE, "sklearn.linear_model:Ridge")
    assert f"The estimator {EXAMPLE} widens and narrows the range: " in stats.headline
    assert "The estimator sklearn.linear_model:Ridge alone has " in stats.headline
    assert f"The estimator {EXAMPLE} widens" in (with_ridge.directory / REPORT).read_text()


def test_it_passes_the_gate_where_there_is_something_to_learn(with_ridge):
    assert with_ridge.stats.range_factor.exponent > 0
    assert with_ridge.stats.shrinkage.lambda_ == 0
    assert not (with_ridge.directory / CENTRE).exists()
    assert with_ridge.evaluation.test.winkler_base_ratio["95"] < 0.97
    assert with_ridge.evaluation.test.coverage["95"] == pytest.approx(0.95, abs=0.02)


def test_a_worker_serves_it_as_training_fitted_it(with_ridge, table):
    bundle = load(with_ridge.directory.parent)
    rates = table.columns["EUR/USD"][-61:].tolist()
    message = json.dumps({"pair": "EUR/USD", "history": rates}).encode()
    (value,) = Scorer(bundle, 1_000_000).score([FakeRecord(message)], NOW).values
    served = Prediction.model_validate_json(value)
    known = Forecaster(bundle.stats, joblib.load(with_ridge.directory / JOBLIB)[ONNX])
    found = known.forecast(known.windows([rates], np.array([known.pair_index["EUR/USD"]])))
    unused = bundle.stats.model_copy(
        update={"range_factor": bundle.stats.range_factor.model_copy(update={"exponent": 0.0})}
    )
    without = Forecaster(unused, None).forecast(known.windows([rates], np.array([1])))
    for column, served_range in enumerate((served.intervals.level_80, served.intervals.level_95)):
        lower = served_range[0]
        assert lower == pytest.approx(found.lower[0, column], rel=1e-6)
        assert abs(lower / without.lower[0, column] - 1) > 1e-5


def test_the_version_depends_on_the_estimator_and_its_parameters(table, with_ridge):
    chosen = settings(range_estimator=EXAMPLE)
    other = replace(chosen.range_estimator, parameters="Ridge(alpha=2)")
    recipes = [
        settings().recipe(),
        chosen.recipe(),
        replace(chosen, range_estimator=other).recipe(),
        settings(range_estimator="sklearn.linear_model:Ridge").recipe(),
        settings(centre_estimator="sklearn.linear_model:Ridge").recipe(),
    ]
    assert len(set(map(repr, recipes))) == len(recipes)
    assert repr(chosen.recipe()) == repr(settings(range_estimator=EXAMPLE).recipe())
    assert recipes[0] == (0, 5, 6, 2000, 0.25, 5, 10, 0.4)


def test_a_retraining_must_name_the_estimator_again(with_ridge):
    stats = with_ridge.stats
    centre = "sklearn.linear_model:Ridge"
    with pytest.raises(UsageError) as refused:
        require_choice(stats, None, centre)
    assert str(refused.value) == (
        f"model {stats.model_version} was trained with --estimator {EXAMPLE}: give it again, "
        "or --estimator forest to go back to the forest"
    )
    with pytest.raises(UsageError, match=f"--centre-estimator {centre}: give it again"):
        require_choice(stats, "forest", None)
    require_choice(stats, EXAMPLE, "forest")


def test_a_retraining_with_the_same_estimator_knows_its_own_model(with_ridge, table):
    models_dir = with_ridge.directory.parent
    forest = settings(range_estimator=EXAMPLE, centre_estimator="sklearn.linear_model:Ridge")
    again = retrain(load(models_dir), RetrainOptions(models_dir, table, forest=forest, dry_run=True))
    assert again.comparison is None
    to_forest = retrain(load(models_dir), RetrainOptions(models_dir, table, forest=settings(), dry_run=True))
    assert to_forest.comparison.all.challenger.winkler != to_forest.comparison.all.champion.winkler


def test_the_how_to_guide_shows_the_example_as_it_is():
    page = (ROOT / "docs" / "how-to" / "own-model.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    example = (ROOT / "examples" / "ridge_on_squares.py").read_text(encoding="utf-8")
    assert example.endswith(f"\n\n{shown}")
