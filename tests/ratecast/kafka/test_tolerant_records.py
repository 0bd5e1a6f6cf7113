from __future__ import annotations

import random

import pytest

from ratecast.contract.unreadable import Unreadable
from ratecast.kafka.tolerant_records import TolerantRecords
from tests.batches import ATTRIBUTES_AT, CRC_AT, RECORDS_AT, altered, batch_of


def read(data: bytes) -> list:
    records, found = TolerantRecords(data), []
    while records.has_next():
        found += list(records.next_batch())
    return found


def test_a_sound_batch_is_read_by_the_clients_own_parser() -> None:
    records = read(batch_of(b"a", b"b", base=7) + batch_of(b"c", base=9))
    assert [(record.offset, bytes(record.value)) for record in records] == [(7, b"a"), (8, b"b"), (9, b"c")]


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_every_codec_is_read(codec: int) -> None:
    values = [b"x" * 500, b"y" * 500]
    assert [bytes(record.value) for record in read(batch_of(*values, codec=codec))] == values


def test_a_codec_that_nobody_knows_gives_a_reason_for_each_offset() -> None:
    unknown = altered(batch_of(b"a", b"b", b"c", base=40), ATTRIBUTES_AT + 1, 5)
    records = read(batch_of(b"z", base=39) + unknown + batch_of(b"d", base=43))
    assert [record.offset for record in records] == [39, 40, 41, 42, 43]
    reasons = [record.value.reason for record in records if isinstance(record.value, Unreadable)]
    assert len(reasons) == 3
    assert "the record batch at offsets 40 to 42 cannot be read" in reasons[0]
    assert "Unknown compression codec 0x05" in reasons[0]


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_a_payload_that_does_not_decompress_is_an_outcome_for_each_offset(codec: int) -> None:
    data = batch_of(b"x" * 500, b"y" * 500, codec=codec)
    broken = altered(data, RECORDS_AT, *b"garbage that no codec takes")
    assert [(record.offset, type(record.value)) for record in read(broken)] == [
        (0, Unreadable),
        (1, Unreadable),
    ]


def test_records_before_the_broken_one_are_read() -> None:
    data = batch_of(b"first", b"second", b"third")
    at = data.index(b"second") - 1  # the length of the value
    records = read(altered(data, at, 0x7E))
    assert (records[0].offset, bytes(records[0].value)) == (0, b"first")
    assert [record.offset for record in records] == [0, 1, 2]
    assert [isinstance(record.value, Unreadable) for record in records] == [False, True, True]


def test_a_header_key_that_is_not_utf8_is_read_with_escapes() -> None:
    data = batch_of(b"a", b"b", headers=(("key", b"v"),))
    at = data.index(b"key")
    records = read(altered(data, at, 0xFF))
    assert records[0].headers == [("\\xffey", b"v")]
    assert [bytes(record.value) for record in records] == [b"a", b"b"]


def test_a_wrong_checksum_is_left_to_the_client() -> None:
    data = bytearray(batch_of(b"a"))
    data[CRC_AT] ^= 0xFF
    assert not TolerantRecords(bytes(data)).next_batch().validate_crc()


def test_whatever_the_bytes_each_offset_of_a_batch_comes_once_and_in_order() -> None:
    """Every byte of the records, and the record count, as seeded chance changes them."""
    sound = batch_of(b"abc", b"", b"xyz" * 50, headers=(("h", None),), base=100)
    chance = random.Random(7)
    for _ in range(5_000):
        data = sound
        for _ in range(chance.randint(1, 3)):
            data = altered(
                data, chance.choice([*range(57, len(sound)), ATTRIBUTES_AT + 1]), chance.randrange(16)
            )
        if data[ATTRIBUTES_AT + 1] & 0x30:
            continue
        offsets = [record.offset for record in read(data)]
        assert offsets == sorted(set(offsets))
        assert set(offsets) <= {100, 101, 102}
