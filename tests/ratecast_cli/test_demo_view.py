"""What the demo shows, on terminals of a fixed size."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.live import Live

from ratecast.rates.tables import DEFAULT_PAIRS
from ratecast.settings import Settings
from ratecast_cli import demo_view as view
from ratecast_stack.demo.observer import Observer
from ratecast_stack.demo.summary import Summary
from tests.rows import prediction_row


def terminal(width: int, height: int) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width, height=height)


@pytest.fixture
def observer() -> Observer:
    """Every pair of the default model, with the longest texts that its rates have."""
    seen = Observer(Settings())
    for pair in DEFAULT_PAIRS:
        row = prediction_row(0.857123, half=0.0123456)
        row.pair, row.as_of = pair, "2026-10-30"
        seen.newest[pair] = row
        seen.counts[pair] = 468
        seen.drifted[pair] = 468
    seen.latencies_ms = [8.3] * 94 + [123.4] * 4 + [1234.5] * 3
    return seen


def shown_live(observer: Observer, console: Console) -> list[str]:
    """The first frame of the live view, cut off as the terminal cuts it."""
    with Live(console=console, auto_refresh=False) as live:
        live.update(view.live(observer, 9360), refresh=True)
        return console.file.getvalue().split("\x1b[?25l")[-1].splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_each_pair_takes_one_line_and_the_figures_are_in_sight(observer: Observer, width: int) -> None:
    lines = shown_live(observer, terminal(width, 40))
    figures = "scored 9360 of 9360   0 msg/s   latency p50 8.3  p95 123  p99 1234 ms   lag 0"
    assert " ".join(" ".join(lines).split()).startswith(" ".join(figures.split()))
    assert width < 80 or lines[0].rstrip() == figures
    rows = [line for line in lines if line[:7] in DEFAULT_PAIRS]
    assert [line[:7] for line in rows] == sorted(DEFAULT_PAIRS)
    assert all("0.844777 to 0.869469" in row and "100%" in row for row in rows)
    assert max(map(len, lines)) <= width
    assert "..." not in "".join(lines)


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_wide_enough_for_a_short_line_shows_every_column(observer: Observer, width: int) -> None:
    lines = shown_live(observer, terminal(width, 40))
    assert any(
        line.split() == ["pair", "as", "of", "last", "rate", "forecast", "95", "%", "range", "drift", "count"]
        for line in lines
    )


def test_a_low_terminal_cuts_pairs_off_and_never_the_figures(observer: Observer) -> None:
    lines = shown_live(observer, terminal(80, 12))
    assert len(lines) <= 12
    assert "msg/s" in lines[0]
    assert "lag 0" in lines[0]


def test_the_last_view_is_the_table_without_a_box_then_the_figures(observer: Observer) -> None:
    console = terminal(120, 40)
    console.print(view.ended(observer, 9360))
    lines = console.file.getvalue().rstrip().splitlines()
    assert lines[0].rstrip() == (
        "pair      as of        last rate   forecast             95 % range   drift   count"
    )
    assert lines[1].rstrip() == (
        "EUR/AUD   2026-10-30    0.857123   0.857123   0.844777 to 0.869469    100%     468"
    )
    assert lines[-1].startswith("scored 9360 of 9360")
    assert set(console.file.getvalue()).isdisjoint("│─┃━┏")


def summary(first_date: str = "2025-01-02") -> Summary:
    return Summary(
        published=84,
        scored=84,
        dead_lettered=0,
        lost=0,
        duplicated=0,
        pairs=2,
        first_date=first_date,
        last_date="2025-03-03",
        pace="max",
        messages_per_second=700.0,
        latency_ms=None,
        hindcast=None,
        model_version="2024-12-31-56271277",
        trained_until="2024-12-31",
    )


def test_the_summary_has_no_box_and_fits_80_columns() -> None:
    console = terminal(80, 40)
    console.print(view.summary_table(summary()))
    lines = console.file.getvalue().splitlines()
    assert lines[0].startswith("summary, counted from the topics")
    assert lines[-1].rstrip().endswith("2024-12-31-56271277, trained until 2024-12-31")
    assert max(map(len, lines)) <= 80
    assert set(console.file.getvalue()).isdisjoint("│─┃━┏")


@pytest.mark.parametrize(("first", "seen"), [("2024-12-31", True), ("2025-01-02", False)])
def test_the_summary_reports_rates_that_the_model_was_trained_on(first: str, seen: bool) -> None:
    assert summary(first_date=first).seen_in_training is seen
