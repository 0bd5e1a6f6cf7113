"""Decoding the rates of many messages at once."""

from __future__ import annotations

import json
from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratecast.contract import rates_json

RATES = st.lists(st.floats(min_value=5e-324, allow_nan=False, allow_infinity=False), min_size=3, max_size=70)


@given(st.lists(RATES, min_size=1, max_size=5))
def test_floats_are_those_of_a_decoder_of_lists(histories: list[list[float]]) -> None:
    texts = [json.dumps(history).encode() for history in histories]
    decoded = rates_json.decode(texts)
    assert decoded is not None
    rates, lengths = decoded
    expected = [rate for text in texts for rate in msgspec.json.decode(text, type=list[float])]
    assert rates.tolist() == expected
    assert lengths.tolist() == [len(history) for history in histories]


@pytest.mark.parametrize(
    "number",
    [b"1", b"9007199254740993", b"18446744073709551615", b"1E3", b"0.1e-300", b"1.7976931348623157e308"],
)
def test_a_number_in_another_notation_is_the_same_float(number: bytes) -> None:
    decoded = rates_json.decode([b"[1, %b , 2]" % number])
    assert decoded is not None
    assert decoded[0].tolist() == [1.0, float(number), 2.0]


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"[1, 2]",
        b"[1, 2, 0]",
        b"[1, 2, -0.0]",
        b"[1, 2, -3]",
        b"[1, 2, 1e-400]",
        b"[1, 2, 1e400]",
        b"[1, 2, 18446744073709551616]",
        b"[1, 2, true]",
        b"[1, 2, null]",
        b'[1, 2, "3"]',
        b'[1, 2, {"a": 3}]',
        b"[1, [2, 3]]",
        b"[[1, 2, 3]]",
        b"[1, 2, 03]",
        b"[1, 2, 3,]",
        b"[1, 2, NaN]",
        b'"[1,2,3"',
        b"3",
        b"null",
        b"[1" + b",1" * 1024 + b"]",
    ],
)
def test_a_value_that_is_no_history_is_left_to_the_contract_wherever_it_stands(text: bytes) -> None:
    good = b"[1, 2, 3]"
    for texts in ([text], [good, text], [text, good], [good, text, good, text]):
        assert rates_json.decode(texts) is None
    assert rates_json.decode([good, good]) is not None


def test_no_value_that_the_messages_decoder_lets_through_merges_with_its_neighbours() -> None:
    """Joining relies on it: the decoder of whole messages passes on complete JSON values only."""
    random, good, seen = Random(5), b"[7, 8, 9]", 0
    pieces = [
        b"[",
        b"]",
        b",",
        b"1",
        b"2.5",
        b"-",
        b"e5",
        b'"',
        b"{",
        b"}",
        b":",
        b"null",
        b" ",
        b"\\",
        b"],[",
        b"3,4",
    ]
    for _ in range(20_000):
        text = b"[" + b"".join(random.choices(pieces, k=random.randint(1, 8))) + random.choice([b"]", b""])
        try:
            value = bytes(
                msgspec.json.decode(b'{"history":%b}' % text, type=dict[str, msgspec.Raw])["history"]
            )
        except msgspec.DecodeError:
            continue
        seen += 1
        alone, joined = rates_json.decode([value]), rates_json.decode([good, value, good])
        assert (alone is None) == (joined is None), value
        if alone is not None and joined is not None:
            assert joined[0].tolist() == [7.0, 8.0, 9.0, *json.loads(value), 7.0, 8.0, 9.0]
    assert seen > 100


def test_no_history_gives_no_rates() -> None:
    rates, lengths = rates_json.decode([]) or pytest.fail("no history is no error")
    assert (rates.dtype, len(rates), len(lengths)) == (np.float64, 0, 0)
