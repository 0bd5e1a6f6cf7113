"""How training tells what it is doing, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called before each stage: a progress bar, a log line, or nothing."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """``stage`` begins; ``done`` of ``total`` units of work lie behind."""


def silent(stage: str, done: int, total: int) -> None:
    """Say nothing."""
