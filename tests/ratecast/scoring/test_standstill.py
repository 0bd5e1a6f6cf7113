"""Runs of equal rates, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.scoring.standstill import Standstills, standstills

M = 0.01  # a move


def find(returns: list[float], equal_rates: int = 4, longest_run: int = 3) -> Standstills:
    return standstills(np.array([returns]), np.array([equal_rates]), np.array([longest_run]))


@pytest.mark.parametrize("equal_rates", [3, 4, 7])
def test_each_pair_of_a_batch_has_its_limit(equal_rates: int) -> None:
    zeros = [[M] * (9 - count) + [0.0] * count for count in range(10)]
    rows = np.array(zeros + zeros)
    limits = np.array([3] * 10 + [equal_rates] * 10)
    found = standstills(rows, limits, np.full(20, 2))
    stuck = set(found.rows[found.stuck].tolist())
    assert stuck == set(range(2, 10)) | {10 + count for count in range(equal_rates - 1, 10)}


def test_a_step_that_ends_a_standstill_covers_its_days_and_later_ones_one() -> None:
    hung = [M] * 4 + [0.0] * 5
    assert find([*hung, M]).waited.tolist() == [6]
    for later in range(1, 5):
        found = find([*hung, M, *[M] * later])
        assert (found.waited.tolist(), found.equal_rates.tolist()) == ([1], [1])
    # Nor is the one that ends fewer equal rates than are too many.
    assert find([*hung, M, 0.0, M]).waited.tolist() == [1]


def test_returns_of_a_standstill_and_the_step_after_it_are_ignored_while_they_are_in_the_window() -> None:
    found = find([M, 0.0, M, 0.0, 0.0, 0.0, M, 0.0, M])
    assert found.ignored.astype(int).tolist() == [[0, 0, 0, 1, 1, 1, 1, 0, 0]]
    assert not found.stuck.any()


@pytest.mark.parametrize(("zeros", "stuck"), [(3, False), (4, False), (5, False), (6, True)])
def test_a_pair_that_stood_still_as_long_before_is_not_stuck(zeros: int, stuck: bool) -> None:
    # The history has four zeros. Two more are unusual, and training had up to twenty equal rates.
    found = find([M, *[0.0] * 4, M, *[0.0] * zeros], longest_run=20)
    assert found.stuck.tolist() == [stuck]


def test_more_than_training_ever_saw_is_stuck_whatever_came_before() -> None:
    found = find([M, *[0.0] * 7, M, *[0.0] * 4], longest_run=3)
    assert found.stuck.tolist() == [True]


def test_a_short_history_has_no_standstill_before_it_begins() -> None:
    nan = float("nan")
    found = find([nan, nan, nan, 0.0, 0.0])
    assert found.rows.tolist() == []
    assert find([nan, nan, 0.0, 0.0, 0.0]).equal_rates.tolist() == [4]
