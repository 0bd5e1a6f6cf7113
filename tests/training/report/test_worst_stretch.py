from __future__ import annotations

import numpy as np

from tests.training.test_evaluate import outcomes
from training.report.worst_stretch import STRETCH_DAYS, worst_of_a_pair, worst_of_all_pairs


def two_pairs(days=200):
    """Two pairs of ``days`` days; the second has seven breaches from day 100 on, the first one on day 110."""
    actual = np.zeros((2, days))
    actual[1, 100:114:2] = 9.0
    actual[0, 110] = -9.0
    found = outcomes(actual.ravel(), np.zeros(2 * days), [1.0, 2.0], dates=np.tile(np.arange(days), 2))
    found.pair[days:] = 1
    return found


def test_it_is_the_month_that_was_planted():
    found = two_pairs()
    all_pairs, single = worst_of_all_pairs(found), worst_of_a_pair(found, ["A", "B"])
    assert (all_pairs.breaches, all_pairs.n, all_pairs.expected) == (8, 2 * STRETCH_DAYS, 2.0)
    assert (single.pair, single.breaches, single.n) == ("B", 7, STRETCH_DAYS)
    days = np.arange(all_pairs.first, all_pairs.last + 1)
    assert len(days) == STRETCH_DAYS
    assert {np.datetime64(int(day), "D") for day in range(100, 114, 2)} <= set(days)
    assert single.sentence() == (
        "B, 1970-04-04 to 1970-04-23: 7 of 20 rates were outside the 95 % range, 1 is expected."
    )


def test_a_test_shorter_than_a_month_is_one_stretch():
    found = two_pairs().where(np.tile(np.arange(200) < 5, 2))
    worst = worst_of_all_pairs(found)
    assert (worst.breaches, worst.n) == (0, 10)
    assert worst.sentence() == (
        "All pairs, 1970-01-01 to 1970-01-05: 0 of 10 rates were outside the 95 % range, 0.5 are expected."
    )
