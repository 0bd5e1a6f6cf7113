"""The ECB's rates for commands: the fresher of the file and the package, with one line that says which and how old."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from ratecast_cli import console

if TYPE_CHECKING:
    from ratecast.rates.freshest import EcbRates
    from ratecast.settings import Settings


def load(settings: Settings, *, announce: bool = True) -> EcbRates:
    """Returns the rates, and writes to stderr which they are, and why a file is not used.

    Args:
        settings: where the file is.
        announce: also write which rates they are; a command that shows it in its result does not need it.
    """
    from ratecast.rates.freshest import freshest

    rates = freshest(settings.rates_file, today())
    if rates.unused is not None:
        console.warn(rates.unused)
    if announce:
        console.note(f"rates     {rates.describe(today())}")
    return rates


def as_json(rates: EcbRates | None) -> dict[str, object]:
    """Returns the field that tells programs which of the ECB's rates were used; none if a user's file was."""
    return {} if rates is None else {"rates": rates.as_json(today())}


def today() -> dt.date:
    """Returns the day that ages are counted to."""
    return dt.datetime.now(dt.UTC).date()
