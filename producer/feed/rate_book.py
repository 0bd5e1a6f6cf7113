"""The source's rates of the last months, put together from its answers. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import datetime as dt

    from ratecast.rates.tables import RateTable


def with_answer(book: RateTable | None, answer: RateTable, since: dt.date) -> RateTable:
    """Return the rates of a book with those of an answer over them, from a day on.

    What the answer does not have stays: most answers hold one day only, and a currency that ended keeps its past.

    >>> from ratecast.rates.tables import RateTable
    >>> days = np.array(["2026-03-16", "2026-03-17"], dtype="datetime64[D]")
    >>> book = RateTable("ecb", days, {"EUR/USD": np.array([1.14, 1.15])})
    >>> answer = RateTable("ecb", days[1:], {"EUR/USD": np.array([1.16])})
    >>> with_answer(book, answer, since=days[0].item()).columns["EUR/USD"].tolist()
    [1.14, 1.16]
    """
    tables = [answer] if book is None else [book, answer]
    first = np.datetime64(since)
    days = np.unique(np.concatenate([table.dates[table.dates >= first] for table in tables])).astype(
        "datetime64[D]"
    )
    columns = {pair: np.full(len(days), np.nan) for table in tables for pair in table.columns}
    for table in tables:
        is_kept = table.dates >= first
        at = np.searchsorted(days, table.dates[is_kept])
        for pair, column in table.columns.items():
            found = column[is_kept]
            is_there = ~np.isnan(found)
            columns[pair][at[is_there]] = found[is_there]
    return replace(answer, dates=days, columns=columns)


def from_day(table: RateTable, day: dt.date) -> RateTable:
    """Return the rates of a table from a day on."""
    first = int(np.searchsorted(table.dates, np.datetime64(day)))
    columns = {pair: column[first:] for pair, column in table.columns.items()}
    return replace(table, dates=table.dates[first:], columns=columns)
