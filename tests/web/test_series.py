"""The pure parts: series, views, memory, waiting, latencies."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from ratecast.contract.wire import PredictionRow, encode_prediction
from tests.bundles import training_stats
from tests.rows import dead_letter, prediction_row
from web.entries import letter_entry, moment
from web.model_card import ModelCards
from web.page_memory import MOST_PAIRS, PageMemory
from web.pair_view import tile
from web.prediction_streams import PredictionStreams
from web.series import held, points
from web.waiting_answers import TooManyWaitingError, WaitingAnswers
from web.worker_scrapes import WorkerState, histogram_quantile, parsed


def row(as_of: str | None, rate: float = 1.0, target: str | None = None, **fields) -> PredictionRow:
    made = prediction_row(rate)
    made.as_of = as_of
    if target is not None:
        made.target = target
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def record(value: bytes | None, **fields) -> SimpleNamespace:
    given = {"topic": "t", "partition": 0, "offset": 0, "timestamp": 0, "key": None, "headers": ()}
    return SimpleNamespace(value=value, **{**given, **fields})


def days(rows) -> list[str]:
    return [point.as_of for point in points(rows)]


def test_a_day_counts_once_with_its_last_message_and_a_late_message_stands_at_its_day():
    rows = [row("2026-01-05"), row("2026-01-06", 1.1), row("2026-01-06", 1.2), row("2026-01-02")]
    assert days(rows) == ["2026-01-02", "2026-01-05", "2026-01-06"]
    assert points(rows)[-1].row.baseline == 1.2


def test_a_feed_that_was_started_again_does_not_keep_its_old_end():
    rows = [row(f"2026-03-{day:02}") for day in range(1, 11)] + [row(f"2026-03-0{day}") for day in (1, 2, 3)]
    assert days(rows) == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert days(rows[:-1])[-1] == "2026-03-10"


def test_messages_without_a_day_count_only_where_no_message_has_one():
    undated = row(None, 9.0, scored_at="2026-11-28T10:00:00+00:00")
    assert days([undated]) == ["2026-11-28T10:00:00+00:00"]
    assert days([row("2026-01-05"), undated]) == ["2026-01-05"]
    assert days([row("yesterday", scored_at="never")]) == []


def test_a_rate_is_judged_by_the_range_of_the_message_before_unless_days_are_missing_between():
    series = points(
        [
            row("2026-01-05", 1.0, target="2026-01-06"),
            row("2026-01-06", 1.005, target="2026-01-07"),
            row("2026-01-07", 1.02, target="2026-01-08"),
            row("2026-01-12", 1.02, target="2026-01-13"),
        ]
    )
    assert [point.missed95 for point in series] == [None, False, True, None]
    assert held(series, "95") == {"held": 1, "of": 2}
    assert series[1].band95 == (0.99, 1.01)


def test_a_rate_of_zero_has_a_range_in_percent_that_is_unknown():
    assert tile("EUR/USD", points([row("2026-01-05", 0.0)]))["band_percent"] == {"80": None, "95": None}


def test_the_memory_is_bounded_by_pairs_and_by_predictions_of_each():
    memory = PageMemory(per_pair=3)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    pairs = [f"{a}{b}{c}/EUR" for a in letters for b in letters for c in letters][: MOST_PAIRS + 5]
    for pair in pairs:
        for number in range(4):
            made = row(None, message_id=f"{pair}-{number}", pair=pair)
            assert memory.take_prediction(record(encode_prediction(made))) is not None
    assert list(memory.pairs) == pairs[5:]
    assert {len(kept.rows) for kept in memory.pairs.values()} == {3}
    assert memory.find(f"{pairs[0]}-3") is None
    assert memory.find(f"{pairs[-1]}-0") is None
    assert memory.find(f"{pairs[-1]}-3") is not None
    assert len(memory._by_id) == 3 * MOST_PAIRS


def test_a_redelivered_message_is_found_after_the_first_of_its_id_was_forgotten():
    memory = PageMemory(per_pair=2)
    for message_id in ("same", "same", "other"):
        memory.take_prediction(record(encode_prediction(row(None, message_id=message_id))))
    assert memory.find("same") is not None


@pytest.mark.parametrize("milliseconds", [-1, 10**18, 2**63 - 1])
def test_an_impossible_timestamp_does_not_stop_the_feed(milliseconds):
    assert moment(milliseconds).startswith("1970-01-01")


def test_a_dead_letter_that_says_nothing_of_itself_is_shown_with_its_escaped_bytes():
    letter = letter_entry(record(b"\x00\xff<b>\n", key=b"\xff"), 7)
    assert letter.raw == r"\x00\xff<b>\n"
    assert (letter.code, letter.pair, letter.message_id, letter.source) == (None, None, None, None)
    assert "does not say why" in letter.words


def test_a_dead_letter_without_an_id_has_that_of_its_place():
    value, headers = dead_letter(("inputs", 3, 14))
    assert letter_entry(record(value, headers=headers), 1).message_id == "inputs-3-14"


async def test_an_answer_that_comes_before_the_acknowledgement_is_kept_and_a_foreign_one_is_not_taken():
    answers = WaitingAnswers(2)
    mine, foreign = ("t", 0, 5), ("t", 0, 4)
    with answers.waiting("id") as first, answers.waiting("id") as second:
        with pytest.raises(TooManyWaitingError), answers.waiting("other"):
            pass
        for place in (foreign, mine):
            answers.prediction(row(None, message_id="id", source=prediction_row(1, place=place).source))
        assert not first.outcome.done()
        first.published(mine)
        second.published(("t", 0, 6))
        assert first.outcome.result().source.offset == 5
        answers.prediction(row(None, message_id="id", source=prediction_row(1, place=foreign).source))
        assert not second.outcome.done()
        answers.prediction(row(None, message_id="id", source=prediction_row(1, place=("t", 0, 6)).source))
        assert second.outcome.result().source.offset == 6
    assert answers.count == 0
    answers.prediction(row(None, message_id="id"))


async def test_a_stream_that_is_not_read_is_cut_at_its_bound():
    streams = PredictionStreams()
    with streams.joined(None) as queue, streams.joined("EUR/USD") as other:
        for _ in range(2_001):
            streams.prediction(row(None))
        assert len(streams) == 1
        assert queue.qsize() == 2_001
        assert [queue.get_nowait() for _ in range(2_001)][-1] is None
        assert other.empty()
        streams.close()
        async with asyncio.timeout(1):
            assert await other.get() is None


def test_latencies_are_those_of_the_last_minute_and_survive_a_restart_of_the_worker():
    worker = WorkerState()
    worker.latencies.extend([(0, {0.1: 10.0, 1.0: 10.0}), (9, {0.1: 10.0, 1.0: 20.0})])
    assert worker.recent() == {0.1: 0.0, 1.0: 10.0}
    worker.latencies.append((10, {0.1: 3.0, 1.0: 3.0}))
    assert worker.recent() == {0.1: 3.0, 1.0: 3.0}


def test_a_quantile_in_the_last_bucket_is_its_lower_bound():
    assert histogram_quantile(0.99, {0.1: 1, float("inf"): 10}) == 0.1
    assert histogram_quantile(0.5, {}) is None


def test_metrics_in_another_format_are_an_error_and_no_crash():
    with pytest.raises(ValueError, match="float"):
        parsed('consumer_lag_records{topic="t"} many\n')


@pytest.mark.parametrize("version", ["../secret", "/etc", "", "absent-1"])
def test_a_model_that_is_not_here_has_no_card(tmp_path, version):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "training_stats.json").write_text(training_stats().model_dump_json(by_alias=True))
    (tmp_path / "models").mkdir()
    assert ModelCards(tmp_path / "models").card(version, "EUR/USD") is None


def test_the_card_of_a_pair_that_the_model_does_not_know_says_so(tmp_path):
    (tmp_path / "test-1").mkdir()
    (tmp_path / "test-1" / "training_stats.json").write_text(training_stats().model_dump_json(by_alias=True))
    card = ModelCards(tmp_path).card("test-1", "AAA/BBB")
    assert card is not None
    assert card["verdicts"][-1] == {
        "name": "Pair",
        "words": "The model was not trained on AAA/BBB.",
        "ok": False,
    }
