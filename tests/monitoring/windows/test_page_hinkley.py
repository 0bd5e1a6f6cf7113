from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.windows.page_hinkley import MeanChange, PageHinkley

# What training on the ECB rates to 2020 came to.
DELTA, THRESHOLD, MEAN, PRIOR = 0.0875, 22.5, 0.782, 250


def plain(values, delta, threshold, expected, prior_weight=0):
    """The test in Hinkley's form, M - min(M) and max(M) - M, one value at a time."""
    reported, total, weight = [], expected * prior_weight, prior_weight
    higher, lower, least, most = 0.0, 0.0, 0.0, 0.0
    for position, value in enumerate(values):
        total, weight = total + value, weight + 1
        deviation = (value - total / weight) / max(total / weight, expected)
        higher += deviation - delta
        lower += deviation + delta
        least, most = min(least, higher), max(most, lower)
        if higher - least > threshold or most - lower > threshold:
            reported.append((position, "higher" if higher - least >= most - lower else "lower"))
            total, weight, higher, lower, least, most = 0.0, 0, 0.0, 0.0, 0.0, 0.0
    return reported


def found(test, values, block=10_000):
    return [c for i in range(0, len(values), block) for c in test.update(values[i : i + block])]


def garch(count, seed, persistence=0.97):
    """|r| / EWMA(0.94) of an invented GARCH(1, 1): what a faithful model sees of clustered volatility."""
    rng = np.random.default_rng(seed)
    noise, variance, ewma = rng.standard_normal(count + 300), 1.0, 1.0
    z = np.empty(count + 300)
    for step, shock in enumerate(noise):
        squared = variance * shock**2
        z[step] = np.sqrt(squared / ewma)
        ewma = 0.94 * ewma + 0.06 * squared
        variance = (1 - persistence) + 0.08 * squared + (persistence - 0.08) * variance
    return np.minimum(z[300:], 3.2)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    prior=st.sampled_from([(1000.0, 0), (0.5, 0), (0.8, 50)]),
    scale=st.sampled_from([2.0, 6.0, 20.0]),
)
def test_blocks_of_any_size_find_what_one_value_at_a_time_finds(seed, cuts, prior, scale):
    rng = np.random.default_rng(seed)
    values = np.abs(rng.standard_normal(400)) * np.repeat(rng.choice([0.5, 1.0, 2.0], 4), 100)
    unit = 1000 if prior[0] == 1000 else 1  # no mean reaches 1000, so the unit is fixed: the textbook's test
    test = PageHinkley(0.05 / unit, scale / unit, *prior)
    changes = [c for part in np.split(values, sorted(cuts)) for c in test.update(part)]
    assert [(c.position, c.direction) for c in changes] == plain(values, 0.05 / unit, scale / unit, *prior)
    assert all(0 <= c.began <= c.position for c in changes)


def test_exact_evidence_of_a_small_case():
    # Means 1, 1, 1.5, 2: deviations 0, 0, 1, 1.5; in units of max(mean, 2) 0, 0, 0.5, 0.75, each less 0.1.
    values = np.array([1.0, 1.0, 2.5, 3.5])
    assert PageHinkley(0.1, 1.04, expected=2.0).update(values) == [MeanChange(3, 2, "higher")]
    assert PageHinkley(0.1, 1.06, expected=2.0).update(values) == []
    # Means 3, 3, 2.5, 2: deviations 0, 0, -1, -1.5 in units of 3, 3, 2.5, 2.
    falling = np.array([3.0, 3.0, 1.5, 0.5])
    assert PageHinkley(0.1, 0.94, expected=2.0).update(falling) == [MeanChange(3, 2, "lower")]
    assert PageHinkley(0.1, 0.96, expected=2.0).update(falling) == []


def test_a_prior_reveals_a_misfit_that_was_there_from_the_first_value():
    values = np.full(40, 1.5)
    assert PageHinkley(0.05, 5.0, expected=1.0).update(values) == []
    (change,) = PageHinkley(0.05, 5.0, expected=1.0, prior_weight=250).update(values)
    assert (change.began, change.direction) == (0, "higher")
    assert change.position < 20


def test_a_planted_change_is_found_once_and_so_is_its_end():
    z = np.minimum(np.abs(np.random.default_rng(4).standard_normal(2000)), 3.2)
    z[800:1400] *= 1.5
    worse, better = found(PageHinkley(DELTA, THRESHOLD, MEAN, PRIOR), z, block=250)
    assert (worse.direction, better.direction) == ("higher", "lower")
    assert 700 < worse.began < 820 < worse.position < 920
    assert 1250 < better.began < 1420 < better.position < 1520


def test_errors_that_stay_larger_are_reported_once():
    z = np.minimum(2 * np.abs(np.random.default_rng(12).standard_normal((20, 3000))), 6.4)
    reported = [found(PageHinkley(DELTA, THRESHOLD, MEAN, PRIOR), row) for row in z]
    assert all(changes[0].direction == "higher" and changes[0].position < 80 for changes in reported)
    # In a fixed unit of the mean before, 20 series of 3,000 report more than a hundred further changes.
    assert sum(map(len, reported)) - 20 <= 5


def test_a_value_after_a_run_of_zeros_is_not_infinitely_large():
    values = np.concatenate([np.full(300, 0.8), np.zeros(1000), np.full(3, 0.8)])
    (change,) = found(PageHinkley(DELTA, THRESHOLD, MEAN, PRIOR), values)
    assert change.direction == "lower"


def test_no_change_is_reported_for_iid_errors():
    z = np.minimum(np.abs(np.random.default_rng(11).standard_normal((10, 2000))), 3.2)
    assert [found(PageHinkley(DELTA, THRESHOLD, MEAN, PRIOR), row) for row in z] == [[]] * 10


@pytest.mark.parametrize("seed", range(5))
def test_clustered_volatility_is_no_change_of_accuracy(seed):
    z = garch(2000, seed)
    assert found(PageHinkley(DELTA, THRESHOLD, MEAN, PRIOR), z) == []
    z[1000:] *= 1.5
    (change,) = found(PageHinkley(DELTA, THRESHOLD, MEAN, PRIOR), z)
    assert change.direction == "higher"
    assert 1000 < change.position < 1150


def test_evidence_stays_small_however_long_the_series():
    test = PageHinkley(DELTA, 1e9, MEAN, PRIOR)
    rng = np.random.default_rng(0)
    for _ in range(20):
        test.update(np.abs(rng.standard_normal(100_000)))
    assert test._evidence.max() < 100  # a sum that was never cut would be near -delta * n = -175,000
    assert test._sum / test._weight == pytest.approx(np.sqrt(2 / np.pi), abs=0.002)


def test_no_values_change_nothing():
    assert PageHinkley(0.1, 1.0, expected=1.0).update(np.zeros(0)) == []
