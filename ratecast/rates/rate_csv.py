"""Reads rates from CSV text and reports every mistake in one line. Pure except for `read_text`.

A file is wide (``date`` and one column for each currency or pair) or long (``date,pair,rate``), with commas between its
columns. A column named ``USD`` holds dollars per euro, one named ``GBP/USD`` dollars per pound. The date column may also
be called ``observation_date``, as FRED does. Dates are ``YYYY-MM-DD`` in any order. A missing rate is an empty cell or
one of ``HOLES``, in upper or lower case. A first column without a name may hold row numbers, as R and pandas write them;
any other column without a name must be empty. A number has ASCII digits and a decimal point, without a separator for
thousands.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import re
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from ratecast.errors import UsageError

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

BASE = "EUR"
PAIR = re.compile(r"([A-Z]{3})/([A-Z]{3})")
# R writes NA, pandas NaN, FRED a point (files of the Federal Reserve ND), spreadsheets #N/A, databases null.
HOLES = ("N/A", "NA", "NaN", "ND", "null", ".", "#N/A", "-")

_HOLES = frozenset({"", *HOLES, *map(str.lower, HOLES)})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_ROW_NUMBER = re.compile(r"[0-9]*")
_LONG_COLUMNS = ("date", "pair", "rate")
_FRED_DATE = "observation_date"

Parsed = tuple["NDArray[np.datetime64]", "dict[str, NDArray[np.float64]]"]


def read_text(path: Path) -> str:
    """Return the text of a file without a byte-order mark.

    Raises:
        UsageError: the file cannot be read or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}: line {line}: not UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None


def parse(text: str, source: str) -> Parsed:
    r"""Return the days, ascending, ``(n,)``, and the rates of each quoted pair, ``(n,)``, NaN where there is none.

    Args:
        text: text of the file.
        source: name of the file, for error messages.

    Raises:
        UsageError: the text is not such a file. The message is one line with the file, the line and the fault.

    >>> days, columns = parse("date,USD\n2024-01-03,1.1\n2024-01-02,NA\n", "rates.csv")
    >>> days.astype(str).tolist(), columns["EUR/USD"].tolist()
    (['2024-01-02', '2024-01-03'], [nan, 1.1])
    """
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip() for name in next(reader, [])]
        if not any(header):
            _fault(source, 1, "the file is empty")
        lowered = [name.lower() for name in header]
        if "date" not in lowered:
            lowered = ["date" if name == _FRED_DATE else name for name in lowered]
        if "date" not in lowered:
            _fault(
                source,
                1,
                f"there is no column 'date' (columns are separated by commas): {','.join(header)[:60]}",
            )
        if "pair" in lowered or "rate" in lowered:
            days, columns = _parse_long(reader, source, lowered)
        else:
            days, columns = _parse_wide(reader, source, header, lowered.index("date"))
    except csv.Error as error:
        _fault(source, reader.line_num, str(error))
    if not len(days):
        _fault(source, reader.line_num, "there are no rates after the header")
    return days, columns


def _parse_wide(reader: Reader, source: str, header: list[str], date_at: int) -> Parsed:
    pairs: dict[int, str] = {}
    for position, name in enumerate(header):
        # The ECB's file ends every line with a comma.
        if position == date_at or not name:
            continue
        pair = f"{BASE}/{name}" if _CURRENCY.fullmatch(name) else name
        if not PAIR.fullmatch(pair) or pair == f"{BASE}/{BASE}":
            _fault(source, 1, f"column {name[:40]!r} is neither a currency (USD) nor a pair (EUR/USD)")
        if pair in pairs.values():
            _fault(source, 1, f"column {name!r} occurs twice")
        pairs[position] = pair
    if not pairs:
        _fault(source, 1, "there is no column besides 'date'")

    rows: dict[dt.date, list[float]] = {}
    for line, row in _rows(reader, source, header):
        day = _day(source, line, row[date_at])
        if day in rows:
            _fault(source, line, f"date {day} occurs twice")
        rows[day] = [_rate(source, line, row[position]) for position in pairs]
    days = sorted(rows)
    matrix = np.array([rows[day] for day in days]).reshape(len(days), len(pairs))
    columns = {pair: np.ascontiguousarray(matrix[:, i]) for i, pair in enumerate(pairs.values())}
    return np.array(days, dtype="datetime64[D]"), columns


def _parse_long(reader: Reader, source: str, lowered: list[str]) -> Parsed:
    for name in _LONG_COLUMNS:
        if name not in lowered:
            _fault(
                source,
                1,
                f"there is no column {name!r}: a file with 'pair' or 'rate' needs date, pair and rate",
            )
    date_at, pair_at, rate_at = (lowered.index(name) for name in _LONG_COLUMNS)
    found: dict[str, dict[dt.date, float]] = {}
    for line, row in _rows(reader, source, lowered):
        day, pair = _day(source, line, row[date_at]), row[pair_at].strip()
        match = PAIR.fullmatch(pair)
        if match is None or match[1] == match[2]:
            _fault(source, line, f"{pair[:40]!r} is not a pair like EUR/USD")
        column = found.setdefault(pair, {})
        if day in column:
            _fault(source, line, f"date {day} occurs twice for {pair}")
        column[day] = _rate(source, line, row[rate_at])
    days = sorted({day for column in found.values() for day in column})
    columns = {pair: np.array([column.get(day, math.nan) for day in days]) for pair, column in found.items()}
    return np.array(days, dtype="datetime64[D]"), columns


def _rows(reader: Reader, source: str, header: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of each row that is not empty; reject values in columns without a name."""
    unnamed = [position for position, name in enumerate(header) if not name]
    for row in reader:
        if not any(row):
            continue
        if len(row) != len(header):
            _fault(source, reader.line_num, f"{len(row)} cells where the header has {len(header)}")
        for position in unnamed:
            cell = row[position]
            if cell and cell.strip() not in _HOLES and (position or not _ROW_NUMBER.fullmatch(cell.strip())):
                _fault(
                    source,
                    reader.line_num,
                    f"column {position + 1} has no name but holds {cell.strip()[:40]!r}",
                )
        yield reader.line_num, row


def _day(source: str, line: int, cell: str) -> dt.date:
    # fromisoformat alone also accepts 20240131 and 2024-W05-3, which nobody writes on purpose.
    text = cell.strip()
    try:
        return dt.date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        _fault(source, line, f"{text[:40]!r} is not a date like 2024-12-31")


def _rate(source: str, line: int, cell: str) -> float:
    if cell in _HOLES:
        return math.nan
    text = cell.strip()
    if text.lower() in _HOLES:
        return math.nan
    try:
        # float alone also accepts 1_000.5 and the digits of every script.
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if math.isnan(value):
        _fault(source, line, f"{text[:40]!r} is not a number")
    if not 0.0 < value < math.inf:
        _fault(source, line, f"rate {text[:40]} is not a positive finite number")
    return value


def _fault(source: str, line: int, fault: str) -> NoReturn:
    raise UsageError(f"{source}: line {line}: {fault}")
