from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest

from ratecast.contract import wire
from tests.training.drift_report.planted import collected, rows, walk


def test_the_span_is_of_as_of_both_days_included_and_the_rest_is_counted():
    predictions = rows(walk(count=5))
    found = collected(predictions, start=dt.date(2025, 1, 2), end=dt.date(2025, 1, 3))
    table = found.pairs["EUR/GBP"]
    assert [table.day(row) for row in range(len(table))] == ["2025-01-02", "2025-01-03"]
    assert (found.outside, found.undated) == (3, 0)
    assert found.seen == (dt.date(2025, 1, 1), dt.date(2025, 1, 7))


@pytest.mark.parametrize("as_of", [None, "yesterday", "0001-01-01T00:00:00+23:59"])
def test_a_message_without_a_readable_as_of_is_counted_apart(as_of):
    predictions = rows(walk(count=3))
    predictions[1] = msgspec.structs.replace(predictions[1], as_of=as_of)
    found = collected(predictions)
    assert (len(found), found.undated) == (2, 1)


def test_messages_are_sorted_by_time_in_utc_with_their_alerts():
    predictions = rows(walk(count=3), alerts={0: {"jump": "jump: first"}})
    times = ["2025-01-02T01:00:00+02:00", "2025-01-01T22:00:00Z", "2025-01-02"]
    predictions = [msgspec.structs.replace(row, as_of=at) for row, at in zip(predictions, times, strict=True)]
    table = collected(predictions).pairs["EUR/GBP"]
    assert [table.day(row) for row in range(3)] == ["2025-01-01 22:00", "2025-01-01 23:00", "2025-01-02"]
    assert table.alerts == {1: {"jump": "jump: first"}}


def test_of_two_messages_with_one_time_the_one_scored_last_is_kept_in_any_order():
    early = rows(walk(count=3))
    late = [
        msgspec.structs.replace(r, scored_at="2026-02-01T00:00:00+00:00") for r in rows(2 * walk(count=3))
    ]
    for order in (early + late, late + early):
        found = collected(order)
        assert found.repeated == 3
        np.testing.assert_array_equal(found.pairs["EUR/GBP"].rates, [row.baseline for row in late])


def test_invalid_rates_and_pairs_the_model_does_not_know_are_counted():
    predictions = rows(walk(count=3))
    predictions[0] = msgspec.structs.replace(predictions[0], prediction=0.0)
    predictions[1] = msgspec.structs.replace(predictions[1], pair="EUR/XXX")
    found = collected(predictions)
    assert (len(found), found.unreadable, found.unknown) == (1, 1, {"EUR/XXX": 1})


def test_an_alert_without_words_is_called_by_its_code():
    predictions = rows(walk(count=3), alerts={1: {"level_cone": ""}})
    assert collected(predictions).pairs["EUR/GBP"].alerts == {1: {"level_cone": "level cone"}}


def test_optional_fields_of_a_prediction_change_nothing():
    plain = rows(walk(count=3))
    further = [
        msgspec.structs.replace(
            row, horizons=[wire.HorizonRow(2, row.intervals)], quantiles={"50": row.prediction}
        )
        for row in plain
    ]
    one, other = (collected(found).pairs["EUR/GBP"] for found in (plain, further))
    for name in ("features", "prediction", "lower", "upper"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
