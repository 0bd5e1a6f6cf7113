"""Predictions and dead letters read from a real broker into tables."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib.util
import math
import re
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from aiokafka import AIOKafkaProducer

import ratecast
from ratecast.contract import wire
from ratecast.data import dead_letter_columns, prediction_columns
from ratecast.data.time_span import Span, milliseconds
from ratecast.errors import BrokerUnavailableError, OperationError, UsageError
from ratecast.kafka.client import client_options
from ratecast.kafka.topics import ensure_topics
from tests import rows
from tests.sink.sinks import letters, predictions, send

NOW = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
# Today at midnight, or yesterday: brokers soon remove records with old timestamps.
DAY = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=1)
DAY_MS = int(DAY.timestamp() * 1000)


def of(settings, **more):
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "input_topic": settings.input_topic,
        "output_topic": settings.output_topic,
        "dead_letter_topic": settings.dead_letter_topic,
        **more,
    }


def full_prediction() -> bytes:
    """A prediction with every field that one can have."""
    row = rows.prediction_row(0.87, place=("histories", 3, 7))
    row.as_of, row.target, row.interval_quality = "2026-11-27", "2026-11-30", "adaptive"
    row.features = wire.FeaturesRow(0.87, 0.86, 0.85, 0.1, 0.2)
    row.intervals = wire.IntervalsRow((0.86, 0.88), (0.85, 0.89))
    row.drift = wire.DriftRow(True, ["lag_1", "return_1"], wire.FeaturesRow(4.0, 1.0, 0.5, 3.5, 0.25))
    row.alerts, row.alert_messages = ["level_jump", "stuck_feed"], {"level_jump": "It jumped."}
    row.horizons = [wire.HorizonRow(5, wire.IntervalsRow((0.8, 0.9), (0.7, 1.0)), "2026-12-04")]
    row.quantiles = {"2.5": 0.85, "97.5": 0.89}
    row.scored_at = "2026-11-28T09:30:00.123456+01:00"
    row.source.topic_id = "an-id"
    return wire.encode_prediction(row)


async def send_at(settings, *values: tuple[int, bytes]) -> None:
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    try:
        for timestamp, value in values:
            await producer.send_and_wait(settings.output_topic, value, partition=0, timestamp_ms=timestamp)
    finally:
        await producer.stop()


def test_every_field_of_a_prediction_has_its_column_and_type(settings):
    asyncio.run(ensure_topics(settings))
    asyncio.run(send_at(settings, (DAY_MS, full_prediction())))
    table = ratecast.read_predictions(to="arrow", **of(settings))
    assert table.column_names == [column.name for column in prediction_columns.COLUMNS]
    (row,) = table.to_pylist()
    expected = {
        "kafka_partition": 0,
        "kafka_offset": 0,
        "published_at_utc": DAY,
        "rate_time_utc": dt.datetime(2026, 11, 27, tzinfo=dt.UTC),
        "target_day": dt.date(2026, 11, 30),
        "scored_at_utc": dt.datetime(2026, 11, 28, 8, 30, 0, 123456, tzinfo=dt.UTC),
        "range_80_lower_rate": 0.86,
        "range_95_upper_rate": 0.89,
        "lag_3_rate": 0.85,
        "return_2_log": 0.2,
        "is_drift": True,
        "drift_features": "lag_1,return_1",
        "drift_score_lag_1_std": 4.0,
        "drift_score_return_2_std": 0.25,
        "alerts": "level_jump,stuck_feed",
        "alert_text": "It jumped.\nstuck_feed",
        "input_topic": "histories",
        "input_topic_id": "an-id",
        "input_partition": 3,
        "input_offset": 7,
        "horizon_5_range_80_lower_rate": 0.8,
        "horizon_5_range_95_upper_rate": 1.0,
        "horizon_5_target_day": dt.date(2026, 12, 4),
        "horizon_2_range_80_lower_rate": None,
        "quantile_2_5_percent_rate": 0.85,
        "quantile_50_percent_rate": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert table.schema.field("scored_at_utc").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("forecast_rate").metadata[b"meaning"].startswith(b"the forecast")


def test_pandas_and_polars_get_the_same_rows(settings):
    asyncio.run(ensure_topics(settings))
    asyncio.run(send(settings, predictions(settings, 30)))
    progress = []
    frame = ratecast.read_predictions(on_progress=lambda *done: progress.append(done), **of(settings))
    polars = ratecast.read_predictions(to="polars", **of(settings))
    assert frame["input_offset"].tolist() == polars["input_offset"].to_list() == list(range(30))
    assert str(frame["scored_at_utc"].dtype).endswith("UTC]")
    assert polars.schema["target_day"] == pl.Date
    assert progress[-1] == (30, 30)


def test_an_empty_topic_is_a_table_without_rows_but_with_types(settings):
    asyncio.run(ensure_topics(settings))
    frame = ratecast.read_predictions(**of(settings))
    assert frame.empty
    assert frame["forecast_rate"].dtype == "float64"
    letters_table = ratecast.read_dead_letters(to="arrow", **of(settings))
    assert letters_table.column_names == [column.name for column in dead_letter_columns.COLUMNS]


async def test_it_is_a_plain_function_where_an_event_loop_runs(settings):
    await ensure_topics(settings)
    await send(settings, predictions(settings, 3))
    assert len(ratecast.read_predictions(**of(settings))) == 3
    with pytest.raises(OperationError, match="does not exist"):
        ratecast.read_predictions(**of(settings, output_topic="no-such-topic"))


def test_what_is_foreign_is_counted_named_and_stops_nothing(settings, caplog):
    asyncio.run(ensure_topics(settings))
    huge = rows.prediction_row(1.0, place=("t", 2**40, 0))
    nowhere = rows.prediction_row(1.0)
    nowhere.as_of = "2026-02-30"
    steps = rows.prediction_row(1.0)
    steps.horizons = [wire.HorizonRow(3, wire.IntervalsRow((1, 1), (1, 1)))]
    foreign = [
        *(b"", b"{}", b"\xff", b'{"pair": "a\nb"}', b"[" * 5000, full_prediction()[:-9]),
        *(wire.encode_prediction(row) for row in (huge, nowhere, steps)),
    ]
    sent = [(settings.output_topic, 0, value, []) for value in foreign]
    asyncio.run(send(settings, [*sent, *predictions(settings, 2)]))
    assert len(ratecast.read_predictions(**of(settings))) == 2
    (line,) = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert line.startswith(f"left out 9 records on {settings.output_topic}: {settings.output_topic}-0@0: ")
    assert line.endswith("; and 6 more")
    assert line.isprintable()


def test_dead_letters_keep_their_bytes(settings, caplog):
    asyncio.run(ensure_topics(settings))
    foreign = (settings.dead_letter_topic, 0, b"no headers", [])
    asyncio.run(send(settings, [*letters(settings, 2), foreign]))
    table = ratecast.read_dead_letters(to="arrow", **of(settings)).to_pylist()
    assert [(row["code"], row["value"], row["value_length_bytes"], row["input_offset"]) for row in table] == [
        ("invalid_json", b"x", 1, 0),
        ("invalid_json", b"x", 1, 1),
    ]
    assert "ratecast.source" in caplog.text


def test_a_span_of_time_and_one_of_offsets(settings):
    asyncio.run(ensure_topics(settings))
    hour = 3_600_000
    start = DAY_MS
    day = DAY.date().isoformat()
    # The clocks of two workers differ: the third record is older than the second one.
    values = [rows.prediction((settings.input_topic, 0, number)) for number in range(5)]
    times = [start, start + 2 * hour, start + hour, start + 3 * hour, start + 4 * hour]
    asyncio.run(send_at(settings, *zip(times, values, strict=True)))

    def read(**span) -> list[int]:
        return ratecast.read_predictions(to="arrow", **span, **of(settings))["input_offset"].to_pylist()

    assert read(since=f"{day}T01:00", until=f"{day}T02:00") == [2]
    assert read(since=DAY + dt.timedelta(hours=2)) == [1, 3, 4]
    assert read(until=f"{day}T03:00+01:00") == [0, 2]
    assert read(since=NOW.replace(year=2999)) == []
    assert read(first_offsets={0: 1}, end_offsets={0: 3}) == [1, 2]
    assert read(first_offsets={0: 99}) == []
    assert read(pairs=["EUR/USD"]) == []
    assert read(pairs="EUR/GBP") == [0, 1, 2, 3, 4]
    with pytest.raises(UsageError, match="names partition 9"):
        read(first_offsets={9: 0})


def test_what_a_transaction_has_not_committed_is_not_read(settings):
    async def write() -> None:
        await ensure_topics(settings)
        producer = AIOKafkaProducer(**client_options(settings), transactional_id=settings.group_id)
        await producer.start()
        value = rows.prediction((settings.input_topic, 0, 1))
        async with producer.transaction():
            await producer.send_and_wait(settings.output_topic, value, partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(settings.output_topic, value, partition=0)
        await producer.abort_transaction()
        await producer.stop()

    asyncio.run(write())
    assert ratecast.read_predictions(**of(settings))["kafka_offset"].tolist() == [0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"to": "excel"}, "choose pandas, polars or arrow"),
        ({"since": "yesterday"}, "since must be a time like"),
        ({"until": "2026-13-01"}, "until must be a time like"),
        ({"since": 5}, "since must be a time like"),
        ({"since": "999999w"}, "since must be a time like"),
        ({"since": "1d", "until": "2d"}, "since must be before until"),
        ({"first_offsets": {0: -1}}, "first_offsets must have an offset for each partition"),
        ({"bootstrap_servers": "no port:x"}, "host:port"),
    ],
)
def test_a_wrong_argument_is_one_clear_line(arguments, words: str):
    with pytest.raises(UsageError, match=words) as raised:
        ratecast.read_predictions(**arguments)
    assert "\n" not in str(raised.value)


def test_a_missing_library_is_one_clear_line(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "polars" else found(name))
    with pytest.raises(UsageError, match=r"^tables of polars need polars: pip install polars$"):
        ratecast.read_predictions(to="polars")


def test_no_broker_is_an_error_that_says_what_to_do():
    with pytest.raises(BrokerUnavailableError, match="start one with `ratecast broker`"):
        ratecast.read_predictions(bootstrap_servers="127.0.0.1:1", connect_timeout_seconds=0.2)


def test_moments():
    day = 86_400_000
    midnight = int(NOW.timestamp() * 1000)
    assert milliseconds(dt.timedelta(days=2), NOW, "since") == midnight - 2 * day
    assert milliseconds(" 2w ", NOW, "since") == midnight - 14 * day
    assert milliseconds(dt.datetime(2026, 11, 28), NOW, "since") == midnight  # noqa: DTZ001 - means UTC
    assert milliseconds(None, NOW, "since") is None
    assert Span(5, 7).contains(5)
    assert not Span(5, 7).contains(7)
    assert math.isclose(milliseconds("90m", NOW, "since"), midnight - 5_400_000)


def test_the_page_lists_every_column_with_its_meaning():
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "data.md").read_text(encoding="utf-8")
    for columns in (prediction_columns.COLUMNS, dead_letter_columns.COLUMNS):
        for column in columns:
            assert re.search(
                rf"^\| `{column.name}` \| [^|]+ \| {re.escape(column.meaning)} \|$", page, re.MULTILINE
            )
    listed = re.findall(r"^\| `([a-z0-9_]+)` \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)
    assert len(listed) == len(prediction_columns.COLUMNS) + len(dead_letter_columns.COLUMNS)
