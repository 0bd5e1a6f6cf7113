from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from ratecast.errors import UsageError
from ratecast_cli import console, parameters
from ratecast_cli.demo_command import say

LONG = "The model does not beat the last rate, so the last rate is its forecast (lambda 0). " * 3


def terminal(shown: io.StringIO) -> Console:
    return Console(file=shown, force_terminal=True, color_system=None, highlight=False, width=80)


def table() -> Table:
    made = Table(show_header=False, box=None, pad_edge=False)
    made.add_row("short", "x")
    made.add_row("long", LONG.strip())
    return made


def test_without_a_terminal_a_row_is_one_line_without_spaces_at_its_end(capsys) -> None:
    console.show(table())
    assert capsys.readouterr().out == f"short  x\nlong   {LONG.strip()}\n"


def test_on_a_terminal_a_table_is_fitted_to_its_width(monkeypatch) -> None:
    monkeypatch.setattr(console, "out", terminal(shown := io.StringIO()))
    console.show(table())
    lines = shown.getvalue().splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 80


def test_the_demo_wraps_its_headline_on_a_terminal_only(monkeypatch, capsys) -> None:
    say(LONG)
    assert capsys.readouterr().err == f"{LONG}\n"
    monkeypatch.setattr(console, "err", terminal(shown := io.StringIO()))
    say(LONG)
    lines = shown.getvalue().splitlines()
    assert len(lines) > 2
    assert " ".join(" ".join(lines).split()) == LONG.strip()


@pytest.mark.parametrize("text", ["EUR/USD", "eur/usd", " Eur/Usd "])
def test_a_pair_may_be_typed_in_any_case(text: str) -> None:
    assert parameters.parse_pair(text) == "EUR/USD"


@pytest.mark.parametrize(
    ("text", "meant"), [("eurusd", "EUR/USD"), ("EUR", "EUR/GBP"), ("EUR/USDT", "EUR/GBP"), ("", "EUR/GBP")]
)
def test_a_text_that_is_no_pair_is_rejected_with_a_suggestion(text: str, meant: str) -> None:
    with pytest.raises(
        UsageError, match=rf"^--pair: '{text}' is not a pair: write two currencies like {meant}$"
    ):
        parameters.parse_pair(text)
