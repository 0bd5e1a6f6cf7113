"""Invented rates; only ``test_clean_years`` uses the ECB's rates."""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import ks_2samp

from benchmarks.drift_windows import window_counts
from monitoring.windows.feature_drift import drift_scores
from ratecast.model.references import DRIFT_FEATURES, DRIFT_TESTS, FeatureReference
from ratecast.rates.tables import DEFAULT_PAIRS, Series, load_ecb, series
from training.dataset import PairHistory
from training.drift_reference import WINDOW_LENGTHS, feature_references


def history_of(returns, pair="EUR/GBP"):
    prices = np.exp(np.concatenate(([0.0], np.cumsum(returns))))
    dates = np.busday_offset("2000-01-03", np.arange(len(prices)), roll="forward").astype("datetime64[D]")
    return PairHistory(pair, (Series(pair, dates, prices),))


def calm(seed, count=3000):
    return np.random.default_rng(seed).normal(0, 0.005, count)


def clustered(seed, count=3000):
    """Volatility that changes threefold every other year."""
    regime = np.where(np.arange(count) // 500 % 2, 3.0, 1.0)
    return calm(seed, count) * regime


def test_each_feature_has_quantiles_and_the_counts_of_its_bins(invent):
    (history, *_) = invent(2500)
    logs = np.log(history.stretches[0].rates)
    references = feature_references([history], seed=0)[history.pair]
    assert tuple(references) == DRIFT_FEATURES
    for name, column in (("return_1", np.diff(logs)[1:]), ("return_2", np.diff(logs)[:-1])):
        reference = references[name]
        assert len(reference.edges) == 39
        expected = np.bincount(np.searchsorted(reference.edges, column), minlength=40)
        assert list(reference.counts) == expected.tolist()
        assert max(reference.counts) < 70  # of 62 or 63: rounding moves few values to the next bin


def test_the_same_histories_and_seed_give_the_same_bytes(invent):
    histories = invent(2500)[:2]
    first, second, other = (
        {pair: {k: v.model_dump_json() for k, v in of.items()} for pair, of in references.items()}
        for references in (feature_references(histories, seed) for seed in (7, 7, 8))
    )
    assert first == second
    assert first != other
    assert sum(len(text) for of in first.values() for text in of.values()) < 4 * 800


def test_values_read_back_from_json_are_equal(invent):
    reference = feature_references(invent(2500)[:1], seed=0)["EUR/GBP"]["return_1"]
    assert FeatureReference.model_validate_json(reference.model_dump_json()) == reference


def test_independent_returns_stay_under_their_thresholds_and_textbook_ks_agrees():
    training, later = calm(0), calm(1)
    reference = feature_references([history_of(training)], seed=0)["EUR/GBP"]["return_1"]
    counts = np.array(reference.counts)
    for length in WINDOW_LENGTHS:
        scores = drift_scores(window_counts(later, reference, length), counts)
        for test in DRIFT_TESTS:
            assert (scores[test] > reference.threshold(test, length)).mean() < 0.05
    # For independent values the threshold must be near the textbook one: p = .005, within a factor of four.
    window = np.random.default_rng(2).permutation(training)[:500]
    shifts = np.linspace(0, 0.003, 200)
    p_values = [ks_2samp(window + shift, training).pvalue for shift in shifts]
    critical = next(
        ks_2samp(window + shift, training).statistic
        for shift, p in zip(shifts, p_values, strict=True)
        if p < 0.005
    )
    assert 0.7 < reference.threshold("ks", 500) / critical < 1.4


def test_clustered_volatility_raises_the_thresholds_and_the_textbook_p_value_would_raise_false_alarms():
    training = clustered(0)
    reference = feature_references([history_of(training)], seed=0)["EUR/GBP"]["return_1"]
    plain = feature_references([history_of(calm(0))], seed=0)["EUR/GBP"]["return_1"]
    scores = drift_scores(window_counts(clustered(5), reference, 250), np.array(reference.counts))
    for test in DRIFT_TESTS:
        assert reference.threshold(test, 250) > 1.5 * plain.threshold(test, 250)
        assert (scores[test] > reference.threshold(test, 250)).mean() < 0.1
    assert ks_2samp(clustered(5)[:250], training).pvalue < 0.005


def test_a_calm_pair_gets_the_threshold_of_the_upper_quarter():
    pairs = [f"AAA/BB{letter}" for letter in "ABCDE"]
    histories = [history_of(calm(3), pairs[0]), *(history_of(clustered(n), pairs[n]) for n in range(1, 5))]
    alone = feature_references(histories[:1], seed=0)[pairs[0]]["return_1"]
    together = feature_references(histories, seed=0)
    assert together[pairs[0]]["return_1"].counts == alone.counts
    assert together[pairs[0]]["return_1"].threshold("ks", 500) > 1.5 * alone.threshold("ks", 500)
    thresholds = sorted(of["return_1"].threshold("psi", 500) for of in together.values())
    assert thresholds[0] == thresholds[3] < thresholds[4]


def test_a_peg_has_fewer_bins_and_a_pair_with_too_few_rates_has_no_reference():
    rng = np.random.default_rng(4)
    pegged = np.where(rng.random(3000) < 0.8, 0.0, rng.normal(0, 1e-4, 3000))
    prices = np.round(np.exp(np.concatenate(([0.0], np.cumsum(pegged)))), 4)
    peg = PairHistory("EUR/DKK", (Series("EUR/DKK", history_of(pegged).stretches[0].dates, prices),))
    short = history_of(calm(0, 1990), "EUR/USD")
    references = feature_references([peg, short], seed=0)
    assert set(references) == {"EUR/DKK"}
    reference = references["EUR/DKK"]["return_2"]
    assert len(reference.edges) < 39
    assert 0.0 in reference.edges
    assert sum(reference.counts) == 2999
    assert feature_references([], seed=0) == {}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"edges": (0.1, 0.1)}, "ascend"),
        ({"edges": (0.1, float("nan"))}, "ascend"),
        ({"counts": (1, 2)}, "must have 3 counts for 2 edges"),
        ({"counts": (0, 0, 0)}, "at least one"),
        ({"thresholds": {"ks": {249: 0.1}}}, "250"),
        ({"thresholds": {"chi2": {250: 0.1}}}, "psi"),
    ],
)
def test_a_malformed_reference_is_rejected(change, fault):
    good = {"edges": (0.0, 0.1), "counts": (1, 2, 3), "thresholds": {"ks": {250: 0.1}}}
    FeatureReference(**good)
    with pytest.raises(ValidationError, match=fault):
        FeatureReference(**(good | change))


def test_clean_years_after_training_stay_under_and_three_times_their_volatility_does_not():
    """Checks the figures of the module on the ECB's rates: trained to 2020, compared with 2021 to the end."""
    table = load_ecb()
    pairs = DEFAULT_PAIRS
    histories = [PairHistory(p, tuple(series(table, p, end=dt.date(2020, 12, 31)))) for p in pairs]
    references = feature_references(histories, seed=0)
    clean, wild = {test: [] for test in DRIFT_TESTS}, {test: [] for test in DRIFT_TESTS}
    for pair in pairs:
        (later,) = series(table, pair, start=dt.date(2021, 1, 1))
        returns = np.diff(np.log(later.rates))
        reference = references[pair]["return_1"]
        for factor, into in ((1, clean), (3, wild)):
            windows = window_counts(factor * returns, reference, 500)
            for test, scores in drift_scores(windows, np.array(reference.counts)).items():
                into[test].append((scores > reference.threshold(test, 500)).mean())
    shares = {test: (np.mean(clean[test]), np.mean(wild[test])) for test in DRIFT_TESTS}
    assert shares["ks"][0] < 0.02, shares
    assert shares["psi"][0] < 0.1, shares
    assert min(found for _, found in shares.values()) > 0.7, shares
    assert all(a <= b for a, b in itertools.chain(zip(clean["ks"], wild["ks"], strict=True)))
