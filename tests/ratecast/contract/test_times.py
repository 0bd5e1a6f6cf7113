"""The dates of a message: which `times` the decoder accepts, and what it reports about the others."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratecast.contract import inputs
from ratecast.errors import RecordError
from tests.contract_oracle import accepted


def decode(value: bytes) -> inputs.History | RecordError:
    return inputs.decode_histories([value], 1_000_000)[0]


def message(times: str, count: int) -> bytes:
    return f'{{"history": {json.dumps([1.0] * count)}, "times": {times}}}'.encode()


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", ": ")])
@given(st.lists(st.dates(), min_size=3, max_size=70))
def test_real_dates_are_decoded_when_there_is_one_for_each_rate(
    separators: tuple[str, str], days: list[dt.date]
) -> None:
    text = json.dumps([day.isoformat() for day in days], separators=separators)
    decoded = decode(message(text, len(days)))
    assert isinstance(decoded, inputs.History)
    assert decoded.times == days
    rejected = decode(message(text, len(days) + 1))
    assert isinstance(rejected, RecordError)
    assert (
        rejected.message
        == f"times must have one date for each rate, got {len(days)} for {len(days) + 1} rates"
    )


@given(st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"))
def test_a_date_is_accepted_exactly_when_it_is_on_the_calendar(text: str) -> None:
    if not text.isascii():
        return
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        on_calendar = False
    else:
        on_calendar = True
    decoded = decode(message(json.dumps(["2025-01-02", text, "2025-01-03"]), 3))
    assert isinstance(decoded, inputs.History) == on_calendar
    if isinstance(decoded, RecordError):
        assert decoded.message.startswith("times[1] must be ")


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=10, max_size=14))
def test_any_bytes_in_place_of_a_date_get_the_contracts_answer(text: bytes) -> None:
    value = b'{"history": [1, 2, 3], "times": ["2025-01-02", "2025-01-03", ' + text + b"]}"
    expected = accepted(value)
    decoded = decode(value)
    assert isinstance(decoded, inputs.History) == (expected is not None)


def test_wrong_dates_are_found_among_good_neighbours_of_several_lengths() -> None:
    good = message('["2025-01-02","2025-01-03","2025-01-06"]', 3)
    long = message('["2025-01-01","2025-01-02","2025-01-03","2025-01-06"]', 4)
    bad = message('["2025-01-02","2025-01-03","2025-01-3x"]', 3)
    none = message("[]", 3)
    decoded = inputs.decode_histories([good, long, bad, good, none], 1000)
    assert [isinstance(item, RecordError) for item in decoded] == [False, False, True, False, True]
    assert decoded[2].message == "times[2] must be an ISO 8601 date (YYYY-MM-DD), got '2025-01-3x'"
    assert decoded[4].message == "times must have one date for each rate, got 0 for 3 rates"
