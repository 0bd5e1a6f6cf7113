from __future__ import annotations

import numpy as np
import pytest

from training.conformal import conformal_quantile, quantile_table


# No n whose rank (n + 1) * level is whole: there crepes counts 0.2 * 20 as 3.9999 and is one score too wide.
@pytest.mark.parametrize("n", [20, 50, 103, 1000])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_quantile_is_that_of_crepes(n, level):
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(n)
    sigma, errors = rng.uniform(0.5, 2, n), rng.normal(size=n)
    oracle = crepes.ConformalRegressor().fit(residuals=errors, sigmas=sigma)
    low, high = oracle.predict_int(np.zeros(1), sigmas=np.ones(1), confidence=level)[0]
    assert conformal_quantile(np.abs(errors) / sigma, level) == pytest.approx(high)
    assert low == -high


@pytest.mark.parametrize(
    ("n", "level", "rank"), [(19, 0.95, 19), (20, 0.95, 20), (39, 0.95, 38), (4, 0.8, 4), (99, 0.8, 80)]
)
def test_the_quantile_is_the_score_of_rank_n_plus_one_times_level(n, level, rank):
    scores = np.random.default_rng(0).permutation(np.arange(1.0, n + 1))
    assert conformal_quantile(scores, level) == rank


def test_coverage_of_a_new_score_is_at_least_the_level_on_average():
    rng = np.random.default_rng(1)
    held = [rng.exponential() <= conformal_quantile(rng.exponential(size=25), 0.8) for _ in range(4000)]
    assert np.mean(held) == pytest.approx(21 / 26, abs=0.02)  # the exact value; the plain quantile gives .77


def test_too_few_scores_are_rejected():
    with pytest.raises(ValueError, match="18 scores are too few"):
        conformal_quantile(np.ones(18), 0.95)


def test_the_table_has_every_level_and_length():
    ranks = np.arange(1.0, 100)
    scores = {3: np.column_stack((ranks, ranks * 3)), 61: np.column_stack((ranks * 2, ranks))}
    assert quantile_table(scores) == {"80": {3: 80.0, 61: 160.0}, "95": {3: 285.0, 61: 95.0}}
