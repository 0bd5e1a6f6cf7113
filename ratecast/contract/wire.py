"""Decodes input messages into histories and encodes predictions, fast; the contract is `ratecast.contract.messages`.

A record takes the fast path if a typed decoder accepts it and the number of its colons proves that it has no unknown
field and no field twice. Every other record goes to the contract's models, which accept it (an unknown field, an
escape) or say what is wrong. Decoding never raises because of a record: the result is a history or a `RecordError`.
"""

from __future__ import annotations

import datetime as dt
import gc
from functools import lru_cache
from re import compile as regex
from typing import TYPE_CHECKING, Annotated, Any

import jiter
import msgspec
from pydantic import ValidationError

from ratecast import field_faults
from ratecast.contract import dates, foreign_bytes
from ratecast.contract.messages import (
    MAX_HISTORY,
    MIN_HISTORY,
    PAIR_PATTERN,
    RateHistory,
    check_iso_date_or_time,
)
from ratecast.errors import ErrorCode, RecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAIR = regex(PAIR_PATTERN)
_BACKSLASH = ord("\\")
_PAIR_LENGTH = len("EUR/USD")
_USUAL_TIME = len("2026-10-30T14:15:00.123456789+00:00")


class History(msgspec.Struct, gc=False):
    """A decoded input message with the fields of `ratecast.contract.messages.RateHistory`.

    As the contract does, msgspec accepts only YYYY-MM-DD in ``times``, and only days of the calendar.
    """

    history: Annotated[
        list[Annotated[float, msgspec.Meta(gt=0)]],
        msgspec.Meta(min_length=MIN_HISTORY, max_length=MAX_HISTORY),
    ]
    pair: str | None = None
    as_of: str | None = None
    times: list[dt.date] | None = None
    message_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None


class _Undated(History, gc=False):
    """A history whose dates are not decoded yet."""

    times: msgspec.Raw = msgspec.Raw(b"null")  # type: ignore[assignment]


_decode = msgspec.json.Decoder(_Undated).decode


def decode_histories(values: Sequence[bytes | None], max_bytes: int) -> list[History | RecordError]:
    """Decode and check input messages; return a history or an error for each, in order.

    Args:
        values: the values of the records.
        max_bytes: a longer value is rejected without being read.

    >>> good, bad = decode_histories([b'{"history": [0.85, 0.86, 0.87]}', b"{"], 1000)
    >>> good.history, bad.code.value
    ([0.85, 0.86, 0.87], 'invalid_json')
    """
    return [_decode_one(value, max_bytes) for value in values]


def _decode_one(value: bytes | None, max_bytes: int) -> History | RecordError:
    if not value:
        fault = "the value is null (a tombstone)" if value is None else "the value is empty"
        return RecordError(ErrorCode.EMPTY_VALUE, fault)
    if len(value) > max_bytes:
        return RecordError(
            ErrorCode.TOO_LARGE, f"the value has {len(value)} bytes; at most {max_bytes} are accepted"
        )
    try:
        decoded = _decode(value)
        decoded.times = dates.decode(bytes(decoded.times))  # type: ignore[assignment]
        is_plain = _is_plain(value, decoded)
    except Exception:  # noqa: BLE001 - msgspec also raises UnicodeDecodeError, which is no DecodeError (issue 714)
        return _check_slowly(value)
    return decoded if is_plain else _check_slowly(value)


def _is_plain(value: bytes, decoded: History) -> bool:
    """Whether a decoded value certainly has only known fields, each once and each well formed.

    Every field of an object brings a colon. Without escapes, the other colons are those inside the decoded strings, so
    a repeated or unknown field shows as one colon too many. Dates in ``times`` contain none.
    """
    if not value.isascii() or value.find(_BACKSLASH) >= 0:
        return False
    colons = 1
    if (pair := decoded.pair) is not None:
        if len(pair) != _PAIR_LENGTH or not _is_pair(pair):
            return False
        colons += 1
    if (as_of := decoded.as_of) is not None:
        if len(as_of) > _USUAL_TIME or not _is_time(as_of):
            return False
        colons += 1 + as_of.count(":")
    if (times := decoded.times) is not None:
        if len(times) != len(decoded.history):
            return False
        colons += 1
    if (message_id := decoded.message_id) is not None:
        colons += 1 + message_id.count(":")
    # bytes.count looks at every byte; bytes.replace jumps from colon to colon, in a third of the time.
    return len(value) - len(value.replace(b":", b"")) == colons


# The caches hold short texts only: a sender can make a text as long as a message, and such texts would fill the memory.
@lru_cache(maxsize=4096)
def _is_pair(text: str) -> bool:
    return _PAIR.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _is_time(text: str) -> bool:
    try:
        check_iso_date_or_time(text)
    except ValueError:
        return False
    return True


def _check_slowly(value: bytes) -> History | RecordError:
    """Decode a value with the contract's models, and turn whatever a parser raises into a `RecordError`.

    `_by_contract` knows the errors that the parsers document. Any other error is a bug in a library that this value
    triggers. It must cost the record and not the worker.
    """
    try:
        return _by_contract(value)
    except MemoryError:
        raise  # the machine is at fault, not the record
    except BaseException as error:
        # A panic in a parser written in Rust arrives as a BaseException whose class cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        return RecordError(ErrorCode.INVALID_JSON, f"the parser failed: {type(error).__name__}: {error}")


def _by_contract(value: bytes) -> History | RecordError:
    if foreign := foreign_bytes.name(value):
        return RecordError(ErrorCode.INVALID_ENCODING, foreign)
    try:
        # Check the whole value, because parsers skip the text of unknown fields without looking at it.
        value.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"{error.reason} at byte {error.start} (0x{value[error.start]:02x})"
        return RecordError(ErrorCode.INVALID_ENCODING, f"not UTF-8: {where}; send plain JSON in UTF-8")
    try:
        document = _parse(value)
    except ValueError as error:
        return RecordError(ErrorCode.INVALID_JSON, f"not valid JSON: {error}")
    if not isinstance(document, dict):
        fault = f"the value must be a JSON object, got {field_faults.shown(document)}"
        return RecordError(ErrorCode.SCHEMA_VIOLATION, fault)
    try:
        message = RateHistory.model_validate(document)
    except ValidationError as error:
        return _record_error(error)
    times = None if message.times is None else [dt.date.fromisoformat(day) for day in message.times]
    return History(message.history, message.pair, message.as_of, times, message.message_id)


def _parse(value: bytes) -> Any:
    """Parse JSON into plain objects, with Python's garbage collector switched off.

    1 MB has room for 330,000 lists. The collector would search them again after every few hundred new ones, and one
    such message held up a worker for 0.3 s. Parsed JSON has no cycles, so there is nothing to collect.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return jiter.from_json(value, allow_inf_nan=False, catch_duplicate_keys=True)
    finally:
        if collects:
            gc.enable()


def _record_error(error: ValidationError) -> RecordError:
    fault = field_faults.first_fault(error)
    code = ErrorCode.SCHEMA_VIOLATION
    if fault["loc"][:1] == ("history",):
        # The only integers that are no float are those that no float64 can hold.
        is_huge = fault["type"] == "float_type" and type(fault["input"]) is int
        if fault["type"] == "too_short":
            code = ErrorCode.HISTORY_TOO_SHORT
        elif fault["type"] in {"greater_than", "finite_number"} or is_huge:
            code = ErrorCode.INVALID_RATE
    return RecordError(code, field_faults.describe(error))


class IntervalsRow(msgspec.Struct, gc=False, rename={"level_80": "80", "level_95": "95"}):
    """`ratecast.contract.messages.Intervals`, fast to build and to encode."""

    level_80: tuple[float, float]
    level_95: tuple[float, float]


class FeaturesRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Features`, and also a drift score for each of them."""

    lag_1: float
    lag_2: float
    lag_3: float
    return_1: float
    return_2: float


class DriftRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Drift`, fast to build and to encode."""

    is_drift: bool
    features: list[str]
    scores: FeaturesRow


class SourceRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Source`, fast to build and to encode."""

    topic: str
    partition: int
    offset: int
    topic_id: str | msgspec.UnsetType = msgspec.UNSET  # absent when the broker gives topics no ids


class HorizonRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Horizon`, fast to build and to encode."""

    steps: int
    intervals: IntervalsRow
    target: str | msgspec.UnsetType = msgspec.UNSET  # absent when the newest rate has no date


class PredictionRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Prediction`, fast to build and to encode."""

    message_id: str
    pair: str
    as_of: str | None
    prediction: float
    baseline: float
    intervals: IntervalsRow
    interval_quality: str
    features: FeaturesRow
    drift: DriftRow
    alerts: list[str]
    model_version: str
    scored_at: str
    source: SourceRow
    alert_messages: dict[str, str] | msgspec.UnsetType = msgspec.UNSET  # absent when there is no alert
    target: str | msgspec.UnsetType = msgspec.UNSET  # absent when the newest rate has no date
    horizons: list[HorizonRow] | msgspec.UnsetType = msgspec.UNSET  # absent unless a setting asks for it
    quantiles: dict[str, float] | msgspec.UnsetType = msgspec.UNSET  # absent unless a setting asks for it


_encoder = msgspec.json.Encoder()
_prediction_decoder = msgspec.json.Decoder(PredictionRow)


def encode_prediction(row: PredictionRow) -> bytes:
    """Encode a prediction as JSON in UTF-8; the same floats always give the same bytes (shortest round trip)."""
    return _encoder.encode(row)


def encode_predictions(rows: Sequence[PredictionRow]) -> list[bytes]:
    """Encode predictions as `encode_prediction` does, in one call."""
    # JSON escapes line breaks inside texts.
    return _encoder.encode_lines(rows).split(b"\n")[:-1]


def decode_prediction(value: bytes) -> PredictionRow:
    """Decode a prediction that a worker wrote.

    Raises:
        msgspec.DecodeError: the value is no prediction.
    """
    return _prediction_decoder.decode(value)


def to_builtins(row: msgspec.Struct) -> Any:
    """Return a row as plain dicts and lists, for printing."""
    return msgspec.to_builtins(row)
