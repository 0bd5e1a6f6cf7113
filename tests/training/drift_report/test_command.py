"""The command without a broker: rates from a file, and everything that can be wrong before a topic is read."""

from __future__ import annotations

import importlib.util
import json
from unittest.mock import patch

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from ratecast.errors import ModelBundleError, UsageError
from ratecast_cli import drift_report_command as command
from tests.bundles import write_bundle
from tests.training.drift_report.planted import days, walk


def invoke(*arguments):
    app = Typer()
    app.callback()(lambda: None)
    command.register(app)
    with patch("ratecast_cli.logs.configure_logging"), patch("ratecast_cli.logs.quiet_client"):
        return CliRunner().invoke(app, ["drift-report", *map(str, arguments)])


def write_rates(path, series, dates=None):
    dates = days(len(next(iter(series.values())))) if dates is None else dates
    lines = ["date," + ",".join(series)]
    columns = [["" if np.isnan(rate) else repr(float(rate)) for rate in rates] for rates in series.values()]
    lines += [",".join((str(day), *cells)) for day, *cells in zip(dates, *columns, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def feed(tmp_path):
    """One pair with a slip of ten days, a clean pair, and a pair that the model does not know."""
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
    verdict = printed["pairs"]["EUR/USD"]["verdict"]["text"]
    assert verdict.startswith("check the feed of EUR/USD: decimal slip (100 times ")
    assert verdict.endswith(f") from {day[150]} to {day[159]}")
    assert printed["pairs"]["EUR/CHF"]["verdict"]["text"] == "nothing to do"
    assert printed["notes"][-1] == "Left out, because the model does not know them: EUR/SEK."
    assert verdict in page.read_text()


def test_the_terminal_ends_in_the_path_of_the_page(feed, models_dir, tmp_path):
    page = tmp_path / "page.html"
    result = invoke("--csv", feed, "--models-dir", models_dir, "--output", page)
    assert result.stdout.splitlines()[-1] == f"report  {page}"
    assert result.stdout.startswith("Check the feed of EUR/USD (decimal slip, ended).")


def test_where_there_is_no_terminal_no_line_is_wrapped_or_padded(models_dir, tmp_path):
    rates = walk("EUR/USD", 250)
    rates[150:160] *= 100
    feed = write_rates(tmp_path / "rates.csv", {"EUR/USD": rates})
    result = invoke("--csv", feed, "--models-dir", models_dir, "--output", tmp_path / "page.html")
    lines = result.stdout.splitlines()
    day = days(253)
    assert lines[1] == f"193 predictions of 1 pair, {day[60]} to {day[252]}, model test-1"
    assert lines[3].split() == [
        "pair",
        "messages",
        "alerts",
        "drift",
        "in",
        "80",
        "%",
        "in",
        "95",
        "%",
        "verdict",
    ]
    assert lines[4].startswith("EUR/USD       193 ")
    assert f"  check feed: decimal slip from {day[150]} to {day[159]}" in lines[4]
    assert not any(line.endswith(" ") for line in lines)


def test_the_span_and_the_pairs_hold_for_a_file_too(feed, models_dir, tmp_path):
    day = days(253)
    options = ("--from", day[170], "--to", day[190], "--pair", "eur/chf", "--output", tmp_path / "page.html")
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
    assert str(error) == f"--model: {models} has no model oldest; it has newer, older"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--from", "2025-02-30"), "--from: '2025-02-30' is not a date"),
        (
            ("--from", "2025-03-01", "--to", "2025-02-01"),
            "--from 2025-03-01 is after --to 2025-02-01: swap them",
        ),
        (("--pair", "eurusd"), "--pair: 'eurusd' is not a pair: write two currencies like EUR/USD"),
        (("--pair", "EUR/SEK"), "model test-1 does not know EUR/SEK; it knows EUR/GBP"),
        (("--output", "no/such/page.html"), "--output no/such/page.html: there is no directory no/such"),
        (("--output", "."), "--output . is a directory"),
        (("--output", "page.json"), "--output page.json: the page needs another name"),
    ],
)
def test_wrong_use_is_one_line_that_says_what(feed, models_dir, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    error = invoke("--csv", feed, "--models-dir", models_dir, *options).exception
    assert isinstance(error, UsageError)
    assert message in str(error)
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_a_span_without_predictions_is_rejected_with_the_possible_days(feed, models_dir, tmp_path, option):
    day = "2035-01-01" if option == "--from" else str(days(253)[59])
    span = f"from {day} to the newest" if option == "--from" else f"from the oldest to {day}"
    error = invoke("--csv", feed, "--models-dir", models_dir, option, day).exception
    assert isinstance(error, UsageError)
    assert str(error) == (
        f"{feed} gives no predictions {span}: each needs 61 rates, so predictions are possible from {days(253)[60]} to "
        f"{days(253)[-1]}; choose --from and --to within these days"
    )


def test_a_file_that_is_too_short_is_rejected_with_the_number_of_rates_needed(models_dir, tmp_path):
    pair = {"EUR/USD": walk("EUR/USD", 57)}
    short = write_rates(tmp_path / "short.csv", pair)
    error = invoke("--csv", short, "--models-dir", models_dir).exception
    assert isinstance(error, UsageError)
    assert str(error) == (
        f"{short}: a prediction needs 61 rates, and the file has 60 of EUR/USD: give --csv a longer file"
    )
    enough = write_rates(tmp_path / "enough.csv", {"EUR/USD": walk("EUR/USD", 58)})
    result = invoke("--csv", enough, "--models-dir", models_dir, "--output", tmp_path / "page.html", "--json")
    assert json.loads(result.stdout)["messages"] == 1


@pytest.mark.parametrize("left", [60, 0])
def test_a_pair_without_a_prediction_in_the_span_is_left_out_with_a_note(models_dir, tmp_path, left):
    late = walk("EUR/CHF", 150)
    late[: 153 - left] = np.nan
    feed = write_rates(tmp_path / "rates.csv", {"EUR/USD": walk("EUR/USD", 150), "EUR/CHF": late})
    result = invoke("--csv", feed, "--models-dir", models_dir, "--output", tmp_path / "page.html", "--json")
    found = json.loads(result.stdout)
    assert list(found["pairs"]) == ["EUR/USD"]
    assert found["notes"][-1] == "Left out, because no day has 61 rates up to it: EUR/CHF."


@pytest.mark.parametrize("missing", [10, 30, 2350])
def test_a_hole_in_a_file_is_a_gap_with_its_days_and_later_days_are_checked(models_dir, tmp_path, missing):
    """Ten rates, which is longer than `rates.MAX_GAP_DAYS`, or nine years, as with EUR/ISK."""
    whole = days(253 + missing)
    dates = np.concatenate((whole[:120], whole[120 + missing :]))
    feed = write_rates(tmp_path / "rates.csv", {"EUR/USD": walk("EUR/USD", 250)}, dates)
    result = invoke("--csv", feed, "--models-dir", models_dir, "--output", tmp_path / "page.html", "--json")
    pair = json.loads(result.stdout)["pairs"]["EUR/USD"]
    assert [(one["code"], one["first"], one["last"]) for one in pair["findings"]] == [
        ("gap", str(dates[119]), str(dates[120]))
    ]
    assert f"gap ({(dates[120] - dates[119]).astype(int)} days" in pair["verdict"]["text"]
    assert pair["messages"] == 253 - 60


def test_a_pair_that_comes_back_in_a_new_unit_is_a_decimal_slip(models_dir, tmp_path):
    whole = days(253 + 250)
    dates, rates = np.concatenate((whole[:120], whole[370:])), walk("EUR/JPY", 250)
    rates[120:] /= 1000
    feed = write_rates(tmp_path / "rates.csv", {"EUR/JPY": rates}, dates)
    result = invoke("--csv", feed, "--models-dir", models_dir, "--output", tmp_path / "page.html", "--json")
    (finding,) = json.loads(result.stdout)["pairs"]["EUR/JPY"]["findings"]
    assert (finding["code"], finding["first"], finding["last"]) == ("decimal_slip", str(dates[120]), None)
    assert "1/1,000 times" in finding["text"]


@pytest.mark.parametrize("start", [0, 170])
def test_a_slip_that_outlasts_a_history_ends_on_its_last_day(models_dir, tmp_path, start):
    """The step back looks like a slip as well; the second report begins when no history contains the first step."""
    rates, day = walk("EUR/JPY", 250), days(253)
    rates[100:180] *= 100
    feed = write_rates(tmp_path / "rates.csv", {"EUR/JPY": rates})
    options = ("--models-dir", models_dir, "--output", tmp_path / "page.html", "--from", day[start])
    found = json.loads(invoke("--csv", feed, *options, "--json").stdout)
    (finding,) = found["pairs"]["EUR/JPY"]["findings"]
    begun = day[max(100, start)]
    assert (finding["first"], finding["last"]) == (str(begun), str(day[179]))
    assert finding["code"] == ("level_cone" if start else "decimal_slip")


def test_a_missing_model_is_reported_with_the_option_for_its_directory(feed, tmp_path):
    error = invoke("--csv", feed, "--models-dir", tmp_path, "--output", tmp_path / "page.html").exception
    assert isinstance(error, ModelBundleError)
    assert str(error).startswith(f"there is no model in {tmp_path}: run `ratecast train` first")


def test_without_the_extra_it_says_how_to_get_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )
    error = invoke().exception
    assert isinstance(error, UsageError)
    assert str(error).startswith("drift-report needs matplotlib: run `make install` in ")
