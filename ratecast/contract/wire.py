"""Bytes to histories and predictions to bytes, at the speed of C; `ratecast.contract.messages` says what is right.

A record takes the fast path when a typed decoder accepts it and a count of its colons proves that it holds no
other field and no field twice. Everything else is judged by the models of the contract, which either accept it
too (an unknown field, an escape) or name the fault. Whatever a parser raises, a value becomes a history or a
`RecordError`: decoding never raises for what came in.
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

from ratecast.contract import foreign_bytes
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
_PAIR_LENGTH = len("EUR/USD")
_USUAL_TIME = len("2026-10-30T14:15:00.123456789+00:00")
# What pydantic finds, in the words of who sends messages.
_IN_WORDS = {
    "missing": "missing",
    "list_type": "not a list",
    "too_short": "{actual_length} rates; at least {min_length} are needed",
    "too_long": "{actual_length} rates; at most {max_length} are taken",
    "float_type": "not a number",
    "greater_than": "not greater than {gt:g}",
    "finite_number": "not a finite number",
    "string_type": "not a string",
    "string_unicode": "not a string",
    "string_pattern_mismatch": "not a pair like EUR/USD",
    "string_too_short": "empty",
    "string_too_long": "longer than {max_length} characters",
}


class History(msgspec.Struct, gc=False):
    """A decoded input message; fields as in `ratecast.contract.messages.RateHistory`."""

    history: Annotated[
        list[Annotated[float, msgspec.Meta(gt=0)]],
        msgspec.Meta(min_length=MIN_HISTORY, max_length=MAX_HISTORY),
    ]
    pair: str | None = None
    as_of: str | None = None
    times: list[dt.date] | None = (
        None  # msgspec accepts YYYY-MM-DD on the calendar only, as the contract does
    )
    message_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None


_decode = msgspec.json.Decoder(History).decode


def decode_histories(values: Sequence[bytes | None], max_bytes: int) -> list[History | RecordError]:
    """Decode and check input messages: for each, the history it is or the fault it has.

    Args:
        values: the records' values.
        max_bytes: a longer value is refused unread.

    >>> good, bad = decode_histories([b'{"history": [0.85, 0.86, 0.87]}', b"{"], 1000)
    >>> good.history, bad.code.value
    ([0.85, 0.86, 0.87], 'invalid_json')
    """
    return [_decode_one(value, max_bytes) for value in values]


def _decode_one(value: bytes | None, max_bytes: int) -> History | RecordError:
    if not value:
        return RecordError(ErrorCode.EMPTY_VALUE, "tombstone" if value is None else "the value is empty")
    if len(value) > max_bytes:
        return RecordError(ErrorCode.TOO_LARGE, f"{len(value)} bytes; at most {max_bytes} are read")
    try:
        decoded = _decode(value)
        is_plain = _is_plain(value, decoded)
    except Exception:  # noqa: BLE001 - UnicodeDecodeError too is none of its DecodeErrors (msgspec issue 714)
        return _judge(value)
    return decoded if is_plain else _judge(value)


def _is_plain(value: bytes, decoded: History) -> bool:
    """Whether a decoded value surely holds just its known fields, each once, each well formed.

    Every field of an object brings a colon. Without escapes the other colons are those of the decoded
    strings, so a repeated or unknown field shows as one too many. Dates in ``times`` have none.
    """
    if not value.isascii() or b"\\" in value:
        return False
    colons = 1
    if decoded.pair is not None:
        if len(decoded.pair) != _PAIR_LENGTH or not _is_pair(decoded.pair):
            return False
        colons += 1
    if decoded.as_of is not None:
        if len(decoded.as_of) > _USUAL_TIME or not _is_time(decoded.as_of):
            return False
        colons += 1 + decoded.as_of.count(":")
    if decoded.times is not None:
        if len(decoded.times) != len(decoded.history):
            return False
        colons += 1
    if decoded.message_id is not None:
        colons += 1 + decoded.message_id.count(":")
    return value.count(b":") == colons


# Caches hold short texts only: what a sender may make as long as a message would fill the memory.
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


def _judge(value: bytes) -> History | RecordError:
    """The contract's own word on a value: the message it is, or the fault it has. The last wall of decoding.

    The parsers promise certain errors, and each has its own code in `_by_contract`. Any other one is a bug that
    this value brings out in a library: it costs the record, not the worker.
    """
    try:
        return _by_contract(value)
    except MemoryError:
        raise  # says something about the machine, nothing about the record
    except BaseException as error:
        # A panic in a parser written in Rust comes as a BaseException, and its class cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        return RecordError(ErrorCode.INVALID_JSON, f"the parser failed: {type(error).__name__}: {error}")


def _by_contract(value: bytes) -> History | RecordError:
    if foreign := foreign_bytes.name(value):
        return RecordError(ErrorCode.INVALID_ENCODING, foreign)
    try:
        # The whole of it: parsers skip fields that they do not know without looking at their text.
        value.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"{error.reason} at byte {error.start} (0x{value[error.start]:02x})"
        return RecordError(ErrorCode.INVALID_ENCODING, f"not UTF-8: {where}; send plain JSON in UTF-8")
    try:
        document = _parse(value)
    except ValueError as error:
        return RecordError(ErrorCode.INVALID_JSON, str(error))
    if not isinstance(document, dict):
        kind = {list: "an array", str: "a string", type(None): "null", bool: "a boolean"}
        found = kind.get(type(document), "a number")
        return RecordError(ErrorCode.SCHEMA_VIOLATION, f"a JSON object is expected, not {found}")
    try:
        message = RateHistory.model_validate(document)
    except ValidationError as error:
        return _record_error(error)
    times = None if message.times is None else [dt.date.fromisoformat(day) for day in message.times]
    return History(message.history, message.pair, message.as_of, times, message.message_id)


def _parse(value: bytes) -> Any:
    """A JSON text as plain objects.

    Up to 330,000 lists fit into 1 MB. Python's collector would look through them at every few hundred new ones,
    which made one such message hold up a worker for 0.3 s. What is parsed has no cycles, so there is nothing to find.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return jiter.from_json(value, allow_inf_nan=False, catch_duplicate_keys=True)
    finally:
        if collects:
            gc.enable()


def _record_error(error: ValidationError) -> RecordError:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    fault = first["msg"].removeprefix("Value error, ")
    if first["type"] in _IN_WORDS:
        fault = _IN_WORDS[first["type"]].format(**first.get("ctx", {}))
    # A number was refused only because no float64 holds it.
    is_huge = first["type"] == "float_type" and type(first["input"]) is int
    if is_huge:
        fault = "too large for a number of 64 bits"
    message = f"{where}: {fault}" if where else fault
    code = ErrorCode.SCHEMA_VIOLATION
    if first["loc"][:1] == ("history",):
        if first["type"] == "too_short":
            code = ErrorCode.HISTORY_TOO_SHORT
        elif first["type"] in {"greater_than", "finite_number"} or is_huge:
            code = ErrorCode.INVALID_RATE
    return RecordError(code, message)


class IntervalsRow(msgspec.Struct, gc=False, rename={"level_80": "80", "level_95": "95"}):
    """`ratecast.contract.messages.Intervals`."""

    level_80: tuple[float, float]
    level_95: tuple[float, float]


class FeaturesRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Features`; also the scores of each."""

    lag_1: float
    lag_2: float
    lag_3: float
    return_1: float
    return_2: float


class DriftRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Drift`."""

    is_drift: bool
    features: list[str]
    scores: FeaturesRow


class SourceRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Source`."""

    topic: str
    partition: int
    offset: int
    topic_id: str | msgspec.UnsetType = msgspec.UNSET  # left out when the broker gives topics no ids


class PredictionRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Prediction`, quick to build and to encode."""

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
    alert_messages: dict[str, str] | msgspec.UnsetType = msgspec.UNSET  # left out when there is none


_encode = msgspec.json.Encoder().encode
_prediction_decoder = msgspec.json.Decoder(PredictionRow)


def encode_prediction(row: PredictionRow) -> bytes:
    """JSON, UTF-8. Numbers are written shortest-round-trip, so the same floats give the same bytes."""
    return _encode(row)


def decode_prediction(value: bytes) -> PredictionRow:
    """A prediction as a worker wrote it.

    Raises:
        msgspec.DecodeError: it is not one.
    """
    return _prediction_decoder.decode(value)


def to_builtins(row: msgspec.Struct) -> Any:
    """A row as plain dicts and lists, for printing."""
    return msgspec.to_builtins(row)
