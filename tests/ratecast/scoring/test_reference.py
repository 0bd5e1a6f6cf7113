"""The fast path equals the reference, record by record, on random feeds with faults and on hostile input."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ratecast.contract.inputs import History, decode_histories
from ratecast.model.bundle import Bundle
from ratecast.scoring.days import message_days
from ratecast.scoring.scorer import Scorer
from tests.bundles import LEVELS, SIGMA, centre_on_noise, forest_on_noise, training_stats
from tests.fakes import FakeRecord
from tests.fuzz.inputs import random_batches
from tests.fuzz.values import MAX_BYTES
from tests.reference_scorer import ReferenceScorer, reference_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NOW = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
LENGTHS = (3, 4, 5, 12, 20, 21, 22, 30, 60, 61, 62, 90, 300)
ALERTS = {
    "jump", "level_cone", "stuck", "decimal_slip", "inverted_quote", "gap", "carried_forward", "volatility_regime",
}  # fmt: skip


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    stats = training_stats(shrinkage=0.5)
    graphs = {"onnx": forest_on_noise()[0], "centre": centre_on_noise()[0]}
    return Bundle(version=stats.model_version, directory=Path(), stats=stats, digests={}, **graphs)


def with_a_fault(
    random: np.random.Generator, rates: NDArray[np.float64], days: NDArray[np.datetime64]
) -> NDArray[np.datetime64]:
    """Put a fault into the rates, or return days with one."""
    at = int(random.integers(len(rates)))
    match random.choice(["spike", "end", "slip", "inverse", "stuck", "tail", "gap", "back"]):
        case "spike":
            rates[at] *= 100
        case "end":
            rates[-1] *= random.choice([0.01, 1.05, 1.3, 1000.0])
        case "slip":
            rates[at:] *= 100
        case "inverse":
            rates[at:] = 1 / rates[at:]
        case "stuck":
            rates[at : at + int(random.integers(2, 12))] = rates[at]
        case "tail":
            rates[-int(random.integers(2, 15)) :] = rates[-1]
        case "gap":
            return np.concatenate((days[:at], days[at:] + random.integers(1, 40)))
        case "back":
            return days[::-1]
    return days


def feed_with_faults(random: np.random.Generator, offset: int) -> FakeRecord:
    """An invented history with up to three faults."""
    pair, count = str(random.choice(list(LEVELS))), int(random.choice(LENGTHS))
    scale = SIGMA * random.choice([0.01, 0.3, 1, 1, 1, 3, 8])
    rates = LEVELS[pair] * np.exp(np.cumsum(random.normal(scale=scale, size=count)))
    whole_weeks = random.random() < 0.4
    first = np.datetime64(f"2024-{random.integers(1, 13):02d}-01")
    days = (
        first + np.arange(count) if whole_weeks else np.busday_offset(first, np.arange(count), roll="forward")
    )
    if whole_weeks:
        for at in np.flatnonzero((days[1:].astype(int) + 3) % 7 >= 5):
            rates[at + 1] = rates[at]
    for _ in range(random.integers(4)):
        days = with_a_fault(random, rates, days)
    message: dict[str, object] = {"history": rates.tolist(), "pair": pair}
    if random.random() < 0.6:
        message["times"] = days.astype(str).tolist()
    if random.random() < 0.5:
        message["as_of"] = str(days[-1] + random.choice([0, 0, 3, 30])) + str(
            random.choice(["", "T10:00:00Z"])
        )
    if random.random() < 0.3:
        message["message_id"] = f"id:{offset}"
    separators = [(", ", ": "), (",", ":")][random.integers(2)]
    return FakeRecord(json.dumps(message, separators=separators).encode(), offset=offset)


def held_equal(bundle: Bundle, records: Sequence[FakeRecord]) -> set[str]:
    """Compare the outcomes of a batch with the reference's; return the codes of the alerts that occurred."""
    batch, reference = Scorer(bundle, MAX_BYTES).score(records, NOW), ReferenceScorer(bundle)
    values = dict(zip((record.offset for record in batch.records), batch.values, strict=True))
    too_large = {letter.record.offset for letter in batch.dead_letters if letter.code == "too_large"}
    alerts = []
    for record in records:
        expected = None if record.offset in too_large else reference.score(record, NOW)
        assert values.get(record.offset) == (expected and expected[0]), record.value
        alerts += expected[1] if expected else []
    assert [code for _, code in batch.alerts if code not in alerts] == []
    assert len(batch.alerts) == len(alerts)
    return set(alerts)


def test_feeds_with_faults_are_scored_as_by_the_reference(bundle: Bundle) -> None:
    random = np.random.default_rng(13)
    assert held_equal(bundle, [feed_with_faults(random, offset) for offset in range(300)]) == ALERTS


def test_days_are_those_of_the_reference() -> None:
    random = np.random.default_rng(15)
    values = [feed_with_faults(random, offset).value for offset in range(300)]
    histories = [found for found in decode_histories(values, MAX_BYTES) if isinstance(found, History)]
    days = message_days(histories)
    for row, history in enumerate(histories):
        expected = reference_days(history)
        for name in ("newest", "gap", "span"):
            np.testing.assert_equal(getattr(days, name)[row], getattr(expected, name)[0])
        assert np.isnan(days.longest[row]) or days.longest[row] == expected.longest[0]
        np.testing.assert_equal(days.weekdays.get(row), expected.weekdays.get(0))


def test_hostile_messages_are_scored_as_by_the_reference(bundle: Bundle) -> None:
    for batch in itertools.islice(random_batches(13), 5):
        held_equal(bundle, [record for _, record in batch])


def test_a_batch_has_the_observations_of_its_records(bundle: Bundle) -> None:
    random, scorer = np.random.default_rng(14), Scorer(bundle, MAX_BYTES)
    records = [feed_with_faults(random, offset) for offset in range(60)]
    (together,) = scorer.score(records, NOW).observations
    alone = [scorer.score([record], NOW).observations[0] for record in records]
    for name in ("pair_rows", "features", "input_pair_rows", "range_inputs"):
        np.testing.assert_array_equal(
            getattr(together, name), np.concatenate([getattr(one, name) for one in alone])
        )
    for name in ("pair_rows", "error", "naive", "inside", "z", "alerted", "half", "offsets"):
        np.testing.assert_array_equal(
            getattr(together.hindcasts, name), np.concatenate([getattr(one.hindcasts, name) for one in alone])
        )
