"""How commands write: results to stdout, everything else to stderr.

On a terminal lines are wrapped, red means error, yellow means warning, green means fine, and nothing else has a colour;
NO_COLOR turns all colours off. In a pipe or a file each line stays one line, so that grep finds it.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text
from rich.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

_UNWRAPPED = 100_000  # columns: without a terminal no line is wrapped
_UNCOLOURED = ("progress.elapsed", "progress.remaining", "progress.download", "progress.percentage")
_UNCOLOURED_BARS = ("bar.complete", "bar.finished", "bar.pulse")


def _console(*, stderr: bool = False) -> Console:
    theme = Theme({"bar.back": "dim", **dict.fromkeys((*_UNCOLOURED, *_UNCOLOURED_BARS), "none")})
    console = Console(stderr=stderr, highlight=False, theme=theme)
    if not console.is_terminal:
        console.width = _UNWRAPPED
    return console


out = _console()
err = _console(stderr=True)


def show(content: RenderableType, console: Console | None = None) -> None:
    """Print a table, to stdout by default; without a terminal its lines have no spaces at the end."""
    console = console or out
    if console.is_terminal:
        console.print(content)
        return
    with console.capture() as captured:
        console.print(content)
    for line in captured.get().splitlines():
        console.print(line.rstrip(), markup=False, soft_wrap=True)


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """Print one JSON document on one line of stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def line(text: str) -> None:
    """Print a line to stdout; brackets in it are no markup, and it is not wrapped."""
    out.print(text, markup=False, soft_wrap=True)


def note(text: str) -> None:
    """Print a line to stderr; brackets in it are no markup, and it is not wrapped."""
    err.print(text, markup=False, soft_wrap=True)


def warn(message: str) -> None:
    """Print a warning as one line to stderr."""
    err.print(Text(message, style="yellow"), soft_wrap=True)


def fail(message: str) -> None:
    """Print an error as one line to stderr."""
    err.print(Text.assemble(("error: ", "bold red"), " ".join(message.split())), soft_wrap=True)
