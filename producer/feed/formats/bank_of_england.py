"""Reads the Bank of England's spot rates, in units per pound, as CSV. Pure.

``DATE,XUDLUSS,…`` with CRLF and days like ``17 Mar 2026``. A series has a code instead of a name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer.feed.formats.collected_rates import CollectedRates
from producer.feed.formats.csv_lines import full_rows, rows
from producer.feed.formats.day_rules import weekdays
from producer.feed.formats.notation import HOLES, shown
from producer.feed.formats.whole_answers import no_rates, refused
from producer.feed.source import Reason

if TYPE_CHECKING:
    import datetime as dt

    from producer.feed.source import Answer

BASE = "GBP"
# Series "Spot exchange rate, … into Sterling" of the Bank's database: units of the currency for one pound.
SERIES = {
    "XUDLADS": "AUD", "XUDLCDS": "CAD", "XUDLSFS": "CHF", "XUDLBK89": "CNY", "XUDLBK25": "CZK", "XUDLDKS": "DKK",
    "XUDLERS": "EUR", "XUDLHDS": "HKD", "XUDLBK33": "HUF", "XUDLBK78": "ILS", "XUDLBK97": "INR", "XUDLJYS": "JPY",
    "XUDLBK93": "KRW", "XUDLBK83": "MYR", "XUDLNKS": "NOK", "XUDLNDS": "NZD", "XUDLBK47": "PLN", "XUDLZOS4": "RON",
    "XUDLSRS": "SAR", "XUDLSKS": "SEK", "XUDLSGS": "SGD", "XUDLBK87": "THB", "XUDLBK95": "TRY", "XUDLTWS": "TWD",
    "XUDLUSS": "USD", "XUDLZRS": "ZAR",
}  # fmt: skip


def parse(body: bytes, today: dt.date, source: str = "bank-of-england") -> Answer:
    r"""Return the rates of an answer, in units per pound.

    Args:
        body: the CSV.
        today: the day in London.
        source: name of the source.

    >>> import datetime
    >>> parse(b"DATE,XUDLUSS\r\n17 Mar 2026,1.3343\r\n", datetime.date(2026, 3, 17)).table.columns
    {'GBP/USD': array([1.3343])}
    """
    if fault := no_rates(body):
        return fault
    collected = CollectedRates(source, weekdays(today))
    lines = rows(body, collected)
    _, header = next(lines, (0, [""]))
    if header[0].upper() != "DATE":
        return refused(
            Reason.MALFORMED, f"no CSV of the Bank of England: it begins with {shown(','.join(header))}"
        )
    for code in header[1:]:
        if code and code not in SERIES:
            collected.refuse(Reason.MALFORMED, f"column {shown(code)} is no series of rates per pound")
    for number, cells in full_rows(lines, len(header), collected):
        where = f"line {number}"
        day = collected.day(cells[0], where)
        for code, cell in zip(header[1:], cells[1:], strict=True):
            if code in SERIES and cell not in HOLES:
                collected.add(f"{BASE}/{SERIES[code]}", day, cell, where)
    return collected.answer()
