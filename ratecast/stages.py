"""How long work reports its stages, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable

# Called as a stage begins or goes on: its name, how many units of work are done, and how many there are.
OnStage = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
