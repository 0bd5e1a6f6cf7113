"""Scoring several partitions in one pass."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from ratecast.contract.wire import decode_prediction
from ratecast.errors import ErrorCode
from ratecast.model.bundle import Bundle
from ratecast.scoring.scorer import Scorer
from tests.bundles import centre_on_noise, forest_on_noise, training_stats
from tests.fakes import FakeRecord
from tests.fuzz.inputs import random_batches
from tests.fuzz.values import MAX_BYTES
from tests.ratecast.scoring.test_reference import NOW, feed_with_faults


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    stats = training_stats(shrinkage=0.5)
    graphs = {"onnx": forest_on_noise()[0], "centre": centre_on_noise()[0]}
    return Scorer(
        Bundle(version=stats.model_version, directory=Path(), stats=stats, digests={}, **graphs), MAX_BYTES
    )


def same(one: object, other: object) -> bool:
    """Whether two outcomes are equal to the bit."""
    if isinstance(one, np.ndarray):
        return one.tobytes() == other.tobytes() and one.shape == other.shape
    if dataclasses.is_dataclass(one) and not isinstance(one, FakeRecord):
        names = [field.name for field in dataclasses.fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_each_part_gets_the_outcome_that_it_gets_alone(scorer: Scorer) -> None:
    random = np.random.default_rng(21)
    feeds = [feed_with_faults(random, offset) for offset in range(120)]
    hostile = [[record for _, record in batch][:40] for batch in itertools.islice(random_batches(5), 2)]
    parts = [feeds[:50], hostile[0], feeds[50:51], [FakeRecord(b"nothing")], hostile[1], feeds[51:]]
    ids = ["one", None, "one", "two", None, "three"]
    together = scorer.score_parts(parts, NOW, ids)
    for found, part, topic_id in zip(together, parts, ids, strict=True):
        alone = scorer.score(part, NOW, topic_id)
        for field in dataclasses.fields(alone):
            assert same(getattr(found, field.name), getattr(alone, field.name)), field.name
    assert [len(batch.values) + len(batch.dead_letters) for batch in together] == list(map(len, parts))
    assert together[0].values
    assert together[1].dead_letters


def test_a_forecast_that_float64_cannot_hold_is_a_dead_letter_of_its_own_part(scorer: Scorer) -> None:
    good, huge = (
        FakeRecord(b'{"history":[0.85,0.86,0.87]}'),
        FakeRecord(b'{"history":[1e-300,1e300,1.7e308]}'),
    )
    first, second, third = scorer.score_parts([[good], [huge, good], [good]], NOW, [None] * 3)
    assert (len(first.values), len(second.values), len(third.values)) == (1, 1, 1)
    assert [letter.code for letter in second.dead_letters] == [ErrorCode.SCORING_FAILED]
    assert first.dead_letters == third.dead_letters == []


def test_the_newest_forecast_of_a_pair_is_that_of_its_last_prediction(scorer: Scorer) -> None:
    random = np.random.default_rng(22)
    batch = scorer.score([feed_with_faults(random, offset) for offset in range(40)], NOW)
    last = {row.pair: row for row in map(decode_prediction, batch.values)}
    assert batch.newest.keys() == last.keys()
    for pair, newest in batch.newest.items():
        intervals = last[pair].intervals
        assert newest.rate == last[pair].baseline
        assert newest.lower == (intervals.level_80[0], intervals.level_95[0])
        assert newest.upper == (intervals.level_80[1], intervals.level_95[1])
