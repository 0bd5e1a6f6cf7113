"""The result of an audit by `ratecast.kafka.audit`: the outcomes of every input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Offsets = NDArray[np.int64]

Place = tuple[int, int]  # partition, offset


@dataclass(frozen=True)
class Removed:
    """Records that retention removed before they were scored.

    Attributes:
        records: how many. Each transaction of the publisher counts as one more.
        first: first offset of the latest loss; None if nothing was removed.
        last: last offset of the latest loss.
    """

    records: int = 0
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class PartitionAudit:
    """The inputs of one partition and their outcomes. Offsets are ascending.

    Attributes:
        partition: number of the partition.
        committed: the workers' committed offset; None if there is none.
        inputs: how many inputs the partition holds now.
        scored: predictions made from these inputs.
        dead_lettered: dead letters made from these inputs.
        exactly_one: how many inputs have exactly one outcome.
        lost: offsets below the committed one whose input has no outcome.
        pending: offsets from the committed one on whose input has no outcome.
        duplicated: offsets whose input has several outcomes.
        unmatched: outcomes whose input is no longer in the partition.
        removed: records that retention removed before they were scored.
        held_back: records that cannot be read yet because their publisher's transaction is open.
        held_from: offset at which that transaction begins; None if nothing is held back.
    """

    partition: int
    committed: int | None
    inputs: int
    scored: int
    dead_lettered: int
    exactly_one: int
    lost: Offsets
    pending: Offsets
    duplicated: Offsets
    unmatched: int
    removed: Removed
    held_back: int
    held_from: int | None


@dataclass(frozen=True)
class Audit:
    """All committed inputs and their committed outcomes.

    Attributes:
        partitions: the result of each partition of the input topic.
        elsewhere: outcomes whose input is on another topic or on a partition that does not exist.
        earlier: outcomes whose input was on a deleted topic of the same name.
        unreadable: records on the output and dead-letter topics that do not name their input.
    """

    partitions: list[PartitionAudit]
    elsewhere: int
    earlier: int
    unreadable: int

    @property
    def published(self) -> int:
        """How many inputs there are."""
        return sum(part.inputs for part in self.partitions)

    @property
    def scored(self) -> int:
        """How many predictions were made from the inputs."""
        return sum(part.scored for part in self.partitions)

    @property
    def dead_lettered(self) -> int:
        """How many dead letters were made from the inputs."""
        return sum(part.dead_lettered for part in self.partitions)

    @property
    def lost(self) -> list[Place]:
        """Inputs below the committed offsets without an outcome."""
        return [(part.partition, offset) for part in self.partitions for offset in part.lost.tolist()]

    @property
    def pending(self) -> list[Place]:
        """Inputs that the workers have not committed yet."""
        return [(part.partition, offset) for part in self.partitions for offset in part.pending.tolist()]

    @property
    def duplicated(self) -> list[Place]:
        """Inputs with more than one outcome."""
        return [(part.partition, offset) for part in self.partitions for offset in part.duplicated.tolist()]

    @property
    def unmatched(self) -> int:
        """How many outcomes have no input on the input topic: retention deleted it, or it is on another topic."""
        return self.elsewhere + self.earlier + sum(part.unmatched for part in self.partitions)

    @property
    def sound(self) -> bool:
        """Whether no input is lost, removed or duplicated. Inputs may be pending."""
        return not any(
            part.lost.size or part.duplicated.size or part.removed.records for part in self.partitions
        )

    @property
    def removed(self) -> int:
        """How many records retention removed before they were scored."""
        return sum(part.removed.records for part in self.partitions)

    @property
    def held_back(self) -> int:
        """How many records cannot be read yet because their publisher's transaction is open."""
        return sum(part.held_back for part in self.partitions)

    @property
    def exactly_once(self) -> bool:
        """Whether every input has exactly one outcome and none was removed before it was scored."""
        return not self.removed and all(part.exactly_one == part.inputs for part in self.partitions)


def ranges(offsets: Offsets) -> list[Place]:
    """Returns the first and last offset of each unbroken run of ascending offsets.

    >>> ranges(np.array([3, 4, 5, 9]))
    [(3, 5), (9, 9)]
    """
    if not offsets.size:
        return []
    breaks = np.flatnonzero(np.diff(offsets) > 1)
    first = offsets[np.concatenate(([0], breaks + 1))]
    last = offsets[np.concatenate((breaks, [offsets.size - 1]))]
    return list(zip(first.tolist(), last.tolist(), strict=True))
