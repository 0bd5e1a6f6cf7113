from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ratecast_cli import feed_command as command
from ratecast_stack.children import free_port
from tests import brokers
from tests.producer.commands import invoke, variables

if TYPE_CHECKING:
    from pathlib import Path

    from ratecast.settings import Settings

TODAY = dt.datetime.now(dt.UTC).date()
DAYS = [TODAY - dt.timedelta(days=back) for back in range(80, 0, -1)]


@pytest.fixture
def settings(bootstrap_servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    found = brokers.settings_of_its_own(bootstrap_servers, tmp_path)
    for name, value in variables(found).items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    """A file of invented rates that ends yesterday."""
    path = tmp_path / "rates.csv"
    walk = 1.1 * np.exp(np.random.default_rng(1).normal(0, 0.003, len(DAYS)).cumsum())
    rows = [f"{day},{usd:.4f},{usd * 0.8:.4f}" for day, usd in zip(DAYS, walk, strict=True)]
    path.write_text("\n".join(["date,USD,GBP", *rows, ""]))
    return path


def feed(*arguments: object) -> tuple[int, str, str]:
    done = invoke(command, *(str(argument) for argument in arguments))
    return done.exit_code, done.stdout, str(done.exception) if done.exit_code else done.stderr


def test_once_publishes_what_is_new_and_dry_run_only_shows_it(settings: Settings, rates: Path) -> None:
    source = ("--source", "csv", "--address", rates)
    assert feed("--once", "--json", *source, "--pair", "eur/usd")[0] == 0
    with rates.open("a") as file:
        file.write(f"{TODAY},9.9999,0.8800\n")
    code, shown, _ = feed("--dry-run", *source)
    assert code == 0
    assert shown.splitlines()[1:] == [f"EUR/GBP@{TODAY}  0.88"]  # the other pair's rate is held back
    code, shown, _ = feed("--once", "--json", *source, "--pair", "EUR/USD")
    assert (code, [json.loads(line) for line in shown.splitlines()]) == (
        0,
        [{"pair": "EUR/USD", "as_of": str(TODAY), "rate": 9.9999, "held_back": "unconfirmed"}],
    )
    code, shown, _ = feed("--once", "--force", "--json", *source, "--pair", "EUR/USD")
    published = {"message_id": f"EUR/USD@{TODAY}", "pair": "EUR/USD", "as_of": str(TODAY), "rate": 9.9999}
    assert (code, json.loads(shown)) == (0, {**published, "published": True})
    assert feed("--once", "--json", *source, "--pair", "EUR/USD")[:2] == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--force",), "--force needs --once or --dry-run"),
        (("--json",), "--json needs --once or --dry-run"),
        (
            ("--source", "fed"),
            "--source: 'fed' is not one of ecb, ecb-sdmx, frankfurter, bank-of-england, csv",
        ),
        (("--pair", "EURUSD"), "--pair: 'EURUSD' is not a pair: write two currencies like EUR/USD"),
        (("--source", "csv"), "the source csv needs the path of a file or folder as its address"),
        (("--address", "nowhere"), "'nowhere' is no address: write https://host/path"),
        (("--once", "--ca-file", "/nowhere.pem"), "/nowhere.pem"),
        (
            ("--source", "bank-of-england", "--pair", "EUR/USD"),
            "the Bank of England quotes currencies per pound",
        ),
    ],
)
def test_wrong_use_is_one_line(settings: Settings, arguments: tuple[str, ...], message: str) -> None:
    code, shown, error = feed(*arguments)
    assert (code, shown) == (1, "")  # the command line turns a UsageError into exit code 2
    assert message in error
    assert "\n" not in error


def test_a_pair_that_the_file_lacks_is_named(settings: Settings, rates: Path) -> None:
    _, _, error = feed("--once", "--source", "csv", "--address", rates, "--pair", "EUR/CHF")
    assert error.startswith("EUR/CHF cannot be published")


def test_once_fails_while_the_source_is_down(settings: Settings) -> None:
    address = f"http://127.0.0.1:{free_port()}/"
    code, _, error = feed("--once", "--address", address)
    assert code == 1
    assert error.startswith(address)
    assert "is it running?" in error


def test_only_the_euros_reference_rates_have_due_times_and_default_pairs() -> None:
    from ratecast.settings import Settings

    for source in ("ecb", "ecb-sdmx", "frankfurter"):
        settings = Settings(feed_source=source, feed_late_at="17:15")
        assert command.timetable(settings).is_daily
        assert command.timetable(settings).late_at == dt.time(17, 15)
        assert len(command.pairs_to_publish(settings)) == 20
    for source in ("bank-of-england", "csv"):
        assert not command.timetable(Settings(feed_source=source)).is_daily
        assert command.pairs_to_publish(Settings(feed_source=source)) == ()
    assert command.pairs_to_publish(Settings(feed_pairs="EUR/USD, GBP/USD,EUR/USD")) == ("EUR/USD", "GBP/USD")
