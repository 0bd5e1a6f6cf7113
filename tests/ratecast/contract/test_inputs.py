from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ratecast.contract import inputs, wire
from ratecast.contract.messages import Prediction, RateHistory
from ratecast.errors import ErrorCode, RecordError
from tests.bad_records import BAD, GOOD
from tests.contract_oracle import accepted
from tests.fuzz.vocabulary import VALID

LIMIT = 1_000_000


def decode(value: bytes | None) -> inputs.History | RecordError:
    return inputs.decode_histories([value], LIMIT)[0]


@pytest.mark.parametrize(
    "name", [name for name, (_, code) in BAD.items() if code not in ("unknown_pair", "scoring_failed")]
)
def test_a_bad_value_gets_its_code_and_its_neighbours_are_decoded(name: str) -> None:
    value, code = BAD[name]
    first, bad, last = inputs.decode_histories([GOOD, value, GOOD], LIMIT)
    assert isinstance(bad, RecordError)
    assert bad.code == code, bad.message
    assert bad.message
    assert first.history == last.history == [0.85, 0.86, 0.87]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"history": [1, 2]}, "history must have at least 3 rates, got 2"),
        ({"history": [1] * 1025}, "history must have at most 1024 rates, got 1025"),
        ({"history": [1, 2, 0]}, "history[2] must be greater than 0, got 0"),
        ({"history": [1, 2, -0.5]}, "history[2] must be greater than 0, got -0.5"),
        ({"history": [1, 2, "3"]}, "history[2] must be a number, got '3'"),
        ({"history": [1, 2, True]}, "history[2] must be a number, got true"),
        ({"history": [1, 2, {}]}, "history[2] must be a number, got an object"),
        ({"history": [1, 2, 10**400]}, "history[2] must fit a 64-bit floating-point number"),
        ({"history": "{gt}"}, "history must be a list, got '{gt}'"),
        ({"history": None, "pair": 3}, "history must be a list, got null"),
        ({"pair": "eur/gbp"}, "pair must be two currency codes like EUR/USD, got 'eur/gbp'"),
        ({"pair": "x" * 50}, f"pair must be two currency codes like EUR/USD, got '{'x' * 40}'..."),
        ({"pair": 3}, "pair must be a string, got 3"),
        ({"pair": 10**4000}, "pair must be a string, got an integer of more than 64 bits"),
        ({"message_id": ""}, "message_id must not be empty"),
        ({"message_id": "x" * 129}, "message_id must have at most 128 characters, got 129"),
        ({"as_of": "yesterday"}, "as_of must be an ISO 8601 date or date-time, got 'yesterday'"),
        ({"as_of": "2025-01-02{gt}"}, "as_of must be an ISO 8601 date or date-time, got '2025-01-02{gt}'"),
        (
            {"as_of": "2025-01-02T25:00:00"},
            "as_of must be an ISO 8601 date or date-time, got '2025-01-02T25:00:00'",
        ),
        (
            {"as_of": "2025-01-02T10:00\0"},
            r"as_of must be an ISO 8601 date or date-time, got '2025-01-02T10:00\x00'",
        ),
        ({"as_of": "٢٠٢٥-01-02"}, "as_of must be an ISO 8601 date or date-time, got '٢٠٢٥-01-02'"),
        ({"as_of": "2025-02-29"}, "as_of must be a day of the calendar, got '2025-02-29'"),
        (
            {"times": ["2025-02-28", "2025-02-29", "2025-03-01"]},
            "times[1] must be a day of the calendar, got '2025-02-29'",
        ),
        (
            {"times": ["2025-02-28", "2025-2-28", "2025-03-01"]},
            "times[1] must be an ISO 8601 date (YYYY-MM-DD), got '2025-2-28'",
        ),
        (
            {"times": ["2025-01-02"]},
            "times must have one date for each rate, got 1 for 3 rates",
        ),
    ],
)
def test_an_error_says_what_is_wrong_in_which_value_and_what_would_be_right(fields: dict, text: str) -> None:
    rejected = decode(json.dumps({"history": [0.85, 0.86, 0.87], **fields}).encode())
    assert isinstance(rejected, RecordError)
    assert rejected.message == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"\xef\xbb\xbf" + GOOD, "begins with a UTF-8 byte-order mark"),
        (b"\0\0\0\0\x2a" + GOOD, "Confluent wire format, schema id 42"),
        (GOOD.decode().encode("utf-16"), "UTF-16 text with a byte-order mark"),
        (b'{"history": [1, 2, 3], "pair": "\xe9"}', "not UTF-8: invalid continuation byte at byte 32 (0xe9)"),
    ],
)
def test_a_value_in_another_encoding_is_rejected_with_its_kind_and_the_remedy(
    value: bytes, text: str
) -> None:
    rejected = decode(value)
    assert isinstance(rejected, RecordError)
    assert rejected.code == ErrorCode.INVALID_ENCODING
    assert rejected.message.startswith(text)
    assert "UTF-8" in rejected.message or "send the JSON" in rejected.message


def test_a_line_break_in_a_quoted_key_does_not_break_the_line_of_the_log() -> None:
    rejected = decode(b'{"a\\nb": 1, "a\\nb": 2}')
    assert "a\\nb" in rejected.message
    assert rejected.message.isprintable()


def test_a_message_without_rates_is_rejected_with_the_name_of_the_field() -> None:
    rejected = decode(b'{"pair": "EUR/GBP"}')
    assert (rejected.code, rejected.message) == (ErrorCode.SCHEMA_VIOLATION, "history is missing")


@pytest.mark.parametrize(
    "extra",
    [
        {"unknown": {"history": [1]}},
        {"pair": None, "as_of": None, "times": None, "message_id": None},
        {"pair": "EUR/GBP", "as_of": "2025-01-03T14:15:00+00:00", "message_id": "a:b:c"},
        {"message_id": 'quote " and ü'},
        {"times": ["2024-02-28", "2024-02-29", "2024-03-01"]},
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" , ", " : ")])
def test_every_spelling_of_a_good_message_is_decoded(extra: dict, separators: tuple[str, str]) -> None:
    message = {"history": [0.85, 1, 8.7e-1], **extra}
    decoded = decode(json.dumps(message, separators=separators).encode())
    assert isinstance(decoded, inputs.History), decoded
    assert decoded.history == [0.85, 1.0, 0.87]
    assert decoded.pair == extra.get("pair")
    assert decoded.message_id == extra.get("message_id")
    if extra.get("times"):
        assert [day.isoformat() for day in decoded.times] == extra["times"]


dates = st.dates().map(lambda day: day.isoformat())
odd_dates = dates | st.sampled_from(
    [
        "2025-02-29",
        "2025-13-01",
        "2025-00-10",
        "0000-01-01",
        "2025-1-1",
        "",
        "20250101",
        "2025-W01-1",
        "2025-01-01T00:00:00",
    ]
)
numbers = st.floats(allow_nan=False) | st.integers(-3, 10**20)
odd = st.none() | st.booleans() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
documents = st.fixed_dictionaries(
    {},
    optional={
        "history": st.lists(numbers.map(abs), min_size=2, max_size=6)
        | st.lists(numbers | odd, max_size=5)
        | odd,
        "pair": st.sampled_from(["EUR/GBP", "XXX/YYY", "eur/gbp", "EUR/GBP\n", ""]) | odd,
        "as_of": odd_dates | odd,
        "times": st.lists(odd_dates, max_size=6) | odd,
        "message_id": st.text(max_size=130) | odd,
        "more": odd,
        "a:b": odd,
    },
)


@settings(max_examples=600, deadline=None)
@given(documents, st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_the_fast_path_accepts_exactly_what_the_contract_accepts(
    document: dict, ascii_only: bool, separators: tuple
) -> None:
    value = json.dumps(document, ensure_ascii=ascii_only, separators=separators, allow_nan=True)
    try:
        encoded = value.encode()
        expected: RateHistory | None = RateHistory.model_validate_json(encoded)
    except (ValidationError, UnicodeEncodeError):
        expected = None
        encoded = value.encode("utf-8", "surrogatepass")
    assert_agrees(encoded, expected)


def assert_agrees(value: bytes, expected: RateHistory | None) -> None:
    decoded = decode(value)
    assert isinstance(decoded, inputs.History) == (expected is not None), (decoded, value)
    if expected is not None:
        assert decoded.history == expected.history
        assert (decoded.pair, decoded.as_of, decoded.message_id) == (
            expected.pair,
            expected.as_of,
            expected.message_id,
        )
        times = None if decoded.times is None else [day.isoformat() for day in decoded.times]
        assert times == expected.times


# Good ones mostly: a mutation of what is rejected anyway shows little.
spelled = st.sampled_from(VALID) | documents.map(lambda document: json.dumps(document).encode())
inserted = st.sampled_from(
    [*(bytes((i,)) for i in range(256)), b'"history":[1,2,3],', b"\\u0061", b"\xc3\xa9", b"\\ud800"]
)
mutations = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), inserted | st.just(b"")), max_size=3)


@settings(max_examples=1500, deadline=None)
@given(spelled, mutations)
def test_the_fast_path_agrees_with_the_contract_after_any_mutation_of_bytes(
    value: bytes, changes: list[tuple[int, int, bytes]]
) -> None:
    for at, removed, put in changes:
        place = at % (len(value) + 1)
        value = value[:place] + put + value[place + removed :]
    assert_agrees(value, accepted(value))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_rejected_with_a_code(value: bytes) -> None:
    decoded = decode(value)
    assert isinstance(decoded, inputs.History) or decoded.code in ErrorCode


def test_a_predicted_row_is_the_contracts_prediction() -> None:
    scores = wire.FeaturesRow(0.1, 0.2, 0.3, 4.0, -5.0)
    row = wire.PredictionRow(
        "id", "EUR/GBP", None, 0.87, 0.87,
        wire.IntervalsRow((0.86, 0.88), (0.85, 0.89)), "static",
        wire.FeaturesRow(0.87, 0.86, 0.85, 0.01, 0.01),
        wire.DriftRow(True, ["return_1"], scores), [], "v", "2025-01-01T00:00:00+00:00",
        wire.SourceRow("t", 1, 2),
    )  # fmt: skip
    encoded = wire.encode_prediction(row)
    parsed = Prediction.model_validate_json(encoded)
    assert parsed.intervals.level_95 == (0.85, 0.89)
    assert parsed.drift.scores == {
        "lag_1": 0.1,
        "lag_2": 0.2,
        "lag_3": 0.3,
        "return_1": 4.0,
        "return_2": -5.0,
    }
    assert wire.decode_prediction(encoded) == row
    optional = {"alert_messages", "target", "horizons", "quantiles"}
    assert json.loads(encoded).keys() == set(Prediction.model_fields) - optional
    words = {"jump": "jump: +14 % in one step, 9 sigma"}
    marked = msgspec.structs.replace(row, alerts=["jump"], alert_messages=words)
    assert Prediction.model_validate_json(wire.encode_prediction(marked)).alert_messages == words
    assert wire.decode_prediction(wire.encode_prediction(marked)) == marked
    dated = msgspec.structs.replace(row, target="2026-11-02")
    assert Prediction.model_validate_json(wire.encode_prediction(dated)).target == "2026-11-02"
    assert wire.decode_prediction(wire.encode_prediction(dated)) == dated
    further = msgspec.structs.replace(
        row,
        horizons=[wire.HorizonRow(2, row.intervals, "2026-11-03"), wire.HorizonRow(5, row.intervals)],
        quantiles={"2.5": 0.85, "50": 0.87},
    )
    parsed = Prediction.model_validate_json(wire.encode_prediction(further))
    assert [(item.steps, item.target) for item in parsed.horizons or []] == [(2, "2026-11-03"), (5, None)]
    assert parsed.quantiles == {"2.5": 0.85, "50": 0.87}
    assert wire.decode_prediction(wire.encode_prediction(further)) == further


def test_an_error_message_is_short_however_much_it_quotes() -> None:
    key = "\x7f" * 400_000
    twice = json.dumps({key: 1}, ensure_ascii=False)[:-1] + "," + json.dumps({key: 2}, ensure_ascii=False)[1:]
    error = decode(twice.encode())
    assert isinstance(error, RecordError)
    assert error.code == ErrorCode.INVALID_JSON
    assert 100 < len(error.message) <= RecordError.MAX_LENGTH


@pytest.mark.parametrize("field", ["pair", "as_of"])
def test_long_texts_are_not_cached(field: str) -> None:
    """A cache of them would fill the memory of a worker."""
    inputs._is_pair.cache_clear()
    inputs._is_time.cache_clear()
    for number in range(50):
        assert isinstance(
            decode(json.dumps({"history": [1, 2, 3], field: "x" * 900 + str(number)}).encode()), RecordError
        )
    fraction = "0" * 900
    for number in range(50):
        decode(
            json.dumps({"history": [1, 2, 3], "as_of": f"2026-10-30T10:00:00.{fraction}{number}"}).encode()
        )
    assert inputs._is_pair.cache_info().currsize == inputs._is_time.cache_info().currsize == 0
