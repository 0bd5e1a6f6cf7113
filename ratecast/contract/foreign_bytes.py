"""Recognises values that cannot be plain JSON text: another encoding, a serializer's framing, a compressed payload.

A dead letter with the message "Confluent wire format, schema id 42" shows its reader which producer setting to change;
"expected value at line 1 column 1" does not. Every signature here contains a byte that cannot begin a JSON text, so a
message that can be scored never matches one. The signatures come from the specifications of the formats.
"""

from __future__ import annotations

import re
import zlib
from uuid import UUID

_JSON_STARTS = b' \t\r\n{["'
_PLAIN = "send plain JSON in UTF-8"

_BYTE_ORDER_MARKS = (
    # UTF-32 comes first because its little-endian mark begins with the mark of UTF-16.
    (b"\xff\xfe\x00\x00", "UTF-32 text with a byte-order mark"),
    (b"\x00\x00\xfe\xff", "UTF-32 text with a byte-order mark"),
    (b"\xff\xfe", "UTF-16 text with a byte-order mark"),
    (b"\xfe\xff", "UTF-16 text with a byte-order mark"),
)
_COMPRESSIONS = (
    (b"\x1f\x8b\x08", "gzip"),  # RFC 1952
    (b"\x28\xb5\x2f\xfd", "zstd"),  # RFC 8878
    (b"\x04\x22\x4d\x18", "lz4"),  # LZ4 frame format 1.6
    (b"\xff\x06\x00\x00sNaPpY", "snappy"),  # Snappy framing format
    (b"\x82SNAPPY\x00", "snappy"),  # snappy-java, the framing of Kafka's Java clients
    (b"BZh91AY&SY", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "zip"),
)
_SERIALIZERS = (
    (re.compile(rb"\xac\xed\x00\x05"), "a serialised Java object"),
    (re.compile(rb"Obj\x01"), "an Avro container file"),
    (re.compile(rb"\xc3\x01.{8}", re.DOTALL), "Avro single-object encoding"),
    (re.compile(rb"\x80[\x02-\x05][\x95}(\]c]"), "a pickled Python object"),
    (re.compile(rb"PAR1[\x15\x16\x18-\x1c]"), "a Parquet file"),
    (re.compile(rb"[\x81-\x8f](?:\xa7history|\xa4pair|\xa5as_of|\xa5times|\xaamessage_id)"), "MessagePack"),
    (re.compile(rb"[\xa1-\xb7](?:ghistory|dpair|eas_of|etimes|jmessage_id)"), "CBOR"),
)


def name(value: bytes) -> str | None:
    r"""Return what a value is and what to send instead; None if it may be JSON or matches no signature.

    >>> name(b'\x00\x00\x00\x00*{"history": [0.85, 0.86, 0.87]}')
    "Confluent wire format, schema id 42: send the JSON without the serializer's 5-byte prefix"
    >>> name('{"history": [0.85, 0.86, 0.87]}'.encode("utf-16-le"))
    'UTF-16 text: send plain JSON in UTF-8'
    >>> name(b'{"history": [0.85, 0.86, 0.87]}') is None
    True
    """
    if value[:1] == b"{" and value[1:2] != b"\0":
        return None  # a JSON object, as nearly every value is; the parser finds what is wrong with it
    if value.startswith(b"\xef\xbb\xbf"):
        # RFC 8259, section 8.1: a JSON text sent over a network must not begin with a byte-order mark.
        return "begins with a UTF-8 byte-order mark: send UTF-8 without it"
    if encoding := _wide_text(value):
        return f"{encoding}: {_PLAIN}"
    if compression := _compression(value):
        return f"compressed with {compression}: {_PLAIN}, and let the producer's compression.type compress it"
    for pattern, kind in _SERIALIZERS:
        if pattern.match(value):
            return f"{kind}: {_PLAIN}"
    return _framed(value)


def _wide_text(value: bytes) -> str | None:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if value.startswith(mark) and len(value) % 2 == 0:
            return encoding
    # JSON begins with two ASCII characters, so its zero bytes reveal the encoding (RFC 4627, section 3).
    zeros = [byte == 0 for byte in value[:8]]
    for encoding, unit in (("UTF-32 text", 4), ("UTF-16 text", 2)):
        little = [False, *[True] * (unit - 1)] * 2
        for pattern, first in ((little, 0), (little[::-1], unit - 1)):
            if zeros[: 2 * unit] == pattern and value[first] in _JSON_STARTS:
                return encoding
    return None


def _compression(value: bytes) -> str | None:
    for signature, compression in _COMPRESSIONS:
        if value.startswith(signature):
            return compression
    if value[:1] != b"\x78":
        return None
    try:
        # Any text may begin with "x", so only decompressing the first bytes shows that it is zlib.
        is_zlib = bool(zlib.decompressobj().decompress(value[:1024], 64))
    except zlib.error:
        return None
    return "zlib" if is_zlib else None


def _framed(value: bytes) -> str | None:
    """Recognise framings that begin with a number instead of a signature, by that number and by what follows it."""
    if len(value) > 4 and value[4] in _JSON_STARTS and int.from_bytes(value[:4], "big") == len(value) - 4:
        return "JSON after a 4-byte length: send the JSON alone"
    if len(value) > 9 and value[:5] == bytes(5) and value[5:9] != bytes(4):
        number = int.from_bytes(value[1:9], "big")
        return (
            f"Apicurio wire format, global id {number}: send the JSON without the serializer's 9-byte prefix"
        )
    if len(value) > 5 and value[0] == 0 and 0 < (number := int.from_bytes(value[1:5], "big")) < 2**31:
        what = (
            "send the JSON without the serializer's 5-byte prefix"
            if value[5] in _JSON_STARTS
            else f"{_PLAIN}, without a schema registry's serializer"
        )
        return f"Confluent wire format, schema id {number}: {what}"
    if len(value) > 18 and value[:2] in {b"\x03\x00", b"\x03\x05"}:
        schema = UUID(bytes=value[2:18])
        if schema.variant == "specified in RFC 4122":
            return f"AWS Glue wire format, schema version {schema}: {_PLAIN}, without its serializer"
    return None
