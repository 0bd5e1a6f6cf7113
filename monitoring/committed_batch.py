"""The part of `ratecast.scoring.scorer.ScoredBatch` that monitoring counts, as a protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ratecast.errors import ErrorCode


class Letter(Protocol):
    """A dead letter."""

    @property
    def code(self) -> ErrorCode:
        """Why the record could not be scored."""


class CommittedBatch(Protocol):
    """The outcomes of a committed batch."""

    @property
    def pairs(self) -> Sequence[str]:
        """The pair of each prediction."""

    @property
    def values(self) -> Sequence[bytes]:
        """The encoded predictions."""

    @property
    def drifted(self) -> NDArray[np.bool_]:
        """Which of the predictions report drift."""

    @property
    def as_of(self) -> Mapping[str, str]:
        """Pair -> ``as_of`` of its newest message."""

    @property
    def alerts(self) -> Sequence[tuple[str, str]]:
        """Pair and code of each alert."""

    @property
    def dead_letters(self) -> Sequence[Letter]:
        """The records that could not be scored."""

    @property
    def failures(self) -> int:
        """Number of records for which scoring raised an error."""
