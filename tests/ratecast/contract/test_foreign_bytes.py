from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import struct
import uuid
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratecast.contract import foreign_bytes
from tests.bad_records import GOOD

TEXT = GOOD.decode()
GLUE_ID = uuid.UUID("0e7b4f6a-3c2d-4b1e-9f8a-7d6c5b4a3928")

KINDS = {
    "begins with a UTF-8 byte-order mark": TEXT.encode("utf-8-sig"),
    "UTF-16 text with a byte-order mark": TEXT.encode("utf-16"),
    "UTF-32 text with a byte-order mark": TEXT.encode("utf-32"),
    "UTF-16 text:": TEXT.encode("utf-16-le"),
    "UTF-32 text:": TEXT.encode("utf-32-be"),
    "compressed with gzip": gzip.compress(GOOD),
    "compressed with zlib": zlib.compress(GOOD),
    "compressed with zstd": b'(\xb5/\xfd \x1f\xf9\x00\x00{"histo',
    "compressed with lz4": b'\x04"M\x18T@\xae\x1f\x00\x00\x80{"his',
    "compressed with snappy": b"\xff\x06\x00\x00sNaPpY\x01#\x00\x002q",
    "compressed with bzip2": bz2.compress(GOOD),
    "compressed with xz": lzma.compress(GOOD),
    "a pickled Python object": pickle.dumps({"history": [0.85, 0.86, 0.87]}),
    "a serialised Java object": b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap",
    "an Avro container file": b"Obj\x01\x04\x14avro.codec",
    "Avro single-object encoding": b"\xc3\x01" + bytes(range(8)) + b"\x06",
    "MessagePack": b"\x81\xa7history\x93\x01\x02\x03",
    "CBOR": b"\xa1ghistory\x83\x01\x02\x03",
    "JSON after a 4-byte length": struct.pack(">I", len(GOOD)) + GOOD,
    "Confluent wire format, schema id 42: send the JSON": b"\0\0\0\0\x2a" + GOOD,
    "Confluent wire format, schema id 70000: send plain JSON": struct.pack(">bI", 0, 70_000) + b"\0\x08abcd",
    "Apicurio wire format, global id 42": struct.pack(">bQ", 0, 42) + GOOD,
    f"AWS Glue wire format, schema version {GLUE_ID}": b"\x03\x00" + GLUE_ID.bytes + GOOD,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_value_is_named_by_its_kind(kind: str) -> None:
    named = foreign_bytes.name(KINDS[kind])
    assert named is not None
    assert named.startswith(kind)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32-be", "utf-32"])
def test_wide_text_is_recognised_in_either_byte_order_and_at_its_shortest(encoding: str) -> None:
    for text in (TEXT, "{}", "[]", '"é"'):
        named = foreign_bytes.name(text.encode(encoding))
        assert named is not None
        assert named.startswith(encoding[:6].upper())


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=40))
def test_json_is_never_taken_for_something_else(text: str) -> None:
    for start in ("{", "[", '"', " ", "\n", "1", "-", "null", "true"):
        assert foreign_bytes.name((start + text).replace("\0", "").encode()) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\0",
        bytes(20),
        b"\0\0\0\0\x2a",
        b"\xff\xff\xff\xff",
        b"xyz",
        b"x\x9cno",
        b"PK",
        b"\x80",
        b"\xe9t\xe9",
    ],
)
def test_a_value_without_a_certain_signature_is_not_named(value: bytes) -> None:
    assert foreign_bytes.name(value) is None


@given(st.binary(max_size=30))
def test_every_byte_string_is_named_or_not(value: bytes) -> None:
    assert foreign_bytes.name(value) != ""
