"""How commands speak: results on stdout, everything else on stderr, colours only on a terminal.

Lines are fitted to a terminal's width; in a pipe or a file each stays one line, so that grep finds it.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

_ENDLESS = 100_000  # columns: where there is no terminal, nothing is wrapped


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = _ENDLESS
    return console


out = _console()
err = _console(stderr=True)


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
