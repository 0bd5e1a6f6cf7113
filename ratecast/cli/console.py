"""How commands speak: results on stdout, everything else on stderr, colours only on a terminal."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

BootstrapServers = Annotated[
    str | None,
    typer.Option("--bootstrap-servers", "-b", help=r"Brokers, host:port. \[env: RATECAST_BOOTSTRAP_SERVERS]"),
]
ModelsDir = Annotated[
    str | None, typer.Option("--models-dir", help=r"Where models are kept. \[env: RATECAST_MODELS_DIR]")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables for people.")]


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """One JSON document on one line of stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def fail(message: str) -> None:
    """One plain line on stderr."""
    line = " ".join(message.split())
    err.print(Text.assemble(("error: ", "bold red"), line), soft_wrap=True)
