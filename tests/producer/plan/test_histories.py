from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.plan import histories
from ratecast.contract.messages import RateHistory
from ratecast.errors import UsageError
from ratecast.rates.tables import RateTable, Series, windows


def table(days: int = 10, **columns: list[float]) -> RateTable:
    dates = np.arange("2025-01-01", days, dtype="datetime64[D]")
    given = {f"EUR/{name}": np.array(values) for name, values in columns.items()}
    return RateTable("t.csv", dates, given or {"EUR/GBP": 0.8 + 0.01 * np.arange(days)})


def values(plan: histories.Plan) -> list[dict]:
    return [json.loads(message.value) for message in plan.messages(0, len(plan))]


def test_a_message_is_what_the_contract_describes_and_takes_the_last_rate_s_day_as_as_of():
    (first, *_) = histories.plan(table(), ["EUR/GBP"], window=4).messages(0, 1)
    message = RateHistory.model_validate_json(first.value)
    assert message.pair == "EUR/GBP"
    assert first.key == b"EUR/GBP"
    assert message.history == [0.8, 0.81, 0.8200000000000001, 0.8300000000000001]
    assert message.times == ["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-04"]
    assert message.as_of == first.day == "2025-01-04"


@given(
    number=st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=40),
    window=st.integers(3, 12),
    skip=st.integers(0, 20),
    cut=st.integers(0, 20),
)
def test_messages_hold_exactly_the_windows_of_the_rates_module(number, window, skip, cut):
    dates = np.arange("2024-12-20", len(number), dtype="datetime64[D]")
    whole = RateTable("t", dates, {"EUR/GBP": np.array(number)})
    start, end = dates[min(skip, len(dates) - 1)].item(), dates[max(0, len(dates) - 1 - cut)].item()
    expected = list(windows(Series("EUR/GBP", dates, np.array(number)), window, start, end))
    if start > end or not expected:
        with pytest.raises(UsageError):
            histories.plan(whole, ["EUR/GBP"], start, end, window)
        return
    got = values(histories.plan(whole, ["EUR/GBP"], start, end, window))
    assert [m["history"] for m in got] == [w.tolist() for _, w in expected]
    assert [m["times"] for m in got] == [d.astype(str).tolist() for d, _ in expected]


def test_all_pairs_of_a_day_come_before_the_next_day_in_the_order_given():
    three = table(200, USD=[1.0] * 200, GBP=[2.0] * 200, SEK=[3.0] * 200)
    plan = histories.plan(three, ["EUR/USD", "EUR/GBP", "EUR/SEK", "EUR/USD"], window=8)
    assert [(m["as_of"], m["pair"]) for m in values(plan)] == [
        (str(day), pair) for day in three.dates[7:] for pair in ("EUR/USD", "EUR/GBP", "EUR/SEK")
    ]
    assert plan.end_of_day(0) == 0
    assert [plan.end_of_day(position) for position in (1, 2, 3, 4)] == [3, 3, 3, 6]


def test_message_ids_are_stable_and_never_shared_by_pairs_windows_or_laps():
    two = table(USD=[1.0] * 10, GBP=[2.0] * 10)
    pairs = ["EUR/USD", "EUR/GBP"]
    seen: list[str] = []
    for window in (3, 4):
        plan = histories.plan(two, pairs, window=window)
        assert plan.messages(0, 3) == histories.plan(two, pairs, window=window).messages(0, 3)
        for lap in (1, 2, 3):
            seen += [json.loads(m.value)["message_id"] for m in plan.messages(0, len(plan), lap)]
    assert len(seen) == len(set(seen)) == 3 * (2 * 8 + 2 * 7)
    usual = histories.plan(table(61), ["EUR/GBP"]).messages(0, 1)[0]
    assert json.loads(usual.value)["message_id"] == "EUR/GBP@2025-03-02"


def test_a_window_never_spans_a_hole_of_the_series():
    dates = np.concatenate(
        [np.arange("2025-01-01", 5, dtype="datetime64[D]"), np.arange("2025-03-01", 5, dtype="datetime64[D]")]
    )
    plan = histories.plan(RateTable("t", dates, {"EUR/GBP": np.ones(10)}), ["EUR/GBP"], window=3)
    assert len(plan) == 6
    assert all(message["times"][0][:7] == message["times"][-1][:7] for message in values(plan))
    assert plan.holes == (
        histories.Hole("EUR/GBP", np.datetime64("2025-01-05"), np.datetime64("2025-03-01")),
    )
    whole = histories.plan(
        RateTable("t", dates, {"EUR/GBP": np.ones(10)}), ["EUR/GBP"], dt.date(2025, 3, 2), window=3
    )
    assert whole.holes == ()


def test_rates_before_the_first_day_fill_the_first_window():
    plan = histories.plan(table(), ["EUR/GBP"], dt.date(2025, 1, 5), dt.date(2025, 1, 6), window=5)
    assert [(m["as_of"], m["times"][0]) for m in values(plan)] == [
        ("2025-01-05", "2025-01-01"),
        ("2025-01-06", "2025-01-02"),
    ]


def test_a_pair_without_a_window_in_the_span_is_named():
    hole = [float("nan")] * 9 + [1.0]
    plan = histories.plan(table(USD=hole, GBP=[1.0] * 10), ["EUR/USD", "EUR/GBP"], window=3)
    assert plan.left_out == ("EUR/USD",)
    assert plan.pairs == ("EUR/GBP",)


@pytest.mark.parametrize(
    ("pairs", "options", "fault"),
    [
        (["EUR/GBP"], {"start": dt.date(2025, 1, 9), "end": dt.date(2025, 1, 3)}, "swap them"),
        (["EUR/GBP"], {"start": dt.date(2026, 1, 1)}, "t.csv holds 2025-01-01 to 2025-01-10"),
        (["EUR/GBP"], {"window": 11}, "no 11 rates in a row of EUR/GBP"),
        (["EUR/GBP"], {"window": 2}, "3 to 1024"),
        (["EUR/GBP"], {"window": 1025}, "3 to 1024"),
        (["EUR/XXX"], {}, "no XXX"),
        (["eur/gbp"], {}, "not a pair"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_one_line_that_names_the_fix(pairs, options, fault):
    with pytest.raises(UsageError, match=fault) as refused:
        histories.plan(table(), pairs, **{"window": 3, **options})
    assert "\n" not in str(refused.value)
