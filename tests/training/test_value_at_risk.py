"""Kupiec's and Christoffersen's tests against published figures, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from training.value_at_risk import christoffersen, kupiec, value_at_risk


def spread_out(hits: int, n: int) -> np.ndarray:
    """So many exceedances, as far apart as they go."""
    found = np.zeros(n, dtype=bool)
    found[np.linspace(0, n - 1, hits).astype(int)] = True
    return found


# Kupiec (1995), table 2: 1 % is not rejected for fewer than 7 of 255 days, 2 to 10 of 510, 5 to 16 of 1,000. For 0 of 255
# days, which the table keeps, his formula gives p = .024.
@pytest.mark.parametrize(
    ("n", "lowest", "highest"),
    [(255, 1, 6), (510, 2, 10), (1000, 5, 16)],
)
def test_the_bounds_of_kupiecs_table_are_found(n, lowest, highest):
    kept = [hits for hits in range(40) if kupiec(spread_out(hits, n)) >= 0.05]
    assert (kept[0], kept[-1]) == (lowest, highest)


def test_the_likelihood_ratio_of_christoffersen_is_that_of_the_chain_counted_by_hand():
    scipy_stats = pytest.importorskip("scipy.stats")
    days = np.array([0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    n00, n01, n10, n11 = 6, 3, 3, 3  # transitions
    chain = n00 * np.log(6 / 9) + n01 * np.log(3 / 9) + n10 * np.log(3 / 6) + n11 * np.log(3 / 6)
    alone = 9 * np.log(9 / 15) + 6 * np.log(6 / 15)
    assert christoffersen(days) == pytest.approx(scipy_stats.chi2.sf(2 * (chain - alone), 1))


def test_both_tests_rarely_reject_what_is_right():
    rng = np.random.default_rng(3)
    samples = rng.random((500, 1500)) < 0.01
    assert np.mean([kupiec(sample) < 0.05 for sample in samples]) < 0.08
    assert np.mean([christoffersen(sample) < 0.05 for sample in samples]) < 0.08


@pytest.mark.parametrize(
    "days", [np.zeros(300, dtype=bool), np.ones(300, dtype=bool), np.zeros(1, dtype=bool)]
)
def test_none_and_all_exceeded_are_no_error(days):
    assert 0 <= kupiec(days) <= 1
    assert christoffersen(days) == 1.0


def test_pairs_that_fail_are_named():
    clustered = np.zeros(1000, dtype=bool)
    clustered[500:510] = True
    found = value_at_risk(
        {"EUR/USD": spread_out(10, 1000), "EUR/TRY": spread_out(40, 1000), "EUR/CHF": clustered}
    )
    assert found.kupiec == ("EUR/TRY",)
    assert found.christoffersen == ("EUR/CHF",)
    assert (found.n, found.pairs, found.rate.all) == (3000, 3, pytest.approx(0.02))
    assert found.rate.lowest == ("EUR/USD", 0.01)
    assert found.rate.highest == ("EUR/TRY", 0.04)
