from __future__ import annotations

import numpy as np
import pytest

from tests.training.test_evaluate import outcomes
from training.reliability import PROMISED, reliability


def normal(count, seed, spread=1.0):
    actual = np.random.default_rng(seed).normal(0, spread, count)
    return outcomes(actual, np.zeros(count), [1.2816, 1.96])


def test_levels_hold_what_they_promise_if_the_test_is_like_the_calibration():
    found = reliability(normal(20_000, 0), normal(20_000, 1))
    assert [point.promised for point in found] == list(PROMISED)
    assert [point.held for point in found] == pytest.approx(PROMISED, abs=0.012)
    assert all(point.low < point.held < point.high for point in found)


def test_a_wilder_test_is_below_every_promise():
    found = reliability(normal(5000, 0), normal(5000, 1, spread=2.0))
    assert all(point.high < point.promised for point in found)
    middle = next(point for point in found if point.promised == 0.8)
    assert middle.held == pytest.approx(0.478, abs=0.03)  # P(|z| < 1.2816 / 2)


def test_levels_that_the_calibration_is_too_short_for_are_left_out():
    found = reliability(normal(30, 0), normal(50, 1))
    assert [point.promised for point in found] == [level for level in PROMISED if level <= 0.95]


def test_a_range_without_width_holds_only_rates_that_stand_still():
    actual = np.tile([0.0, 0.0, 0.0, 0.0, 1.0], 40)
    found = reliability(*(outcomes(actual, np.zeros(200), [0.0, 2.0]) for _ in range(2)))
    assert {point.held for point in found if point.promised < 0.8} == {0.8}
    assert [point.held for point in found if point.promised > 0.8] == [1.0] * 4
