"""What a command does when Ctrl-C ends it early: one line on stderr, then exit code 130."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ratecast_cli import console

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130


@contextmanager
def interruptible(state: str) -> Iterator[None]:
    """Turn a KeyboardInterrupt into a line that says what state the command left, and exit with code 130."""
    try:
        yield
    except KeyboardInterrupt:
        console.warn(f"interrupted: {state}")
        raise SystemExit(INTERRUPTED) from None
