"""``ratecast forecast --horizon --quantiles``: lines, JSON and errors; and the lines of ``ratecast predict``."""

from __future__ import annotations

import json

import pytest

from ratecast.contract.wire import HorizonRow, IntervalsRow
from ratecast.errors import UsageError
from ratecast_cli import forecast_command, predict_command
from tests.producer import commands
from tests.rows import prediction_row


@pytest.fixture(autouse=True)
def _environment(models_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("RATECAST_MODELS_DIR", str(models_dir))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str):
    return commands.invoke(forecast_command, "EUR/USD", *arguments)


def test_each_horizon_has_its_day_and_ranges_and_each_quantile_a_line():
    result = run("--horizon", "5,2", "--quantiles", "5,97.5")
    assert result.exit_code == 0, result.exception
    lines = [line.strip() for line in result.stdout.splitlines()]
    places = [next(i for i, line in enumerate(lines) if line.startswith(f"in {n} steps")) for n in (2, 5)]
    assert places[1] == places[0] + 3
    assert lines[places[0] + 2].startswith("95 % range")
    assert any(line.startswith("quantiles") and "5 %" in line for line in lines)
    assert any(line.startswith("97.5 %") for line in lines)


def test_json_has_them_by_steps_and_by_percent():
    (found,) = json.loads(run("--horizons", "all", "--quantiles", "all", "--json").stdout)["forecasts"]
    assert list(found["horizons"]) == ["2", "5", "10", "21"]
    five = found["horizons"]["5"]
    assert five["range_95"]["lower"] < found["range_95"]["lower"]
    assert len(five["target"]) == len("2026-11-06")
    assert found["quantiles"]["97.5"] == found["range_95"]["upper"]
    (plain,) = json.loads(run("--json").stdout)["forecasts"]
    assert (plain["horizons"], plain["quantiles"]) == ({}, {})


def test_the_settings_of_a_worker_apply_and_an_option_overrides_them(monkeypatch):
    monkeypatch.setenv("RATECAST_HORIZONS", "10")
    assert "in 10 steps" in run().stdout
    assert "in 10 steps" not in run("--horizon", "none").stdout


@pytest.mark.parametrize("option", ["--horizon", "--quantiles"])
def test_what_no_table_has_is_refused_in_one_line(option):
    result = run(option, "3")
    assert isinstance(result.exception, UsageError)
    assert "must be all, none or some of" in str(result.exception)
    assert "got '3'" in str(result.exception)


def test_predict_shows_what_a_prediction_has():
    row = prediction_row(1.0)
    plain = [name for name, *_ in predict_command.rows(row)]
    ranges = IntervalsRow((0.9, 1.1), (0.8, 1.2))
    row.horizons = [HorizonRow(2, ranges, "2026-11-03"), HorizonRow(5, ranges)]
    row.quantiles = {"2.5": 0.8, "50": 1.0}
    shown = predict_command.rows(row)
    assert [name for name, *_ in shown] == [*plain[:5], "in 2 steps", "in 5 steps", "quantiles", *plain[5:]]
    assert shown[5][1] == "80 %: 0.9 to 1.1, 95 %: 0.8 to 1.2 on 2026-11-03"
    assert shown[6][1] == "80 %: 0.9 to 1.1, 95 %: 0.8 to 1.2"
    assert shown[7][1] == " 2.5 %  0.8\n  50 %  1"
