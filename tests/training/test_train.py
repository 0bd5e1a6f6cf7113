"""From rates to a bundle: its content, reproducibility, and that later rates change nothing."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pytest

from ratecast.errors import UsageError
from ratecast.model import features
from ratecast.model.bundle import JOBLIB, ONNX, PARITY, REPORT, STATS, current_version, load
from ratecast.model.features import FEATURE_NAMES
from ratecast.rates.tables import Series
from training.build_stats import pair_stats
from training.dataset import PairHistory
from training.forests import ForestSettings
from training.train import train
from training.train_options import TrainOptions


def test_the_version_names_the_last_day_and_a_digest(trained):
    assert re.fullmatch(rf"{trained.stats.trained_until}-[0-9a-f]{{8}}", trained.version)
    assert current_version(trained.directory.parent) == trained.version


def test_the_report_is_one_file_with_every_pair(trained):
    page = trained.report.read_text()
    assert all(f'<th scope="row">{pair}</th>' in page for pair in trained.stats.pairs)
    assert re.findall(r'(?:src|href)="|url\(|@import', page) == []
    assert "Its rates are rates.csv, 2018-01-01 to 2020-04-17." in " ".join(page.split())


def test_statistics_are_those_of_every_three_consecutive_rates(invent):
    (history, *_) = invent(300)
    (stretch,) = history.stretches
    stats = pair_stats(history, 0.005, 239)
    windows = features.window_matrix([stretch.rates[i : i + 3].tolist() for i in range(298)])
    values = features.contract_features(windows, features.log_returns(windows))
    for name, column in zip(FEATURE_NAMES, values.T, strict=True):
        found = stats.features[name]
        assert (found.min, found.max) == (column.min(), column.max())
        assert (found.mean, found.std) == pytest.approx((column.mean(), column.std()))
    assert stats.last_rate == stretch.rates[-1]
    assert (stats.first_date, stats.last_date) == (str(stretch.dates[0]), str(stretch.dates[-1]))


def test_statistics_do_not_look_across_a_hole():
    dates = np.arange("2024-01-01", "2024-01-07", dtype="datetime64[D]")
    parts = (Series("A", dates[:3], np.array([1.0, 1, 1])), Series("A", dates[3:], np.array([9.0, 9, 9])))
    stats = pair_stats(PairHistory("A", parts), 0.005, 1)
    assert stats.features["return_1"].max == 0
    assert stats.longest_run == 3


def test_the_bundle_keeps_how_often_the_ranges_of_each_pair_held(trained):
    outcomes = trained.evaluation.outcomes
    for position, (name, pair) in enumerate(trained.stats.pairs.items()):
        own = outcomes.where(outcomes.pair == position)
        inside = np.abs(own.actual - own.step)[:, None] <= own.half
        held = pair.ranges_held
        assert held.n == len(own.date) == trained.evaluation.pairs[name].n > 50
        assert (held.first_date, held.last_date) == (str(own.date[0]), str(own.date[-1]))
        assert held.shares == pytest.approx(
            dict(zip(("80", "95"), inside.mean(axis=0), strict=True)), abs=1e-6
        )
    assert load(trained.directory.parent).stats == trained.stats


def run(models_dir, csv, **options):
    return train(TrainOptions(models_dir=models_dir, csv=csv, forest=ForestSettings(trees=10), **options))


def test_the_same_data_and_seed_give_the_same_model_and_later_rates_change_nothing(
    invent, write_csv, tmp_path
):
    histories = invent(500, phi=0.2)[:2]
    until = histories[0].stretches[0].dates[399].astype(object)
    future = [
        PairHistory(h.pair, (Series(h.pair, s.dates, np.where(np.arange(500) > 399, s.rates * 2, s.rates)),))
        for h in histories
        for s in h.stretches
    ]
    first = run(tmp_path / "a", write_csv(histories), until=until)
    again = run(tmp_path / "b", write_csv(future), until=until)
    assert first.version == again.version
    for name in (ONNX, PARITY, STATS, JOBLIB, REPORT):
        assert (first.directory / name).read_bytes() == (again.directory / name).read_bytes(), name
    assert first.stats.trained_until == str(until)


def test_another_seed_is_another_version(invent, write_csv, tmp_path):
    csv = write_csv(invent(300)[:1])
    versions = {
        train(TrainOptions(models_dir=tmp_path, csv=csv, forest=ForestSettings(seed=seed, trees=5))).version
        for seed in (0, 1)
    }
    assert len(versions) == 2


def test_progress_reports_each_stage_and_never_goes_back(invent, write_csv, tmp_path):
    reported = []
    options = TrainOptions(
        models_dir=tmp_path, csv=write_csv(invent(300)[:1]), forest=ForestSettings(trees=5)
    )
    train(options, lambda stage, done, total: reported.append((stage, done, total)))
    shares = [done / total for _, done, total in reported]
    assert shares == sorted(shares)
    assert reported[-1][0] == "done"
    assert shares[-1] == 1


def with_column(path, name, value):
    lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{lines[0]},{name}", *(f"{line},{value}" for line in lines[1:])]) + "\n")
    return path


def test_a_pair_that_never_moves_is_left_out_and_named(invent, write_csv, tmp_path):
    csv = with_column(write_csv(invent(300)[:1]), "DKK", "7.46")
    result = run(tmp_path, csv)
    assert result.skipped == {"EUR/DKK": "the rate never moves"}
    assert list(result.stats.pairs) == ["EUR/GBP"]
    assert "EUR/DKK was left out: the rate never moves." in result.report.read_text()


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"pairs": ("EUR/DKK",)}, "EUR/DKK in .*: the rate never moves"),
        ({"pairs": ("EUR/XXX",)}, "has no XXX; it has DKK, EUR, GBP"),
        ({"default_pair": "EUR/USD"}, "default pair EUR/USD is not one of the pairs to train on: EUR/GBP"),
        (
            {"until": dt.date(2018, 3, 1)},
            "no pair to train on up to 2018-03-01; EUR/GBP: 44 rates without a gap are too few",
        ),
        (
            {"until": dt.date(2018, 9, 1)},
            "rows up to .*, before the test days, are too few to train on: 150",
        ),
    ],
)
def test_what_cannot_be_trained_is_rejected_with_the_reason(invent, write_csv, tmp_path, options, fault):
    csv = with_column(write_csv(invent(300)[:1]), "DKK", "7.46")
    with pytest.raises(UsageError, match=fault):
        run(tmp_path / "models", csv, **options)
    assert not (tmp_path / "models").exists()
