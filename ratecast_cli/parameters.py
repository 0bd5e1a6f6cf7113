"""Options that several commands share, and how their texts are parsed."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast.errors import UsageError
from ratecast_cli.help_pages import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

BootstrapServers = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        "-b",
        metavar="HOST:PORT",
        rich_help_panel=SETTINGS,
        help="Addresses of the Kafka brokers, separated by commas.",
    ),
]
ModelsDir = Annotated[
    str | None,
    typer.Option("--models-dir", metavar="PATH", rich_help_panel=SETTINGS, help="Directory of the models."),
]
HttpHost = Annotated[
    str | None,
    typer.Option(
        metavar="HOST",
        rich_help_panel=SETTINGS,
        help="Address of the HTTP server for metrics and health.",
    ),
]
HttpPort = Annotated[
    int | None,
    typer.Option(
        metavar="PORT",
        rich_help_panel=SETTINGS,
        help="Port of the HTTP server. 0 picks a free port. If this is not set and the default port is taken, "
        "the next free port is used.",
    ),
]
LogLevel = Annotated[
    str | None,
    typer.Option(metavar="LEVEL", rich_help_panel=SETTINGS, help="DEBUG, INFO, WARNING or ERROR."),
]
KeepOutliers = Annotated[
    bool,
    typer.Option(
        "--keep-outliers",
        help="Also learn from rates that look like faults. Rates dated later than tomorrow are still left out.",
    ),
]
CSV_FORMAT = "The columns are either date and one column for each currency, or date,pair,rate."
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables for people.")]


def parse_pair(text: str, option: str = "--pair") -> str:
    """Returns a pair as messages name it, in whichever case it was typed.

    Raises:
        UsageError: the text is not two currencies with a slash between them.

    >>> parse_pair("eur/gbp")
    'EUR/GBP'
    """
    pair = text.strip().upper()
    if not re.fullmatch(r"[A-Z]{3}/[A-Z]{3}", pair):
        meant = f"{pair[:3]}/{pair[3:]}" if re.fullmatch(r"[A-Z]{6}", pair) else "EUR/GBP"
        raise UsageError(f"{option}: {text!r} is not a pair: write two currencies like {meant}")
    return pair


def parse_pairs(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Returns each pair of a repeatable option; none if it was not given."""
    return tuple(parse_pair(text) for text in texts or ())


def parse_day(option: str, text: str | None) -> dt.date | None:
    """Returns the day given as an option, or None.

    Raises:
        UsageError: the text is not a date.
    """
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option}: {text!r} is not a date like 2025-01-31") from None
