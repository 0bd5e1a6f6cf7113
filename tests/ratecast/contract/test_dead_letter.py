from __future__ import annotations

import ast
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratecast.contract import dead_letter
from ratecast.contract.dead_letter import DeadLetterHeaders

ROOT = Path(__file__).parents[3]
PROGRAMS = ("consumer", "monitoring", "producer", "ratecast", "sink", "training", "web")
NUMBERS = st.none() | st.integers(0, 2**63 - 1)
TEXTS = st.none() | st.text()
WHOLE = DeadLetterHeaders(
    code="too_large",
    message="why",
    topic="t",
    partition=3,
    offset=7,
    timestamp=11,
    topic_id="id",
    value_bytes=10**6,
    key_bytes=10**5,
    key_added="true",
    header_count=4,
    hops=2,
)


@given(
    st.builds(
        DeadLetterHeaders,
        **dict.fromkeys(("code", "message", "topic", "topic_id"), TEXTS),
        **dict.fromkeys(
            ("partition", "offset", "timestamp", "value_bytes", "key_bytes", "header_count"), NUMBERS
        ),
        hops=st.none() | st.integers(0, 10**9 - 1),
    )
)
def test_what_is_written_is_read_back(headers: DeadLetterHeaders) -> None:
    assert dead_letter.parse(headers.written()) == headers


def test_every_field_is_written_under_a_name_of_its_own() -> None:
    names = [name for name, _ in WHOLE.written()]
    assert len(set(names)) == len(fields(DeadLetterHeaders))
    assert sorted(names) == sorted(dead_letter.HEADER_SCHEMAS)


@given(st.lists(st.tuples(st.sampled_from([*dead_letter.HEADER_SCHEMAS, "trace"]), st.none() | st.binary())))
def test_no_header_of_anybody_makes_reading_fail(headers: list[dead_letter.Header]) -> None:
    parsed = dead_letter.parse(headers)
    assert parsed.hops is None or parsed.hops >= 0


@pytest.mark.parametrize("value", [b"x", b"--1", b"", None, b"1.5", "٣".encode(), b" 1", b"9" * 20])
@pytest.mark.parametrize("field", ["partition", "offset", "timestamp", "value_bytes"])
def test_a_malformed_number_is_none_and_spoils_nothing_else(field: str, value: bytes | None) -> None:
    name = dict(zip([item.name for item in fields(DeadLetterHeaders)], WHOLE.written(), strict=True))[field][
        0
    ]
    headers = [(other, value if other == name else text) for other, text in WHOLE.written()]
    assert dead_letter.parse(headers) == replace(WHOLE, **{field: None})


def test_a_record_without_a_timestamp_has_none_here_either() -> None:
    """Kafka's clients say -1."""
    headers = replace(WHOLE, timestamp=-1).written()
    assert dead_letter.parse(headers) == replace(WHOLE, timestamp=None)


@pytest.mark.parametrize("field", ["topic", "partition", "offset"])
def test_a_source_is_known_whole_or_not_at_all(field: str) -> None:
    assert WHOLE.source == ("t", 3, 7)
    assert replace(WHOLE, **{field: None}).source is None


def test_a_foreign_record_says_nothing() -> None:
    assert dead_letter.parse([("trace", b"t"), ("error.code", b"x")]) == DeadLetterHeaders()


def test_a_long_count_of_hops_is_still_a_high_one_and_the_highest_counts() -> None:
    hops = [("ratecast.hops", text) for text in (b"2", b"9" * 5000, b"many", b"1")]
    assert dead_letter.parse(hops).hops == 999_999_999
    assert dead_letter.parse(hops[2:]).hops == 1


def test_a_cut_value_is_known_also_without_its_length() -> None:
    assert dead_letter.is_value_cut([("ratecast.value.truncated", b"?")])
    assert not dead_letter.is_value_cut([("ratecast.key.truncated", b"1")])


def test_a_redelivered_record_has_its_own_headers_one_hop_more_and_its_letter() -> None:
    headers = [("trace", b"t"), *WHOLE.written(), ("ratecast.replayed.from", b"old/0/1"), ("trace", None)]
    assert dead_letter.redelivered(headers, ("letters", 1, 5)) == [
        ("trace", b"t"),
        ("trace", None),
        ("ratecast.hops", b"3"),
        ("ratecast.replayed.from", b"letters/1/5"),
    ]


def test_the_letter_of_a_redelivered_record_is_read_back_and_nothing_else_is() -> None:
    headers = dead_letter.redelivered([], ("letters", 1, 5))
    assert dead_letter.redelivered_from(headers, "letters") == (1, 5)
    assert dead_letter.redelivered_from(headers, "others") is None
    for value in (b"", b"letters", b"letters/1", b"letters/1/x", None, b"\xff/1/0"):
        assert dead_letter.redelivered_from([("ratecast.replayed.from", value)], "letters") is None


def test_no_other_module_knows_a_header_s_name() -> None:
    """In prose, docstrings and help texts they may stand; as a string of their own only in one module."""
    names = {*dead_letter.HEADER_SCHEMAS, *dead_letter.REDELIVERED_SCHEMAS, dead_letter.PREFIX}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for program in PROGRAMS
        for path in sorted((ROOT / program).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names and path.name != "dead_letter.py"
    ]
    assert found == []
