"""Faults of a rate feed, to order: which there are, how long each lasts, and how a user writes one down.

A fault happens in the feed, before histories are cut from it: every message whose history reaches into the
faulty span carries it, also those that come after. What a fault does to the rates is in `producer.plan.injection`.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from ratecast.errors import UsageError

SYNTAX = "KIND[:PAIR]@DATE[+N]"
EXAMPLE = "step:EUR/USD@2025-03-03+20"
_WRITTEN = re.compile(
    r"(?P<kind>[^=:@+]*)(=(?P<other>[^:@]*))?(:(?P<pair>[^@]*))?@(?P<day>[^+]*)(\+(?P<count>.*))?"
)
_PAIR = re.compile(r"([A-Z]{3})/([A-Z]{3})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COUNT = re.compile(r"0*[1-9][0-9]{0,5}")


class FaultKind(StrEnum):
    """What can go wrong with a feed, by the names users type."""

    LEVEL_JUMP = "level-jump"
    DECIMAL_SLIP = "decimal-slip"
    DECIMAL_SLIP_FOR_GOOD = "decimal-slip-for-good"
    INVERTED = "inverted"
    WRONG_PAIR = "wrong-pair"
    STEP = "step"
    VOLATILITY = "volatility"
    STUCK = "stuck"
    GAP = "gap"
    MISSING = "missing"


@dataclass(frozen=True)
class Nature:
    """What a kind of fault is."""

    count: int | None  # rates (for a gap: days) it lasts unless told; None: for good
    meaning: str


# A changed unit, a swapped quote, a wrong symbol or a hung process stays until somebody mends it: for good.
# A misplaced decimal point is one bad print; an outage and a lossy line pass.
NATURES = {
    FaultKind.LEVEL_JUMP: Nature(None, "ten times the rate, as after a change of unit"),
    FaultKind.DECIMAL_SLIP: Nature(1, "a hundred times the rate, as by a misplaced decimal point"),
    FaultKind.DECIMAL_SLIP_FOR_GOOD: Nature(None, "the same and never mended; takes no +N"),
    FaultKind.INVERTED: Nature(None, "1 / rate, as if base and quote were swapped"),
    FaultKind.WRONG_PAIR: Nature(
        None,
        "another pair's rates under this pair's name: of wrong-pair=AAA/BBB, or else of the replayed pair "
        "whose level is nearest but at least 3 % off",
    ),
    FaultKind.STEP: Nature(None, "5 % above the rate"),
    FaultKind.VOLATILITY: Nature(None, "log returns five times as large, from the last clean rate on"),
    FaultKind.STUCK: Nature(None, "the last clean rate again and again, under new days"),
    FaultKind.GAP: Nature(10, "no rates, and so no messages, for N calendar days"),
    FaultKind.MISSING: Nature(30, "of N rates the first, third, fifth ... are lost, and their messages"),
}

TAKES_RATES_AWAY = frozenset({FaultKind.GAP, FaultKind.MISSING})


@dataclass(frozen=True)
class Fault:
    """One fault as ordered; ``str`` gives what `parse_fault` reads.

    Attributes:
        kind: what goes wrong.
        pair: whose rates; every replayed pair's when None.
        day: it begins with the first rate on this day or after it.
        count: how many rates, from the first faulty one on (``gap``: calendar days); None is what the kind
            lasts by itself.
        other: for ``wrong-pair``, the pair whose rates come instead; chosen when None.
    """

    kind: FaultKind
    pair: str | None
    day: dt.date
    count: int | None = None
    other: str | None = None

    def __str__(self) -> str:
        other = "" if self.other is None else f"={self.other}"
        pair = "" if self.pair is None else f":{self.pair}"
        count = "" if self.count is None else f"+{self.count}"
        return f"{self.kind}{other}{pair}@{self.day}{count}"


def parse_fault(text: str) -> Fault:
    """The fault that ``KIND[:PAIR]@DATE[+N]`` orders; ``wrong-pair=AAA/BBB`` names the pair that comes instead.

    Raises:
        UsageError: it is not written so; the message says what is wrong and lists the kinds.

    >>> parse_fault("step:EUR/USD@2025-03-03+20").count
    20
    >>> str(parse_fault("wrong-pair=EUR/GBP:EUR/USD@2025-03-03"))
    'wrong-pair=EUR/GBP:EUR/USD@2025-03-03'
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        _refuse(text, f"write {SYNTAX}, like {EXAMPLE}")
    if match["kind"] not in set(FaultKind):
        _refuse(text, f"there is no fault {match['kind']!r}")
    kind = FaultKind(match["kind"])
    pair, other = (_pair(text, name) for name in (match["pair"], match["other"]))
    if other is not None and kind is not FaultKind.WRONG_PAIR:
        _refuse(text, f"only {FaultKind.WRONG_PAIR} takes another pair's rates")
    if other is not None and other == pair:
        _refuse(text, f"{pair} cannot stand in for itself")
    return Fault(kind, pair, _day(text, match["day"]), _count(text, kind, match["count"]), other)


def _pair(text: str, name: str | None) -> str | None:
    """The pair in capitals, whichever case it was typed in."""
    if name is None:
        return None
    halves = _PAIR.fullmatch(name.upper())
    if halves is None or halves[1] == halves[2]:
        _refuse(text, f"{name!r} is not a pair like EUR/USD")
    return halves[0]


def _day(text: str, day: str) -> dt.date:
    try:
        return dt.date.fromisoformat(day if _DATE.fullmatch(day) else "")
    except ValueError:
        _refuse(text, f"{day!r} is not a date like 2025-03-03")


def _count(text: str, kind: FaultKind, count: str | None) -> int | None:
    if count is None:
        return None
    if kind is FaultKind.DECIMAL_SLIP_FOR_GOOD:
        _refuse(text, f"for good has no end: leave +{count} out, or order {FaultKind.DECIMAL_SLIP}+{count}")
    if not _COUNT.fullmatch(count):
        _refuse(text, f"+{count} is not a number of rates from 1 to 999999")
    return int(count)


def _refuse(text: str, reason: str) -> NoReturn:
    raise UsageError(f"--inject {text}: {reason}; kinds: {', '.join(FaultKind)}")
