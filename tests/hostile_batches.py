"""Record batches as no broker would take them, put between a real broker and the client: what a fetch brings is altered.

Bytes of the records and of the batch's attributes are changed and the checksum made right again, the same way at every
fetch; other batches have a wrong checksum the first time that they are fetched, as after a fault on the way.
"""

from __future__ import annotations

import random
import struct
from typing import Any

from aiokafka.record.util import calc_crc32c

from ratecast.kafka import tolerant_records
from tests.batches import ATTRIBUTES_AT, COUNT_AT, CRC_AT, LENGTH_AT, RECORDS_AT

_TRANSACTIONAL_AND_CONTROL = 0b0011_0000  # such a batch is no message: the client passes over it, rightly


class HostileRecords:
    """Stands in for the client's MemoryRecords.

    Args:
        seed: of the alterations; the same batch is altered in the same way under it.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._seen: set[bytes] = set()
        self.altered = 0

    def __call__(self, data: bytes) -> Any:
        altered, at = bytearray(data), 0
        while at + RECORDS_AT <= len(data):
            (length,) = struct.unpack_from(">i", data, at + LENGTH_AT)
            end = at + 12 + length
            if end > len(data):
                break
            self._alter(altered, at, end)
            at = end
        return tolerant_records.TolerantRecords(bytes(altered))

    def _alter(self, data: bytearray, at: int, end: int) -> None:
        (attributes,) = struct.unpack_from(">h", data, at + ATTRIBUTES_AT)
        if attributes & _TRANSACTIONAL_AND_CONTROL:
            return
        batch = bytes(data[at:end])
        chance = random.Random(batch + self._seed.to_bytes(4, "big"))
        what = chance.choice(("nothing", "records", "records", "codec", "count", "checksum"))
        if what == "checksum":
            if batch not in self._seen:
                data[at + CRC_AT] ^= 0xFF
                self.altered += 1
            self._seen.add(batch)
            return
        if what == "nothing":
            return
        self.altered += 1
        if what == "records":
            for _ in range(chance.randint(1, 4)):
                data[chance.randrange(at + RECORDS_AT, end)] = chance.randrange(256)
        elif what == "codec":
            data[at + ATTRIBUTES_AT + 1] ^= chance.randint(1, 7)
        else:
            struct.pack_into(">i", data, at + COUNT_AT, chance.randint(0, 2**31 - 1))
        struct.pack_into(">I", data, at + CRC_AT, calc_crc32c(bytes(data[at + ATTRIBUTES_AT : end])))
