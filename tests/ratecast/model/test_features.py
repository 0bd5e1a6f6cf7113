from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratecast.model import features
from ratecast.model.features import ADAPTIVE_LENGTH, FLOOR_SHARE, PRIOR_WEIGHT, WINDOW
from ratecast.model.weighted_sums import DECAY

rates = st.floats(min_value=1e-6, max_value=1e6)
histories = st.lists(st.lists(rates, min_size=3, max_size=80), min_size=1, max_size=6)


@given(histories)
def test_a_window_ends_in_the_newest_rates_whatever_the_lengths(batch: list[list[float]]) -> None:
    matrix = features.window_matrix(batch)
    assert matrix.shape == (len(batch), WINDOW)
    for row, history in zip(matrix, batch, strict=True):
        kept = history[-WINDOW:]
        assert row[WINDOW - len(kept) :].tolist() == kept
        assert np.isnan(row[: WINDOW - len(kept)]).all()


@given(histories)
def test_features_of_a_history_do_not_depend_on_its_batch(batch: list[list[float]]) -> None:
    def volatility(some: list[list[float]]) -> np.ndarray:
        returns = features.log_returns(features.window_matrix(some))
        return features.ewma_volatility(returns, np.full(len(some), 0.005), np.full(len(some), 0.004))

    together = volatility(batch)
    alone = np.concatenate([volatility([history]) for history in batch])
    assert together.tobytes() == alone.tobytes()


def _volatility(history: list[float], stored: float, recent: float | None = None) -> float:
    returns = features.log_returns(features.window_matrix([history]))
    recent = stored if recent is None else recent
    return float(features.ewma_volatility(returns, np.array([stored]), np.array([recent]))[0])


def test_volatility_of_a_long_history_is_the_plain_recursion() -> None:
    history = np.exp(np.random.default_rng(3).normal(0, 0.01, 61).cumsum()).tolist()
    steps = np.diff(np.log(history))[::-1]
    weights = [DECAY**k for k in range(60)]
    expected = math.sqrt(sum(w * r * r for w, r in zip(weights, steps, strict=True)) / sum(weights))
    assert _volatility(history, 0.5 * expected) == pytest.approx(expected, rel=1e-12)


def test_volatility_of_a_short_history_leans_on_the_recent_one_of_training() -> None:
    weight = 1 + DECAY
    expected = math.sqrt(PRIOR_WEIGHT * 0.01**2 / (PRIOR_WEIGHT + weight))
    assert _volatility([1.0, 1.0, 1.0], 0.02, 0.01) == pytest.approx(expected, rel=1e-12)


def test_from_twenty_one_rates_on_the_recent_volatility_of_training_does_not_count() -> None:
    history = np.exp(np.random.default_rng(3).normal(0, 0.01, 21).cumsum()).tolist()
    assert _volatility(history, 0.01, 0.03) == _volatility(history, 0.01, 0.002)
    assert _volatility(history[1:], 0.01, 0.03) > 1.5 * _volatility(history[1:], 0.01, 0.002)


def test_a_short_history_keeps_the_floor_where_the_recent_volatility_was_far_below_it() -> None:
    assert _volatility([1.0, 1.0, 1.0], 0.01, 1e-5) == pytest.approx(FLOOR_SHARE * 0.01)


def test_a_stuck_history_keeps_a_floor_of_volatility() -> None:
    assert _volatility([1.0] * 61, 0.01) == pytest.approx(FLOOR_SHARE * 0.01)


@given(st.integers(3, 70), st.floats(1e-9, 1.0), st.integers(0, 2**32 - 1))
def test_a_history_is_floored_from_the_shortest_adaptive_one_on_and_only_below_the_floor(
    length: int, share: float, seed: int
) -> None:
    """With steps of a known size, their signs at random: the volatility is that size."""
    stored = np.array([0.005])
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=length)
    returns = features.log_returns(
        features.window_matrix([np.exp(np.cumsum(share * stored * signs)).tolist()])
    )
    sigma = features.ewma_volatility(returns, stored, stored)
    if abs(share / FLOOR_SHARE - 1.0) > 1e-6:
        expected = length >= ADAPTIVE_LENGTH and share < FLOOR_SHARE
        assert features.floored(sigma, stored).tolist() == [expected]


def test_model_inputs_do_not_know_the_scale_of_a_pair() -> None:
    base = np.exp(np.random.default_rng(5).normal(0, 0.01, 61).cumsum())
    returns = features.log_returns(features.window_matrix([base.tolist(), (base * 150).tolist()]))
    stored = np.array([0.01, 0.01])
    inputs = features.model_inputs(returns, features.ewma_volatility(returns, stored, stored), stored)
    np.testing.assert_allclose(inputs[0], inputs[1], rtol=1e-5)
    assert inputs.dtype == np.float32
