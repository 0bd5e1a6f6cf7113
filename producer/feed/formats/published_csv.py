"""Reads a user's CSV of rates, in the forms of `ratecast.rates.rate_csv`. Pure.

There, a fault refuses the file, because a training can be repeated. Here a file grows while it is read, so a fault
refuses its row or column only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer.feed.formats.csv_lines import full_rows, rows
from producer.feed.formats.notation import CURRENCY, HOLES, shown
from producer.feed.formats.whole_answers import no_rates
from producer.feed.source import Reason, Refusal
from ratecast.rates.rate_csv import BASE, PAIR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from producer.feed.formats.collected_rates import CollectedRates

_DATE = ("date", "observation_date")
_LONG = ("pair", "rate")


def read(body: bytes, collected: CollectedRates) -> Refusal | None:
    r"""Take the rates of a file.

    Args:
        body: its content.
        collected: takes rates and refusals.

    Returns:
        Why the file is refused as a whole; None if it is a CSV of rates.

    >>> import datetime
    >>> from producer.feed.formats.collected_rates import CollectedRates
    >>> from producer.feed.formats.day_rules import DayRules
    >>> rates = CollectedRates("csv", DayRules(datetime.date(2026, 11, 27)))
    >>> read(b"date,USD,GBP/USD\n2026-11-26,1.16,x\n2026-11-27,1.1534,1.31\n", rates)
    >>> rates.answer().table.columns["EUR/USD"].tolist(), rates.answer().refusals[0].detail
    ([1.16, 1.1534], "line 2: GBP/USD of 2026-11-26: 'x' is no positive number")
    """
    if fault := no_rates(body):
        return fault.refusals[0]
    lines = rows(body, collected)
    _, header = next(lines, (0, [""]))
    lowered = [cell.lower() for cell in header]
    date = next((name for name in _DATE if name in lowered), None)
    if date is None:
        return Refusal(
            Reason.MALFORMED, f"no column 'date' (commas separate columns): {shown(','.join(header))}"
        )
    date_at = lowered.index(date)
    lines = full_rows(lines, len(header), collected)
    if any(column in lowered for column in _LONG):
        return _long(lines, lowered, date_at, collected)
    return _wide(lines, header, date_at, collected)


def _long(
    lines: Iterator[tuple[int, list[str]]],
    lowered: list[str],
    date_at: int,
    collected: CollectedRates,
) -> Refusal | None:
    if missing := [column for column in _LONG if column not in lowered]:
        return Refusal(Reason.MALFORMED, f"no column {missing[0]!r}: such a file needs date, pair and rate")
    pair_at, rate_at = (lowered.index(column) for column in _LONG)
    for number, cells in lines:
        where, pair = f"line {number}", cells[pair_at]
        if not _is_pair(pair):
            collected.refuse(Reason.MALFORMED, f"{where}: {shown(pair)} is no pair like EUR/USD")
        elif cells[rate_at] not in HOLES:
            collected.add(pair, collected.day(cells[date_at], where), cells[rate_at], where)
    return None


def _wide(
    lines: Iterator[tuple[int, list[str]]],
    header: list[str],
    date_at: int,
    collected: CollectedRates,
) -> Refusal | None:
    pairs = {}
    for position, column in enumerate(header):
        pair = f"{BASE}/{column}" if CURRENCY.fullmatch(column) else column
        if position == date_at or not column:
            continue  # row numbers, or what follows a comma at the end of the line
        if _is_pair(pair):
            pairs[position] = pair
        else:
            collected.refuse(Reason.MALFORMED, f"column {shown(column)} is neither USD nor EUR/USD")
    if not pairs:
        return Refusal(Reason.MALFORMED, "no column of rates beside the date")
    for number, cells in lines:
        where = f"line {number}"
        day = collected.day(cells[date_at], where)
        for position, pair in pairs.items():
            if cells[position] not in HOLES:
                collected.add(pair, day, cells[position], where)
    return None


def _is_pair(text: str) -> bool:
    match = PAIR.fullmatch(text)
    return match is not None and match[1] != match[2]
