"""The command without a broker: rates from a file, and everything that can be wrong before a topic is read."""

from __future__ import annotations

import importlib.util
import json
from unittest.mock import patch

import pytest
from typer import Typer
from typer.testing import CliRunner

from ratecast.cli import drift_report as command
from ratecast.errors import ModelBundleError, UsageError
from tests.bundles import write_bundle
from tests.training.drift_report.planted import days, walk


def invoke(*arguments):
    app = Typer()
    app.callback()(lambda: None)
    command.register(app)
    with patch("ratecast.cli.logs.configure_logging"), patch("ratecast.cli.replay.quiet_client"):
        return CliRunner().invoke(app, ["drift-report", *map(str, arguments)])


def write_rates(path, series):
    dates = days(len(next(iter(series.values()))))
    lines = ["date," + ",".join(series)]
    lines += [
        f"{day}," + ",".join(repr(float(r[row])) for r in series.values()) for row, day in enumerate(dates)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def feed(tmp_path):
    """A slip of ten days in one pair and a clean one; a third that the model does not know."""
    slipped = walk("EUR/USD", 250)
    slipped[150:160] *= 100
    series = {"EUR/USD": slipped, "EUR/CHF": walk("EUR/CHF", 250), "EUR/SEK": walk(count=250)}
    return write_rates(tmp_path / "rates.csv", series)


def test_a_file_is_scored_as_if_it_had_come_in(feed, models_dir, tmp_path):
    page = tmp_path / "page.html"
    result = invoke("--csv", feed, "--models-dir", models_dir, "--output", page, "--json")
    assert result.exit_code == 0, result.exception
    printed, beside = json.loads(result.stdout), json.loads((tmp_path / "page.json").read_text())
    assert printed == beside
    assert printed["pairs"]["EUR/USD"]["messages"] == 253 - 60
    day = days(253)
    assert printed["pairs"]["EUR/USD"]["verdict"]["text"] == (
        f"check the feed of EUR/USD: decimal slip (100 times the previous rate) from {day[150]} to {day[159]}"
    )
    assert printed["pairs"]["EUR/CHF"]["verdict"]["text"] == "nothing to do"
    assert printed["notes"][-1] == "Left out, since the model does not know them: EUR/SEK."
    assert "decimal slip (100 times the previous rate)" in page.read_text()


def test_the_terminal_ends_in_the_path_of_the_page(feed, models_dir, tmp_path):
    page = tmp_path / "page.html"
    result = invoke("--csv", feed, "--models-dir", models_dir, "--output", page)
    assert result.stdout.splitlines()[-1] == f"report  {page}"
    assert result.stdout.startswith("Check the feed of EUR/USD (decimal slip, ended).")


def test_the_span_and_the_pairs_hold_for_a_file_too(feed, models_dir, tmp_path):
    day = days(253)
    options = ("--from", day[170], "--to", day[190], "--pair", "EUR/CHF", "--output", tmp_path / "page.html")
    result = invoke("--csv", feed, "--models-dir", models_dir, "--json", *options)
    found = json.loads(result.stdout)
    assert list(found["pairs"]) == ["EUR/CHF"]
    assert (found["span"], found["messages"]) == ({"first": str(day[170]), "last": str(day[190])}, 21)


def test_another_version_may_be_named(feed, tmp_path):
    models = tmp_path / "models"
    write_bundle(models, "older")
    write_bundle(models, "newer")
    options = ("--csv", feed, "--models-dir", models, "--output", tmp_path / "page.html", "--json")
    assert json.loads(invoke(*options).stdout)["model"]["version"] == "newer"
    assert json.loads(invoke(*options, "--model", "older").stdout)["model"]["version"] == "older"
    error = invoke(*options, "--model", "oldest").exception
    assert isinstance(error, UsageError)
    assert str(error) == f"--model: there is no oldest in {models}; there is newer, older"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "2025-02-30"), "--from: '2025-02-30' is not a date"),
        (
            ("--from", "2025-03-01", "--to", "2025-02-01"),
            "--from 2025-03-01 lies after --to 2025-02-01: swap them",
        ),
        (("--pair", "eurusd"), "--pair: 'eurusd' is not a pair like EUR/USD"),
        (("--pair", "EUR/SEK"), "model test-1 does not know EUR/SEK; it knows EUR/GBP"),
        (("--output", "no/such/page.html"), "--output no/such/page.html: there is no directory no/such"),
        (("--output", "."), "--output . is a directory"),
        (("--output", "page.json"), "--output page.json: the page needs another name"),
        (("--from", "2035-01-01"), "no 61 rates in a row"),
    ],
)
def test_wrong_use_is_one_line_that_says_what(feed, models_dir, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    error = invoke("--csv", feed, "--models-dir", models_dir, *options).exception
    assert isinstance(error, UsageError)
    assert message in str(error)
    assert not list(tmp_path.glob("*.html"))


def test_no_model_is_told_with_the_option_that_names_one(feed, tmp_path):
    error = invoke("--csv", feed, "--models-dir", tmp_path, "--output", tmp_path / "page.html").exception
    assert isinstance(error, ModelBundleError)
    assert str(error).startswith(f"no model in {tmp_path}: run `ratecast train` first")


def test_without_the_extra_it_says_how_to_get_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )
    error = invoke().exception
    assert isinstance(error, UsageError)
    assert str(error) == "drift-report needs matplotlib: pip install 'ratecast[training]'"
