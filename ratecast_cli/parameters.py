"""Options that several commands share, and what their texts are parsed into."""

from __future__ import annotations

import datetime as dt
import re
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# A panel of their own: beside wide options the variables' names would be cut at 80 columns.
SETTINGS = "Settings, each also an environment variable"

BootstrapServers = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        "-b",
        metavar="HOST:PORT",
        rich_help_panel=SETTINGS,
        help=r"The brokers. \[env: RATECAST_BOOTSTRAP_SERVERS]",
    ),
]
ModelsDir = Annotated[
    str | None,
    typer.Option(
        "--models-dir",
        metavar="PATH",
        rich_help_panel=SETTINGS,
        help=r"Where models are kept. \[env: RATECAST_MODELS_DIR]",
    ),
]
KeepOutliers = Annotated[
    bool,
    typer.Option(
        "--keep-outliers",
        help="Learn also from rates that look like faults. Rates dated later than tomorrow are left out all the same.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables for people.")]


def parse_pair(text: str, option: str = "--pair") -> str:
    """A pair as messages name it, whichever case it was typed in.

    Raises:
        UsageError: it is not two currencies with a slash between.

    >>> parse_pair("eur/gbp")
    'EUR/GBP'
    """
    pair = text.strip().upper()
    if not re.fullmatch(r"[A-Z]{3}/[A-Z]{3}", pair):
        meant = f"{pair[:3]}/{pair[3:]}" if re.fullmatch(r"[A-Z]{6}", pair) else "EUR/GBP"
        raise UsageError(f"{option}: {text!r} is not a pair: write two currencies like {meant}")
    return pair


def parse_pairs(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Each pair of a repeatable option; none when it was not given."""
    return tuple(parse_pair(text) for text in texts or ())


def parse_day(option: str, text: str | None) -> dt.date | None:
    """A day from an option.

    Raises:
        UsageError: it is not one.
    """
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option}: {text!r} is not a date like 2025-01-31") from None


def require_writable(models_dir: Path) -> None:
    """Find out before the training whether a model can be kept there; nothing is left behind.

    Raises:
        UsageError: it cannot.
    """
    try:
        existing = next(path for path in (models_dir, *models_dir.parents) if path.exists())
        with TemporaryDirectory(prefix=".writable-", dir=existing):
            pass
    except OSError as error:
        raise UsageError(f"--models-dir: {models_dir} cannot be written: {error.strerror}") from None
