r"""Reads record batches that aiokafka's parser cannot read, so that one bad batch does not block its partition.

aiokafka raises an error at every poll for a header key that is not UTF-8, an unknown codec, a payload that does not
decompress, or a record with a wrong length. It never reads past such a batch. After `install` a batch is read in up to
three ways:

1. by aiokafka's usual parser;
2. if that fails, by aiokafka's Python parser with lenient header keys: the byte 0xff becomes the four characters ``\xff``;
3. if that fails too, each remaining offset gives a record whose value is `Unreadable` and holds the reason.

A batch with a wrong checksum stays an error. Its bytes changed after they were written, so another replica may hold the
right ones, and its offsets cannot be trusted.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.record.memory_records import MemoryRecords

from ratecast.contract.unreadable import Unreadable
from ratecast.kafka.aiokafka_seams import batch_bytes, records_by_python_parser, replace_record_parser

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_V2 = 2  # the record format since Kafka 0.11; batches of older formats do not state their offsets
_DISORDER = "a record's offset is out of order or outside its batch"


def install() -> bool:
    """Make every consumer of this process read bad batches as described above; False if it already did.

    This costs 1 to 2 % of a worker's time, so a worker installs it only after it has met a batch it cannot read.
    """
    return replace_record_parser(TolerantRecords)


class TolerantRecords:
    """The batches of one fetch response, with the methods of aiokafka's MemoryRecords that the fetcher calls."""

    def __init__(self, data: bytes) -> None:
        self._strict = MemoryRecords(data)
        self._bytes = batch_bytes(data)

    def size_in_bytes(self) -> int:
        """Returns the length of the response."""
        return int(self._strict.size_in_bytes())

    def has_next(self) -> bool:
        """Returns whether another complete batch follows."""
        return bool(self._strict.has_next())

    def next_batch(self) -> Any:
        """Returns the next batch, whose iteration tolerates errors."""
        raw = next(self._bytes)
        return _TolerantBatch(self._strict.next_batch(), raw)


class _TolerantBatch:
    """One record batch: aiokafka's, except for its iteration."""

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
                    raise CorruptRecordException(_DISORDER)  # noqa: TRY301 - a call per record would cost too much
                following = offset + 1
                yield record
        except Exception:  # noqa: BLE001, S110 - the lenient parser reports the error if it fails as well
            pass
        else:
            return
        try:
            for record in records_by_python_parser(self._raw, _LenientBuffer):
                if record.offset < following:
                    continue
                if record.offset >= end:
                    raise CorruptRecordException(_DISORDER)  # noqa: TRY301
                following = record.offset + 1
                yield record
        except Exception as error:  # noqa: BLE001 - a codec or a parser may raise anything on damaged bytes
            yield from self._unreadable(following, error)

    @property
    def _base(self) -> int:
        return int(self._strict.base_offset)

    def _unreadable(self, first: int, error: Exception) -> Iterator[_Placeholder]:
        """Yields a record for each offset from ``first`` on; a compacted batch may have had fewer."""
        end = self._strict.next_offset
        words = str(error) if isinstance(error, KafkaError) else f"{type(error).__name__}: {error}"
        reason = f"the record batch at offsets {self._base} to {end - 1} cannot be read: {words}"
        log.warning("%s; each of its remaining records becomes a dead letter", reason)
        for offset in range(first, end):
            yield _Placeholder(
                offset, self._strict.max_timestamp, self._strict.timestamp_type, Unreadable(reason)
            )


class _Placeholder(NamedTuple):
    """A record with the attributes that aiokafka's fetcher reads."""

    offset: int
    timestamp: int
    timestamp_type: int
    value: Unreadable
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    checksum: int | None = None


class _LenientBuffer(bytearray):
    """Bytes whose slices decode to text without errors."""

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        return _LenientSlice(item) if isinstance(index, slice) else item


class _LenientSlice(bytearray):
    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)
