"""The optional fields of predictions, as a worker publishes them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from ratecast.contract.messages import Prediction, json_schema
from ratecast.model.bundle import Bundle
from ratecast.optional_fields import HORIZONS, QUANTILES, OptionalFields
from ratecast.scoring.scorer import Scorer
from tests.bundles import forest_on_noise, training_stats
from tests.fakes import FakeRecord

NOW = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
_STATS = training_stats()
_BUNDLE = Bundle(
    version=_STATS.model_version, directory=Path(), stats=_STATS, digests={}, onnx=forest_on_noise()[0]
)
PLAIN = Scorer(_BUNDLE, 1_000_000)
FULL = Scorer(_BUNDLE, 1_000_000, optional=OptionalFields(HORIZONS, QUANTILES))


def walk(count: int) -> list[float]:
    return (0.85 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.004, count)))).tolist()


def values(scorer: Scorer, *messages: dict[str, object]) -> list[bytes]:
    records = [FakeRecord(json.dumps(message).encode(), offset=row) for row, message in enumerate(messages)]
    batch = scorer.score(records, NOW)
    assert not batch.dead_letters
    return batch.values


def test_without_a_setting_a_prediction_has_none_of_them() -> None:
    (value,) = values(PLAIN, {"history": walk(61)})
    assert {"horizons", "quantiles"}.isdisjoint(json.loads(value))


def test_they_come_after_all_other_fields_and_change_none() -> None:
    message = {"history": walk(61), "as_of": "2026-10-30"}
    plain, full = json.loads(values(PLAIN, message)[0]), json.loads(values(FULL, message)[0])
    assert list(full) == [*plain, "horizons", "quantiles"]
    assert {name: full[name] for name in plain} == plain


@pytest.mark.parametrize("count", [3, 20, 61, 1024])
def test_the_contract_and_its_schema_accept_them(count: int) -> None:
    (value,) = values(FULL, {"history": walk(count), "as_of": "2026-10-30"})
    found = Prediction.model_validate_json(value)
    jsonschema.Draft202012Validator(json_schema(Prediction)).validate(json.loads(value))
    assert [item.steps for item in found.horizons or []] == list(HORIZONS)
    assert list(found.quantiles or {}) == list(QUANTILES)
    assert (found.quantiles["10"], found.quantiles["90"]) == found.intervals.level_80
    assert (found.quantiles["2.5"], found.quantiles["97.5"]) == found.intervals.level_95


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        ({"as_of": "2026-12-23"}, ["2026-12-28", "2026-12-31", "2027-01-08", "2027-01-25"]),
        ({"times": ["2026-10-28", "2026-10-29", "2026-10-30"]}, ["2026-11-03", "2026-11-06", "2026-11-13", "2026-11-30"]),
        ({"as_of": "2026-10-30T14:15:00Z"}, [None] * 4),
        ({"as_of": "9999-12-29"}, ["9999-12-31", None, None, None]),
        ({}, [None] * 4),
    ],
)  # fmt: skip
def test_a_range_is_for_so_many_target_days_after_the_newest_rate(
    dates: dict[str, object], days: list[str | None]
) -> None:
    (value,) = values(FULL, {"history": walk(3), **dates})
    assert [item.get("target") for item in json.loads(value)["horizons"]] == days


def test_a_field_that_float64_cannot_hold_is_absent_and_the_prediction_is_not_lost() -> None:
    """The next rate stays below the largest float, 1.797e308. In 21 steps it may not."""
    huge = [1.74e308 * (1 + 0.004 * (-1) ** row) for row in range(61)]
    first, second = map(json.loads, values(FULL, {"history": huge}, {"history": walk(61)}))
    assert first["intervals"]["95"][1] < 1.79e308
    assert "horizons" not in first
    assert first["quantiles"]["99"] < 1.79e308
    assert "horizons" in second


def test_a_faulty_return_widens_none_of_them() -> None:
    clean = walk(61)
    slipped = [*clean[:30], 10 * clean[30], *clean[31:]]
    wanted = [json.loads(value) for value in values(FULL, {"history": clean}, {"history": slipped})]
    widths = [np.log(np.divide(*item["horizons"][-1]["intervals"]["95"][::-1])) for item in wanted]
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
