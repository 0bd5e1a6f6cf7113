"""Seeded batches of hostile records: the same seed gives the same batches, and any batch alone can be made again."""

from __future__ import annotations

import itertools
from random import Random
from typing import TYPE_CHECKING

from tests.fakes import FakeRecord
from tests.fuzz.mutations import exhaustive
from tests.fuzz.values import KINDS
from tests.fuzz.vocabulary import VALID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BATCH_SIZES = (1, 2, 10, 100, 250, 500)
_KEYS = (b"EUR/GBP", None, b"", b"\xff\xfe", b"k" * 2000)
_HEADERS: tuple[tuple[tuple[str, bytes | None], ...], ...] = (
    (),
    (("trace", None),),
    (("", b""),),
    (("\\xff", b"\x00\xff"),),
    (("ratecast.hops", b"x"), ("ratecast.error.code", b"invalid_json")),
    (("dup", b"1"), ("dup", b"2")),
    (("é" * 300, b"h" * 3000),),
)
_HUGE = (("huge", b"h" * 1_000_000),)
_TIMESTAMPS = (1_760_000_000_000, 0, -1, 2**63 - 1, -(2**63))


def random_batches(seed: int) -> Iterator[list[tuple[str, FakeRecord]]]:
    """Batches of records with the kinds they are of, without end."""
    kinds = list(KINDS)
    weights = list(itertools.accumulate(weight for _, weight in KINDS.values()))
    for number in itertools.count():
        random = Random(f"{seed}-{number}")
        size = random.choice(_BATCH_SIZES)
        drawn = random.choices(kinds, cum_weights=weights, k=size)
        yield [(kind, _record(random, KINDS[kind][0](random), offset)) for offset, kind in enumerate(drawn)]


def exhaustive_batches(messages: Sequence[bytes] = VALID) -> Iterator[list[tuple[str, FakeRecord]]]:
    """Every bad byte in every position of some messages, each once."""
    values = exhaustive(messages)
    while batch := list(itertools.islice(values, 500)):
        yield [("every byte", FakeRecord(value, offset=offset)) for offset, value in enumerate(batch)]


def _record(random: Random, value: bytes | None, offset: int) -> FakeRecord:
    if random.random() > 0.1:
        return FakeRecord(value, offset=offset)
    headers = random.choice(_HEADERS) if random.random() < 0.995 else _HUGE
    return FakeRecord(
        value,
        key=random.choice(_KEYS),
        offset=offset,
        timestamp=random.choice(_TIMESTAMPS),
        headers=headers,
    )
