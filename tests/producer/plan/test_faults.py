from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.plan.faults import NATURES, Fault, FaultKind, parse_fault
from ratecast.errors import UsageError

PAIRS = st.sampled_from(["EUR/USD", "GBP/USD", "USD/JPY"])


@given(
    kind=st.sampled_from(sorted(set(FaultKind) - {FaultKind.DECIMAL_SLIP_FOR_GOOD, FaultKind.WRONG_PAIR})),
    pair=st.none() | PAIRS,
    day=st.dates(dt.date(1000, 1, 1)),
    count=st.none() | st.integers(1, 999_999),
)
def test_every_fault_reads_back_as_it_is_written(kind, pair, day, count):
    fault = Fault(FaultKind(kind), pair, day, count)
    assert parse_fault(str(fault)) == fault


def test_a_wrong_pair_may_be_named():
    expected = Fault(FaultKind.WRONG_PAIR, "EUR/USD", dt.date(2025, 3, 3), 5, "USD/JPY")
    assert parse_fault(" wrong-pair=USD/JPY:EUR/USD@2025-03-03+5 ") == expected
    assert parse_fault(str(expected)) == expected
    everywhere = parse_fault("wrong-pair=USD/JPY@2025-03-03")
    assert (everywhere.pair, everywhere.other) == (None, "USD/JPY")


def test_pairs_may_be_typed_in_lower_case():
    assert parse_fault("wrong-pair=usd/jpy:eur/Usd@2025-03-03") == parse_fault(
        "wrong-pair=USD/JPY:EUR/USD@2025-03-03"
    )


def test_a_slip_an_outage_and_a_lossy_line_pass_and_everything_else_stays_for_good():
    passing = {kind: nature.count for kind, nature in NATURES.items() if nature.count is not None}
    assert passing == {FaultKind.DECIMAL_SLIP: 1, FaultKind.GAP: 10, FaultKind.MISSING: 30}
    assert set(NATURES) == set(FaultKind)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "write KIND[:PAIR]@DATE[+N]"),
        ("step", "write KIND[:PAIR]@DATE[+N]"),
        ("step:EUR/USD", "write KIND[:PAIR]@DATE[+N]"),
        ("level@2025-03-03", "there is no fault 'level'"),
        ("STEP@2025-03-03", "there is no fault 'STEP'"),
        ("step:EURUSD@2025-03-03", "'EURUSD' is not a pair"),
        ("step:EUR/EUR@2025-03-03", "'EUR/EUR' is not a pair"),
        ("step:@2025-03-03", "'' is not a pair"),
        ("step@2025-02-30", "'2025-02-30' is not a date"),
        ("step@20250303", "'20250303' is not a date"),
        ("step@", "'' is not a date"),
        ("step@2025-03-03+0", "+0 is not a number of rates"),
        ("step@2025-03-03+-4", "+-4 is not a number of rates"),
        ("step@2025-03-03+", "+ is not a number of rates"),
        ("gap@2025-03-03+99999999999", "is not a number of rates"),
        ("decimal-slip-for-good@2025-03-03+5", "write decimal-slip+5"),
        ("step=EUR/USD@2025-03-03", "only wrong-pair takes"),
        ("wrong-pair=EUR/USD:EUR/USD@2025-03-03", "cannot replace itself"),
        ("wrong-pair=usd:EUR/USD@2025-03-03", "'usd' is not a pair"),
    ],
)
def test_what_is_no_fault_is_refused_in_one_line_with_the_option_the_reason_and_the_kinds(text, fault):
    with pytest.raises(UsageError) as refused:
        parse_fault(text)
    message = str(refused.value)
    assert message.startswith(f"--inject {text}: ")
    assert fault in message
    assert "\n" not in message
    assert all(kind in message for kind in FaultKind)
