from __future__ import annotations

import json

import numpy as np
import pytest

from producer.plan import histories
from producer.plan.faults import FaultKind, parse_fault
from ratecast.errors import UsageError
from ratecast.rates.tables import DEFAULT_PAIRS, RateTable, load_ecb

DAYS = np.arange("2025-01-01", 40, dtype="datetime64[D]")


def table(**columns: list[float] | np.ndarray) -> RateTable:
    """Made-up rates, each its own: EUR/GBP n has 1 + n / 1000 on day n."""
    walk = 1.0 + np.arange(40) / 1000
    return RateTable(
        "t.csv", DAYS, {f"EUR/{name}": np.array(given) for name, given in (columns or {"GBP": walk}).items()}
    )


def plan(source: RateTable, *faults: str, window: int = 5, start: str | None = None, **options):
    day = None if start is None else np.datetime64(start).item()
    pairs = options.pop("pairs", tuple(source.columns))
    given = [parse_fault(fault) for fault in faults]
    return histories.plan(source, pairs, day, window=window, faults=given, **options)


def messages(made: histories.Plan) -> list[dict]:
    return [json.loads(message.value) for message in made.messages(0, len(made))]


def test_every_message_whose_history_reaches_into_the_fault_carries_it_and_no_other():
    clean, faulty = messages(plan(table())), messages(plan(table(), "decimal-slip@2025-01-20"))
    assert [message["as_of"] for message in faulty] == [message["as_of"] for message in clean]
    differing = [b["as_of"] for a, b in zip(clean, faulty, strict=True) if a["history"] != b["history"]]
    assert differing == [f"2025-01-{day}" for day in (20, 21, 22, 23, 24)]
    slipped = next(message for message in faulty if message["as_of"] == "2025-01-22")
    assert slipped["history"] == [1.017, 1.018, 101.9, 1.02, 1.021]


def test_a_history_reaches_across_a_gap_of_the_feed_and_its_days_tell():
    made = plan(table(), "gap@2025-01-10+20")
    found = {message["as_of"]: message["times"] for message in messages(made)}
    assert found["2025-01-31"] == ["2025-01-07", "2025-01-08", "2025-01-09", "2025-01-30", "2025-01-31"]
    assert not {f"2025-01-{day}" for day in range(10, 30)} & set(found)
    (injected,) = made.injected
    assert injected.days.tolist() == np.arange("2025-01-10", 20, dtype="datetime64[D]").tolist()


def test_a_feed_may_fall_silent_before_its_end():
    made = plan(table(), "gap@2025-02-05")
    assert made.day(len(made) - 1) == "2025-02-04"
    assert made.injected[0].days.tolist() == DAYS[-5:].tolist()


def test_a_fault_spans_a_hole_of_the_rates_and_the_hole_stays_one():
    dates = np.concatenate([DAYS[:10], DAYS[:10] + np.timedelta64(365, "D")])
    source = RateTable("t.csv", dates, {"EUR/ISK": 100.0 + np.arange(20)})
    made = messages(plan(source, "stuck@2025-01-08+6", window=3))
    assert [message["history"][-1] for message in made] == [
        *(102, 103, 104, 105, 106, 106, 106, 106),  # 8 to 10 January 2025 are stuck
        *(106, 113, 114, 115, 116, 117, 118, 119),  # and three rates of 2026
    ]
    assert all(message["times"][0][:4] == message["times"][-1][:4] for message in made)


def test_a_fault_begins_with_the_first_rate_on_its_day_or_after():
    weekend = RateTable("t.csv", np.delete(DAYS, [17, 18]), {"EUR/GBP": 1 + np.arange(38) / 100})
    made = plan(weekend, "step@2025-01-18+1")
    assert made.injected[0].days.astype(str).tolist() == ["2025-01-20"]


def test_faults_come_one_after_the_other_each_in_what_the_ones_before_have_left():
    made = plan(table(), "gap@2025-01-10+5", "level-jump@2025-01-12+1", "step@2025-01-15+1")
    found = {message["as_of"]: message["history"][-1] for message in messages(made)}
    assert found["2025-01-15"] == pytest.approx(1.014 * 10 * 1.05, abs=1e-4)
    assert found["2025-01-16"] == 1.015


def test_only_the_pair_named_is_faulty_and_without_a_name_all_are():
    two = table(GBP=1 + np.arange(40) / 100, USD=2 + np.arange(40) / 100)
    clean = {message["message_id"]: message["history"] for message in messages(plan(two))}
    for fault, expected in (("step:EUR/USD@2025-01-10", {"EUR/USD"}), ("step@2025-01-10", set(two.columns))):
        made = plan(two, fault)
        changed = {
            message["pair"]
            for message in messages(made)
            if clean[message["message_id"].removesuffix(made.mark)] != message["history"]
        }
        assert changed == {injected.pair for injected in made.injected} == expected


def test_the_wrong_pair_is_the_nearest_in_level_that_is_at_least_three_percent_off():
    source = table(
        GBP=[0.85] * 40, USD=[0.87] * 40, CHF=[0.93] * 40, AUD=[1.6] * 40, NOK=[0.88] * 39 + [np.nan]
    )
    chosen = {injected.pair: injected.other for injected in plan(source, "wrong-pair@2025-01-20").injected}
    assert chosen == {
        "EUR/GBP": "EUR/NOK",  # 0.87 is but 2.4 % off; the last day of EUR/NOK repeats the day before
        "EUR/USD": "EUR/CHF",  # 0.85 and 0.88 are too near
        "EUR/CHF": "EUR/NOK",
        "EUR/AUD": "EUR/CHF",
        "EUR/NOK": "EUR/GBP",
    }
    made = messages(plan(source, "wrong-pair:EUR/GBP@2025-01-20+2"))
    last = {message["as_of"]: message["history"][-1] for message in made if message["pair"] == "EUR/GBP"}
    assert [last[f"2025-01-{day}"] for day in (19, 20, 21, 22)] == [0.85, 0.88, 0.88, 0.85]


def test_a_pair_that_ends_before_the_fault_does_is_not_chosen_to_stand_in():
    source = table(GBP=[0.85] * 40, RUB=[0.9] * 25 + [np.nan] * 15, AUD=[1.6] * 40)
    assert plan(source, "wrong-pair:EUR/GBP@2025-01-20").injected[0].other == "EUR/AUD"
    assert plan(source, "wrong-pair:EUR/GBP@2025-01-20+5").injected[0].other == "EUR/RUB"


def test_a_wrong_pair_that_is_not_replayed_comes_from_the_table():
    source = table(GBP=[0.85] * 40, JPY=np.arange(150.0, 190.0), CHF=[0.5] * 40)
    alone = {"pairs": ["EUR/GBP"]}
    named = messages(plan(source, "wrong-pair=EUR/JPY:EUR/GBP@2025-02-09", **alone))
    assert named[-1]["history"] == [0.85] * 4 + [189.0]
    (chosen,) = plan(source, "wrong-pair@2025-02-09", **alone).injected
    assert chosen.other == "EUR/CHF"


def test_a_pair_named_to_stand_in_for_all_stands_in_for_all_others():
    source = table(GBP=[0.85] * 40, JPY=[160.0] * 40, CHF=[0.5] * 40)
    made = plan(source, "wrong-pair=EUR/JPY@2025-01-20")
    assert [(i.pair, i.other) for i in made.injected] == [("EUR/GBP", "EUR/JPY"), ("EUR/CHF", "EUR/JPY")]


def test_message_ids_of_a_faulty_feed_are_never_those_of_the_clean_one_or_of_another_fault():
    faults = [f"{kind}@2025-01-20" for kind in FaultKind]
    source = table(GBP=[0.85 + n / 1000 for n in range(40)], CHF=[0.5] * 40)
    made = [plan(source), *(plan(source, fault) for fault in faults), plan(source, *faults[:2])]
    made.append(plan(source, *reversed(faults[:2])))
    identifiers = [m["message_id"] for each in made for m in messages(each)]
    identifiers += [
        json.loads(m.value)["message_id"] for each in made for m in each.messages(0, len(each), lap=2)
    ]
    assert len(identifiers) == len(set(identifiers))


def test_the_same_options_give_the_same_bytes_also_when_a_replay_is_resumed():
    source, fault = load_ecb(), "wrong-pair@2025-03-03+40"
    whole, again = (plan(source, fault, window=61, start="2025-03-01", pairs=DEFAULT_PAIRS) for _ in range(2))
    resumed = plan(source, fault, window=61, start="2025-04-01", pairs=DEFAULT_PAIRS)
    assert whole.messages(0, len(whole)) == again.messages(0, len(again))
    skipped = len(whole) - len(resumed)
    assert skipped > 0
    assert whole.messages(skipped, len(whole)) == resumed.messages(0, len(resumed))


def test_another_wrong_pair_gives_other_message_ids():
    source = table(GBP=[0.85] * 40, CHF=[0.9] * 40, AUD=[1.6] * 40)
    near, far = (
        plan(source, "wrong-pair:EUR/GBP@2025-01-20", pairs=["EUR/GBP", other])
        for other in ("EUR/CHF", "EUR/AUD")
    )
    assert near.mark != far.mark


def test_the_injected_days_are_those_that_messages_show():
    made = plan(table(), "level-jump@2025-01-03", start="2025-01-20")
    assert made.injected[0].days.astype(str).tolist() == DAYS[15:].astype(str).tolist()
    # Three of the five rates before the hole fill the first window after it.
    assert len(plan(table(), "gap@2025-01-18+3", start="2025-01-23").injected[0].days) == 3


@pytest.mark.parametrize(
    ("faults", "options", "reason"),
    [
        (["step@2026-01-01"], {}, "no rate on that day or later; the newest rate is of 2025-02-09"),
        (["step:EUR/USD@2025-01-20"], {}, "EUR/USD is not replayed; replayed: EUR/GBP"),
        (["step@2025-01-03+2"], {"start": "2025-01-20"}, "no message contains it"),
        (["gap@2025-01-03+2"], {"start": "2025-01-20"}, "no message contains it"),
        (
            ["step@2025-01-20", "stuck@2025-01-02+1"],
            {"start": "2025-01-20"},
            "stuck@2025-01-02+1: no message contains it",
        ),
        (
            ["level-jump@2025-01-20+1", "gap@2025-01-20+1"],
            {},
            "level-jump@2025-01-20+1: no message contains it",
        ),
        (["gap@2025-01-01+38"], {}, "let --inject remove fewer rates"),
        (["gap@2025-01-01+40", "step@2025-01-20"], {}, "there are no rates left"),
        (["wrong-pair@2025-01-20"], {}, "no other pair has rates on all faulty days"),
        (["wrong-pair=EUR/USD@2025-01-20"], {}, "wrong-pair=EUR/USD@2025-01-20: t.csv has no USD"),
        (["wrong-pair=EUR/GBP@2025-01-20"], {}, "cannot replace itself"),
    ],
)
def test_a_fault_that_cannot_be_had_is_refused_in_one_line_that_names_it(faults, options, reason):
    with pytest.raises(UsageError) as refused:
        plan(table(), *faults, **options)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_wrong_pair_without_rates_on_those_days_is_refused():
    ended = table(GBP=[0.85] * 40, RUB=[100.0] * 20 + [np.nan] * 20)
    with pytest.raises(UsageError, match="EUR/RUB has no rate for some of the faulty days of EUR/GBP"):
        plan(ended, "wrong-pair=EUR/RUB:EUR/GBP@2025-01-10")
    assert plan(ended, "wrong-pair=EUR/RUB:EUR/GBP@2025-01-10+5").injected[0].other == "EUR/RUB"
