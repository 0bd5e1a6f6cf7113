from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratecast.contract import foreign_json, inputs
from ratecast.errors import ErrorCode, RecordError
from tests.bad_records import GOOD
from tests.contract_oracle import accepted
from tests.fuzz.vocabulary import VALID

MESSAGE = {"pair": "EUR/USD", "history": [1.1534, 1.1541, 1.1529]}  # invented, as all rates here
EVENT = {"specversion": "1.0", "id": "7", "source": "/desk", "type": "rate.fixed"}
BAR = {"open": 1.1, "high": 1.2, "low": 1.0, "close": 1.15}
CHANGE = {"before": None, "after": MESSAGE, "op": "c", "ts_ms": 1_764_288_000_000}
FRANKFURTER = {"amount": 1.0, "base": "EUR", "date": "2026-11-27", "rates": {"USD": 1.1534}}
OPEN_EXCHANGE_RATES = {
    "disclaimer": "",
    "license": "",
    "timestamp": 1,
    "base": "USD",
    "rates": {"EUR": 0.867},
}

KINDS: dict[str, object] = {
    "a CloudEvent: its data is in `data`": {**EVENT, "data": MESSAGE},
    "a CloudEvent: its data is in `data_base64`": {**EVENT, "data_base64": "eyJoaXN0b3J5IjogW119"},
    "a batch of 2 CloudEvents": [{**EVENT, "data": MESSAGE}] * 2,
    "Kafka Connect's JSON with a schema": {"schema": {"type": "struct"}, "payload": MESSAGE},
    "a change event of Debezium: the row is in `after`": CHANGE,
    "a change event of Debezium: the row is in `payload.after`": {"schema": {}, "payload": CHANGE},
    'Avro\'s JSON encoding (`history` holds {"array": ...})': {"history": {"array": [1.1, 1.2, 1.3]}},
    'Avro\'s JSON encoding (`history` holds {"double": ...})': {"history": [{"double": 1.1}] * 3},
    'Avro\'s JSON encoding (`pair` holds {"string": ...})': {**MESSAGE, "pair": {"string": "EUR/USD"}},
    "JSON inside a JSON string": json.dumps(MESSAGE),
    "a list of 2 histories": [MESSAGE, MESSAGE],
    "the rates alone": [1.1534, 1.1541, 1.1529],
    "an envelope: the history is inside `value`": {"key": "EUR/USD", "value": MESSAGE},
    "an envelope: the history is inside `message`, as text": {"message": json.dumps(MESSAGE)},
    "many currencies' rates of one day (`base` and `rates`)": FRANKFURTER,
    "many currencies' rates of one day (`base` and `rates`): keep": OPEN_EXCHANGE_RATES,
    "many currencies' rates of several days": {**FRANKFURTER, "rates": {"2026-11-27": {"USD": 1.1534}}},
    "many currencies' rates of one day (`source` and `quotes`)": {
        "source": "USD",
        "quotes": {"USDEUR": 0.867},
    },
    "many currencies' rates of one day (`base_code`": {"base_code": "EUR", "conversion_rates": {"USD": 1.1}},
    "a bar (open, high, low, close)": {"symbol": "EURUSD", **BAR},
    "a bar (open, high, low, close): keep": {key[0].upper(): value for key, value in BAR.items()},
    "a list of 2 objects, each a bar": [BAR, BAR],
    "a tick (bid and ask)": {"pair": "EUR/USD", "Bid": 1.1533, "Ask": 1.1535},
    "a single rate (`rate`)": {"date": "2026-11-27", "base": "EUR", "quote": "USD", "rate": 1.1534},
    "a list of 1 objects, each a single rate": [
        {"date": "2026-11-27", "base": "EUR", "quote": "USD", "rate": 1.1}
    ],
    "a history under another name: rename `prices`": {"pair": "EUR/USD", "prices": [1.1, 1.2, 1.3]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_of_another_system_is_named_in_its_dead_letter(kind: str) -> None:
    rejected = rejection(json.dumps(KINDS[kind]).encode())
    assert rejected.code is ErrorCode.SCHEMA_VIOLATION
    assert f"; this looks like {kind}" in rejected.message
    _, remedy = rejected.message.split("; this looks like ")
    assert any(word in remedy for word in ("send", "keep", "set", "rename"))
    assert len(rejected.message) < RecordError.MAX_LENGTH


@pytest.mark.parametrize("between", [b"\n", b"\r\n", b"\n\n  "])
def test_several_messages_in_one_value_are_named(between: bytes) -> None:
    rejected = rejection(GOOD + between + GOOD + b"\n")
    assert rejected.code is ErrorCode.INVALID_JSON
    assert rejected.message.endswith("(NDJSON): send each as a record of its own")


@pytest.mark.parametrize(
    "value",
    [
        GOOD + b" x",
        GOOD + b"\nx",
        b'{\n"history": [1, 2\n{',
        b"{}",
        b"[]",
        b"3",
        b'"{"',
        b'{"pair": "EUR/USD"}',
        b'{"history": [1, "2", 3], "bid": 1, "ask": 2}',
        b'{"a": [1, 2, 3], "b": [1, 2, 3]}',
        b'{"base": "EUR", "rates": 3}',
        b'{"rate": true}',
    ],
)
def test_a_value_that_resembles_nothing_known_keeps_its_plain_message(value: bytes) -> None:
    assert "looks like" not in rejection(value).message


@pytest.mark.parametrize("value", VALID)
def test_a_message_that_is_scored_resembles_nothing(value: bytes) -> None:
    assert accepted(value) is not None
    assert foreign_json.name(json.loads(value)) is None
    assert foreign_json.name_lines(value) is None


FIELDS = ["history", "payload", "schema", "data", "specversion", "type", "source", "before", "after", "op", "rates", "base",
          "bid", "ask", "quotes", "pair", "array", "string", "rate"]  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)  # neither is JSON
    | st.text(max_size=5)
    | st.just("[]"),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_value_makes_naming_fail_and_no_scored_message_is_named(document: object) -> None:
    named = foreign_json.name(document)
    value = json.dumps(document).encode()
    if accepted(value) is not None:
        assert named is None
    elif named is not None:
        assert named in rejection(value).message


def test_the_largest_values_are_named_as_quickly_as_they_are_parsed() -> None:
    assert foreign_json.name({str(number): {"history": []} for number in range(100_000)}) is None
    assert foreign_json.name([{str(number): 1 for number in range(100_000)}]) is None
    named = foreign_json.name({"x" * 100_000: [1.0] * 100_000})
    assert named is not None
    assert len(named) < 200


def rejection(value: bytes | None) -> RecordError:
    (rejected,) = inputs.decode_histories([value], 1_000_000)
    assert isinstance(rejected, RecordError)
    return rejected
