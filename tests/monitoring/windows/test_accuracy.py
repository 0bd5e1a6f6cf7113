from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.windows import accuracy
from monitoring.windows.accuracy import AccuracyChange, AccuracyWindows, WindowSummary, WorkerAccuracy, merge
from ratecast.model.references import AccuracyReference

PAIRS = ("EUR/GBP", "EUR/USD", "EUR/JPY")
REFERENCE = AccuracyReference(
    messages=1000, cap=3.1, mean=0.78, std=0.65, prior_messages=250, delta=0.0875, threshold=22.5
)


@dataclass(frozen=True)
class Batch:
    pair_rows: np.ndarray
    error: np.ndarray
    naive: np.ndarray
    inside: np.ndarray
    z: np.ndarray
    alerted: np.ndarray

    def __getitem__(self, part):
        return Batch(*(getattr(self, name)[part] for name in self.__dataclass_fields__))


def invented(count, seed=0, pairs=3, alerted=0.0, missing=0.0):
    rng = np.random.default_rng(seed)
    z = np.abs(rng.standard_normal(count))
    error = 0.005 * z
    error[rng.random(count) < missing] = np.nan
    return Batch(
        pair_rows=rng.integers(pairs, size=count),
        error=error,
        naive=0.005 * np.abs(rng.standard_normal(count)),
        inside=np.column_stack((z < 1.28, z < 1.96)),
        z=z,
        alerted=rng.random(count) < alerted,
    )


def of_one_pair(z):
    count = len(z)
    return Batch(
        np.zeros(count, np.intp), z, z, np.column_stack((z < 1.28, z < 1.96)), z, np.zeros(count, bool)
    )


class Plain:
    """The same windows with a deque a pair, one message at a time."""

    def __init__(self):
        self.rows = defaultdict(lambda: deque(maxlen=accuracy.WINDOW_MESSAGES))
        self.left_out = Counter()

    def add(self, batch):
        for i, row in enumerate(batch.pair_rows.tolist()):
            if batch.alerted[i]:
                self.left_out[PAIRS[row]] += 1
            elif np.isfinite([batch.error[i], batch.naive[i], batch.z[i]]).all():
                self.rows[PAIRS[row]].append((batch.error[i], batch.naive[i], *batch.inside[i].tolist()))

    def summaries(self):
        return {
            pair: (len(rows), *(pytest.approx(sum(c), rel=1e-12) for c in zip(*rows, strict=True)))
            for pair, rows in self.rows.items()
        }


def flat(summaries):
    return {pair: (s.messages, s.error, s.naive, *s.inside) for pair, s in summaries.items()}


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(0, 4000), max_size=12),
    looks=st.sets(st.integers(0, 12)),
    fold_messages=st.sampled_from([1, 300, 10_000]),
    fold_batches=st.sampled_from([1, 3, 1000]),
)
def test_lazily_folded_windows_equal_plain_deques(seed, cuts, looks, fold_messages, fold_batches):
    whole = invented(4000, seed, alerted=0.05, missing=0.05)
    plain, windows = Plain(), AccuracyWindows(PAIRS, REFERENCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accuracy, "FOLD_MESSAGES", fold_messages)
        patch.setattr(accuracy, "FOLD_BATCHES", fold_batches)
        for step, (start, stop) in enumerate(pairwise([0, *sorted(cuts), 4000])):
            plain.add(whole[start:stop])
            windows.add(whole[start:stop])
            if step in looks:
                assert flat(windows.summaries()) == plain.summaries()
    assert flat(windows.summaries()) == plain.summaries()
    assert windows.tally.left_out == plain.left_out


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 3000), max_size=8))
def test_changes_do_not_depend_on_when_batches_are_folded(cuts):
    whole = invented(3000, 5)
    whole.z[1500:] *= 1.6
    reported = []
    windows = AccuracyWindows(PAIRS, REFERENCE, on_change=reported.append)
    for start, stop in pairwise([0, *sorted(cuts), 3000]):
        windows.add(whole[start:stop])
        windows.fold()
    once = []
    at_once = AccuracyWindows(PAIRS, REFERENCE, on_change=once.append)
    at_once.add(whole)
    at_once.fold()
    assert sorted(reported, key=repr) == sorted(once, key=repr)
    assert {(change.pair, change.direction) for change in reported} == {(pair, "worse") for pair in PAIRS}


def test_exact_sums_of_a_small_window():
    windows = AccuracyWindows(PAIRS, None)
    windows.add(
        Batch(
            pair_rows=np.array([1, 0, 1, 1]),
            error=np.array([0.25, 1.0, 0.5, 8.0]),
            naive=np.array([0.5, 2.0, 0.25, 8.0]),
            inside=np.array([[True, True], [False, True], [False, False], [False, False]]),
            z=np.array([1.0, 1.0, 1.0, 1.0]),
            alerted=np.array([False, False, False, True]),
        )
    )
    assert windows.summaries() == {
        "EUR/GBP": WindowSummary(1, 1.0, 2.0, (0, 1)),
        "EUR/USD": WindowSummary(2, 0.75, 0.75, (1, 1)),
    }
    assert windows.tally.left_out == {"EUR/USD": 1}


def test_the_ratio_is_exactly_one_when_the_forecast_is_the_last_rate():
    batch = invented(5000, 2)
    same = Batch(batch.pair_rows, batch.naive, batch.naive, batch.inside, batch.z, batch.alerted)
    windows = [AccuracyWindows(PAIRS, REFERENCE) for _ in range(2)]
    windows[0].add(same[:3333])
    windows[1].add(same[3333:])
    merged = merge(window.summaries() for window in windows)
    assert [merged[pair].error_ratio for pair in PAIRS] == [1.0, 1.0, 1.0]


def test_nothing_is_said_of_too_few_messages_or_of_rates_that_never_moved():
    few, enough = WindowSummary(99, 1.0, 1.0, (80, 95)), WindowSummary(100, 1.5, 1.0, (80, 95))
    assert (few.error_ratio, few.coverage) == (None, None)
    assert (enough.error_ratio, enough.coverage) == (1.5, (0.8, 0.95))
    still = WindowSummary(100, 0.0, 0.0, (100, 100))
    assert (still.error_ratio, still.coverage) == (None, (1.0, 1.0))


def test_two_partitions_with_too_few_messages_each_have_enough_together():
    half = {"EUR/GBP": WindowSummary(60, 0.5, 0.5, (48, 57))}
    assert merge([half, half, {}]) == {"EUR/GBP": WindowSummary(120, 1.0, 1.0, (96, 114))}
    assert merge([half, half])["EUR/GBP"].coverage == (0.8, 0.95)


def test_sums_do_not_drift_after_a_window_of_enormous_errors():
    windows = AccuracyWindows(PAIRS, REFERENCE)
    windows.add(of_one_pair(np.full(accuracy.WINDOW_MESSAGES, 1e17)))
    windows.fold()
    windows.add(of_one_pair(np.full(accuracy.WINDOW_MESSAGES, 0.25)))
    # A running sum would have lost every one of these to rounding.
    assert windows.summaries()["EUR/GBP"].error == 0.25 * accuracy.WINDOW_MESSAGES


def told_of(z, reference):
    reported = []
    windows = AccuracyWindows(PAIRS, reference, on_change=reported.append)
    windows.add(of_one_pair(z))
    windows.fold()
    return reported


def test_one_shock_is_no_change_of_accuracy():
    uncapped = REFERENCE.model_copy(update={"cap": 1e9})
    calm = shocked = 0
    for seed in range(100):
        z = np.abs(np.random.default_rng(seed).standard_normal(1000))
        calm += len(told_of(z, REFERENCE))
        z[500] = 237.0  # EUR/CHF, 2015-01-15
        shocked += len(told_of(z, REFERENCE))
        assert (500, "worse") in [(change.position, change.direction) for change in told_of(z, uncapped)]
    assert shocked <= calm + 2


def test_messages_with_an_alert_cause_no_change():
    batch = invented(3000, 9)
    broken = Batch(
        batch.pair_rows, batch.error, batch.naive, batch.inside, np.full(3000, 3.0), np.ones(3000, dtype=bool)
    )
    windows = AccuracyWindows(PAIRS, REFERENCE)
    windows.add(broken)
    assert windows.summaries() == {}
    assert windows.tally.changes == {}
    assert windows.tally.left_out.total() == 3000


def test_without_a_reference_no_change_is_reported():
    windows = AccuracyWindows(PAIRS, None)
    windows.add(of_one_pair(np.repeat([0.5, 5.0], 1000)))
    windows.fold()
    assert windows.tally.changes == {}


def test_counts_outlive_a_revoked_partition_and_its_window_does_not():
    z = np.abs(np.random.default_rng(3).standard_normal(1000))
    z[500:] *= 2
    reported: list[AccuracyChange] = []
    worker = WorkerAccuracy(reported.append)
    worker.use(PAIRS, REFERENCE)
    worker.add(("t", 0), of_one_pair(z))
    worker.add(("t", 1), invented(300))
    worker.revoked(("t", 0))  # nothing was folded yet
    worker.revoked(("t", 7))  # it never had a message
    assert worker.tally().changes["EUR/GBP", "worse"] == 1
    assert reported[0].pair == "EUR/GBP"
    assert 480 < reported[0].began < 520 < reported[0].position < 560
    assert worker.summaries()["EUR/GBP"].messages < 300
    worker.revoked(("t", 1))
    assert worker.summaries() == {}


def test_a_new_model_starts_with_empty_windows_and_its_pairs_at_zero():
    worker = WorkerAccuracy()
    worker.use(PAIRS[:1], REFERENCE)
    assert worker.tally().changes == {("EUR/GBP", "worse"): 0, ("EUR/GBP", "better"): 0}
    worker.add(0, of_one_pair(np.repeat([0.7, 3.0], 300)))
    worker.use(PAIRS[1:], REFERENCE)
    assert worker.summaries() == {}
    tally = worker.tally()
    assert tally.changes["EUR/GBP", "worse"] == 1
    assert tally.left_out == {"EUR/GBP": 0, "EUR/USD": 0, "EUR/JPY": 0}
    worker.add(0, of_one_pair(np.full(5, 0.7)))
    assert worker.summaries()["EUR/USD"].messages == 5


def test_what_waits_is_bounded():
    worker = AccuracyWindows(PAIRS, REFERENCE)
    for _ in range(accuracy.FOLD_BATCHES):
        worker.add(invented(1))
    assert len(worker._waiting) == 0
    worker.add(invented(accuracy.FOLD_MESSAGES))
    assert len(worker._waiting) == 0
