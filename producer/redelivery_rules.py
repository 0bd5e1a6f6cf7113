"""Decides which dead letters are redelivered: the user's selection, and the rules that prevent duplicates and loops."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ratecast.contract import dead_letter

if TYPE_CHECKING:
    from ratecast.contract.record import Record


class RejectReason(StrEnum):
    """Why a selected dead letter is not redelivered. The values are keys of the command's JSON output."""

    CUT = "cut"  # its value was cut to fit the dead-letter topic
    REDELIVERED = "replayed"  # the input topic already holds a record redelivered from it
    MAX_HOPS = "max_hops"  # its record was redelivered the maximum number of times, from one dead letter after another
    ELSEWHERE = "elsewhere"  # its record came from another topic, or it is not a dead letter of ratecast


@dataclass(frozen=True)
class Selection:
    """Which dead letters the user wants. A dead letter must meet every condition.

    Attributes:
        codes: the error codes; empty for all.
        pairs: the pairs, as the keys of the messages name them; empty for all.
        partition: a partition of the dead-letter topic; None for all.
        first: the lowest offset.
        last: the highest offset; None for no limit.
    """

    codes: frozenset[str] = frozenset()
    partition: int | None = None
    first: int = 0
    last: int | None = None
    pairs: frozenset[str] = frozenset()

    def takes(self, letter: Record) -> bool:
        """Returns whether a dead letter is selected."""
        return (
            (self.partition is None or letter.partition == self.partition)
            and self.first <= letter.offset
            and (self.last is None or letter.offset <= self.last)
            and (not self.pairs or (letter.key or b"").decode(errors="replace") in self.pairs)
            and (not self.codes or dead_letter.parse(letter.headers).code in self.codes)
        )


@dataclass(frozen=True)
class Rules:
    """Which dead letters must not be redelivered.

    Attributes:
        input_topic: the topic to redeliver to, which must also be the source of the dead letter.
        max_hops: how many times a record may be redelivered.
        redelivered: partition and offset of the dead letters that were already redelivered.
    """

    input_topic: str
    max_hops: int
    redelivered: frozenset[tuple[int, int]] = frozenset()

    def reject_reason(self, letter: Record) -> RejectReason | None:
        """Returns why a dead letter must not be redelivered; None if it may be."""
        headers = dead_letter.parse(letter.headers)
        if headers.source is None or headers.topic != self.input_topic:
            return RejectReason.ELSEWHERE
        if dead_letter.is_value_cut(letter.headers):
            return RejectReason.CUT
        if (letter.partition, letter.offset) in self.redelivered:
            return RejectReason.REDELIVERED
        return RejectReason.MAX_HOPS if (headers.hops or 0) >= self.max_hops else None
