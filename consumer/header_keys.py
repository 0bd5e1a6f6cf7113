r"""Records whose header keys are not UTF-8: read, where aiokafka alone would stop the partition for ever.

The protocol says that a header key is a string, but nothing on the way checks it. aiokafka decodes it strictly
inside its parser, so one such record makes every poll of its partition raise, at any position near it. After
the first such error this worker parses the batch in question once more, with its keys decoded leniently: the
byte 0xff becomes the four characters ``\xff``. The record is scored; its header goes out under that name.
"""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)


def read_leniently() -> None:
    """From now on, batches that the client's parser refuses for a header key are parsed leniently.

    Only after the first such error, so that nobody else pays for it.
    """
    if fetcher.MemoryRecords is not _LenientRecords:
        log.warning("a record's header key is not UTF-8: from now on such keys are read with escapes")
        fetcher.MemoryRecords = _LenientRecords


class _LenientRecords:
    """Stands in for aiokafka's MemoryRecords: its batches fall back to a lenient parser."""

    def __init__(self, data: bytes) -> None:
        self._strict = MemoryRecords(data)
        self._slices = _MemoryRecordsPy(data)

    def size_in_bytes(self) -> int:
        return int(self._strict.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._strict.has_next())

    def next_batch(self) -> Any:
        raw = bytes(self._slices._next_slice)  # noqa: SLF001 - the batch's bytes are not to be had otherwise
        self._slices.next_batch()
        return _LenientBatch(self._strict.next_batch(), raw)


class _LenientBatch:
    """A record batch of the client; records it cannot parse come from the lenient parser."""

    def __init__(self, strict: Any, raw: bytes) -> None:
        self._strict = strict
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._strict, name)

    def __next__(self) -> Any:
        return next(self._strict)

    def __iter__(self) -> Iterator[Any]:
        parsed = 0
        try:
            for record in self._strict:
                parsed += 1
                yield record
        except UnicodeDecodeError:
            pass
        else:
            return
        lenient = _DefaultRecordBatchPy(self._raw)
        lenient._maybe_uncompress()  # noqa: SLF001 - the parser's own first step
        lenient._buffer = _LenientBuffer(lenient._buffer)  # noqa: SLF001 - it knows no other way to decode
        yield from islice(lenient, parsed, None)


class _LenientBuffer(bytearray):
    """Slices of it decode without ever failing."""

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        return _LenientSlice(item) if isinstance(index, slice) else item


class _LenientSlice(bytearray):
    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)
