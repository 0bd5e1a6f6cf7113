"""The faults that a replay can inject into a rate feed: their kinds, how long they last, and how a user writes one.

A fault changes the feed before messages are made from it. Every message whose history includes a faulty day therefore
contains the fault, even a message of a later day. `producer.plan.injection` applies a fault to rates.
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
    """The kinds of faults, by the names that users type."""

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
    """The default length and the description of a kind of fault."""

    count: int | None  # how many rates (for a gap: days) it lasts by default; None if it is permanent
    meaning: str


# A changed unit, a swapped quote, a wrong symbol and a hung process last until somebody repairs them, so these kinds are
# permanent by default. A misplaced decimal point affects one rate. An outage and lost messages end by themselves.
NATURES = {
    FaultKind.LEVEL_JUMP: Nature(None, "ten times the rate, as after a change of the unit"),
    FaultKind.DECIMAL_SLIP: Nature(1, "a hundred times the rate, as from a misplaced decimal point"),
    FaultKind.DECIMAL_SLIP_FOR_GOOD: Nature(None, "a hundred times the rate, permanently; takes no +N"),
    FaultKind.INVERTED: Nature(None, "1 / rate, as if the two currencies were swapped"),
    FaultKind.WRONG_PAIR: Nature(
        None,
        "another pair's rates under this pair's name: those of wrong-pair=AAA/BBB, otherwise those of the replayed pair "
        "with the nearest level that differs by at least 3 %",
    ),
    FaultKind.STEP: Nature(None, "5 % above the rate"),
    FaultKind.VOLATILITY: Nature(None, "log returns five times as large, starting from the last clean rate"),
    FaultKind.STUCK: Nature(None, "the last clean rate repeated on every later day"),
    FaultKind.GAP: Nature(10, "no rates, and therefore no messages, for N calendar days"),
    FaultKind.MISSING: Nature(30, "the first, third, fifth, ... of N rates are lost, and their messages too"),
}

TAKES_RATES_AWAY = frozenset({FaultKind.GAP, FaultKind.MISSING})


@dataclass(frozen=True)
class Fault:
    """One fault as the user wrote it. ``str`` returns the text that `parse_fault` reads.

    Attributes:
        kind: the kind of fault.
        pair: the pair whose rates are faulty; every replayed pair if None.
        day: the fault starts with the first rate on or after this day.
        count: how many rates the fault lasts (``gap``: calendar days); the kind's default if None.
        other: for ``wrong-pair``, the pair whose rates are used; chosen automatically if None.
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
    """Returns the fault written as ``KIND[:PAIR]@DATE[+N]``. ``wrong-pair=AAA/BBB`` names the pair whose rates are used.

    Raises:
        UsageError: the text has another form. The message says what is wrong and lists the kinds.

    >>> parse_fault("step:EUR/USD@2025-03-03+20").count
    20
    >>> str(parse_fault("wrong-pair=EUR/GBP:EUR/USD@2025-03-03"))
    'wrong-pair=EUR/GBP:EUR/USD@2025-03-03'
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        _reject(text, f"write {SYNTAX}, like {EXAMPLE}")
    if match["kind"] not in set(FaultKind):
        _reject(text, f"there is no fault {match['kind']!r}")
    kind = FaultKind(match["kind"])
    pair, other = (_pair(text, name) for name in (match["pair"], match["other"]))
    if other is not None and kind is not FaultKind.WRONG_PAIR:
        _reject(text, f"only {FaultKind.WRONG_PAIR} takes another pair")
    if other is not None and other == pair:
        _reject(text, f"{pair} cannot replace itself")
    return Fault(kind, pair, _day(text, match["day"]), _count(text, kind, match["count"]), other)


def _pair(text: str, name: str | None) -> str | None:
    """Returns the pair in capital letters, in whichever case it was typed."""
    if name is None:
        return None
    halves = _PAIR.fullmatch(name.upper())
    if halves is None or halves[1] == halves[2]:
        _reject(text, f"{name!r} is not a pair like EUR/USD")
    return halves[0]


def _day(text: str, day: str) -> dt.date:
    try:
        return dt.date.fromisoformat(day if _DATE.fullmatch(day) else "")
    except ValueError:
        _reject(text, f"{day!r} is not a date like 2025-03-03")


def _count(text: str, kind: FaultKind, count: str | None) -> int | None:
    if count is None:
        return None
    if kind is FaultKind.DECIMAL_SLIP_FOR_GOOD:
        _reject(text, f"this fault is permanent: omit +{count}, or write {FaultKind.DECIMAL_SLIP}+{count}")
    if not _COUNT.fullmatch(count):
        _reject(text, f"+{count} is not a number of rates from 1 to 999999")
    return int(count)


def _reject(text: str, reason: str) -> NoReturn:
    raise UsageError(f"--inject {text}: {reason}; kinds: {', '.join(FaultKind)}")
