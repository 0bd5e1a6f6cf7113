"""Reads the answers of Frankfurter, versions 1 and 2. Pure.

Version 1 sends ``{"base": "EUR", "date": …, "rates": {"USD": 1.1534}}`` for one day, and for a span ``rates`` by day.
Version 2 sends rows of ``date``, ``base``, ``quote`` and ``rate``, as a JSON list, as JSON lines or as CSV.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from producer.feed.formats.collected_rates import CollectedRates
from producer.feed.formats.csv_lines import full_rows, rows
from producer.feed.formats.day_rules import ecb_days
from producer.feed.formats.notation import CURRENCY, HOLES, shown
from producer.feed.formats.whole_answers import no_rates, refused
from producer.feed.source import Reason

if TYPE_CHECKING:
    import datetime as dt

    from producer.feed.source import Answer

BASE = "EUR"
_ROW = ("date", "base", "quote", "rate")
_BLANKS = b"\xef\xbb\xbf \t\r\n"

# An object is a tuple of its members, so that a name that occurs twice is seen. A number stays a text: it is read as
# strictly as one in a CSV.
_Object = tuple[tuple[str, Any], ...]


def parse(body: bytes, today: dt.date, source: str = "frankfurter") -> Answer:
    """Return the rates of an answer, in units per euro.

    Args:
        body: the answer, in any of the forms.
        today: the day in Frankfurt: the rates are the ECB's.
        source: name of the source.

    >>> import datetime
    >>> body = b'{"amount":1.0,"base":"EUR","date":"2026-08-13","rates":{"USD":1.1533999999999998}}'
    >>> parse(body, datetime.date(2026, 8, 13)).table.columns
    {'EUR/USD': array([1.1534])}
    """
    if fault := no_rates(body, json=True):
        return fault
    collected = CollectedRates(source, ecb_days(today))
    text = body.strip(_BLANKS)
    if not text.startswith((b"{", b"[")):
        return _csv(body, collected)
    try:
        value = _json(text)
    except (ValueError, RecursionError) as error:
        if text.startswith(b"{") and b"\n{" in text:
            return _lines(body, collected)
        if text.endswith(b"]" if text.startswith(b"[") else b"}"):
            return refused(Reason.MALFORMED, f"no JSON: {error}")
        return refused(Reason.TRUNCATED, f"the JSON ends too early: {error}")
    return _list(value, collected) if isinstance(value, list) else _object(value, text, collected)


def _list(value: list[Any], collected: CollectedRates) -> Answer:
    for number, row in enumerate(value, 1):
        _row(row, f"row {number}", collected)
    return collected.answer()


def _object(value: _Object, text: bytes, collected: CollectedRates) -> Answer:
    """Take the only JSON line of version 2, or an answer of version 1."""
    members = dict(value)
    if len(members) < len(value):
        return refused(Reason.MALFORMED, "an object in which a name occurs twice")
    if set(_ROW) <= members.keys():
        return _list([value], collected)
    rates = members.get("rates")
    if not isinstance(rates, tuple):
        return refused(
            Reason.ERROR_PAGE, f"an object without rates: {shown(text.decode('utf-8', 'replace'))}"
        )
    if (base := members.get("base")) != BASE:
        return refused(Reason.WRONG_BASE, f"rates of base {shown(str(base))}, where {BASE} was asked for")
    if str(members.get("amount", "1.0")) not in {"1", "1.0"}:
        return refused(Reason.MALFORMED, f"rates of {shown(str(members['amount']))} euros instead of one")
    days = rates if "start_date" in members else ((members.get("date"), rates),)
    for day, of_day in days:
        if not isinstance(of_day, tuple):
            collected.refuse(Reason.MALFORMED, f"{shown(str(day))}: no object of rates")
            continue
        for quote, rate in of_day:
            _rate(str(day), quote, rate, f"rates of {shown(str(day))}", collected)
    return collected.answer()


def _lines(body: bytes, collected: CollectedRates) -> Answer:
    for number, line in enumerate(io.BytesIO(body), 1):
        if not line.strip():
            continue
        try:
            row = _json(line)
        except (ValueError, RecursionError):
            ended = line.endswith(b"\n")
            reason, what = (Reason.MALFORMED, "no JSON") if ended else (Reason.TRUNCATED, "it ends too early")
            collected.refuse(reason, f"line {number}: {what}")
        else:
            _row(row, f"line {number}", collected)
    return collected.answer()


def _csv(body: bytes, collected: CollectedRates) -> Answer:
    lines = rows(body, collected)
    _, header = next(lines, (0, [""]))
    if missing := [name for name in _ROW if header.count(name) != 1]:
        return refused(Reason.MALFORMED, f"CSV without one column {missing[0]}: {shown(','.join(header))}")
    for number, cells in full_rows(lines, len(header), collected):
        _row(tuple(zip(header, cells, strict=True)), f"line {number}", collected)
    return collected.answer()


def _row(row: Any, where: str, collected: CollectedRates) -> None:
    """Take a row of version 2."""
    names = [name for name, _ in row] if isinstance(row, tuple) else []
    if any(names.count(name) != 1 for name in _ROW):
        collected.refuse(Reason.MALFORMED, f"{where}: it has not one each of {', '.join(_ROW)}")
        return
    members = dict(row)
    if (base := members["base"]) != BASE:
        collected.refuse(
            Reason.WRONG_BASE, f"{where}: a rate of base {shown(str(base))}, where {BASE} was asked for"
        )
    else:
        _rate(str(members["date"]), members["quote"], members["rate"], where, collected)


def _rate(day: str, quote: Any, rate: Any, where: str, collected: CollectedRates) -> None:
    if not isinstance(quote, str) or not CURRENCY.fullmatch(quote):
        collected.refuse(Reason.MALFORMED, f"{where}: {shown(str(quote))} is no currency")
    elif quote == BASE:
        collected.refuse(Reason.WRONG_BASE, f"{where}: a rate of {BASE}, which is the base itself")
    elif rate is not None and (text := rate if isinstance(rate, str) else type(rate).__name__) not in HOLES:
        collected.add(f"{BASE}/{quote}", collected.day(day, where), text, where)


def _json(text: bytes) -> Any:
    return json.loads(
        text.decode("utf-8"),
        object_pairs_hook=tuple,
        parse_float=str,
        parse_int=str,
        parse_constant=lambda name: f"JSON {name}",  # a number that is none, where NaN in a CSV is a hole
    )
