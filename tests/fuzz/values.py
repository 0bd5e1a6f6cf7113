"""Hostile values, one generator a kind: structure and bytes, drawn from a seeded generator."""

from __future__ import annotations

import bz2
import gzip
import json
import pickle
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from tests.bundles import LEVELS, SIGMA
from tests.fuzz import vocabulary as words
from tests.fuzz.mutations import mutated

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

MAX_BYTES = 1_000_000


def _rates(random: Random, count: int) -> str:
    return ",".join(repr(random.uniform(0.5, 2.0)) for _ in range(count))


def _mutation(random: Random) -> bytes:
    return mutated(random, random.choice(words.VALID))


def _numbers(random: Random) -> bytes:
    """Numbers at the edges of float64, and what only looks like a number."""
    count = random.choice((3, 3, 3, 4, 5, 21, 22, 61, 62))
    if random.random() < 0.5:  # from one edge only: such histories can be scored
        edge = random.choice(words.NUMBERS)
        numbers = [edge if random.random() < 0.9 else random.choice(words.NUMBERS) for _ in range(count)]
    else:
        numbers = [str(random.uniform(0.5, 2)) for _ in range(count)]
        for _ in range(random.randint(1, 3)):
            pool = words.NUMBERS if random.random() < 0.7 else words.NOT_NUMBERS
            numbers[random.randrange(count)] = random.choice(pool)
    pair = f',"pair":"{random.choice(list(LEVELS))}"' if random.random() < 0.3 else ""
    return f'{{"history":[{",".join(numbers)}]{pair}}}'.encode()


def _magnitudes(random: Random) -> bytes:
    """Up to 1,024 rates over 600 orders of magnitude: walks, steps and single spikes."""
    numpy = np.random.default_rng(random.getrandbits(64))
    count = random.choice((3, 5, 10, 21, 30, 61, 80, 200, 1024))
    form = random.randrange(4)
    if form == 0:
        exponents = numpy.uniform(-323, 308, count)
    elif form == 1:
        exponents = np.cumsum(numpy.normal(0, 10.0 ** random.uniform(-4, 2.5), count)) + random.uniform(
            -300, 300
        )
    elif form == 2:
        exponents = np.full(count, random.uniform(-320, 308))
        exponents[numpy.integers(0, count, 1 + count // 20)] = random.uniform(-323, 308)
    else:
        exponents = np.where(numpy.random(count) < 0.5, random.uniform(-323, 308), random.uniform(-323, 308))
    rates = 10.0 ** np.clip(exponents, -323.3, 308.25)
    return f'{{"history":{json.dumps(rates.tolist())}}}'.encode()


def _markets(random: Random) -> bytes:
    """What a market and its feed's faults look like: the quality checks have something to name."""
    numpy = np.random.default_rng(random.getrandbits(64))
    pair, level = random.choice(list(LEVELS.items()))
    count = random.choice((3, 4, 20, 21, 22, 40, 61, 62, 100))
    rates = level * np.exp(np.cumsum(numpy.normal(scale=SIGMA * 10.0 ** random.uniform(-3, 2), size=count)))
    at = random.randrange(count)
    fault = random.randrange(6)
    if fault == 0:
        rates[at:] *= 10.0 ** random.randint(-12, 12)
    elif fault == 1:
        rates[at:] = 1 / rates[at:]
    elif fault == 2:
        rates[at:] = rates[at]
    elif fault == 3:
        rates[at] *= 10.0 ** random.randint(-300, 300)
    fields: dict[str, object] = {"history": rates.tolist(), "pair": pair}
    if random.random() < 0.5:
        days = np.datetime64("2025-01-01") + np.sort(numpy.integers(-900_000, 2_900_000, count))
        if random.random() < 0.7:
            days = np.datetime64("2025-01-01") + np.arange(count) * random.choice((1, 1, 3, 30))
        fields["times"] = [str(day) for day in days[:: random.choice((1, 1, -1))]]
    if random.random() < 0.5:
        fields["as_of"] = random.choice(
            ("2025-01-06", "0001-01-01", "9999-12-31", "2025-06-01T14:15:00+00:00")
        )
    return json.dumps(fields).encode()


def _date(random: Random) -> str:
    if random.random() < 0.4:
        return random.choice(words.DATES)
    day = random.choice(("2025-01-06", "0001-01-01", "9999-12-31", "2024-02-29", "0000-12-31"))
    return day + random.choice(words.TIMES_OF_DAY)


def _dates(random: Random) -> bytes:
    fields: dict[str, object] = {"history": words.RATES}
    if random.random() < 0.7:
        fields["as_of"] = _date(random)
    if random.random() < 0.5:
        good = ["2025-01-02", "2025-01-03", "2025-01-06"]
        good[random.randrange(3)] = random.choice(words.DATES) if random.random() < 0.8 else _date(random)
        fields["times"] = good[: random.choice((3, 3, 3, 2, 0))]
    return json.dumps(
        fields,
        ensure_ascii=random.random() < 0.5,
        separators=random.choice(((",", ":"), (", ", ": "), (" , ", " : "))),
    ).encode()


def _structure(random: Random) -> bytes:
    """Fields missing, odd, unknown, twice, in any order, in any spelling."""
    good = {
        "history": f"[{_rates(random, 3)}]",
        "pair": '"EUR/USD"',
        "as_of": '"2025-01-06"',
        "message_id": '"a:b"',
    }
    how_odd = random.choice((0.0, 0.05, 0.3))
    fields = []
    for name in words.FIELDS:
        chance = random.random()
        if chance < how_odd:
            fields.append((name, random.choice(words.ODD_VALUES)))
        elif chance < 0.6 or name == "history":
            fields.append((name, good.get(name, "null")))
    if random.random() < 0.4:
        key = random.choice(
            ("x", "", "History", "history ", "his\\u0074ory", "\\u0070air", "as_of\\u0000", "a:b", "é")
        )
        fields.append((key, random.choice(words.ODD_VALUES)))
    if fields and random.random() < how_odd:
        fields.append(random.choice(fields))
    random.shuffle(fields)
    colon = random.choice((":", ": ", "\t:\n")) if random.random() < 0.95 else random.choice(("=", "::", ""))
    text = "{" + ",".join(f'"{name}"{colon}{value}' for name, value in fields) + "}"
    if random.random() < 0.1:
        text = (
            random.choice(("", " ", "\ufeff", "[", "\0")) + text + random.choice(("", "\n", "x", "\0", text))
        )
    return text.encode()


def _nesting(random: Random) -> bytes:
    depth = random.choice((1, 10, 150, 196, 197, 198, 199, 200, 201, 202, 250, 1000, 3000))
    opening, closing = random.choice((("[", "]"), ('{"a":', "}"), ('[{"":', "}]")))
    middle = random.choice(("1", "null", "", '"x"'))
    closed = closing * (depth if random.random() < 0.8 else random.randrange(depth + 1))
    nested = f"{opening * depth}{middle}{closed}"
    form = random.choice(
        ("%s", '{"history":[1,2,3],"x":%s}', '{"history":%s}', '{"history":[1,2,3],"times":%s}',
         '{"history":[1,2,3],"pair":%s}', '{"x":%s,"history":[1,2,3]}')
    )  # fmt: skip
    return (form % nested).encode()


def _escapes(random: Random) -> bytes:
    pool = (*words.ESCAPES, "a", "EUR/GBP", "2025-01-06")
    text = "".join(random.choice(pool) for _ in range(random.randint(1, 4)))
    field = random.choice((*words.FIELDS, "x", text))
    form = random.choice(
        ('{"history":[1,2,3],"%s":"%s"}', '{"%s":"%s","history":[1,2,3]}', '{"history":[1,2,3],"%s":["%s"]}',
         '{"history":[1,2,3],"%s":{"%s":1}}', '{"%s":1,"%s":2,"history":[1,2,3]}')
    )  # fmt: skip
    return (form % (field, text)).encode("utf-8", "surrogatepass")


def _encodings(random: Random) -> bytes:
    text = random.choice(words.VALID).decode()
    if random.random() < 0.5:
        odd = random.choice(("é", "ÿ", "ü", "€", "Ж", "日本", "\x80", "\x9f", "ñandú"))
        where = random.choice(("pair", "message_id", "as_of", "x", odd))
        text = f'{{"history":[1,2,3],"{where}":"{odd}"}}'
    value = text.encode(random.choice(words.ENCODINGS), "ignore")
    return value[: random.randint(0, len(value))] if random.random() < 0.1 else value


def _framings(random: Random) -> bytes:
    """What serializers, compressors and schema registries make of a message."""
    good = random.choice(words.VALID)
    frames = (
        lambda: struct.pack(">bI", 0, random.choice((1, 42, 123, 70_000, 2**31, 0))) + good,
        lambda: struct.pack(">bI", 0, random.getrandbits(random.randint(1, 31))) + random.randbytes(random.randint(0, 40)),
        lambda: struct.pack(">bI", 0, 7) + bytes(random.randint(0, 3)) + good,
        lambda: struct.pack(">bQ", 0, random.getrandbits(20)) + good,
        lambda: struct.pack(">I", len(good)) + good,
        lambda: struct.pack("<I", len(good)) + good,
        lambda: b"\x03" + random.choice((b"\0", b"\5")) + random.randbytes(16) + good,
        lambda: gzip.compress(good, mtime=0),
        lambda: zlib.compress(good, random.randint(0, 9)),
        lambda: bz2.compress(good),
        lambda: pickle.dumps(json.loads(good), random.randint(0, 5)),
        lambda: random.choice((b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\x82SNAPPY\0", b"\xff\x06\0\0sNaPpY",
                               b"Obj\x01", b"\xc3\x01", b"\xac\xed\0\5", b"PAR1", b"PK\3\4", b"\x81\xa7history",
                               b"\xa1ghistory", b"x\x9c", b"\x1f\x8b")) + random.randbytes(random.randint(0, 30)),
    )  # fmt: skip
    value = random.choice(frames)()
    return mutated(random, value) if random.random() < 0.15 and value else value


def _noise(random: Random) -> bytes | None:
    form = random.random()
    if form < 0.1:
        return random.choice((None, b""))
    if form < 0.5:
        return random.randbytes(random.randint(1, 60))
    return "".join(
        random.choice('{}[]":,\\ 0123456789.eE+-tfnu/historypair') for _ in range(random.randint(1, 60))
    ).encode()


def _large(random: Random) -> bytes:
    """Values near the limit of size, of what costs a parser most."""
    size = random.choice((2_000, 20_000, 20_000, 200_000, MAX_BYTES - 40, MAX_BYTES + 1))
    part = random.choice(
        (
            b"[],",
            b'"",',
            b"1,",
            b'"2025-01-06",',
            b'{"a":1},',
            b"0.1234567890123456,",
            b"\\u00e9",
            b"\xff",
            b" ",
        )
    )
    body = part * (size // len(part))
    form = random.choice((b'{"history":[%s1]}', b'{"history":[1,2,3],"times":[%s1]}', b'{"history":[1,2,3],"x":[%s1]}',
                          b'{"history":[1,2,3],"as_of":"%s"}', b'{"%s":1,"history":[1,2,3]}'))  # fmt: skip
    return form.replace(b"%s", body)


# Kind -> its generator and how many of 10,000 inputs it makes.
KINDS: dict[str, tuple[Callable[[Random], bytes | None], int]] = {
    "mutated bytes": (_mutation, 3000),
    "numbers": (_numbers, 1500),
    "magnitudes": (_magnitudes, 600),
    "markets and faults": (_markets, 800),
    "dates": (_dates, 1200),
    "structure": (_structure, 1000),
    "nesting": (_nesting, 200),
    "escapes": (_escapes, 700),
    "encodings": (_encodings, 400),
    "framings": (_framings, 300),
    "noise": (_noise, 295),
    "large": (_large, 5),
}
