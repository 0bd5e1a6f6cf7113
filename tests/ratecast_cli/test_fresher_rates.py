"""Every command that uses the ECB's rates uses the fresher of the file and the package. All rates are invented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import training.collect
import training.train
from producer.plan import histories
from ratecast.errors import UsageError
from ratecast.model.bundle import load
from ratecast.rates import freshest
from ratecast.settings import Settings
from ratecast_cli import backtest_command, forecast_command, replay_command, retrain_command, train_command
from ratecast_stack.demo.run import DemoOptions, View, run_demo
from ratecast_stack.local_stack import ensure_model
from tests.ecb_zips import LAST, history, later, packed
from tests.producer import commands

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratecast.rates.tables import RateTable

FILE = Path("rates/eurofxref-hist.zip")
NEWEST = later(2)


@pytest.fixture(autouse=True)
def _a_newer_file(monkeypatch, tmp_path, models_dir):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RATECAST_RATES_FILE")
    monkeypatch.setenv("RATECAST_MODELS_DIR", str(models_dir))
    package = history()
    monkeypatch.setattr(freshest, "load_ecb", lambda: package)
    FILE.parent.mkdir()
    FILE.write_bytes(packed(history(NEWEST)))


class ReachedError(UsageError):
    """The rates have come to the work that the test leaves out."""


@pytest.fixture
def seen(monkeypatch) -> Callable[..., list[Any]]:
    """Replaces a function by one that remembers what an argument was, and ends the command."""

    def _seen(module: Any, name: str, of: Callable[..., RateTable]) -> list[Any]:
        found: list[Any] = []

        def instead(*arguments: Any, **options: Any) -> None:
            found.append(of(*arguments, **options))
            raise ReachedError("here")

        monkeypatch.setattr(module, name, instead)
        return found

    return _seen


def assert_newest(found: list[RateTable]) -> None:
    (table,) = found
    assert table.dates[-1].astype(object) == NEWEST
    assert table.source == str(FILE)


def test_forecast_uses_it_and_says_so():
    shown = commands.invoke(forecast_command, "EUR/USD").stdout
    assert f" on {NEWEST} (" in shown
    assert shown.splitlines()[-1].endswith(f", from {FILE}")
    document = json.loads(commands.invoke(forecast_command, "EUR/USD", "--json").stdout)
    assert (document["source"], document["rates"]["file"]) == (str(FILE), str(FILE))
    assert document["rates"]["last_day"] == document["forecasts"][0]["last_date"] == str(NEWEST)


def test_forecast_uses_the_package_once_more_when_the_file_is_gone():
    FILE.unlink()
    document = json.loads(commands.invoke(forecast_command, "EUR/USD", "--json").stdout)
    assert document["rates"]["file"] is None
    assert document["forecasts"][0]["last_date"] == str(LAST)


def test_a_users_file_comes_before_both(tmp_path):
    rows = "".join(f"2026-10-{day:02},1.1{day}\n" for day in (27, 28, 29, 30))
    (tmp_path / "own.csv").write_text(f"date,USD\n{rows}")
    result = commands.invoke(forecast_command, "EUR/USD", "--csv", "own.csv", "--json")
    document = json.loads(result.stdout)
    assert document["source"] == "own.csv"
    assert "rates" not in document


def test_replay_uses_it(seen):
    found = seen(histories, "plan", lambda table, *_: table)
    commands.invoke(replay_command, "-b", "127.0.0.1:9")
    assert_newest(found)


def test_train_uses_it(seen):
    found = seen(training.train, "train", lambda options, _: options.ecb)
    commands.invoke(train_command)
    assert_newest(found)


def test_train_says_so(monkeypatch):
    monkeypatch.setattr(training.train, "train", lambda *_: None)
    monkeypatch.setattr(train_command, "show", lambda _: None)
    assert commands.invoke(train_command).stderr.startswith(f"rates     the ECB's rates until {NEWEST} (")


def test_backtest_uses_it(seen):
    found = seen(training.collect, "collect", lambda _, table: table)
    commands.invoke(backtest_command)
    assert_newest(found)


def test_retrain_uses_it_as_its_base(seen):
    found = seen(retrain_command, "_base", lambda _, ecb, *__, **___: ecb.table)
    commands.invoke(retrain_command, "-b", "127.0.0.1:9")
    assert_newest(found)


def test_the_demo_uses_it_and_says_so(seen, models_dir):
    found = seen(histories, "plan", lambda table, *_: table)
    lines: list[str] = []
    view: Any = View(report=lines.append, watch=None, finish=None)  # type: ignore[arg-type]
    with pytest.raises(ReachedError):
        run_demo(Settings(), load(models_dir).stats, DemoOptions(), view)
    assert_newest(found)
    assert lines[0].startswith(f"rates     the ECB's rates until {NEWEST} (")


def test_a_first_model_is_trained_on_it(seen, tmp_path):
    found = seen(training.train, "train", lambda options, _: options.ecb)
    with pytest.raises(ReachedError):
        ensure_model(Settings(models_dir=tmp_path / "none"), print)
    assert_newest(found)
