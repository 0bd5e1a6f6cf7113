r"""Batches that the client's parser cannot read no longer stop their partition.

aiokafka raises out of its parser, at every poll, for a header key that is not UTF-8, a codec it does not know, a payload
that does not decompress, a record that ends elsewhere than it says. Nothing behind such a batch is ever read. With
`install` a batch is read as far as it can be:

1. by aiokafka's own parser;
2. where that fails, by its parser in Python with lenient header keys: the byte 0xff becomes the four characters ``\xff``;
3. where that fails too, each of its offsets gives a record whose value is `Unreadable` and says why.

A batch whose checksum is wrong is none of these: its bytes changed after they were written, another replica may hold
the right ones, and not even its offsets can be trusted. It stays an error.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy
from aiokafka.record.util import decode_varint_py

from ratecast.contract.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_V2 = 2  # the record format since Kafka 0.11; older ones name no offsets in their batches
_DISORDER = "a record has an offset that is not its own"


def install() -> bool:
    """From now on every consumer of this process reads tolerantly; False if they did so before.

    It costs 1 to 2 % of a worker's time, so a worker does it once it has met a batch that it cannot read.
    """
    is_news = fetcher.MemoryRecords is not _TolerantRecords
    fetcher.MemoryRecords = _TolerantRecords
    return is_news


class _TolerantRecords:
    """Stands in for aiokafka's MemoryRecords."""

    def __init__(self, data: bytes) -> None:
        self._strict = MemoryRecords(data)
        self._slices = _MemoryRecordsPy(data)

    def size_in_bytes(self) -> int:
        return int(self._strict.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._strict.has_next())

    def next_batch(self) -> Any:
        raw = self._slices._next_slice  # noqa: SLF001 - the batch's bytes are not to be had otherwise
        self._slices._cache_next()  # noqa: SLF001 - only the step to the next slice, without parsing this one
        return _TolerantBatch(self._strict.next_batch(), raw)


class _TolerantBatch:
    """A record batch of the client."""

    def __init__(self, strict: Any, raw: Any) -> None:
        self._strict = strict
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._strict, name)

    def __next__(self) -> Any:
        return next(self._strict)

    def __iter__(self) -> Iterator[Any]:
        following, end = self._base, self._strict.next_offset
        if self._strict.magic < _V2:
            yield from self._strict
            return
        try:
            for record in self._strict:
                offset = record.offset
                if not following <= offset < end:
                    raise CorruptRecordException(_DISORDER)  # noqa: TRY301 - a call for each record would be felt
                following = offset + 1
                yield record
        except Exception:  # noqa: BLE001, S110 - the lenient parser says what is wrong, if it cannot read on either
            pass
        else:
            return
        try:
            for record in _lenient(self._raw):
                if record.offset < following:
                    continue
                if record.offset >= end:
                    raise CorruptRecordException(_DISORDER)  # noqa: TRY301
                following = record.offset + 1
                yield record
        except Exception as error:  # noqa: BLE001 - whatever a codec or a parser may raise, the batch is unreadable
            yield from self._unreadable(following, error)

    @property
    def _base(self) -> int:
        return int(self._strict.base_offset)

    def _unreadable(self, first: int, error: Exception) -> Iterator[_Placeholder]:
        """A record for each offset from the first on; a compacted batch may have had fewer."""
        end = self._strict.next_offset
        words = str(error) if isinstance(error, KafkaError) else f"{type(error).__name__}: {error}"
        reason = f"the record batch at offsets {self._base} to {end - 1} cannot be read: {words}"
        log.warning("%s; each of its remaining records becomes a dead letter", reason)
        for offset in range(first, end):
            yield _Placeholder(
                offset, self._strict.max_timestamp, self._strict.timestamp_type, Unreadable(reason)
            )


class _Placeholder(NamedTuple):
    """What the fetcher reads of a record."""

    offset: int
    timestamp: int
    timestamp_type: int
    value: Unreadable
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    checksum: int | None = None


def _lenient(raw: Any) -> Iterator[Any]:
    """The records of a batch by aiokafka's parser in Python, so far as they can be read."""
    batch = _DefaultRecordBatchPy(raw)
    batch._maybe_uncompress()  # noqa: SLF001 - the parser's own first step
    batch._buffer = buffer = _LenientBuffer(batch._buffer)  # noqa: SLF001 - it knows no other way to decode
    for _ in range(batch._num_records):  # noqa: SLF001 - of the batch's header
        # Not its own iteration: that reads integers in C and past the end of the buffer, which has ended processes.
        yield batch._read_msg(decode_varint_py)  # noqa: SLF001
    if batch._pos != len(buffer):  # noqa: SLF001 - as its own iteration checks
        raise CorruptRecordException("bytes are left over after its last record")


class _LenientBuffer(bytearray):
    """Slices of it decode without ever failing."""

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        return _LenientSlice(item) if isinstance(index, slice) else item


class _LenientSlice(bytearray):
    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)
