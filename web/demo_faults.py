"""Messages that are faulty on purpose, made of rates that were really published. Only demonstrations publish them."""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ratecast.rates.target_days import next_target_day
from web.series import points

if TYPE_CHECKING:
    from web.page_memory import PageMemory

_ID = "demo-fault-"
_WINDOW = 61  # rates, as many as a replay sends
_FEWEST = 21  # with fewer the range does not follow the volatility, and not every fault is found
_REPEATS = 6
_SPIKE = 1.08


class DemoFault(StrEnum):
    """The faults that the page offers."""

    STUCK = "stuck"
    SWAPPED = "swapped"
    SPIKE = "spike"
    BAD_BYTES = "bad_bytes"


class FaultyMessage(NamedTuple):
    """A message to publish, and what is wrong with it in words."""

    key: bytes
    value: bytes
    words: str


def faulty_message(memory: PageMemory, fault: DemoFault) -> FaultyMessage | None:
    """Return a faulty message of the pair that was updated last; None if no pair has enough dated rates.

    Args:
        memory: the predictions read so far, whose rates are used.
        fault: what shall be wrong.
    """
    for pair in reversed(memory.pairs):
        rows = [row for row in memory.pairs[pair].rows if not row.message_id.startswith(_ID)]
        series = [(_day(point.as_of), point.row.baseline) for point in points(rows)]
        dated = [(day, rate) for day, rate in series if day is not None and rate > 0]
        if len(dated) >= _FEWEST:
            return _message(pair, dated, fault)
    return None


def _message(pair: str, dated: list[tuple[dt.date, float]], fault: DemoFault) -> FaultyMessage:
    days, rates = [day for day, _ in dated], [rate for _, rate in dated]
    last = rates[-1]
    if fault is DemoFault.STUCK:
        added = [last] * _REPEATS
        words = f"the last rate of {pair}, {last:g}, repeated on {_REPEATS} more days"
    elif fault is DemoFault.SWAPPED:
        added = [1 / last]
        words = f"{1 / last:g} for {pair}, as if the two currencies were swapped"
    elif fault is DemoFault.SPIKE:
        added = [last * _SPIKE]
        words = f"a rate of {pair} that is {_SPIKE - 1:.0%} above the last one"
    else:
        added = [last]
        words = f"a message of {pair} with a byte that is not UTF-8"
    for rate in added:
        days.append(next_target_day(days[-1]) or days[-1])  # the calendar ends in the year 9999
        rates.append(rate)
    message = {
        "history": rates[-_WINDOW:],
        "pair": pair,
        "as_of": days[-1].isoformat(),
        "times": [day.isoformat() for day in days[-_WINDOW:]],
        "message_id": f"{_ID}{fault}-{uuid.uuid4().hex[:12]}",
    }
    value = msgspec.json.encode(message)
    if fault is DemoFault.BAD_BYTES:
        value = value.replace(pair.encode(), pair.encode()[:-1] + b"\xff")
    return FaultyMessage(pair.encode(), value, f"Published {words}.")


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
