"""Weekends that only repeat the rate before, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.scoring.carried_forward import CarriedForward, carried_forward
from ratecast.scoring.standstill import standstills

M = 0.01  # a move
FROM_MONDAY = [1, 2, 3, 4, 5, 6, 0]  # weekdays that seven returns from a Monday's rate lead to
FILLED = [M, M, M, M, 0.0, 0.0, M]
X = np.nan


def closed(returns: list[float], weekdays: list[int]) -> list[int]:
    """Positions of the returns that were carried forward."""
    found = carried_forward(np.array([returns]), {0: np.array(weekdays)})
    return [int(position) for _, position in np.argwhere(found.closed)]


@pytest.mark.parametrize("weeks", [1, 2, 8])
def test_saturdays_and_sundays_that_repeat_the_rate_before_are_found(weeks: int) -> None:
    expected = [7 * week + day for week in range(weeks) for day in (4, 5)]
    assert closed(FILLED * weeks, FROM_MONDAY * weeks) == expected


def test_one_repeated_weekend_day_is_too_few() -> None:
    assert closed(FILLED[:5], FROM_MONDAY[:5]) == []
    assert closed(FILLED[:6], FROM_MONDAY[:6]) == [4, 5]


def test_weekends_that_move_are_observations() -> None:
    assert closed([M] * 14, FROM_MONDAY * 2) == []
    # One that moved shows that the source quotes that day; its other repeats are chance.
    assert closed([*FILLED, M, M, M, M, M, M, M], FROM_MONDAY * 2) == []


def test_saturdays_and_sundays_are_judged_apart() -> None:
    from_sunday_evening_on = [M, M, M, M, 0.0, M, M]
    assert closed(from_sunday_evening_on * 3, FROM_MONDAY * 3) == [4, 11, 18]


def test_weekdays_that_repeat_are_left_alone() -> None:
    assert closed([0.0] * 7, FROM_MONDAY) == [4, 5]
    assert closed([0.0] * 7, [1, 2, 3, 4, 0, 1, 2]) == []


def test_missing_returns_before_a_short_history_are_no_weekend() -> None:
    assert closed([X, X, *FILLED], [-1, -1, *FROM_MONDAY]) == [6, 7]


def test_rows_without_known_weekdays_are_left_alone() -> None:
    returns = np.array([FILLED, FILLED, FILLED])
    found = carried_forward(returns, {1: np.array(FROM_MONDAY)})
    assert found.rows.tolist() == [1]
    assert list(found.masks()) == [1]
    assert found.texts() == {
        1: "carried forward: 2 rates of Saturdays and Sundays only repeat the rate before them"
    }
    assert carried_forward(returns, {}).rows.tolist() == []


def test_a_newest_rate_that_was_carried_forward_is_distinguished_from_one_that_was_not() -> None:
    until_sunday = [M, *FILLED[:6]]
    days = {0: np.array([0, *FROM_MONDAY[:6]]), 1: np.array(FROM_MONDAY)}
    found = carried_forward(np.array([until_sunday, FILLED]), days)
    assert found.rows.tolist() == [0, 1]
    assert found.newest() == [0]


def filled_and_open() -> tuple[np.ndarray, CarriedForward]:
    returns = np.array([[1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 5.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]])
    return returns, carried_forward(returns, {0: np.array(FROM_MONDAY)})


def test_open_returns_are_those_of_open_days_aligned_to_the_newest() -> None:
    returns, found = filled_and_open()
    np.testing.assert_array_equal(
        found.open_returns(returns), [[X, X, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7]], strict=True
    )
    assert returns[0].tolist() == [1, 2, 3, 4, 0, 0, 5]


def test_without_a_filled_weekend_nothing_is_copied() -> None:
    returns = np.array([[M] * 7])
    found = carried_forward(returns, {0: np.array(FROM_MONDAY)})
    assert found.open_returns(returns) is returns


def test_masks_of_open_returns_are_moved_back_to_the_places_of_the_returns() -> None:
    hung = [M, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]  # from Tuesday to Monday, the weekend filled
    moves = [M] * 7
    returns = np.array([moves, hung, hung])
    found = carried_forward(returns, {1: np.array(FROM_MONDAY)})
    still = found.restore_places(standstills(found.open_returns(returns), np.full(3, 4), np.full(3, 3)))
    assert still.rows.tolist() == [1, 2]
    assert still.equal_rates.tolist() == [5, 7]
    assert still.ignored.astype(int).tolist() == [[0, 1, 1, 1, 0, 0, 1], [0, 1, 1, 1, 1, 1, 1]]
