from __future__ import annotations

import numpy as np
import pytest

from consumer.isolation import Isolation
from ratecast.errors import ErrorCode, ModelFailingError
from ratecast.scoring.scored_batch import ScoredBatch
from tests.fakes import FakeRecord


class Odd:
    """Scores records, but raises on some; counts how often it is asked."""

    def __init__(self, *bad: int, words: str = "invented") -> None:
        self.bad = set(bad)
        self.asked = 0
        self.words = words

    def __call__(self, records) -> ScoredBatch:
        self.asked += 1
        for record in records:
            if record.offset in self.bad:
                raise ZeroDivisionError(self.words)
        values = [str(record.offset).encode() for record in records]
        return ScoredBatch(
            list(records),
            ["EUR/GBP"] * len(records),
            values,
            np.zeros(len(records), dtype=bool),
            {},
            {},
            [],
            [],
            [],
        )


def records(count: int, first: int = 0) -> list[FakeRecord]:
    return [FakeRecord(b"{}", offset=first + number) for number in range(count)]


def test_a_batch_that_scores_is_scored_once() -> None:
    score = Odd()
    assert len(Isolation(20, 0.5).score(score, records(1000)).values) == 1000
    assert score.asked == 1


def test_records_that_raise_become_dead_letters_and_the_others_keep_their_order(caplog) -> None:
    batch = Isolation(20, 0.5).score(Odd(3, 4, 777), records(1000))
    assert [letter.record.offset for letter in batch.dead_letters] == [3, 4, 777]
    assert {letter.code for letter in batch.dead_letters} == {ErrorCode.SCORING_FAILED}
    assert batch.dead_letters[0].message == "ZeroDivisionError: invented"
    assert [int(value) for value in batch.values] == [n for n in range(1000) if n not in {3, 4, 777}]
    assert (batch.failures, len(batch.drifted)) == (3, 997)
    assert sum(record.exc_info is not None for record in caplog.records) == 1


def test_few_poisoned_records_cost_few_calls() -> None:
    score = Odd(500)
    Isolation(20, 0.5).score(score, records(1024))
    assert score.asked <= 2 * 10 + 1


def test_so_many_in_a_row_are_the_models_fault() -> None:
    with pytest.raises(ModelFailingError, match=r"t-0@24: scoring failed for 20 records in a row.*invented"):
        Isolation(20, 0.5).score(
            Odd(*range(5, 25)), [FakeRecord(b"{}", topic="t", offset=n) for n in range(40)]
        )


def test_one_fewer_in_a_row_are_the_records_own() -> None:
    assert Isolation(20, 0.5).score(Odd(*range(5, 24)), records(40)).failures == 19


def test_a_row_of_failures_goes_on_from_batch_to_batch_once_they_are_committed() -> None:
    isolation = Isolation(20, 0.5)
    isolation.score(Odd(*range(10)), records(10))
    isolation.restarted()
    isolation.score(Odd(*range(10)), records(10))  # the same batch once more: it was aborted
    isolation.committed()
    with pytest.raises(ModelFailingError):
        isolation.score(Odd(*range(10, 20)), records(10, first=10))


def test_failures_of_a_batch_whose_commit_is_on_its_way_count_too() -> None:
    isolation = Isolation(20, 0.5)
    isolation.score(Odd(*range(10)), records(10))
    with pytest.raises(ModelFailingError):
        isolation.score(Odd(*range(10, 20)), records(10, first=10))


def test_more_than_the_share_of_the_last_two_hundred_are_the_models_fault() -> None:
    every_other = range(0, 200, 2)
    assert Isolation(20, 0.5).score(Odd(*every_other), records(200)).failures == 100
    with pytest.raises(ModelFailingError, match="101 of the last 200"):
        Isolation(20, 0.5).score(Odd(*every_other, 199), records(200))


def test_the_words_of_an_error_stay_short() -> None:
    letter = Isolation(20, 0.5).score(Odd(0, words="x" * 10_000), records(1)).dead_letters[0]
    assert len(letter.message) <= 500


def test_a_lack_of_memory_is_no_fault_of_a_record() -> None:
    def starved(_: object) -> ScoredBatch:
        raise MemoryError

    with pytest.raises(MemoryError):
        Isolation(20, 0.5).score(starved, records(4))


def test_a_batch_for_which_there_was_no_memory_is_scored_in_smaller_ones() -> None:
    score = Odd()

    def small_ones_only(some: list[FakeRecord]) -> ScoredBatch:
        if len(some) > 100:
            raise MemoryError
        return score(some)

    batch = Isolation(20, 0.5).score(small_ones_only, records(1000))
    assert (len(batch.values), batch.failures) == (1000, 0)
