"""GARCH as a baseline: the recursion and the quantiles are ours, the fit is arch's."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.rates.tables import Series
from tests.training.test_range_gate import DAYS
from training import garch
from training.dataset import PairHistory, build_rows, pair_sigmas
from training.garch import Garch, garch_half_widths, quantiles, volatilities

TRUE = Garch(omega=0.01, alpha=0.1, beta=0.85, nu=6.0, start=0.3)


def simulated(count, seed=0):
    """Returns of a GARCH(1,1) with Student's t, and their true volatilities."""
    noise = np.random.default_rng(seed).standard_t(TRUE.nu, count) * np.sqrt((TRUE.nu - 2) / TRUE.nu)
    returns, variance, now = np.zeros(count), np.zeros(count), TRUE.omega / (1 - TRUE.alpha - TRUE.beta)
    for day in range(count):
        variance[day] = now
        returns[day] = np.sqrt(now) * noise[day] / 100
        now = TRUE.omega + TRUE.alpha * (100 * returns[day]) ** 2 + TRUE.beta * now
    return returns, np.sqrt(variance) / 100


def test_the_volatility_is_that_of_the_process_once_the_start_is_forgotten():
    returns, true = simulated(1000)
    np.testing.assert_allclose(volatilities(TRUE, returns)[200:], true[200:], rtol=1e-4)


def test_a_return_does_not_affect_its_own_volatility():
    returns, _ = simulated(300)
    changed = returns.copy()
    changed[150] *= 5
    before, after = volatilities(TRUE, returns), volatilities(TRUE, changed)
    np.testing.assert_array_equal(before[:151], after[:151])
    assert after[151] > 1.1 * before[151]


def test_a_share_of_students_t_is_inside_the_quantiles():
    draws = np.random.default_rng(1).standard_t(4.0, 200_000) * np.sqrt(0.5)
    assert [(np.abs(draws) <= q).mean() for q in quantiles(4.0)] == pytest.approx([0.8, 0.95], abs=0.003)


def test_each_row_gets_the_volatility_of_its_own_day_and_pair(monkeypatch):
    returns, _ = simulated(600)
    gap = [np.exp(np.cumsum(part)) for part in (returns[:300], returns[300:])]
    stretches = tuple(
        Series("EUR/USD", days, rates) for days, rates in zip((DAYS[:300], DAYS[310:610]), gap, strict=True)
    )
    other = PairHistory("EUR/GBP", (Series("EUR/GBP", DAYS[:610], np.exp(np.cumsum(simulated(610, 2)[0]))),))
    histories = [other, PairHistory("EUR/USD", stretches)]
    fitted = []
    monkeypatch.setattr(garch, "fit_garch", lambda known: fitted.append(len(known)) or TRUE)
    until = DAYS[399]
    rows = build_rows(histories, pair_sigmas(histories), DAYS[400])
    half = garch_half_widths(histories, until, rows)
    assert fitted == [399, 299 + 89]
    joined = np.concatenate([np.diff(np.log(rates)) for rates in gap])
    expected = volatilities(TRUE, joined)[-len(rows.where(rows.pair == 1)) :]
    np.testing.assert_allclose(half[rows.pair == 1] / quantiles(TRUE.nu), np.column_stack([expected] * 2))
    assert np.isfinite(half).all()


def test_the_fit_of_arch_finds_the_process():
    pytest.importorskip("arch", reason="the package arch is not installed")
    found = garch.fit_garch(simulated(5000)[0])
    assert found.alpha + found.beta == pytest.approx(TRUE.alpha + TRUE.beta, abs=0.05)
    assert found.nu == pytest.approx(TRUE.nu, rel=0.4)
