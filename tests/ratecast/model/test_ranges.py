from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratecast.model.features import ewma_volatility
from ratecast.model.ranges import range_scales, shoulder_scale

STORED = 0.005
RECENT = 0.004


def returns(count: int, shape: str, seed: int = 3) -> np.ndarray:
    generator = np.random.default_rng(seed)
    values = {"normal": generator.normal(size=count), "fat": generator.standard_t(2.5, size=count)}[shape]
    return STORED * values


def padded(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.full(60 - len(values), np.nan), values])[None, :]


def shoulder(values: np.ndarray) -> float:
    return float(shoulder_scale(padded(values), np.array([STORED]), np.array([RECENT]))[0])


def by_hand(values: np.ndarray) -> float:
    """The narrow scale as decision 6 and its docstring have it, return by return; the figures are written out."""
    sizes = [abs(value) for value in values[::-1]]  # newest first
    typical, recent = math.sqrt(2 / math.pi) * STORED, math.sqrt(2 / math.pi) * RECENT
    weights = [0.94**age for age in range(len(sizes))]
    weighted, weight = sum(w * size for w, size in zip(weights, sizes, strict=True)), sum(weights)
    if len(sizes) < 20:
        return (weighted + 3 * recent) / (weight + 3) * 1.6062**0.6
    quantile = sorted(sizes)[math.ceil(0.8 * len(sizes)) - 1]
    shape = quantile / max(sum(sizes) / len(sizes), 0.1 * typical)
    return max(weighted / weight, 0.1 * typical) * min(max(shape, 0.8), 2.2) ** 0.6


@pytest.mark.parametrize("count", [1, 2, 5, 19, 20, 21, 47, 60])
@pytest.mark.parametrize("shape", ["normal", "fat"])
def test_the_narrow_scale_follows_its_definition(shape: str, count: int) -> None:
    for seed in range(5):
        values = returns(count, shape, seed)
        assert shoulder(values) == pytest.approx(by_hand(values), rel=1e-4)


def test_the_shape_is_bounded_on_both_sides() -> None:
    spiky = np.append(np.full(59, 0.01 * STORED), 30 * STORED)  # an 80 % quantile of a fiftieth of the mean
    moving_on_some_days = np.tile([0.0, 0.0, 0.0, STORED], 15)  # four times the mean
    for values in (spiky, moving_on_some_days):
        assert shoulder(values) == pytest.approx(by_hand(values), rel=1e-4)


def test_the_wide_range_is_scaled_by_the_volatility() -> None:
    rows, stored = padded(returns(60, "normal")), np.array([STORED])
    sigma = ewma_volatility(rows, stored, stored)
    assert range_scales(rows, sigma, stored, stored)[0, 1] == sigma[0]


@given(st.floats(min_value=0.05, max_value=20))
def test_the_scale_of_the_narrow_range_is_in_units_of_the_returns(factor: float) -> None:
    values = returns(60, "normal")
    stored, recent = np.array([STORED * factor]), np.array([RECENT * factor])
    scaled = float(shoulder_scale(padded(values * factor), stored, recent)[0])
    assert scaled == pytest.approx(factor * shoulder(values))


def test_one_shock_moves_the_narrow_scale_less_than_the_volatility() -> None:
    calm = returns(60, "normal")
    shocked = calm.copy()
    shocked[-5] = 20 * STORED
    stored = np.array([STORED])
    with_shock, without = (
        range_scales(rows, ewma_volatility(rows, stored, stored), stored, stored)
        for rows in (padded(shocked), padded(calm))
    )
    narrow, wide = (with_shock / without)[0]
    assert 1 < narrow < 0.6 * wide


def test_narrow_shoulders_make_a_narrow_scale_at_the_same_mean() -> None:
    # Sixty equal sizes have an 80 % quantile at their mean; six large among small have it far below theirs.
    even = np.full(60, STORED)
    uneven = np.tile([0.2 * STORED] * 5 + [8.2 * STORED] + [0.2 * STORED] * 4, 6)
    ratio = shoulder(uneven) / shoulder(even)
    assert np.abs(uneven).mean() == pytest.approx(STORED)
    assert ratio < 0.95


def test_missing_returns_change_nothing_but_the_weight_of_what_is_there() -> None:
    values = returns(40, "fat")
    alone = float(shoulder_scale(values[None, :], np.array([STORED]), np.array([RECENT]))[0])
    assert shoulder(values) == pytest.approx(alone)


def test_rows_of_different_lengths_are_scaled_as_if_alone() -> None:
    rows = np.vstack([padded(returns(count, "normal")) for count in (2, 5, 19, 20, 47, 60)])
    together = shoulder_scale(rows, np.full(6, STORED), np.full(6, RECENT))
    alone = [float(shoulder_scale(row[None, :], np.array([STORED]), np.array([RECENT]))[0]) for row in rows]
    assert together.tolist() == alone


def test_a_peg_keeps_a_floor() -> None:
    assert shoulder(np.zeros(60)) > 0.05 * STORED
    assert shoulder(np.zeros(2)) > 0.5 * RECENT
