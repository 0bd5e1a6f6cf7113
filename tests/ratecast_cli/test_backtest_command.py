"""``ratecast backtest`` as a user runs it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ratecast_cli import backtest_command
from ratecast_cli.app import app, register
from tests.training.conftest import csv_text
from tests.training.test_range_gate import DAYS, invented, nervous_after_a_shock
from training import garch

if not app.registered_commands:  # once a process
    register()

EXAMPLE = "examples.ridge_on_squares:make"
SPLIT = str(DAYS[649])


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("rates") / "rates.csv"
    path.write_text(csv_text(invented(2, 800, nervous_after_a_shock)))
    return str(path)


@pytest.fixture(scope="module")
def printed(csv):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(garch, "is_installed", lambda: False)
        arguments = ("--csv", csv, "--split", SPLIT, "--estimator", EXAMPLE, "--keep-outliers")
        return run(*arguments).stdout.splitlines()


def run(*arguments, columns=80):
    done = CliRunner().invoke(app, ["backtest", *arguments], env={"COLUMNS": str(columns)})
    assert done.exception is None, done.exception
    return done


def test_the_table_has_two_lines_for_each_method(printed):
    assert printed[0] == (f"300 rates of 2 pairs, {DAYS[650]} to {DAYS[799]}; trained up to {SPLIT}")
    assert printed[2].split() == [
        *("method", "%", "Winkler", "t", "all", "calm", "middle", "wild", "shock", "seconds"),
    ]
    methods = ["ratecast", EXAMPLE, "volatility alone", "EWMA 0.94", "constant width"]
    for number, name in enumerate(methods):
        narrow, wide = printed[3 + 2 * number : 5 + 2 * number]
        assert narrow.startswith(f"{name} ")
        assert narrow.removeprefix(name).split()[0] == "80"
        assert wide.split()[0] == "95"
        assert len(narrow.removeprefix(name).split()) == 9
    reference = next(line for line in printed if line.startswith("volatility alone"))
    assert reference.split()[2:5] == ["80", "1.0000", "-"]
    assert "Winkler below 1 is better than volatility alone" in printed[4 + 2 * len(methods)]


def test_a_method_that_is_not_installed_is_named(printed):
    assert "left out: GARCH(1,1)-t, because the package arch is not installed (pip install arch)" in printed


def test_json_is_one_document_with_the_same_figures(csv, printed):
    (line,) = run(
        "--csv", csv, "--split", SPLIT, "--keep-outliers", "--json", "--pair", "EUR/AAA", "--pair", "EUR/BBB"
    ).stdout.splitlines()
    found = json.loads(line)
    assert (found["rates"], found["pairs"], found["trained_until"]) == (300, 2, [SPLIT])
    assert set(found["rates_by_regime"]) == {"calm", "middle", "wild", "after_shock"}
    product = found["methods"][0]
    assert set(product) == {"name", "levels", "seconds", "exponents"}
    assert set(product["levels"]["80"]) == {"winkler", "ratio", "t_statistic", "coverage", "by_regime"}
    assert f"{product['levels']['80']['ratio']:.4f}" == printed[3].split()[2]


def test_the_default_walks_through_the_years(csv):
    found = json.loads(run("--csv", csv, "--from", "2001", "--keep-outliers", "--json").stdout)
    assert found["trained_until"] == ["2000-12-31", "2001-12-31"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--split", "2020", "--from", "2015"), "--split and --from exclude each other"),
        (("--split", "soon"), "--split: 'soon' is not a date like 2025-01-31"),
        (
            ("--estimator", "nothing"),
            "--estimator nothing: write package.module:make, or forest for the forest",
        ),
    ],
)
def test_wrong_use_is_refused_before_any_rates_are_read(monkeypatch, arguments, fault):
    monkeypatch.setattr(backtest_command, "_histories", lambda *_, **__: pytest.fail("it read rates"))
    done = CliRunner().invoke(app, ["backtest", *arguments])
    assert str(done.exception) == fault


def test_ctrl_c_ends_it_with_one_line(csv, monkeypatch):
    from training import backtest

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(backtest, "fit_model", interrupt)
    done = CliRunner().invoke(app, ["backtest", "--csv", csv, "--split", SPLIT])
    assert done.exit_code == 130
    assert done.stderr.splitlines()[-1] == "interrupted: no table is printed, and nothing was changed"
    assert done.stdout == ""
