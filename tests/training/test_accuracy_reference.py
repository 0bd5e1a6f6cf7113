"""Invented standardised errors, unless a test says that they are the ECB's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monitoring.windows.page_hinkley import PageHinkley
from ratecast.rates.tables import load_ecb
from training import accuracy_reference as fitting
from training.accuracy_reference import accuracy_reference, bootstrap
from training.collect import collect
from training.dataset import build_rows, pair_sigmas
from training.train_options import TrainOptions


@pytest.fixture
def small(monkeypatch):
    """Uses a fifth of the bootstrap, which is enough for these tests."""
    monkeypatch.setattr(fitting, "BOOTSTRAPPED_MESSAGES", 400_000)


def errors(seed, count=3000, pairs=4):
    rng = np.random.default_rng(seed)
    return {f"P{i}": np.abs(rng.standard_normal(count)) for i in range(pairs)}


def clustered(seed, pairs=4):
    """Errors whose size changes every half year."""
    rng = np.random.default_rng(seed)
    return {
        name: z * np.repeat(rng.uniform(0.75, 1.25, 24), 125) for name, z in errors(seed, pairs=pairs).items()
    }


def changes(reference, z):
    test = PageHinkley(reference.delta, reference.threshold, reference.mean, reference.prior_messages)
    return test.update(np.minimum(z, reference.cap))


def test_moments_and_delta_are_those_of_capped_errors(small):
    z = errors(0)
    z["P0"][17] = 500.0
    reference = accuracy_reference(z, seed=0)
    pooled = np.concatenate(list(z.values()))
    assert reference.messages == 12_000
    assert reference.cap == np.quantile(pooled, 0.99)
    assert reference.mean == np.minimum(pooled, reference.cap).mean()
    assert reference.std == np.minimum(pooled, reference.cap).std()
    assert reference.delta == 0.0875
    assert reference.cap < 3


def test_the_same_errors_and_seed_give_the_same_reference(small):
    z = clustered(0)
    assert accuracy_reference(z, seed=3) == accuracy_reference(z, seed=3)
    assert accuracy_reference(z, seed=3).threshold != accuracy_reference(z, seed=4).threshold


@pytest.mark.parametrize("count", [100, 1000, 5000])
def test_independent_errors_alarm_about_once_in_5000_messages_however_few_trained_it(count):
    # A threshold fitted to only 1,000 calm errors of one pair can give eight times as many false alarms.
    reference = accuracy_reference({"P0": np.abs(np.random.default_rng(4).standard_normal(count))}, seed=4)
    fresh = np.abs(np.random.default_rng(99).standard_normal((100, 5000)))
    assert sum(len(changes(reference, z)) for z in fresh) < 160


def test_the_least_threshold_is_the_one_that_independent_normal_errors_need():
    z = np.abs(np.random.default_rng(5).standard_normal((300, 5000)))
    test = accuracy_reference({"P0": z.ravel()}, seed=0).model_copy(
        update={"threshold": fitting.LEAST_THRESHOLD}
    )
    assert 240 < sum(len(changes(test, one)) for one in z) < 360


def test_the_threshold_is_the_lowest_with_few_enough_alarms(small):
    z = clustered(1)
    reference = accuracy_reference(z, seed=5)
    series = bootstrap([np.minimum(pair, reference.cap) for pair in z.values()], seed=5)
    assert reference.threshold > fitting.LEAST_THRESHOLD
    assert sum(len(changes(reference, one)) for one in series) <= len(series)
    lower = reference.model_copy(update={"threshold": reference.threshold * 0.97})
    assert sum(len(changes(lower, one)) for one in series) > len(series)


def test_one_pair_that_differs_affects_the_threshold(small):
    alike = accuracy_reference(errors(0), seed=0)
    mixed = accuracy_reference(errors(0) | {"P1": clustered(0)["P1"]}, seed=0)
    assert mixed.threshold > alike.threshold * 1.1


def test_bootstrapped_series_are_whole_blocks_of_one_pair():
    first, second = np.arange(300.0), 1000 + np.arange(40.0)
    series = bootstrap([first, second], seed=0)
    assert {len(one) for one in series} == {5000}
    assert len(series) == 400
    of_first = [one for one in series if one[0] < 1000]
    assert len(of_first) == 200
    for one in of_first[:20]:
        starts = np.flatnonzero(np.diff(one) % 300 != 1) + 1
        assert set(starts.tolist()) <= set(range(250, 5000, 250))
    assert all(one.min() >= 1000 and one.max() < 1040 for one in series if one[0] >= 1000)


def test_too_few_or_equal_errors_are_rejected():
    with pytest.raises(ValueError, match="99 errors are too few"):
        accuracy_reference({"P0": np.arange(1.0, 100.0), "P1": np.zeros(0)}, seed=0)
    with pytest.raises(ValueError, match="the same size"):
        accuracy_reference({"P0": np.full(500, 0.7)}, seed=0)


def test_a_pair_without_errors_changes_nothing(small):
    z = clustered(2)
    assert accuracy_reference(z | {"NEW": np.zeros(0)}, seed=1) == accuracy_reference(z, seed=1)


def test_ecb_rates_after_training_raise_few_alarms_and_larger_errors_are_found():
    """The reference comes from the ECB's rates to the end of 2020 and is tested on the years after."""
    histories, _ = collect(TrainOptions(models_dir=Path("unused")), load_ecb())
    until = np.datetime64("2020-12-31")
    sigmas = pair_sigmas([history.until(until) for history in histories])

    def z_by_pair(**days):
        rows = build_rows(histories, sigmas, **days)
        z = np.abs(rows.target) / rows.sigma
        return {history.pair: z[rows.pair == i] for i, history in enumerate(histories)}

    reference = accuracy_reference(z_by_pair(end=until), seed=0)
    assert 18 < reference.threshold < 28
    later = z_by_pair(start=until + np.timedelta64(1, "D"), end=np.datetime64("2026-10-30"))
    clean = sum(len(changes(reference, z)) for z in later.values())
    assert clean * 5000 / sum(map(len, later.values())) < 1.5
    delays = []
    for z in later.values():
        found = changes(reference, z * np.where(np.arange(len(z)) < 250, 1, 1.5))
        delays.append(next(c.position - 250 for c in found if c.direction == "higher" and c.position >= 250))
    assert np.median(delays) < 80
    assert max(delays) < 300
