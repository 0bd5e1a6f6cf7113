"""The ECB's rates for commands: the fresher of the file and the package, with one line that says which and how old."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from ratecast_cli import console

if TYPE_CHECKING:
    from ratecast.rates.freshest import EcbRates
    from ratecast.settings import Settings


def load(settings: Settings) -> EcbRates:
    """Returns the rates; a file that cannot be used is named on stderr."""
    from ratecast.rates.freshest import freshest

    rates = freshest(settings.rates_file, today())
    if rates.unused is not None:
        console.warn(rates.unused)
    return rates


def announce(rates: EcbRates | None, name: str = "rates") -> None:
    """Write to stderr which rates a command uses; nothing if it uses a user's file."""
    if rates is not None:
        console.note(f"{name:<10}{rates.describe(today())}")


def as_json(rates: EcbRates | None) -> dict[str, object]:
    """Returns the field that tells programs which of the ECB's rates were used; none if a user's file was."""
    return {} if rates is None else {"rates": rates.as_json(today())}


def today() -> dt.date:
    """Returns the day that ages are counted to."""
    return dt.datetime.now(dt.UTC).date()
