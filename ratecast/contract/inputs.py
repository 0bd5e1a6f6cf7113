"""Decodes input messages, a batch at once; the contract is `ratecast.contract.messages`.

A record takes the fast path if a typed decoder accepts it and the number of its colons proves that it has no unknown
field and no field twice. Every other record goes to the contract's models, which accept it (an unknown field, an
escape) or say what is wrong. Decoding never raises because of a record: the result is a message or a `RecordError`.
"""

from __future__ import annotations

import datetime as dt
import gc
from dataclasses import dataclass
from functools import lru_cache
from re import compile as regex
from typing import TYPE_CHECKING, Annotated, Any

import jiter
import msgspec
from pydantic import ValidationError

from ratecast import field_faults
from ratecast.contract import dates, foreign_bytes, foreign_json, rates_json
from ratecast.contract.messages import PAIR_PATTERN, RateHistory, check_iso_date_or_time
from ratecast.errors import ErrorCode, RecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

_PAIR = regex(PAIR_PATTERN)
_BACKSLASH = ord("\\")
_PAIR_LENGTH = len("EUR/USD")
_USUAL_TIME = len("2026-10-30T14:15:00.123456789+00:00")


class Message(msgspec.Struct, gc=False):
    """A decoded input message without its rates; the fields are those of `ratecast.contract.messages.RateHistory`.

    As the contract does, msgspec accepts only YYYY-MM-DD in ``times``, and only days of the calendar.
    """

    pair: str | None = None
    as_of: str | None = None
    times: list[dt.date] | None = None
    message_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None


class History(Message, kw_only=True, gc=False):
    """A decoded input message with its rates."""

    history: list[float]


class _Undecoded(Message, kw_only=True, gc=False):
    """A message whose rates and dates are not decoded yet."""

    history: msgspec.Raw
    times: msgspec.Raw = msgspec.Raw(b"null")  # type: ignore[assignment]


_decode = msgspec.json.Decoder(_Undecoded).decode
# A message with the JSON of its rates, or an error and None.
_Decoded = tuple[Message | RecordError, bytes | None]


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """The decoded messages of a batch, and their rates as one column.

    Attributes:
        messages: A message or an error for each record, in order.
        rates: The rates of all messages, one message after the other, oldest first.
        lengths: Number of rates of each message, ``(m,)``; errors are left out.
    """

    messages: list[Message | RecordError]
    rates: NDArray[np.float64]
    lengths: NDArray[np.intp]


def decode_histories(values: Sequence[bytes | None], max_bytes: int) -> list[History | RecordError]:
    """Decode and check input messages; return a history or an error for each, in order.

    Args:
        values: The values of the records.
        max_bytes: A longer value is rejected without being read.

    >>> good, bad = decode_histories([b'{"history": [0.85, 0.86, 0.87]}', b"{"], 1000)
    >>> good.history, bad.code.value
    ([0.85, 0.86, 0.87], 'invalid_json')
    """
    batch = decode_batch(values, max_bytes)
    rates, ends = batch.rates.tolist(), iter(batch.lengths.cumsum().tolist())
    histories: list[History | RecordError] = []
    first = 0
    for message in batch.messages:
        if isinstance(message, RecordError):
            histories.append(message)
            continue
        last = next(ends)
        histories.append(
            History(message.pair, message.as_of, message.times, message.message_id, history=rates[first:last])
        )
        first = last
    return histories


def decode_batch(values: Sequence[bytes | None], max_bytes: int) -> MessageBatch:
    """Decode and check input messages, with all rates in one array.

    Args:
        values: The values of the records.
        max_bytes: A longer value is rejected without being read.

    >>> batch = decode_batch([b'{"history": [0.85, 0.86, 0.87]}', b"{"], 1000)
    >>> batch.rates.tolist(), batch.lengths.tolist()
    ([0.85, 0.86, 0.87], [3])
    """
    decoded = [_without_rates(value, max_bytes) for value in values]
    columns = _columns(decoded)
    if columns is None:
        decoded = [_checked_alone(value, found) for value, found in zip(values, decoded, strict=True)]
        columns = _columns(decoded)
        assert columns is not None  # noqa: S101 - each was decoded alone
    return MessageBatch([message for message, _ in decoded], *columns)


def _without_rates(value: bytes | None, max_bytes: int) -> _Decoded:
    """Decode all of a message but its rates; return it and the JSON of the rates, or an error and None."""
    if not value:
        fault = "the value is null (a tombstone)" if value is None else "the value is empty"
        return RecordError(ErrorCode.EMPTY_VALUE, fault), None
    if len(value) > max_bytes:
        fault = f"the value has {len(value)} bytes; at most {max_bytes} are accepted"
        return RecordError(ErrorCode.TOO_LARGE, fault), None
    try:
        message = _decode(value)
        rates = bytes(message.history)
        message.times = dates.decode(bytes(message.times))  # type: ignore[assignment]
        is_plain = _is_plain(value, message)
    except Exception:  # noqa: BLE001 - msgspec also raises UnicodeDecodeError, which is no DecodeError (issue 714)
        is_plain = False
    return (message, rates) if is_plain else _with_rates(_check_slowly(value))


def _with_rates(checked: History | RecordError) -> _Decoded:
    """Return a message with the JSON of its rates, in which the shortest text of each float gives the same float."""
    return checked, None if isinstance(checked, RecordError) else msgspec.json.encode(checked.history)


def _columns(decoded: Sequence[_Decoded]) -> tuple[NDArray[np.float64], NDArray[np.intp]] | None:
    """Return the rates of messages and the length of each; None if a message has no valid rates, or not a date for each."""
    sound = [(message, rates) for message, rates in decoded if rates is not None]
    columns = rates_json.decode([rates for _, rates in sound])
    if columns is None:
        return None
    for (message, _), length in zip(sound, columns[1].tolist(), strict=True):
        if message.times is not None and len(message.times) != length:  # type: ignore[union-attr]
            return None
    return columns


def _checked_alone(value: bytes | None, decoded: _Decoded) -> _Decoded:
    """Check a message again if it is at fault for `_columns`; only the contract's models say what is wrong."""
    if value is None or decoded[1] is None or _columns([decoded]) is not None:
        return decoded
    return _with_rates(_check_slowly(value))


def _is_plain(value: bytes, decoded: Message) -> bool:
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
    if decoded.times is not None:
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
        fault = f"not valid JSON: {error}"
        return _recognised(ErrorCode.INVALID_JSON, fault, foreign_json.name_lines(value))
    if not isinstance(document, dict):
        fault = f"the value must be a JSON object, got {field_faults.shown(document)}"
        return _recognised(ErrorCode.SCHEMA_VIOLATION, fault, foreign_json.name(document))
    try:
        message = RateHistory.model_validate(document)
    except ValidationError as error:
        return _recognised(_code(error), field_faults.describe(error), foreign_json.name(document))
    times = None if message.times is None else [dt.date.fromisoformat(day) for day in message.times]
    return History(message.pair, message.as_of, times, message.message_id, history=message.history)


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


def _recognised(code: ErrorCode, fault: str, kind: str | None) -> RecordError:
    return RecordError(code, fault if kind is None else f"{fault}; this looks like {kind}")


def _code(error: ValidationError) -> ErrorCode:
    fault = field_faults.first_fault(error)
    if fault["loc"][:1] == ("history",):
        # The only integers that are no float are those that no float64 can hold.
        is_huge = fault["type"] == "float_type" and type(fault["input"]) is int
        if fault["type"] == "too_short":
            return ErrorCode.HISTORY_TOO_SHORT
        if fault["type"] in {"greater_than", "finite_number"} or is_huge:
            return ErrorCode.INVALID_RATE
    return ErrorCode.SCHEMA_VIOLATION
