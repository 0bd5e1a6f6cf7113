"""Measures against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.model.accuracy_measures import coverage, error_ratio, winkler_score


def test_winkler_score_by_hand() -> None:
    # The widths are 2 and 4. The second range misses by 1, and a 95 % range pays 2 / .05 for that.
    assert winkler_score(np.array([0.5, -3.0]), np.array([1.0, 2.0]), 0.95) == pytest.approx((2 + 4 + 40) / 2)


def test_winkler_score_charges_a_miss_on_either_side_and_nothing_on_the_edge() -> None:
    half = np.ones(4)
    assert winkler_score(np.array([2.0, -2.0, 1.0, -1.0]), half, 0.8) == pytest.approx((4 * 2 + 2 * 10) / 4)


def test_coverage_is_a_share_of_each_level() -> None:
    assert coverage(np.array([[True, True], [False, True], [False, True], [False, False]])) == (0.25, 0.75)


def test_no_ratio_exists_when_the_last_rate_had_no_error() -> None:
    assert error_ratio(0.0, 0.0) is None
    assert error_ratio(3.0, 2.0) == 1.5
