from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.start_position import Cause, OffsetBeyondEndError, PartitionState, start_of
from ratecast.contract import commit_note
from ratecast.contract.commit_note import CommitNote, Committed, Loss

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def start(committed: Committed | None, topic_id: str | None, beginning: int, end: int):
    return start_of(committed, PartitionState(topic_id, beginning, end), NOW)


def test_reading_goes_on_where_the_same_topic_was_left() -> None:
    found = start(Committed(50, CommitNote("a")), "a", 0, 90)
    assert (found.offset, found.cause, found.note) == (50, None, CommitNote("a"))


def test_without_a_committed_offset_reading_begins_at_the_first_record() -> None:
    found = start(None, "a", 7, 90)
    assert (found.offset, found.cause, found.note) == (7, Cause.NOTHING_COMMITTED, CommitNote("a"))


def test_an_offset_of_another_topic_does_not_count_and_its_losses_are_forgotten() -> None:
    loss = Loss(5, 0, 4, "2026-01-01")
    found = start(Committed(50, CommitNote("a", loss)), "b", 0, 3000)
    assert (found.offset, found.cause, found.note) == (0, Cause.TOPIC_RECREATED, CommitNote("b"))


def test_an_offset_without_a_note_is_obeyed_as_it_was_moved_by_hand() -> None:
    assert start(Committed(50, CommitNote()), "a", 0, 90).offset == 50
    assert start(Committed(50, CommitNote()), "a", 0, 90).note == CommitNote("a")


def test_without_ids_a_topic_that_ends_below_the_offset_was_made_anew() -> None:
    found = start(Committed(50, CommitNote()), None, 0, 10)
    assert (found.offset, found.cause) == (0, Cause.TOPIC_RECREATED)


def test_the_same_topic_ending_below_the_offset_is_no_reason_to_score_all_of_it_again() -> None:
    with pytest.raises(OffsetBeyondEndError, match="50 is beyond the partition's end 10"):
        start(Committed(50, CommitNote("a")), "a", 0, 10)


def test_what_retention_removed_is_counted_and_added_up() -> None:
    first = start(Committed(30, CommitNote("a")), "a", 40, 90)
    assert (first.offset, first.removed, first.cause) == (40, 10, Cause.REMOVED_BY_RETENTION)
    second = start(Committed(45, first.note), "a", 60, 90)
    assert second.note.loss == Loss(25, 45, 59, "2026-01-02T00:00:00+00:00")
    assert start(Committed(60, second.note), "a", 60, 90).note == second.note


@given(st.text() | st.none())
def test_a_note_of_anybody_is_read_as_none(text: str | None) -> None:
    assert isinstance(commit_note.decode(text), CommitNote)


@pytest.mark.parametrize(
    "text", ['{"topic_id": 5}', '{"loss": {}}', "[" * 10_000, '{"topic_id":"\\ud800"}', "null"]
)
def test_a_note_of_another_form_says_nothing(text: str) -> None:
    assert commit_note.decode(text).loss is None


def test_a_note_comes_back_as_it_was_written() -> None:
    note = CommitNote("a", Loss(25, 45, 59, "2026-01-02T00:00:00+00:00"))
    assert commit_note.decode(commit_note.encode(note)) == note
