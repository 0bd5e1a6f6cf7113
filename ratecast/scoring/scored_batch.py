"""The outcome of a batch of records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.contract.record import Record
    from ratecast.errors import ErrorCode
    from ratecast.scoring.observations import Observations


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot be scored, with the reason."""

    record: Record
    code: ErrorCode
    message: str


class NewestForecast(NamedTuple):
    """The newest rate of a message, and the range of the next one."""

    rate: float
    lower: tuple[float, ...]  # of LEVELS
    upper: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """The outcome of every record of a batch; the first four fields are parallel, in the order of the records."""

    records: list[Record]
    pairs: list[str]
    values: list[bytes]  # encoded predictions
    drifted: NDArray[np.bool_]  # (n,)
    as_of: dict[str, str]  # pair -> as_of of its newest scored message
    newest: dict[str, NewestForecast]  # by pair
    alerts: list[tuple[str, str]]  # pair and code of each alert
    observations: list[Observations]  # for live monitoring; empty when nothing was scored
    dead_letters: list[DeadLetter]
    failures: int = 0  # records for which scoring raised an error
    model_version: str | None = None  # of the model that scored them

    @classmethod
    def rejected(
        cls, letters: list[DeadLetter], failures: int = 0, model_version: str | None = None
    ) -> ScoredBatch:
        """Return the outcome of records none of which was scored."""
        return cls([], [], [], np.zeros(0, dtype=np.bool_), {}, {}, [], [], letters, failures, model_version)

    @classmethod
    def joined(cls, parts: Sequence[ScoredBatch]) -> ScoredBatch:
        """Return several batches as one, in the order given."""
        return cls(
            records=[record for part in parts for record in part.records],
            pairs=[pair for part in parts for pair in part.pairs],
            values=[value for part in parts for value in part.values],
            drifted=np.concatenate([part.drifted for part in parts]),
            as_of={pair: as_of for part in parts for pair, as_of in part.as_of.items()},
            newest={pair: newest for part in parts for pair, newest in part.newest.items()},
            alerts=[alert for part in parts for alert in part.alerts],
            observations=[observed for part in parts for observed in part.observations],
            dead_letters=[letter for part in parts for letter in part.dead_letters],
            failures=sum(part.failures for part in parts),
            model_version=next((part.model_version for part in parts if part.model_version), None),
        )
