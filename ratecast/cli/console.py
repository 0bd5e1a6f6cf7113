"""How commands speak: results on stdout, everything else on stderr, colours only on a terminal.

Lines are fitted to a terminal's width; in a pipe or a file each stays one line, so that grep finds it.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from ratecast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

_ENDLESS = 100_000  # columns: where there is no terminal, nothing is wrapped


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = _ENDLESS
    return console


out = _console()
err = _console(stderr=True)

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


def show(content: RenderableType, console: Console | None = None) -> None:
    """A table, on stdout unless told otherwise; where there is no terminal, without spaces at the lines' ends."""
    console = console or out
    if console.is_terminal:
        console.print(content)
        return
    with console.capture() as captured:
        console.print(content)
    for line in captured.get().splitlines():
        console.print(line.rstrip(), markup=False, soft_wrap=True)


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """One JSON document on one line of stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def fail(message: str) -> None:
    """One plain line on stderr."""
    line = " ".join(message.split())
    err.print(Text.assemble(("error: ", "bold red"), line), soft_wrap=True)


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
