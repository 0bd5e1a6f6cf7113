"""What tests ask of an answer, in short."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from producer.feed.source import Answer


def rates(answer: Answer) -> dict[str, dict[str, float]]:
    """Day -> pair -> rate."""
    if answer.table is None:
        return {}
    return {
        str(day): {
            pair: float(column[at])
            for pair, column in answer.table.columns.items()
            if not math.isnan(column[at])
        }
        for at, day in enumerate(answer.table.dates)
    }


def reasons(answer: Answer) -> list[str]:
    return [str(reason) for reason, _ in answer.refusals]
