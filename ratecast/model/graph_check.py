"""Checks what an ONNX graph holds before ONNX Runtime sees it, without the package onnx.

A graph may name files of this machine as the data of its weights ("external data"). Older versions of ONNX Runtime read
any path, even for a graph that was loaded from bytes (microsoft/onnxruntime#27430), or an address in memory (#28709). A
graph may also use operators beyond ONNX's own. A regression needs neither, so both are refused. The format is protocol
buffers (https://protobuf.dev/programming-guides/encoding/), and the numbers of fields are those of onnx.proto.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ratecast.errors import ModelBundleError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Message -> number of a field -> the message in that field.
MESSAGES = {
    "ModelProto": {7: "GraphProto", 8: "OperatorSetIdProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
}
# Message -> number of a field that must not be there -> what it is.
REFUSED = {
    "ModelProto": {20: "steps of a training", 25: "functions of its own"},
    "TensorProto": {13: "data outside itself"},
}
DATA_LOCATION = 14  # of a TensorProto; 0 is inside
# Message -> number of the field that names a domain of operators.
DOMAINS = {"NodeProto": 7, "OperatorSetIdProto": 1}
_OWN_DOMAINS = (b"", b"ai.onnx", b"ai.onnx.ml")

_MOST_LEVELS = 40
_FIXED_BYTES = {1: 8, 5: 4}
_VARINT, _LENGTH = 0, 2
_STRING_TAG = 0x4A  # of an attribute's strings (field 9); a forest has one a node
# Runs of an attribute's floats (field 7) and ints (field 8). A forest has ten thousands, and nothing can hide in them.
_NUMBERS = re.compile(rb"(?:\x3d.{4}|\x40[\x80-\xff]{0,9}+[\x00-\x7f])++", re.DOTALL)


def check_graph(onnx: bytes) -> None:
    """Check that a graph is ONNX, needs nothing outside itself, and uses only ONNX's own operators.

    Raises:
        ModelBundleError: it is not so.
    """
    # The runtime would take these for its other format, which has checks of none of this.
    if onnx[4:8] == b"ORTM":
        raise ModelBundleError(
            "its ONNX model cannot be run: it is in ONNX Runtime's own format, not in ONNX's"
        )
    _check(onnx, 0, len(onnx), "ModelProto", 0)


def _check(data: bytes, at: int, end: int, message: str, level: int) -> None:
    if level > _MOST_LEVELS:
        raise _malformed(f"it is nested more than {_MOST_LEVELS} levels deep")
    inner, refused, domain = MESSAGES.get(message, {}), REFUSED.get(message, {}), DOMAINS.get(message)
    for number, first, last in _fields(data, at, end, values=message == "AttributeProto"):
        if number in refused:
            raise ModelBundleError(f"its ONNX model has {refused[number]}, which is not allowed")
        if number == DATA_LOCATION and message == "TensorProto" and data[first:last].strip(b"\x80\x00"):
            raise ModelBundleError("its ONNX model has data outside itself, which is not allowed")
        if number == domain and data[first:last] not in _OWN_DOMAINS:
            name = data[first:last][:60].decode(errors="replace")
            raise ModelBundleError(
                f"its ONNX model uses operators of the domain {name!r}; only ONNX's own are allowed"
            )
        if number in inner:
            _check(data, first, last, inner[number], level + 1)


def _fields(data: bytes, at: int, end: int, *, values: bool) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each field of a message, and where its content begins and ends.

    Args:
        data: the whole model.
        at: where the message begins.
        end: where it ends.
        values: skip runs of an attribute's numbers and strings.
    """
    while at < end:
        if values and (past := _past_values(data, at, end)) > at:
            at = past
            continue
        tag, at = _varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, stop = _varint(data, at, end)
        elif kind == _LENGTH:
            length, at = _varint(data, at, end)
            stop = at + length
        elif kind in _FIXED_BYTES:
            stop = at + _FIXED_BYTES[kind]
        else:
            raise _malformed(f"a field has the wire type {kind}")
        if stop > end or not 0 < number < 2**29:
            raise _malformed("a field ends beyond its message")
        yield number, at, stop
        at = stop


def _past_values(data: bytes, at: int, end: int) -> int:
    """Return where a run of numbers or short strings ends; ``at`` if there is none."""
    if (run := _NUMBERS.match(data, at, end)) is not None:
        return run.end()
    while at + 1 < end and data[at] == _STRING_TAG and data[at + 1] < 128 and at + 2 + data[at + 1] <= end:
        at += 2 + data[at + 1]
    return at


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise _malformed("a number does not end")


def _malformed(reason: str) -> ModelBundleError:
    return ModelBundleError(f"its ONNX model cannot be run: it is not ONNX ({reason})")
