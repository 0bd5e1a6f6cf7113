"""Champion and challenger on rates that neither was fitted to; a worse challenger is never used."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ratecast.errors import OperationError, UsageError
from ratecast.model.bundle import ONNX, PARITY, STATS, current_version, load, set_current
from ratecast.model.features import WINDOW
from ratecast.model.forecast import Forecaster
from ratecast.model.shadow_pointer import shadow_version
from ratecast.model.signing_key import SigningKey
from ratecast.rates.tables import RateTable, Series
from tests.training.spoiled_rates import with_tenfold_spikes, with_volatile_days
from training import model_comparison
from training import retrain as module
from training.dataset import PairHistory
from training.evaluate import outcomes_of
from training.model_comparison import Duel, Limits, aligned, as_fitted, objections, score
from training.retrain import RetrainOptions, retrain
from training.train import train
from training.train_options import TrainOptions

OLD = 500  # days that the champion was trained on


def table(histories, count=None):
    dates = histories[0].stretches[0].dates[:count]
    return RateTable("invented", dates, {h.pair: h.stretches[0].rates[:count] for h in histories})


@pytest.fixture(scope="module")
def histories(invent):
    # With seed 0 the t statistic of the range forest is 3.01 for the champion and 2.95 for the challenger: a champion
    # with its forest on is better, by chance, than a challenger that has it off.
    return invent(700, seed=2)[:3]


@pytest.fixture(scope="module")
def first_models_dir(histories, small_forest, tmp_path_factory):
    models_dir = tmp_path_factory.mktemp("champion")
    train(TrainOptions(models_dir=models_dir, table=table(histories, OLD), forest=small_forest))
    return models_dir


@pytest.fixture
def models_dir(first_models_dir, tmp_path):
    import shutil

    return shutil.copytree(first_models_dir, tmp_path / "models")


@pytest.fixture
def options(models_dir, histories, small_forest):
    return RetrainOptions(models_dir, table(histories), forest=small_forest)


@pytest.fixture
def champion(models_dir):
    return load(models_dir)


def listing(models_dir):
    return {
        str(path.relative_to(models_dir)): path.read_bytes()
        for path in models_dir.rglob("*")
        if path.is_file()
    }


def test_a_challenger_that_is_not_worse_is_trained_on_everything_and_promoted(
    champion, options, histories, models_dir
):
    result = retrain(champion, options)
    comparison = result.comparison
    dates = histories[0].stretches[0].dates
    assert comparison.objections == ()
    assert (comparison.days, comparison.all.challenger.n) == (60, 180)
    assert (comparison.first_day, comparison.last_day) == (str(dates[640]), str(dates[699]))
    assert comparison.seen == 0
    assert list(comparison.pairs) == [history.pair for history in histories]
    assert current_version(models_dir) == result.promoted.version != champion.version
    assert load(models_dir).stats.trained_until == str(dates[699])
    assert result.promoted.stats.default_pair == champion.stats.default_pair


def test_what_is_promoted_is_what_train_makes_of_the_same_rates(champion, options, histories, tmp_path):
    promoted = retrain(champion, options).promoted
    alone = train(TrainOptions(models_dir=tmp_path / "x", table=table(histories), forest=options.forest))
    assert promoted.version == alone.version
    for name in (ONNX, STATS, PARITY):
        assert (promoted.directory / name).read_bytes() == (alone.directory / name).read_bytes()


def test_a_worse_challenger_changes_nothing(champion, options, histories, models_dir):
    before = listing(models_dir)
    result = retrain(champion, replace(options, table=table(with_volatile_days(histories))))
    pooled, single = result.comparison.objections
    assert pooled.startswith("its Winkler score 95 is 3.")
    assert single.startswith("its Winkler score 95 is ")
    assert result.promoted is None
    assert listing(models_dir) == before


def test_a_wider_tolerance_lets_the_same_challenger_pass(champion, options, histories):
    lenient = replace(
        options,
        table=table(with_volatile_days(histories)),
        limits=Limits(tolerance=0.1, pair_tolerance=0.2),
        dry_run=True,
    )
    assert retrain(champion, lenient).comparison.objections == ()


def test_a_challenger_that_is_bad_for_a_single_pair_changes_nothing(champion, options, histories, models_dir):
    """The spikes make the sigma of the pair fifty times as large; a range is never narrower than a tenth of sigma."""
    before = listing(models_dir)
    result = retrain(champion, replace(options, table=table(with_tenfold_spikes(histories, "EUR/USD"))))
    duel = result.comparison.pairs["EUR/USD"]
    assert duel.challenger.winkler["95"] > 3 * duel.champion.winkler["95"]
    assert duel.challenger.coverage["80"] == 1
    assert any(objection.endswith(" % worse in EUR/USD") for objection in result.comparison.objections)
    assert result.promoted is None
    assert listing(models_dir) == before


def test_a_faulty_pair_does_not_reduce_its_weight(champion, options, histories):
    """In units of the challenger's sigma, which the spikes increase, its bad ranges would hardly count."""
    poisoned = replace(options, table=table(with_tenfold_spikes(histories, "EUR/USD")), dry_run=True)
    everything = retrain(champion, poisoned).comparison.all
    assert everything.challenger.winkler["95"] > 1.5 * everything.champion.winkler["95"]


def test_both_are_measured_in_the_champions_sigma(champion, histories):
    dates = histories[0].stretches[0].dates
    old = outcomes_of(as_fitted(champion, histories), histories, dates[550], dates[699])
    factor = np.where(old.pair == 1, 50.0, 1.0)
    new = replace(
        old,
        scale=old.scale * factor,
        actual=old.actual / factor,
        step=old.step / factor,
        half=old.half / factor[:, None],
    )
    for found in aligned(old, new):
        assert found.scale.tolist() == old.scale.tolist()
        np.testing.assert_allclose(found.actual, old.actual, rtol=1e-12)
        np.testing.assert_allclose(found.half, old.half, rtol=1e-12)


def test_a_wider_pair_tolerance_lets_a_pair_get_worse(champion, options, histories):
    """A user who knows that a currency has changed may allow a larger tolerance."""
    poisoned = replace(options, table=table(with_tenfold_spikes(histories, "EUR/USD")), dry_run=True)
    lenient = replace(poisoned, limits=Limits(tolerance=100, pair_tolerance=100))
    assert retrain(champion, lenient).comparison.objections == ()
    (objection,) = retrain(champion, replace(poisoned, limits=Limits(tolerance=100))).comparison.objections
    assert objection.endswith(" % worse in EUR/USD")


def test_a_dry_run_changes_nothing(champion, options, models_dir):
    before = listing(models_dir)
    result = retrain(champion, replace(options, dry_run=True))
    assert (result.promoted, result.comparison.objections) == (None, ())
    assert listing(models_dir) == before


def test_the_challenger_is_not_trained_on_the_held_back_days(champion, options, histories):
    """Other rates in the span change the scores but not the challenger."""
    seen = []
    fit = model_comparison.fit_model

    def spy(known, until, *arguments, **keywords):
        fitted = fit(known, until, *arguments, **keywords)
        seen.append((until, fitted.quantiles, fitted.sigmas.tolist()))
        return fitted

    other = [
        PairHistory(
            h.pair, (Series(h.pair, s.dates, np.where(np.arange(700) < 640, s.rates, s.rates * 1.3)),)
        )
        for h in histories
        for s in h.stretches
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_comparison, "fit_model", spy)
        for rates in (table(histories), table(other)):
            retrain(champion, replace(options, table=rates, dry_run=True))
    assert seen[0] == seen[1]
    assert seen[0][0] == histories[0].stretches[0].dates[639]


def test_the_champion_is_scored_as_a_worker_uses_it(champion, options, histories):
    comparison = retrain(champion, replace(options, dry_run=True)).comparison
    forecaster = Forecaster.from_bundle(champion)
    errors, halves = [], []
    for position, history in enumerate(histories):
        (stretch,) = history.stretches
        windows = [stretch.rates[day - WINDOW : day].tolist() for day in range(640, 700)]
        forecasts = forecaster.forecast(forecaster.windows(windows, np.full(60, position, dtype=np.intp)))
        unit = champion.stats.pairs[history.pair].sigma
        errors.append(np.log(stretch.rates[640:] / forecasts.prediction) / unit)
        halves.append(np.log(forecasts.upper / forecasts.prediction[:, None]) / unit)
    error, half = np.concatenate(errors), np.concatenate(halves)
    found = comparison.all.champion
    assert found.mae == pytest.approx(np.abs(error).mean())
    for column, level in enumerate(("80", "95")):
        assert found.coverage[level] == pytest.approx(np.mean(np.abs(error) <= half[:, column]))
        outside = np.maximum(np.abs(error) - half[:, column], 0)
        expected = np.mean(2 * half[:, column] + 2 / (1 - int(level) / 100) * outside)
        assert found.winkler[level] == pytest.approx(expected)


def test_days_that_the_champion_was_trained_on_are_counted(models_dir, histories, options):
    train(TrainOptions(models_dir=models_dir, table=table(histories, 670), forest=options.forest))
    comparison = retrain(load(models_dir), replace(options, dry_run=True)).comparison
    assert comparison.seen == 30


def test_the_very_same_rates_are_nothing_to_do(champion, options, histories, models_dir):
    before = listing(models_dir)
    result = retrain(champion, replace(options, table=table(histories, OLD)))
    assert (result.comparison, result.promoted) == (None, None)
    assert listing(models_dir) == before


def test_another_pair_is_trained_but_not_compared(champion, options, invent, small_forest):
    more = table(invent(700)[:4])
    result = retrain(champion, replace(options, table=more, more_pairs=("EUR/CHF",)))
    assert list(result.promoted.stats.pairs) == ["EUR/GBP", "EUR/USD", "EUR/JPY", "EUR/CHF"]
    assert "EUR/CHF" not in result.comparison.pairs
    assert result.comparison.all.champion.n == result.comparison.all.challenger.n == 180


def test_a_pair_with_too_few_rates_is_rejected_rather_than_lost(champion, options, histories):
    short = table(histories)
    short.columns["EUR/JPY"] = np.where(np.arange(700) < 650, np.nan, short.columns["EUR/JPY"])
    with pytest.raises(UsageError, match="EUR/JPY in invented: 50 rates without a gap are too few"):
        retrain(champion, replace(options, table=short))


@pytest.mark.parametrize(
    ("hold_back", "fault"), [(700, "only 700 rate days"), (600, "rows up to .* too few")]
)
def test_holding_back_too_much_is_rejected(champion, options, hold_back, fault):
    with pytest.raises(UsageError, match=fault):
        retrain(champion, replace(options, limits=Limits(hold_back)))


def test_a_model_that_became_current_in_the_meantime_is_not_overwritten(
    champion, options, models_dir, monkeypatch
):
    compare = module.compare

    def slow(*arguments):
        set_current(models_dir, "another")
        return compare(*arguments)

    monkeypatch.setattr(module, "compare", slow)
    with pytest.raises(OperationError, match="changed to another in the meantime"):
        retrain(champion, options)
    assert current_version(models_dir) == "another"


def test_a_range_that_is_a_fifth_too_wide_or_narrow_is_worse(champion, histories):
    dates = histories[0].stretches[0].dates
    outcomes = outcomes_of(as_fitted(champion, histories), histories, dates[550], dates[699])
    right = score(outcomes)
    for factor in (0.8, 1.2):
        assert objections(Duel(right, score(replace(outcomes, half=factor * outcomes.half))), {}, 0.01, 0.05)


def test_a_shadow_model_leaves_the_current_one_and_needs_not_be_better(
    champion, options, models_dir, monkeypatch, tmp_path
):
    key = SigningKey.make(tmp_path / "key.pem")
    worse = SimpleNamespace(objections=("it is worse on purpose",))
    monkeypatch.setattr(module, "compare", lambda *_: worse)
    result = retrain(champion, replace(options, shadow=True, signing_key=key))
    assert result.comparison is worse
    assert result.promoted is None
    assert current_version(models_dir) == champion.version
    assert shadow_version(models_dir) == result.shadow.version != champion.version
    load(models_dir, result.shadow.version, key.trusted)
    assert result.shadow.signed_with == key.id
