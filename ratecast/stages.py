"""The callback with which long work reports its stages."""

from __future__ import annotations

from collections.abc import Callable

# Called when a stage begins or advances, with its name, the units of work done, and the units in all.
OnStage = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Ignore the report."""
