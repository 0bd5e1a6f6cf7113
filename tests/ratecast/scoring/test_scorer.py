from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratecast.contract.messages import Prediction
from ratecast.model.bundle import Bundle
from ratecast.scoring.scorer import Scorer
from tests.bad_records import BAD, GOOD
from tests.bundles import LEVELS, SIGMA, centre_on_noise, forest_on_noise, training_stats
from tests.fakes import FakeRecord

NOW = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
_STATS = training_stats(shrinkage=0.5)
_BUNDLE = Bundle(
    version=_STATS.model_version,
    directory=Path(),
    stats=_STATS,
    digests={},
    onnx=forest_on_noise()[0],
    centre=centre_on_noise()[0],
)
SCORER = Scorer(_BUNDLE, 1_000_000)


def score(*values: bytes | None) -> list[Prediction]:
    records = [FakeRecord(value, offset=offset) for offset, value in enumerate(values)]
    batch = SCORER.score(records, NOW)
    assert not batch.dead_letters
    return [Prediction.model_validate_json(value) for value in batch.values]


def message(history: list[float], **fields: object) -> bytes:
    return json.dumps({"history": history, **fields}).encode()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_becomes_one_dead_letter_and_its_neighbours_are_scored(name: str) -> None:
    value, code = BAD[name]
    records = [FakeRecord(GOOD, offset=0), FakeRecord(value, offset=1), FakeRecord(GOOD, offset=2)]
    batch = SCORER.score(records, NOW)
    assert [record.offset for record in batch.records] == [0, 2]
    assert [(letter.record.offset, letter.code) for letter in batch.dead_letters] == [(1, code)]
    assert batch.dead_letters[0].record.value == value


def test_headers_too_large_to_go_out_again_make_a_dead_letter() -> None:
    fits, large = (FakeRecord(GOOD, headers=(("h", b"x" * size),)) for size in (900_000, 1_000_000))
    batch = SCORER.score([fits, large, FakeRecord(GOOD)], NOW)
    assert len(batch.values) == 2
    assert [(letter.code, letter.message) for letter in batch.dead_letters] == [
        ("too_large", "the key and headers have 1000008 bytes; at most 1000000 are accepted")
    ]


def test_the_original_example_is_scored_unchanged() -> None:
    (prediction,) = score(b'{"history": [0.85, 0.86, 0.87]}')
    assert prediction.pair == "EUR/GBP"
    assert prediction.baseline == prediction.features.lag_1 == 0.87
    assert prediction.features.lag_3 == 0.85
    assert prediction.message_id == "rate-histories-0-0"
    assert prediction.interval_quality == "static"
    low, high = prediction.intervals.level_95
    assert (
        low
        < prediction.intervals.level_80[0]
        < prediction.prediction
        < prediction.intervals.level_80[1]
        < high
    )
    assert not prediction.drift.is_drift
    assert prediction.scored_at == NOW


def test_a_history_far_from_training_is_drift_with_every_feature_scored() -> None:
    (prediction,) = score(b'{"history": [10, 20, 30]}')
    assert prediction.drift.is_drift
    assert prediction.drift.features == ["lag_1", "lag_2", "lag_3", "return_1", "return_2"]
    assert prediction.drift.scores["lag_1"] == pytest.approx((30 - 0.85) / 0.085)


@pytest.mark.parametrize(("factor", "drifted"), [(1.31, True), (1.29, False), (0.69, True), (0.71, False)])
def test_drift_begins_outside_min_and_max_or_beyond_three_std(factor: float, drifted: bool) -> None:
    (prediction,) = score(message([0.85 * factor] * 3))
    assert prediction.drift.is_drift is drifted


def test_twenty_one_rates_make_the_range_adaptive() -> None:
    calm, short = score(message([0.85, 0.851] * 11), message([0.85, 0.851] * 10))
    assert (calm.interval_quality, short.interval_quality) == ("adaptive", "static")
    width = [p.intervals.level_95[1] - p.intervals.level_95[0] for p in (calm, short)]
    assert width[0] < width[1]  # the calm history's volatility is far below the stored one


def test_ticks_by_the_minute_are_marked_floored_unless_they_are_too_few() -> None:
    """Invented rates: the training's daily volatility, spread over the minutes of a day."""
    steps = np.random.default_rng(3).normal(scale=SIGMA / math.sqrt(24 * 60), size=61)
    ticks = (0.85 * np.exp(np.cumsum(steps))).tolist()
    days = (0.85 * np.exp(np.cumsum(steps * math.sqrt(24 * 60)))).tolist()
    found = score(message(ticks), message(ticks[-21:]), message(ticks[-20:]), message(days))
    assert [p.interval_quality for p in found] == ["floored", "floored", "static", "adaptive"]


def test_a_pair_that_hardly_moves_is_marked_floored() -> None:
    (prediction,) = score(message([0.85, 0.85, 0.85001] * 10))
    assert prediction.interval_quality == "floored"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(min_value=0.5, max_value=2.0), min_size=3, max_size=70),
        min_size=1,
        max_size=8,
    )
)
def test_a_prediction_is_the_same_bytes_in_any_company(histories: list[list[float]]) -> None:
    records = [FakeRecord(message(history), offset=i) for i, history in enumerate(histories)]
    together = SCORER.score(records, NOW).values
    alone = [SCORER.score([record], NOW).values[0] for record in records]
    assert together == alone


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(min_value=5e-324, max_value=1.7e308, allow_subnormal=True), min_size=3, max_size=62)
)
def test_any_positive_history_gives_a_valid_prediction_or_a_dead_letter(history: list[float]) -> None:
    batch = SCORER.score([FakeRecord(message(history))], NOW)
    assert len(batch.values) + len(batch.dead_letters) == 1
    for value in batch.values:
        prediction = Prediction.model_validate_json(value)
        (low_80, high_80), (low_95, high_95) = prediction.intervals.level_80, prediction.intervals.level_95
        assert 0 < low_95 <= low_80 <= prediction.prediction <= high_80 <= high_95 < np.inf
        assert np.isfinite(list(prediction.drift.scores.values())).all()


def test_fields_of_the_message_come_back() -> None:
    times = ["2025-01-02", "2025-01-03", "2025-01-06"]
    (prediction,) = score(
        message([160.0, 161.0, 162.0], pair="EUR/JPY", as_of="2025-01-06", message_id="mine", times=times)
    )
    assert (prediction.pair, prediction.as_of, prediction.message_id) == ("EUR/JPY", "2025-01-06", "mine")
    assert prediction.source.topic == "rate-histories"


def test_a_scored_batch_has_what_metrics_need_for_each_record() -> None:
    values = [message([level] * 3, pair=pair, as_of="2025-01-06") for pair, level in LEVELS.items()]
    values.append(message([30.0] * 3, pair="EUR/GBP", as_of="2025-01-07"))
    batch = SCORER.score([FakeRecord(value) for value in values], NOW)
    assert batch.pairs == [*LEVELS, "EUR/GBP"]
    assert batch.drifted.tolist() == [False] * len(LEVELS) + [True]
    assert batch.as_of["EUR/GBP"] == "2025-01-07"


def feed(pair: str = "EUR/GBP", days: int = 90, seed: int = 1) -> list[float]:
    """An invented clean feed: normal returns with the pair's sigma."""
    steps = np.random.default_rng(seed).normal(scale=SIGMA, size=days)
    return (LEVELS[pair] * np.exp(np.cumsum(steps))).tolist()


def test_a_prediction_from_an_unusual_newest_rate_carries_its_alerts_with_their_texts() -> None:
    clean = feed()
    (prediction,) = score(message([*clean[:-1], clean[-1] * 100]))
    assert prediction.baseline == clean[-1] * 100
    assert prediction.alerts == ["jump", "level_cone", "decimal_slip"]
    assert prediction.alert_messages["decimal_slip"] == "decimal slip: 100 times the previous rate"


def test_a_clean_message_has_no_alerts_and_no_words_for_them() -> None:
    batch = SCORER.score([FakeRecord(message(feed()))], NOW)
    assert batch.alerts == []
    assert json.loads(batch.values[0])["alerts"] == []
    assert "alert_messages" not in json.loads(batch.values[0])


def test_alerts_are_listed_by_pair_for_metrics() -> None:
    clean = feed("EUR/JPY")
    values = [message(feed()), message([*clean[:-1], 1 / clean[-1]], pair="EUR/JPY")]
    batch = SCORER.score([FakeRecord(value) for value in values], NOW)
    assert batch.alerts == [("EUR/JPY", code) for code in ("jump", "level_cone", "inverted_quote")]
    assert batch.observations[0].hindcasts.alerted.tolist() == [False, True]


def test_a_stuck_feed_does_not_narrow_the_range() -> None:
    clean = feed()
    moving, stuck = score(message(clean), message([*clean, *[clean[-1]] * 30]))
    assert stuck.alerts == ["stuck"]

    def width(prediction: Prediction, level: str) -> float:
        low, high = getattr(prediction.intervals, level)
        return np.log(high / low)

    for level in ("level_80", "level_95"):
        assert width(stuck, level) == pytest.approx(width(moving, level), rel=0.05)


def test_a_spike_that_is_over_does_not_widen_the_range() -> None:
    clean = feed()
    spiked = [*clean[:-20], clean[-20] * 100, *clean[-19:]]
    moving, after = score(message(clean), message(spiked))
    assert after.alerts == []
    for level in ("level_80", "level_95"):
        low, high = getattr(after.intervals, level)
        assert high / low == pytest.approx(np.divide(*getattr(moving.intervals, level)[::-1]), rel=0.02)
    assert after.features.return_1 == moving.features.return_1


def test_a_missing_day_is_found_from_times() -> None:
    days = np.busday_offset("2025-01-01", np.arange(30), roll="forward")
    late = [*days[:-1], days[-1] + np.timedelta64(9, "D")]
    values = [message(feed()[:30], times=[str(day) for day in given]) for given in (days, late)]
    on_time, gap = score(*values)
    assert on_time.alerts == []
    assert gap.alert_messages == {"gap": "gap: 10 days between the last two rates"}


def test_a_gap_is_reported_by_the_message_after_it_and_by_no_other() -> None:
    days = np.busday_offset("2025-01-01", np.delete(np.arange(90), slice(40, 46)), roll="forward")
    rates = feed(days=len(days))
    values = [
        message(rates[end - 30 : end], times=[str(day) for day in days[end - 30 : end]])
        for end in range(30, len(days) + 1)
    ]
    alerted = [position for position, prediction in enumerate(score(*values)) if prediction.alerts == ["gap"]]
    assert alerted == [41 - 30]


def test_a_history_with_its_newest_rate_first_is_reported() -> None:
    days = [str(day) for day in np.busday_offset("2025-01-01", np.arange(30), roll="forward")]
    (backwards,) = score(message(feed()[:30], times=days[::-1]))
    assert backwards.alert_messages == {"gap": "gap: the dates of the rates go backwards"}


def test_a_faulty_feed_is_no_drift_of_the_market() -> None:
    clean = feed()
    stuck = [*clean[:-9], *[clean[-10]] * 9]
    observations = SCORER.score([FakeRecord(message(h)) for h in (clean, stuck)], NOW).observations[0]
    assert observations.features[:, 0].tolist() == [clean[-1]]
    assert observations.pair_rows.tolist() == [0]
    assert observations.hindcasts.alerted.tolist() == [False, True]


def test_a_hindcast_is_the_forecast_made_a_rate_earlier() -> None:
    history = feed(days=50)
    (earlier,) = score(message(history[:-1]))
    hindcasts = SCORER.score([FakeRecord(message(history))], NOW).observations[0].hindcasts
    assert hindcasts.error[0] == pytest.approx(abs(np.log(history[-1] / earlier.prediction)), rel=1e-9)
    assert hindcasts.naive[0] == pytest.approx(abs(np.log(history[-1] / history[-2])))
    inside = earlier.intervals.level_80[0] <= history[-1] <= earlier.intervals.level_80[1]
    assert hindcasts.inside[0, 0] == inside


def test_three_rates_are_too_few_for_a_hindcast() -> None:
    observations = SCORER.score([FakeRecord(GOOD), FakeRecord(message(feed()))], NOW).observations[0]
    assert observations.pair_rows.tolist() == [0, 0]
    assert len(observations.hindcasts.alerted) == 1
