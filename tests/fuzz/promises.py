"""What every input is held to, whatever it is."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema

from consumer import dead_letters
from ratecast.contract import wire
from ratecast.contract.messages import Prediction
from ratecast.errors import ErrorCode, RecordError
from ratecast.rates.target_days import next_target_day
from tests.contract_oracle import accepted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.contract.messages import RateHistory
    from ratecast.contract.record import Record
    from ratecast.scoring.scored_batch import DeadLetter, ScoredBatch

_SCHEMA = Path(__file__).parents[2] / "docs" / "contracts" / "prediction.schema.json"
_VALIDATOR = jsonschema.Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8")))
# Codes that a message of the contract may still get.
_BEYOND_THE_CONTRACT = {ErrorCode.TOO_LARGE, ErrorCode.UNKNOWN_PAIR, ErrorCode.SCORING_FAILED}
_ORACLE_BYTES = 5_000  # longer values are left to the parsers: the second opinion is slow


class BrokenPromiseError(AssertionError):
    """An input did not get what every input is promised."""


def hold(records: Sequence[Record], batch: ScoredBatch, schema_every: int) -> None:
    """Hold a scored batch to every promise.

    Args:
        records: what went in.
        batch: what came out.
        schema_every: validate each so many-th prediction with the JSON Schema; pydantic validates all.

    Raises:
        BrokenPromiseError: a promise is broken; the message names the input.
    """
    places = [record.offset for record in batch.records] + [
        letter.record.offset for letter in batch.dead_letters
    ]
    if sorted(places) != [record.offset for record in records] or len(batch.values) != len(batch.records):
        raise BrokenPromiseError(f"not exactly one outcome an input: {places}")
    for position, (record, value) in enumerate(zip(batch.records, batch.values, strict=True)):
        try:
            _hold_prediction(record, value)
            if position % schema_every == 0:
                _VALIDATOR.validate(json.loads(value))
        except (ValueError, AssertionError, jsonschema.ValidationError) as error:
            raise BrokenPromiseError(f"{error}: {value!r} for {quoted(record.value)}") from error
    for letter in batch.dead_letters:
        try:
            _hold_dead_letter(letter)
        except (ValueError, AssertionError) as error:
            raise BrokenPromiseError(f"{error}: {letter.code} for {quoted(letter.record.value)}") from error


def _hold_prediction(record: Record, value: bytes) -> None:
    prediction = Prediction.model_validate_json(value)
    low_80, high_80 = prediction.intervals.level_80
    low_95, high_95 = prediction.intervals.level_95
    nested = 0 < low_95 <= low_80 <= prediction.prediction <= high_80 <= high_95 < math.inf
    _demand(nested, "ranges are not nested, finite and above zero")
    drift = prediction.drift
    _demand(all(map(math.isfinite, drift.scores.values())), "a drift score is not finite")
    _demand(drift.is_drift == bool(drift.features), "is_drift contradicts its features")
    _demand(prediction.source.offset == record.offset, "a prediction of another record")
    _demand(set(prediction.alerts) == set(prediction.alert_messages or {}), "an alert without words")
    _demand(max(map(len, (prediction.alert_messages or {"": ""}).values())) < 200, "an alert of many words")
    _demand(wire.encode_prediction(wire.decode_prediction(value)) == value, "not the same when read again")
    _hold_optional_fields(prediction)
    expected = _second_opinion(record)
    if expected is not None:
        _demand(prediction.baseline == expected.history[-1], "another last rate than the message's")
        _demand(prediction.as_of == expected.as_of, "another as_of than the message's")
        _demand(prediction.target == _day_after(expected), "for another day than the next TARGET day")
        _demand(prediction.message_id == (expected.message_id or prediction.message_id), "another message_id")


def _hold_optional_fields(prediction: Prediction) -> None:
    """A field that float64 cannot hold is absent."""
    (inner_80, outer_80), (inner_95, outer_95) = prediction.intervals.level_80, prediction.intervals.level_95
    for horizon in prediction.horizons or []:
        (low_80, high_80), (low_95, high_95) = horizon.intervals.level_80, horizon.intervals.level_95
        nested = 0 < low_95 <= low_80 <= inner_80 and outer_80 <= high_80 <= high_95 < math.inf
        wider = low_95 <= inner_95 and outer_95 <= high_95
        _demand(nested and wider, f"ranges in {horizon.steps} steps are narrower than before, or not nested")
        (inner_80, outer_80), (inner_95, outer_95) = (low_80, high_80), (low_95, high_95)
    rates = list((prediction.quantiles or {}).values())
    _demand(rates == sorted(rates), "quantiles cross")
    _demand(all(0 < rate < math.inf for rate in rates), "a quantile is not finite and above zero")


def _second_opinion(record: Record) -> RateHistory | None:
    if record.value is None or len(record.value) > _ORACLE_BYTES:
        return None
    expected = accepted(record.value)
    _demand(expected is not None, "scored, though the contract does not accept it")
    return expected


def _day_after(message: RateHistory) -> str | None:
    """The TARGET day after a message's newest rate, if the message dates it."""
    dated_by_as_of = message.as_of is not None and "T" not in message.as_of and " " not in message.as_of
    newest = message.as_of if dated_by_as_of else message.times and message.times[-1]
    following = next_target_day(dt.date.fromisoformat(newest)) if newest else None
    return None if following is None else str(following)


def _hold_dead_letter(letter: DeadLetter) -> None:
    value = letter.record.value
    _demand(letter.code in ErrorCode, "a code of its own")
    _demand(0 < len(letter.message) <= RecordError.MAX_LENGTH, "no words, or too many")
    _demand(letter.message.isprintable(), "words that do not print")
    for cut in (False, True):
        _, published, headers = dead_letters.outgoing(letter, cut=cut)
        _demand(cut or published == value, "not the raw bytes")
        _demand(all(name.encode() is not None for name, _ in headers), "a header that cannot go out")
    if value is not None and len(value) <= _ORACLE_BYTES and letter.code not in _BEYOND_THE_CONTRACT:
        _demand(accepted(value) is None, "refused, though the contract accepts it")
    # Whether it is text is for the whole value to say, also for fields that parsers skip.
    if value and letter.code not in {ErrorCode.TOO_LARGE, ErrorCode.INVALID_ENCODING}:
        value.decode("utf-8")


def _demand(holds: bool, promise: str) -> None:
    if not holds:
        raise BrokenPromiseError(promise)


def quoted(value: bytes | None) -> str:
    """An input as a literal, cut in the middle if it is long."""
    text = repr(value)
    return text if len(text) <= 2000 else f"{text[:1500]} ... {text[-300:]} ({len(value or b'')} bytes)"
