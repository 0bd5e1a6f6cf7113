"""Parts of the training statistics that live data is compared with: feature distributions, errors, feed limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Mapping

# Without lags: every rate leaves its training range sooner or later, which only shows that the model is old.
DRIFT_FEATURES = ("return_1", "return_2")
DRIFT_TESTS: tuple[DriftTest, ...] = ("psi", "ks")

# Under 250 messages PSI is noise: a third of windows of 60 independent values score above the usual limit of 0.2.
MIN_MESSAGES = 250
WINDOW_MESSAGES = 500
MAX_BINS = 255  # bin numbers and one more value for "none" fit into a byte

DriftTest = Literal["psi", "ks"]
WindowLength = Annotated[int, Field(ge=MIN_MESSAGES)]
Threshold = Annotated[float, Field(ge=0)]


class FeatureReference(BaseModel):
    """Distribution of one feature of one pair in training, and the scores that windows of training data stay below.

    Bin ``i`` holds the values in ``(edges[i - 1], edges[i]]``; the first and the last bin are open. Edges are
    quantiles, but the values are counted, because quantiles coincide when a pegged pair repeats its return.

    >>> reference = FeatureReference(edges=(0.0,), counts=(60, 40), thresholds={"ks": {250: 0.2, 400: 0.1}})
    >>> [reference.threshold("ks", n) for n in (249, 250, 399, 5000)]
    [None, 0.2, 0.2, 0.1]
    """

    model_config = ConfigDict(frozen=True)

    edges: tuple[float, ...] = Field(min_length=1, max_length=MAX_BINS - 1, description="Ascending.")
    counts: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        description="Number of training values in each bin."
    )
    thresholds: dict[DriftTest, dict[WindowLength, Threshold]] = Field(
        description="Test -> messages in the window -> score that clean windows stay below. A window uses the "
        "entry with the greatest number that is not above its number of messages."
    )

    @model_validator(mode="after")
    def _edges_and_counts_match(self) -> FeatureReference:
        if any(not low < high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("must have edges that ascend")
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError(
                f"must have {len(self.edges) + 1} counts for {len(self.edges)} edges, got {len(self.counts)}"
            )
        if not sum(self.counts):
            raise ValueError("must have at least one training value in counts")
        return self

    def threshold(self, test: DriftTest, messages: int) -> float | None:
        """Return the threshold for a window of ``messages`` messages; None if that is too few for a score."""
        return for_length(self.thresholds.get(test, {}), messages)


def for_length(thresholds: Mapping[int, float], messages: int) -> float | None:
    """Return the threshold of the greatest length that is not above ``messages``; None if there is none.

    >>> for_length({250: 0.2, 400: 0.1}, 399)
    0.2
    """
    length = max((length for length in thresholds if length <= messages), default=None)
    return None if length is None else thresholds[length]


class AccuracyReference(BaseModel):
    """Standardised errors ``z = |error| / sigma_t`` in training, and the change test fitted to them.

    z is capped first, because one shock is an event of the market and no change of accuracy: EUR/CHF on 2015-01-15
    had z = 237.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    messages: int = Field(gt=0, description="Number of z it was fitted to, of all pairs together.")
    cap: float = Field(gt=0, description="A greater z counts as this value.")
    mean: float = Field(gt=0, description="Mean of capped z, which each pair's test starts from.")
    std: float = Field(gt=0, description="Standard deviation of capped z.")
    prior_messages: int = Field(ge=0, description="Weight of `mean` at the start, as a number of messages.")
    delta: float = Field(gt=0, description="Page-Hinkley: changes below this share of the mean are ignored.")
    threshold: float = Field(
        gt=0, description="Page-Hinkley: evidence at which a change is reported, in multiples of the mean."
    )


class PairLimits(BaseModel):
    """Limits of the data-quality checks for one pair."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    equal_rates: int = Field(ge=3, description="This many equal rates in a row are `stuck`.")
    gap_days: int = Field(ge=1, description="More days than this between two rates are a `gap`.")
    span_days: int = Field(ge=1, description="More days than this for `SPAN_STEPS` steps are a `gap`.")
    cone_sigmas: float = Field(
        gt=0,
        description="A rate is `level_cone` if it is farther than this many sigma * sqrt(n + n0) from the last training rate.",
    )


class QualityLimits(BaseModel):
    """Limits of the data-quality checks for all pairs."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    jump_sigmas: float = Field(
        gt=0, description="A return is a `jump` if it exceeds this many sigma, as measured before it."
    )
    level_step: float = Field(
        gt=0,
        description="A return this large is no market move but a wrong level (decimal slip, inverted quote).",
    )
    regime_ratio: float = Field(
        gt=0,
        description="A `volatility_regime` is a root mean square of recent returns above this multiple of training sigma.",
    )
    pairs: dict[str, PairLimits]
