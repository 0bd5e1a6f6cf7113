"""What became of every input, as counted by `ratecast.kafka.audit`."""

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
    """What retention removed unscored.

    Attributes:
        records: how many; each transaction of the publisher counts one more.
        first: offset of the first of the latest loss; None when there is none.
        last: offset of its last.
    """

    records: int = 0
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class PartitionAudit:
    """The inputs of one partition; offsets are in order.

    Attributes:
        partition: its number.
        committed: the workers' committed offset; None when there is none.
        inputs: how many lie there now.
        scored: predictions made from them.
        dead_lettered: dead letters made from them.
        exactly_one: inputs with one outcome.
        lost: inputs below the committed offset without an outcome.
        pending: inputs from the committed offset on without an outcome.
        duplicated: inputs with several outcomes.
        unmatched: outcomes of inputs that no longer lie there.
        removed: records that retention removed before they were scored.
        held_back: records that cannot be read yet because a transaction of their publisher is open.
        held_from: offset at which that transaction begins; None when nothing is held back.
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
    """Inputs against outcomes, all read committed.

    Attributes:
        partitions: one for each partition of the input topic.
        elsewhere: outcomes of inputs on another topic or on a partition that does not exist.
        earlier: outcomes of inputs on a topic of the same name that was deleted.
        unreadable: records among the predictions and dead letters that name no source.
    """

    partitions: list[PartitionAudit]
    elsewhere: int
    earlier: int
    unreadable: int

    @property
    def published(self) -> int:
        """Inputs."""
        return sum(part.inputs for part in self.partitions)

    @property
    def scored(self) -> int:
        """Predictions made from them."""
        return sum(part.scored for part in self.partitions)

    @property
    def dead_lettered(self) -> int:
        """Dead letters made from them."""
        return sum(part.dead_lettered for part in self.partitions)

    @property
    def lost(self) -> list[Place]:
        """Inputs that the workers have passed without an outcome."""
        return [(part.partition, offset) for part in self.partitions for offset in part.lost.tolist()]

    @property
    def pending(self) -> list[Place]:
        """Inputs that the workers have not come to yet."""
        return [(part.partition, offset) for part in self.partitions for offset in part.pending.tolist()]

    @property
    def duplicated(self) -> list[Place]:
        """Inputs with more than one outcome."""
        return [(part.partition, offset) for part in self.partitions for offset in part.duplicated.tolist()]

    @property
    def unmatched(self) -> int:
        """Outcomes whose input is not on the input topic: deleted by retention, or of another topic."""
        return self.elsewhere + self.earlier + sum(part.unmatched for part in self.partitions)

    @property
    def sound(self) -> bool:
        """Whether nothing is lost, removed or duplicated; something may be pending."""
        return not any(
            part.lost.size or part.duplicated.size or part.removed.records for part in self.partitions
        )

    @property
    def removed(self) -> int:
        """Records that retention removed unscored."""
        return sum(part.removed.records for part in self.partitions)

    @property
    def held_back(self) -> int:
        """Records behind transactions that their publishers left open."""
        return sum(part.held_back for part in self.partitions)

    @property
    def exactly_once(self) -> bool:
        """Whether every input has exactly one outcome, and none was removed before it had."""
        return not self.removed and all(part.exactly_one == part.inputs for part in self.partitions)


def ranges(offsets: Offsets) -> list[Place]:
    """Ordered offsets as (first, last) of each unbroken run.

    >>> ranges(np.array([3, 4, 5, 9]))
    [(3, 5), (9, 9)]
    """
    if not offsets.size:
        return []
    breaks = np.flatnonzero(np.diff(offsets) > 1)
    first = offsets[np.concatenate(([0], breaks + 1))]
    last = offsets[np.concatenate((breaks, [offsets.size - 1]))]
    return list(zip(first.tolist(), last.tolist(), strict=True))
