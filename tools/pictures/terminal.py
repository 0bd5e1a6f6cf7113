"""A terminal's output as an SVG picture, drawn by rich."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

if TYPE_CHECKING:
    from pathlib import Path

_COLUMNS = 100


def run(arguments: str, directory: Path) -> str:
    """Run ``ratecast`` in a directory and return what it printed, on both streams in order.

    Raises:
        CalledProcessError: the command failed.
    """
    command = [sys.executable, "-m", "ratecast", *arguments.split()]
    return subprocess.run(
        command, cwd=directory, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout


def draw(command: str, output: str) -> str:
    """Return a picture of a terminal in which ``command`` printed ``output``.

    The picture loads no font from elsewhere: rich's own template would.
    """
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
    console.print(Text(output.strip("\n")))
    svg = console.export_svg(title="", theme=MONOKAI, unique_id="demo")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"font-family: Fira Code,? ?", "font-family: ", svg)
