"""Reads the ECB's rates from its data service, as SDMX-CSV. Pure.

One row is one rate: ``KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE``. Columns are found by
name, because the service adds others and changes their order. A question without data has an empty answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer.feed.formats.collected_rates import CollectedRates
from producer.feed.formats.csv_lines import full_rows, rows
from producer.feed.formats.day_rules import ecb_days
from producer.feed.formats.notation import CURRENCY, HOLES, shown
from producer.feed.formats.whole_answers import no_rates, refused
from producer.feed.source import Answer, Reason

if TYPE_CHECKING:
    import datetime as dt

BASE = "EUR"
_NEEDED = ("KEY", "CURRENCY", "CURRENCY_DENOM", "TIME_PERIOD", "OBS_VALUE")
_DAILY_SPOT = "D.{}.EUR.SP00.A"  # frequency, currency, base, type and suffix of a reference rate


def parse(body: bytes, today: dt.date, source: str = "ecb-sdmx") -> Answer:
    r"""Return the rates of an answer, in units per euro; neither rates nor refusals if it is empty.

    Args:
        body: the CSV.
        today: the day in Frankfurt.
        source: name of the source.

    >>> import datetime
    >>> body = (b"KEY,CURRENCY,CURRENCY_DENOM,TIME_PERIOD,OBS_VALUE\r\n"
    ...         b"EXR.D.USD.EUR.SP00.A,USD,EUR,2026-08-13,1.1534\r\n")
    >>> parse(body, datetime.date(2026, 8, 13)).table.columns
    {'EUR/USD': array([1.1534])}
    """
    if not body:
        return Answer(None)
    if fault := no_rates(body):
        return fault
    collected = CollectedRates(source, ecb_days(today))
    lines = rows(body, collected)
    _, header = next(lines, (0, [""]))
    missing = [name for name in _NEEDED if header.count(name) != 1]
    if missing:
        return refused(
            Reason.MALFORMED, f"SDMX-CSV without one column {missing[0]}: {shown(','.join(header))}"
        )
    places = [header.index(name) for name in _NEEDED]
    for number, cells in full_rows(lines, len(header), collected):
        key, currency, base, period, value = (cells[place] for place in places)
        where = f"line {number}"
        if base != BASE or currency == BASE:
            collected.refuse(
                Reason.WRONG_BASE, f"{where}: {shown(currency)} per {shown(base)}, where the base is {BASE}"
            )
        elif not CURRENCY.fullmatch(currency) or not key.endswith(_DAILY_SPOT.format(currency)):
            collected.refuse(Reason.MALFORMED, f"{where}: {shown(key)} is no daily rate of {shown(currency)}")
        elif value not in HOLES:
            collected.add(f"{BASE}/{currency}", collected.day(period, where), value, where)
    return collected.answer(may_be_empty=True)
