"""Invented returns: no market was harmed."""

from __future__ import annotations

import tracemalloc
from collections import defaultdict, deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from monitoring.windows.feature_drift import (
    FeatureDriftWindows,
    drift_scores,
    kolmogorov_smirnov,
    merged_scores,
    population_stability_index,
)
from ratecast.model.references import DRIFT_FEATURES, FeatureReference

SIGMA = 0.005
PAIRS = ["EUR/GBP", "EUR/USD", "EUR/JPY"]
THRESHOLDS = {"psi": {250: 0.2, 400: 0.1}, "ks": {250: 0.15, 400: 0.1}}


def reference_of(values, bins=40):
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf"))
    counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
    return FeatureReference(edges=tuple(edges), counts=tuple(counts.tolist()), thresholds=THRESHOLDS)


TRAINING = np.random.default_rng(0).normal(0, SIGMA, 4000)
FINE, COARSE = reference_of(TRAINING), reference_of(TRAINING, bins=7)
REFERENCES = {
    "EUR/GBP": {"return_1": FINE, "return_2": COARSE},
    "EUR/USD": {"return_1": COARSE, "return_2": FINE},
}


def batch(rows, values):
    """Messages whose returns are given; their levels are of no interest and far off on purpose."""
    values = np.asarray(values, dtype=np.float64).reshape(-1, 2)
    return np.asarray(rows, dtype=np.intp), np.column_stack((np.full((len(values), 3), 1e6), values))


def one_pair(values, row=0, **options):
    windows = FeatureDriftWindows(PAIRS, REFERENCES, **options)
    windows.add(*batch(np.full(len(values), row), np.column_stack((values, values))))
    return windows


VALUES = st.sampled_from(
    [-1.0, -0.01, -0.005, -0.001, 0.0, 0.0004, 0.005, 0.02, FINE.edges[3], FINE.edges[20]]
)
MESSAGES = st.lists(st.tuples(st.integers(0, 2), VALUES, VALUES), max_size=25)


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.tuples(MESSAGES, st.booleans()), max_size=12),
    window=st.integers(1, 8),
    fold_at=st.integers(1, 30),
)
def test_folded_windows_are_those_of_a_deque_a_pair_and_feature(steps, window, fold_at):
    windows = FeatureDriftWindows(PAIRS, REFERENCES, window, fold_at)
    plain = defaultdict(lambda: deque(maxlen=window))
    for messages, asked in [*steps, ([], True)]:
        rows = [row for row, *_ in messages]
        windows.add(*batch(rows, [values for _, *values in messages]))
        for row, *values in messages:
            for column, value in enumerate(values):
                plain[row, column].append(value)
        if not asked:
            continue
        counts = windows.counts()
        for row, pair in enumerate(PAIRS):
            for column, feature in enumerate(DRIFT_FEATURES):
                reference = REFERENCES.get(pair, {}).get(feature)
                edges = reference.edges if reference else ()
                expected = [0] * counts.shape[2]
                for value in plain[row, column]:
                    expected[sum(edge < value for edge in edges)] += 1
                assert counts[row, column].tolist() == expected


def test_ks_is_scipys_statistic_of_the_binned_values_and_close_to_that_of_the_values():
    rng = np.random.default_rng(1)
    counts = np.array(FINE.counts)
    binned_training = np.repeat(np.arange(len(counts)), counts)
    for scale, shift in ((1, 0), (1.3, 0), (3, 0), (0.2, 0), (1, 0.004)):
        values = rng.normal(shift, scale * SIGMA, 400)
        bins = np.searchsorted(FINE.edges, values)
        window = np.bincount(bins, minlength=len(counts))[None, :]
        (score,) = kolmogorov_smirnov(window, counts)
        assert score == pytest.approx(ks_2samp(bins, binned_training).statistic, abs=1e-12)
        exact = ks_2samp(values, TRAINING).statistic
        assert exact - max(counts) / counts.sum() <= score <= exact + 1e-12


def test_psi_is_the_textbook_sum_over_ten_bins_and_an_empty_bin_counts_half_a_message():
    training = np.array([25] * 40)
    window = np.array([[10] * 20 + [15] * 16 + [0] * 4])
    q = [40 / 440] * 5 + [60 / 440] * 4 + [0.5 / 440]
    expected = sum((share - 0.1) * np.log(share / 0.1) for share in q)
    assert population_stability_index(window, training) == pytest.approx(expected, abs=1e-12)


def test_psi_of_independent_values_has_the_mean_that_theory_gives_it():
    # 9 degrees of freedom times (1/n + 1/N): Yurdakul, Statistical Properties of PSI, 2018. N is infinite here.
    rng = np.random.default_rng(2)
    windows = rng.multinomial(500, [1 / 40] * 40, size=4000)
    scores = population_stability_index(windows, np.full(40, 10**9))
    assert scores.mean() == pytest.approx(9 / 500, rel=0.05)


def test_a_reference_for_each_window_gives_what_each_gives_alone():
    rng = np.random.default_rng(3)
    windows = rng.integers(0, 30, (50, 12))
    training = rng.integers(0, 30, (50, 12)) * rng.integers(0, 2, (50, 12))
    training[:, 4] += 1
    together = drift_scores(windows, training)
    for row in range(50):
        alone = drift_scores(windows[row : row + 1], training[row])
        assert together["psi"][row] == pytest.approx(alone["psi"][0])
        assert together["ks"][row] == pytest.approx(alone["ks"][0])
    assert np.isfinite(together["psi"]).all()


def test_a_pegs_equal_returns_are_one_bin_and_their_shares_are_counted():
    rng = np.random.default_rng(4)
    pegged = np.where(rng.random(4000) < 0.7, 0.0, rng.normal(0, 1e-4, 4000))
    reference = reference_of(pegged)
    assert len(reference.edges) < 20
    windows = FeatureDriftWindows(["EUR/DKK"], {"EUR/DKK": dict.fromkeys(DRIFT_FEATURES, reference)})
    same = rng.choice(pegged, 500)
    windows.add(*batch(np.zeros(500), np.column_stack((same, same))))
    assert all(score.score < score.threshold / 2 for score in merged_scores([windows]))
    windows.add(*batch(np.zeros(500), rng.normal(0, 1e-4, (500, 2))))
    assert all(score.score > score.threshold for score in merged_scores([windows]))


@pytest.mark.parametrize(("test", "least"), [("psi", 0.4), ("ks", 0.2)])
def test_three_times_the_volatility_is_above_the_threshold_and_the_same_is_not(test, least):
    rng = np.random.default_rng(5)
    clean = one_pair(rng.normal(0, SIGMA, 500))
    volatile = one_pair(rng.normal(0, 3 * SIGMA, 500))
    assert all(found.score < found.threshold for found in merged_scores([clean]) if found.test == test)
    assert all(found.score > least for found in merged_scores([volatile]) if found.test == test)


def test_a_pair_with_fewer_than_250_messages_has_no_score():
    values = np.random.default_rng(6).normal(0, SIGMA, 250)
    assert merged_scores([one_pair(values[:249])]) == []
    assert [(s.pair, s.feature, s.test, s.n) for s in merged_scores([one_pair(values)])] == [
        ("EUR/GBP", "return_1", "psi", 250),
        ("EUR/GBP", "return_1", "ks", 250),
        ("EUR/GBP", "return_2", "psi", 250),
        ("EUR/GBP", "return_2", "ks", 250),
    ]


def test_a_score_comes_with_the_threshold_of_the_greatest_length_that_is_not_above_its_windows():
    values = np.random.default_rng(7).normal(0, SIGMA, 900)
    thresholds = {
        n: {(s.test, s.threshold) for s in merged_scores([one_pair(values[:n])])} for n in (399, 400, 900)
    }
    assert thresholds[399] == {("psi", 0.2), ("ks", 0.15)}
    assert thresholds[400] == thresholds[900] == {("psi", 0.1), ("ks", 0.1)}
    assert {s.n for s in merged_scores([one_pair(values)])} == {500}


def test_a_pair_without_a_reference_is_not_watched_and_the_others_are():
    values = np.zeros(300)
    assert merged_scores([one_pair(values, row=2)]) == []
    only = {"EUR/USD": {"return_2": FINE}}
    windows = FeatureDriftWindows(PAIRS, only)
    windows.add(*batch(np.ones(300), np.zeros((300, 2))))
    assert {(s.pair, s.feature) for s in merged_scores([windows])} == {("EUR/USD", "return_2")}
    nothing = FeatureDriftWindows(PAIRS, {})
    nothing.add(*batch(np.ones(300), np.zeros((300, 2))))
    assert merged_scores([nothing]) == []


def test_partitions_that_share_a_pair_are_one_sample():
    rng = np.random.default_rng(8)
    values = rng.normal(0, 2 * SIGMA, 400)
    halves = [one_pair(values[:200]), one_pair(values[200:]), one_pair(np.zeros(0))]
    assert all(merged_scores([half]) == [] for half in halves)
    assert merged_scores(halves) == merged_scores([one_pair(values)])
    assert merged_scores([]) == []


def test_windows_of_different_models_are_not_merged():
    other = FeatureDriftWindows(PAIRS, {"EUR/GBP": {"return_1": COARSE}})
    with pytest.raises(ValueError, match="different models"):
        merged_scores([one_pair(np.zeros(3)), other])


@pytest.mark.parametrize("size", [1, 700, 9000])
def test_memory_does_not_grow_with_traffic(size):
    windows = FeatureDriftWindows(PAIRS, REFERENCES)
    rng = np.random.default_rng(9)

    def feed(messages):
        for _ in range(messages // size):
            windows.add(*batch(rng.integers(0, 3, size), rng.normal(0, SIGMA, (size, 2))))
        windows.counts()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        settled = feed(max(size, 4_500))
        assert feed(max(size, 9_000)) - settled < 20_000
    finally:
        tracemalloc.stop()


def test_few_batches_wait_to_be_folded_together():
    windows, waiting = FeatureDriftWindows(PAIRS, REFERENCES, fold_at=100), []
    for _ in range(10):
        windows.add(*batch(np.zeros(30), np.zeros((30, 2))))
        waiting.append(sum(len(rows) for rows, _ in windows._windows._pending))
    assert waiting == [30, 60, 90, 0, 30, 60, 90, 0, 30, 60]


def test_batches_of_nothing_are_not_kept() -> None:
    windows = one_pair(np.zeros(0))
    for _ in range(3):
        windows.add(np.zeros(0, dtype=np.intp), np.zeros((0, 5)))
    assert windows._windows._pending == []
