"""What the score of model drift compares with: the range forest's inputs in training, and how much each matters."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from ratecast.model.references import MAX_BINS, Threshold, WindowLength, for_length

Edges = Annotated[tuple[float, ...], Field(min_length=1, max_length=MAX_BINS - 1)]
Counts = tuple[Annotated[int, Field(ge=0)], ...]
Share = Annotated[float, Field(ge=0, le=1)]


class ModelDriftReference(BaseModel):
    """Distributions of the range forest's inputs in training, the importance of each, and thresholds of the score.

    The score of a pair is ``sum(importance * drift)`` over the inputs, where drift is the Kolmogorov-Smirnov statistic
    of its last messages against training. As the importances add up to 1, it is between 0 and 1.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    importances: dict[str, Share] = Field(
        description="Input of the range forest -> share of the loss that permuting all inputs one by one adds. The shares "
        "add up to 1."
    )
    edges: dict[str, Edges] = Field(
        description="Input -> edges of its bins, ascending and the same for all pairs. Bin `i` holds the values in "
        "(edges[i - 1], edges[i]]."
    )
    counts: dict[str, dict[str, Counts]] = Field(
        description="Pair -> input -> number of training values in each bin. Absent for short histories."
    )
    thresholds: dict[WindowLength, Threshold] = Field(
        description="Messages in the window -> score that clean windows stay below. A window uses the entry with the "
        "greatest number that is not above its number of messages."
    )

    @model_validator(mode="after")
    def _knows_every_input(self) -> ModelDriftReference:
        known = [
            self.importances.keys(),
            self.edges.keys(),
            *(table.keys() for table in self.counts.values()),
        ]
        if any(names != set(RANGE_INPUT_NAMES) for names in known):
            raise ValueError(f"must have an entry for each of {', '.join(RANGE_INPUT_NAMES)}")
        if abs(sum(self.importances.values()) - 1) > 1e-3:
            raise ValueError("must have importances that add up to 1")
        for name, edges in self.edges.items():
            if any(not low < high for low, high in pairwise(edges)):
                raise ValueError(f"must have edges of {name} that ascend")
            for pair, counts in self.counts.items():
                if len(counts[name]) != len(edges) + 1 or not sum(counts[name]):
                    raise ValueError(
                        f"must have {len(edges) + 1} counts of {name} for {pair}, not all of them 0"
                    )
        return self

    def threshold(self, messages: int) -> float | None:
        """Return the threshold for a window of ``messages`` messages; None if that is too few for a score."""
        return for_length(self.thresholds, messages)
