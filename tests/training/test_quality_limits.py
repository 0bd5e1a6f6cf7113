"""Limits fitted to invented rates whose largest moves are known."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.rates.tables import Series
from training.dataset import PairHistory, build_rows, pair_sigmas
from training.quality_limits import (
    CAUTIOUS_JUMP,
    JUMP_BUDGET,
    REGIME_BUDGET,
    cone_ratios,
    quality_limits,
)

SIGMA = 0.005


def weekdays(count: int) -> np.ndarray:
    return np.busday_offset(np.datetime64("2000-01-03"), np.arange(count), roll="forward")


def history(returns: np.ndarray, pair: str = "EUR/GBP") -> PairHistory:
    rates = 0.85 * np.exp(np.concatenate(([0.0], np.cumsum(returns))))
    return PairHistory(pair, (Series(pair, weekdays(len(rates)), rates),))


def limits_of(*histories: PairHistory):
    return quality_limits(histories, build_rows(histories, pair_sigmas(histories)))


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(4, size=count) * SIGMA / np.sqrt(2)


def test_clean_rates_jump_no_more_often_than_the_budget() -> None:
    fitted = [history(noise(7000, seed), f"EUR/A{chr(65 + seed)}A") for seed in range(6)]
    later = [history(noise(7000, 100 + seed), f"EUR/A{chr(65 + seed)}A") for seed in range(6)]
    limits = limits_of(*fitted)
    for clean in (fitted, later):
        rows = build_rows(clean, pair_sigmas(clean))
        share = (np.abs(rows.target) / rows.sigma > limits.jump_sigmas).mean()
        assert share <= 2 * JUMP_BUDGET
    assert limits.jump_sigmas > 5


def test_few_rates_make_a_cautious_limit() -> None:
    assert limits_of(history(np.random.default_rng(0).normal(size=400) * SIGMA)).jump_sigmas == CAUTIOUS_JUMP


def test_the_regime_threshold_uses_other_days_than_its_sigma() -> None:
    calm, volatile = noise(6000), noise(2000, 1) * 3
    grown_volatile = limits_of(history(np.concatenate([calm, volatile])))
    always = limits_of(history(noise(8000)))
    assert grown_volatile.regime_ratio > 2 * always.regime_ratio
    assert REGIME_BUDGET < 0.01


def test_a_few_more_equal_rates_than_recently_are_allowed() -> None:
    returns = noise(3000)
    assert limits_of(history(returns)).pairs["EUR/GBP"].equal_rates == 4
    recently = returns.copy()
    recently[-20:-13] = 0
    assert limits_of(history(recently)).pairs["EUR/GBP"].equal_rates == 10
    long_ago = returns.copy()
    long_ago[100:140] = 0
    assert limits_of(history(long_ago)).pairs["EUR/GBP"].equal_rates == 4
    pegged = returns.copy()
    pegged[-200:-100] = 0
    # A history contains 61 rates: a longer run could never be found.
    assert limits_of(history(pegged)).pairs["EUR/GBP"].equal_rates == 61


def test_gaps_are_the_longest_seen_and_at_least_a_long_weekend() -> None:
    clean = history(noise(500)).stretches[0]
    assert limits_of(PairHistory("EUR/GBP", (clean,))).pairs["EUR/GBP"].gap_days == 5
    holed = Series(
        "EUR/GBP", np.delete(clean.dates, slice(200, 206)), np.delete(clean.rates, slice(200, 206))
    )
    limits = limits_of(PairHistory("EUR/GBP", (holed,))).pairs["EUR/GBP"]
    assert limits.gap_days == 11  # from a Friday over six working days to the Tuesday after the next
    assert limits.span_days == 38


def test_weekly_rates_have_weekly_gaps() -> None:
    clean = history(noise(500)).stretches[0]
    weekly = Series("EUR/GBP", clean.dates[0] + 7 * np.arange(501), clean.rates)
    limits = limits_of(PairHistory("EUR/GBP", (weekly,))).pairs["EUR/GBP"]
    assert (limits.gap_days, limits.span_days) == (7, 140)


def test_a_pair_that_trends_has_a_wider_cone() -> None:
    still, trending = history(noise(4000)), history(noise(4000) + 0.4 * SIGMA, "EUR/TRY")
    limits = limits_of(still, trending)
    assert limits.pairs["EUR/TRY"].cone_sigmas > 1.2 * limits.pairs["EUR/GBP"].cone_sigmas
    assert limits.pairs["EUR/TRY"].cone_sigmas == pytest.approx(1.25 * cone_ratios(trending).max(), abs=1e-3)


def test_the_level_step_is_beyond_every_clean_return_and_below_a_tenfold() -> None:
    shocked = noise(3000)
    shocked[1500] = 0.4
    assert limits_of(history(shocked)).level_step == pytest.approx(0.6)
    shocked[1500] = 3.0
    assert limits_of(history(shocked)).level_step == pytest.approx(0.75 * np.log(10), abs=1e-3)
