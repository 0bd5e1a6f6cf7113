"""What monitoring counts of a batch; `ratecast.scoring.scorer.ScoredBatch` is one. Programs import monitoring, not it them."""

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
        """Why it is one."""


class CommittedBatch(Protocol):
    """The outcomes of a batch that is committed."""

    @property
    def pairs(self) -> Sequence[str]:
        """Of each prediction."""

    @property
    def values(self) -> Sequence[bytes]:
        """The predictions."""

    @property
    def drifted(self) -> NDArray[np.bool_]:
        """Which of them drifted."""

    @property
    def as_of(self) -> Mapping[str, str]:
        """Pair -> ``as_of`` of its newest message."""

    @property
    def alerts(self) -> Sequence[tuple[str, str]]:
        """Pair and code of each alert."""

    @property
    def dead_letters(self) -> Sequence[Letter]:
        """What could not be scored."""

    @property
    def failures(self) -> int:
        """Records that scoring raised on."""
