from __future__ import annotations

import gc

import pytest

from consumer.garbage import rare_collections


class Circle:
    def __init__(self) -> None:
        self.itself = self


def collections_of_the_youngest() -> int:
    before = gc.get_stats()[0]["collections"]
    kept = [[number] for number in range(20_000)]
    return gc.get_stats()[0]["collections"] - before if kept else 0


def test_the_records_of_some_batches_start_no_collection() -> None:
    assert collections_of_the_youngest() > 0
    with rare_collections(whole_process=True):
        assert collections_of_the_youngest() == 0


def test_circles_are_still_collected_and_do_not_pile_up() -> None:
    with rare_collections(whole_process=True):
        gc.collect()
        for _ in range(300_000):
            Circle()
        assert sum(isinstance(thing, Circle) for thing in gc.get_objects()) < 120_000


def test_the_collector_is_as_before_afterwards_even_after_an_error() -> None:
    before = gc.get_threshold()
    with pytest.raises(KeyError), rare_collections(whole_process=True):
        assert gc.get_freeze_count() > 0
        raise KeyError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_a_worker_inside_another_program_leaves_its_collector_alone() -> None:
    before = gc.get_threshold()
    with rare_collections(whole_process=False):
        assert gc.get_threshold() == before
        assert gc.get_freeze_count() == 0
