"""Checks of histories whose weekends were carried forward."""

from __future__ import annotations

import numpy as np

from ratecast.scoring.quality import Days
from tests.bundles import SIGMA
from tests.ratecast.scoring.test_quality import check, codes, feed


def filled_weekends(history: np.ndarray) -> tuple[np.ndarray, Days]:
    """The last 61 of an open-day feed's rates once Friday's is repeated on two more days; the last day is a Friday."""
    weekday = (np.arange(61) - 56) % 7  # of each rate, Monday is 0
    rates = history[len(history) - 1 - np.cumsum((weekday < 5)[::-1])[::-1] + (weekday < 5)]
    unknown = Days.unknown(1)
    unknown.weekdays[0] = weekday[1:]
    return rates, unknown


def test_carried_weekends_are_no_fault_and_are_left_out_of_the_volatility() -> None:
    rates, days = filled_weekends(feed())
    found = check(rates, days=days)
    assert list(found.alerts[0]) == ["carried_forward"]
    assert not found.faulty().any()
    assert found.ignored_returns[0].tolist() == (days.weekdays[0] > 4).tolist()


def test_a_volatility_regime_is_the_same_with_carried_weekends() -> None:
    volatile = np.append(feed(), feed()[-1] * np.exp(np.cumsum([4 * SIGMA, -4 * SIGMA] * 5)))
    rates, days = filled_weekends(volatile)
    words = check(volatile).alerts[0]["volatility_regime"]
    assert check(rates, days=days).alerts[0]["volatility_regime"] == words
    assert not check(rates, days=days).faulty().any()


def test_a_jump_is_reported_next_to_carried_weekends() -> None:
    jumped = np.append(feed(), feed()[-1] * np.exp(12 * SIGMA))
    rates, days = filled_weekends(jumped)
    assert codes(rates, days=days) == ["jump", "carried_forward"]
