"""Makes a source from its kind and address."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from producer.feed.bank_of_england_source import BANK_ADDRESS, BankOfEnglandSource
from producer.feed.csv_source import CsvSource
from producer.feed.ecb_source import ECB_ADDRESS, EcbSource
from producer.feed.formats import bank_of_england
from producer.feed.frankfurter_source import FRANKFURTER_ADDRESS, FrankfurterSource
from producer.feed.polite_http import PoliteClient
from producer.feed.sdmx_source import SDMX_ADDRESS, SdmxSource
from ratecast.errors import UsageError
from ratecast.rates.rate_csv import PAIR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from producer.feed.source import Source


class Kind(StrEnum):
    """The kinds of sources."""

    ECB = "ecb"
    ECB_SDMX = "ecb-sdmx"
    FRANKFURTER = "frankfurter"
    BANK_OF_ENGLAND = "bank-of-england"
    CSV = "csv"


# The public service of each kind; a CSV has none.
ADDRESSES = {
    Kind.ECB: ECB_ADDRESS,
    Kind.ECB_SDMX: SDMX_ADDRESS,
    Kind.FRANKFURTER: FRANKFURTER_ADDRESS,
    Kind.BANK_OF_ENGLAND: BANK_ADDRESS,
}


def source_of(kind: str, address: str = "", pairs: Sequence[str] = (), ca_file: Path | None = None) -> Source:
    """Return a source.

    Args:
        kind: one of `Kind`.
        address: where it is: a URL, or a path for ``csv``; the public service if empty.
        pairs: the pairs that are wanted, to ask for no more than their currencies; all if empty.
        ca_file: certificates to trust besides the system's.

    Raises:
        UsageError: there is no such kind, the address or the file cannot be used, or the source cannot have a pair.
    """
    if kind not in set(Kind):
        raise UsageError(f"there is no source {kind!r}; choose one of {', '.join(Kind)}")
    currencies = _currencies(pairs)
    if kind == Kind.CSV:
        if not address:
            raise UsageError("the source csv needs the path of a file or folder as its address")
        return CsvSource(Path(address))
    client, where = PoliteClient(ca_file), address or ADDRESSES[Kind(kind)]
    if kind == Kind.ECB:
        return EcbSource(where, client)
    if kind == Kind.ECB_SDMX:
        return SdmxSource(where, client)
    if kind == Kind.FRANKFURTER:
        return FrankfurterSource(where, currencies, client)
    if foreign := [pair for pair in pairs if bank_of_england.BASE not in pair.split("/")]:
        raise UsageError(
            f"the Bank of England quotes currencies per pound and has no {', '.join(foreign)}; "
            "choose pairs like GBP/USD, or the source ecb"
        )
    return BankOfEnglandSource(where, currencies, client)


def _currencies(pairs: Sequence[str]) -> list[str]:
    found: dict[str, None] = {}
    for pair in pairs:
        match = PAIR.fullmatch(pair)
        if match is None or match[1] == match[2]:
            raise UsageError(f"{pair!r} is not a pair: write two currencies like EUR/USD")
        found.update(dict.fromkeys(match.groups()))
    return list(found)
