"""What became of every input: counted from the topics themselves, never from a program's own counters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ratecast import tail, wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.settings import Settings

Place = tuple[int, int]  # partition, offset


@dataclass
class Audit:
    """Inputs against outcomes, all read committed."""

    published: int = 0
    scored: int = 0
    dead_lettered: int = 0
    lost: list[Place] = field(default_factory=list)  # inputs without an outcome
    duplicated: list[Place] = field(default_factory=list)  # inputs with more than one

    @property
    def exactly_once(self) -> bool:
        """Whether every input has exactly one outcome."""
        return not self.lost and not self.duplicated


async def audit(settings: Settings) -> Audit:
    """Read the three topics to their ends and match outcomes to inputs by where these lie.

    Run it when the workers are idle: an input still being scored counts as lost.

    Raises:
        OperationError: a topic is missing or no broker answers.
    """
    result = Audit()
    outcomes: Counter[Place] = Counter()
    async for record in tail.read_topic(settings, settings.output_topic, from_beginning=True, follow=False):
        source = wire.decode_prediction(record.value or b"").source
        if source.topic == settings.input_topic:
            outcomes[source.partition, source.offset] += 1
            result.scored += 1
    async for record in tail.read_topic(
        settings, settings.dead_letter_topic, from_beginning=True, follow=False
    ):
        place = source_of(record.headers)
        if place is not None and place[0] == settings.input_topic:
            outcomes[place[1:]] += 1
            result.dead_lettered += 1
    async for record in tail.read_topic(settings, settings.input_topic, from_beginning=True, follow=False):
        result.published += 1
        if (count := outcomes[record.partition, record.offset]) != 1:
            (result.duplicated if count else result.lost).append((record.partition, record.offset))
    return result


def source_of(headers: Sequence[tuple[str, bytes | None]]) -> tuple[str, int, int] | None:
    """Topic, partition and offset that a dead letter's headers name; None when they do not."""
    named = {name: (value or b"").decode("utf-8", "replace") for name, value in headers}
    try:
        return (
            named["ratecast.source.topic"],
            int(named["ratecast.source.partition"]),
            int(named["ratecast.source.offset"]),
        )
    except (KeyError, ValueError):
        return None
