"""Every record becomes exactly one row, of ours or of the rejected ones with a reason."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from ratecast.contract import dead_letter, wire
from ratecast.contract.messages import Prediction
from ratecast.contract.unreadable import Unreadable
from sink.flat_rows import KEPT_BYTES, dead_letter_row, prediction_row
from sink.sink_tables import DEAD_LETTERS, PREDICTIONS, REJECTED
from tests import rows


@dataclass
class Given:
    value: bytes | None = b""
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    key: bytes | None = b"EUR/GBP"
    topic: str = "t"
    partition: int = 2
    offset: int = 7
    timestamp: int = 1_767_225_600_123


def fields(row: Any) -> dict[str, Any]:
    assert len(row.values) == len(row.table.columns)
    return dict(zip(row.table.names, row.values, strict=True))


def changed(**changes: Any) -> bytes:
    """A prediction with some of its fields changed; nested ones are named with a dot."""
    document = json.loads(rows.prediction(("histories", 1, 2)))
    for name, new in changes.items():
        *path, last = name.split("__")
        target = document
        for part in path:
            target = target[part]
        target[last] = new
    return json.dumps(document).encode()


def test_a_prediction_is_flat_and_typed():
    value = changed(
        as_of="2026-01-02",
        target="2026-01-05",
        source__topic_id="AAECAwQFBgcICQoLDA0ODw",
        alerts=["jump"],
        alert_messages={"jump": "The rate moved."},
        quantiles={"5": 0.8},
        horizons=[{"steps": 2, "intervals": {"80": [1, 2], "95": [0, 3]}, "target": "2026-01-06"}],
    )
    Prediction.model_validate_json(value)  # it is one by the contract
    row = prediction_row(Given(value), 3)
    assert row.table is PREDICTIONS
    found = fields(row)
    assert (found["topic_key"], found["kafka_partition"], found["kafka_offset"]) == (3, 2, 7)
    assert found["published_at"] == dt.datetime(2026, 1, 1, 0, 0, 0, 123_000, dt.UTC)
    assert (found["as_of"], found["rate_time"]) == ("2026-01-02", "2026-01-02T00:00:00+00:00")
    assert found["target"] == dt.date(2026, 1, 5)
    assert (found["lower_80"], found["upper_95"], found["return_2"]) == (0.99, 1.01, 0.0)
    assert (found["alerts"], json.loads(found["alert_messages"])) == (["jump"], {"jump": "The rate moved."})
    assert json.loads(found["horizons"])[0]["intervals"]["95"] == [0, 3]
    assert json.loads(found["quantiles"]) == {"5": 0.8}
    assert (found["source_topic"], found["source_partition"], found["source_offset"]) == ("histories", 1, 2)
    assert found["source_topic_id"] == "AAECAwQFBgcICQoLDA0ODw"


@pytest.mark.parametrize(
    ("as_of", "moment"),
    [
        (None, None),
        ("2026-10-30T14:15:00", "2026-10-30T14:15:00+00:00"),
        ("2026-10-30T14:15:00.123456789-05:00", "2026-10-30T14:15:00.123456-05:00"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_the_time_of_a_rate_is_utc_unless_it_names_a_zone(as_of, moment):
    assert fields(prediction_row(Given(changed(as_of=as_of)), 1))["rate_time"] == moment


def test_a_nul_character_is_shown_because_the_database_cannot_hold_it():
    assert fields(prediction_row(Given(changed(message_id="a\0b")), 1))["message_id"] == "a␀b"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "the value is null"),
        (b"", "the value is empty"),
        (b"\xff\xfe", "malformed|invalid|UTF-8"),
        (b'{"pair":' * 100_000, "Expected `str`"),
        (b'{"more":' * 100_000, "recursion"),
        (b"[]", "Expected `object`, got `array`"),
        (changed(prediction="1.0"), "Expected `float`, got `str` - at `\\$.prediction`"),
        (changed(pair="eur/gbp\n"), r"pair is not like EUR/USD: 'eur/gbp\\n'"),
        (changed(pair="E" * 10_000), "pair is not like EUR/USD"),
        (changed(as_of="soon"), "as_of must be an ISO 8601 date or date-time"),
        (changed(target="2026-02-30"), "target is no day of the calendar"),
        (changed(scored_at="2026-01-01T00:00:00"), "scored_at has no time zone"),
        (changed(scored_at="now"), "scored_at is no time"),
        (changed(message_id="x" * 5000), "message_id has 5000 characters"),
        (changed(source__topic="x" * 5000), "the name is too long"),
        (changed(source__offset=2**70), "its source is no place in Kafka"),
        (changed(source__partition=-1), "its source is no place in Kafka: partition -1"),
        (
            Unreadable("the record batch at offsets 1 to 2 cannot be read: bad"),
            "offsets 1 to 2 cannot be read",
        ),
    ],
)
def test_what_is_no_prediction_is_kept_with_a_reason(value, reason):
    row = prediction_row(Given(value), 1)
    assert row.table is REJECTED
    found = fields(row)
    assert found["reason"].startswith("not a prediction: ")
    assert found["reason"].isprintable()
    assert found["kafka_offset"] == 7
    assert re.search(reason, found["reason"]), found["reason"]


@pytest.mark.parametrize("timestamp", [-1, 2**62])
def test_a_record_without_a_time_is_rejected(timestamp):
    given = Given(rows.prediction(("h", 0, 0)), timestamp=timestamp)
    found = fields(prediction_row(given, 1))
    assert "no timestamp" in found["reason"]
    assert found["published_at"] is None


def test_a_rejected_record_keeps_the_beginning_of_its_value_and_its_length():
    found = fields(prediction_row(Given(b"x" * (KEPT_BYTES + 1), key=None), 1))
    assert (len(found["value"]), found["value_bytes"], found["key"]) == (KEPT_BYTES, KEPT_BYTES + 1, None)


def test_a_dead_letter_keeps_its_bytes_and_says_where_it_came_from():
    value, headers = rows.dead_letter(("histories", 1, 2), "invalid_json")
    row = dead_letter_row(Given(value, [*headers, ("trace", b"\xff"), (dead_letter.HOPS, b"2")]), 4)
    assert row.table is DEAD_LETTERS
    found = fields(row)
    assert (found["code"], found["message"]) == ("invalid_json", "invented for tests")
    assert (found["pair"], found["key"], found["value"], found["value_bytes"]) == (
        "EUR/GBP",
        b"EUR/GBP",
        b"x",
        1,
    )
    assert (found["source_topic"], found["source_partition"], found["source_offset"]) == ("histories", 1, 2)
    assert found["source_time"] == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert (json.loads(found["headers"]), found["hops"]) == ([["trace", {"base64": "/w=="}]], 2)


def test_a_dead_letter_without_a_pair_or_a_value_is_one_too():
    _, headers = rows.dead_letter(("histories", 1, 2))
    found = fields(dead_letter_row(Given(None, headers, key=b"\xff\0"), 4))
    assert (found["pair"], found["key"], found["value"], found["value_bytes"]) == (
        None,
        b"\xff\0",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], r"do not say which record it was made from"),
        (rows.dead_letter(("t", 0, 2**63))[1], "no place in Kafka"),
        (rows.dead_letter(("t", -3, 1))[1], "no place in Kafka"),
        (rows.dead_letter(("t" * 300, 1, 1))[1], "the name is too long"),
    ],
)
def test_what_is_no_dead_letter_is_kept_with_a_reason(headers, reason):
    row = dead_letter_row(Given(b"x", headers), 1)
    assert row.table is REJECTED
    assert reason in fields(row)["reason"]


def test_every_field_of_the_contract_has_a_column():
    """A field that is added to the contract must be thought of here."""
    flat = {
        "intervals": {"lower_80", "upper_80", "lower_95", "upper_95"},
        "features": {"lag_1", "lag_2", "lag_3", "return_1", "return_2"},
        "drift": {"is_drift", "drift_features", "drift_scores"},
        "source": {"source_topic", "source_topic_id", "source_partition", "source_offset"},
    }
    expected = set().union(*(flat.get(name, {name}) for name in Prediction.model_fields))
    assert set(PREDICTIONS.names) == expected | {
        *("topic_key", "kafka_partition", "kafka_offset", "published_at", "rate_time")
    }
    assert set(wire.PredictionRow.__struct_fields__) == set(Prediction.model_fields)
