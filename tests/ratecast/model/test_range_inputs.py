"""What the range forest sees: the definition, and that neither the quote, its scale nor the batch changes it."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratecast.model.features import ewma_volatility, log_returns, window_matrix
from ratecast.model.parity import BOUND
from ratecast.model.range_inputs import RANGE_INPUT_NAMES, range_inputs
from ratecast.model.ranges import shoulder_scale

STORED = 0.005
lengths = st.integers(3, 61)
seeds = st.integers(0, 2**32 - 1)


def history(count: int, seed: int = 1, scale: float = STORED) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).standard_t(4, size=count).cumsum() * scale)


def inputs_of(returns: np.ndarray, stored: float = STORED) -> np.ndarray:
    of_training = np.full(len(returns), stored)
    sigma = ewma_volatility(returns, of_training, of_training)
    return range_inputs(returns, sigma, shoulder_scale(returns, of_training, of_training))


def inputs(*histories: np.ndarray, stored: float = STORED) -> np.ndarray:
    return inputs_of(log_returns(window_matrix([rates.tolist() for rates in histories])), stored)


def by_hand(returns: list[float], sigma: float, shoulder: float) -> list[float]:
    """The eleven inputs return by return, newest first; the figures of the study are written out."""
    sizes = [abs(value) for value in returns]
    means = []
    for half_life in (1.0, 2.5, 5.0, 22.0, math.inf):
        weights = [0.5 ** (age / half_life) for age in range(len(sizes))]
        mean = sum(w * size for w, size in zip(weights, sizes, strict=True)) / sum(weights)
        means.append(max(mean, 0.03 * sigma))
    rms = math.sqrt(sum(size * size for size in sizes) / len(sizes))
    return [
        *(math.log(mean / sigma) for mean in means),
        math.log(rms / sigma + 0.001),
        min(sizes[0] / sigma, 8.0),
        shoulder / sigma,
        min(max(sizes) / sigma, 12.0),
        statistics.median_high(sizes) / means[-1],
        min(abs(sum(returns[:20])) / sigma / math.sqrt(min(20, len(returns))), 4.0),
    ]


@pytest.mark.parametrize("count", [3, 4, 5, 12, 20, 21, 47, 61])
def test_each_input_follows_its_definition(count: int) -> None:
    for seed in range(5):
        returns = np.diff(np.log(history(count, seed)))
        sigma, shoulder = 0.0043, 0.0037
        rows = np.concatenate([np.full(61 - count, np.nan), returns])[None, :]
        found = range_inputs(rows, np.array([sigma]), np.array([shoulder]))
        assert found.shape == (1, len(RANGE_INPUT_NAMES))
        assert found.dtype == np.float32
        assert found[0].tolist() == pytest.approx(by_hand(returns[::-1].tolist(), sigma, shoulder), rel=1e-5)


def test_returns_that_are_left_out_count_neither_as_0_nor_as_anything_else() -> None:
    returns = np.diff(np.log(history(61)))[None, :]
    holes = returns.copy()
    holes[0, [3, 30, 58]] = np.nan
    sigma, shoulder = np.array([0.005]), np.array([0.004])
    there = ~np.isnan(holes[0])
    found = range_inputs(holes, sigma, shoulder)[0]
    assert found[4] == pytest.approx(math.log(np.abs(holes[0, there]).mean() / 0.005), rel=1e-5)
    assert found[5] == pytest.approx(
        math.log(np.sqrt((holes[0, there] ** 2).mean()) / 0.005 + 0.001), rel=1e-5
    )
    assert found[9] == pytest.approx(
        statistics.median_high(np.abs(holes[0, there])) / np.abs(holes[0, there]).mean(), rel=1e-5
    )


@given(lengths, seeds)
def test_a_quote_and_its_inverse_have_the_same_inputs(count: int, seed: int) -> None:
    rates = history(count, seed)
    np.testing.assert_allclose(inputs(rates)[0], inputs(1.0 / rates)[0], rtol=1e-5, atol=1e-6)


@given(lengths, seeds, st.floats(1e-3, 10.0), st.floats(1e-6, 1e6))
def test_neither_the_level_nor_the_volatility_of_a_pair_changes_the_inputs(
    count: int, seed: int, factor: float, level: float
) -> None:
    plain = inputs(history(count, seed))
    wider = inputs(level * history(count, seed, factor * STORED), stored=factor * STORED)
    np.testing.assert_allclose(plain, wider, rtol=1e-4, atol=1e-5)


@given(st.lists(st.tuples(lengths, seeds), min_size=1, max_size=6))
def test_a_row_alone_is_bit_for_bit_the_row_in_a_batch(batch: list[tuple[int, int]]) -> None:
    histories = [history(count, seed) for count, seed in batch]
    together = inputs(*histories)
    alone = np.concatenate([inputs(rates) for rates in histories])
    assert together.tobytes() == alone.tobytes()


@given(lengths, st.floats(1e-300, 1e300), st.integers(0, 60))
def test_equal_rates_and_one_jump_among_them_have_finite_inputs(count: int, rate: float, jump: int) -> None:
    rates = np.full(count, rate)
    jumped = np.where(np.arange(count) < jump, rate, np.sqrt(rate))
    found = inputs(rates, jumped)
    assert np.isfinite(found).all()
    assert (np.abs(found) <= BOUND).all()


@given(seeds, st.integers(0, 60))
def test_inputs_are_finite_and_within_the_bound_of_parity_whatever_is_missing(seed: int, left: int) -> None:
    generator = np.random.default_rng(seed)
    returns = STORED * generator.standard_cauchy((1, 60))
    returns[0, generator.permutation(60)[left:]] = np.nan
    found = inputs_of(returns)
    assert np.isfinite(found).all()
    assert (np.abs(found) <= BOUND).all()
