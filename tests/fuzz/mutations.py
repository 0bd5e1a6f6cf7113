"""Mutations of bytes: drawn at random, or every one of a set exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fuzz.vocabulary import BAD_BYTES, VALID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

_TOKENS = (
    b'"', b"\\", b":", b",", b"{", b"}", b"[", b"]", b"null", b"1e999", b"NaN", b"-", b"\\ud800", b"\xef\xbb\xbf",
    b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\0", b'"history":[1,2,3],', b"/*x*/", b"\xe9",
)  # fmt: skip


def mutated(random: Random, value: bytes) -> bytes:
    """The value with one to four changes."""
    changed = bytearray(value)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        _change(random, changed)
    return bytes(changed)


def _change(random: Random, value: bytearray) -> None:
    at = random.randrange(len(value) + 1)
    if random.random() < 0.4:  # a change that may well leave a good message: another digit, a space, a letter
        digit = at < len(value) and 0x30 <= value[at] < 0x3A
        value[at : at + digit] = random.choice(b"0123456789" if digit else b" \n\tea0:").to_bytes()
        return
    to = min(len(value), at + random.randint(1, 8))
    match random.randrange(8):
        case 0:
            value[at : at + 1] = bytes((random.choice(BAD_BYTES),))
        case 1:
            value[at:at] = random.choice(_TOKENS)
        case 2:
            del value[at:to]
        case 3:
            value[at:at] = value[at:to] * random.randint(1, 3)
        case 4:
            del value[at:]
        case 5:
            value[at:to] = random.choice(_TOKENS)
        case 6:
            other = random.choice(VALID)
            value[at:] = other[random.randrange(len(other)) :]
        case _:
            value[at : at + 1] = random.randbytes(1)


def exhaustive(messages: Sequence[bytes] = VALID, bad: bytes = BAD_BYTES) -> Iterator[bytes]:
    """Every message with every bad byte in every position, each exactly once, and cut at every length.

    >>> list(exhaustive([b"ab"], b"xy"))
    [b'a', b'xb', b'yb', b'ax', b'ay']
    """
    for message in messages:
        yield from (message[:length] for length in range(1, len(message)))
        for at in range(len(message)):
            before, after = message[:at], message[at + 1 :]
            yield from (b"%b%c%b" % (before, byte, after) for byte in bad if byte != message[at])


def exhaustive_count(messages: Sequence[bytes] = VALID, bad: bytes = BAD_BYTES) -> int:
    """How many those are."""
    kept = set(bad)
    return sum(len(m) - 1 + len(m) * len(bad) - sum(byte in kept for byte in m) for m in messages)
