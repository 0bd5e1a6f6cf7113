"""Small files in the form of the ECB's history: a year of invented rates, so that a test costs milliseconds."""

from __future__ import annotations

import datetime as dt
import io
import math
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ratecast.rates.ecb_zip import MEMBER
from ratecast.rates.tables import RateTable
from ratecast.rates.target_days import is_target_day, next_target_day

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST, LAST = dt.date(2025, 11, 3), dt.date(2026, 10, 30)
_LEVELS = {"USD": 1.12, "JPY": 171.2, "GBP": 0.874, "CHF": 0.931, "SEK": 10.94}  # invented


def history(last: dt.date = LAST, first: dt.date = FIRST) -> RateTable:
    """A table from ``first`` to ``last``; the rate of a day is the same in every table."""
    days = [first + dt.timedelta(n) for n in range((last - first).days + 1)]
    days = [day for day in days if is_target_day(day)]
    columns = {
        f"EUR/{currency}": np.array([_rate(currency, level, day) for day in days])
        for currency, level in _LEVELS.items()
    }
    return RateTable("package.zip", np.array(days, dtype="datetime64[D]"), columns)


def _rate(currency: str, level: float, day: dt.date) -> float:
    phase = day.toordinal() * (1.3 + ord(currency[0]) / 100)
    return float(f"{level * (1 + 0.003 * math.sin(phase)):.6g}")


def later(days: int, start: dt.date = LAST) -> dt.date:
    """The TARGET day that comes so many TARGET days after another."""
    for _ in range(days):
        following = next_target_day(start)
        assert following is not None
        start = following
    return start


def changed(table: RateTable, rates: Mapping[tuple[str, dt.date], float]) -> RateTable:
    """A copy with other rates for some pairs and days."""
    columns = {pair: column.copy() for pair, column in table.columns.items()}
    for (pair, day), rate in rates.items():
        columns[pair][table.dates == np.datetime64(day)] = rate
    return replace(table, columns=columns)


def without(table: RateTable, *days: dt.date) -> RateTable:
    """A copy that lacks some days."""
    keep = ~np.isin(table.dates, np.array(days, dtype="datetime64[D]"))
    return RateTable(
        table.source, table.dates[keep], {p: column[keep] for p, column in table.columns.items()}
    )


def csv_text(table: RateTable) -> str:
    """The text as the ECB writes it: newest first, ``N/A`` for no rate, and a comma at the end of each line."""
    lines = [["Date", *(pair.removeprefix("EUR/") for pair in table.columns), ""]]
    for i in reversed(range(len(table.dates))):
        rates = [column[i] for column in table.columns.values()]
        lines.append(
            [str(table.dates[i]), *("N/A" if math.isnan(rate) else f"{rate:.10g}" for rate in rates), ""]
        )
    return "".join(",".join(line) + "\n" for line in lines)


def packed(table: RateTable | str, member: str = MEMBER) -> bytes:
    """A zip with the text of a table, or with another text."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        # The date is fixed, so that the same table gives the same bytes.
        archive.writestr(
            zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0)),
            table if isinstance(table, str) else csv_text(table),
        )
    return buffer.getvalue()
