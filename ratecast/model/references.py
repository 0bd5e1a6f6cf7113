"""What a bundle remembers of its training, for later comparison: feature distributions, errors, feed limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Never lags: a rate's level leaves its training range sooner or later, and all that says is the model's age.
DRIFT_FEATURES = ("return_1", "return_2")
DRIFT_TESTS: tuple[DriftTest, ...] = ("psi", "ks")

# Under 250 messages PSI is noise: of 60 independent values a third score above the textbook's 0.2.
MIN_MESSAGES = 250
WINDOW_MESSAGES = 500
MAX_BINS = 255  # a bin's number, and one more for "none", fit a byte

DriftTest = Literal["psi", "ks"]
WindowLength = Annotated[int, Field(ge=MIN_MESSAGES)]
Threshold = Annotated[float, Field(ge=0)]


class FeatureReference(BaseModel):
    """One feature of one pair in training: its bins, and the scores that training's own windows stay under.

    Bin ``i`` holds the values in ``(edges[i - 1], edges[i]]``; the first and the last bin are open. Edges are
    quantiles, but shares are counted, not assumed: a pegged pair's equal returns make quantiles coincide.

    >>> reference = FeatureReference(edges=(0.0,), counts=(60, 40), thresholds={"ks": {250: 0.2, 400: 0.1}})
    >>> [reference.threshold("ks", n) for n in (249, 250, 399, 5000)]
    [None, 0.2, 0.2, 0.1]
    """

    model_config = ConfigDict(frozen=True)

    edges: tuple[float, ...] = Field(min_length=1, max_length=MAX_BINS - 1, description="Ascending.")
    counts: tuple[Annotated[int, Field(ge=0)], ...] = Field(description="Training values of each bin.")
    thresholds: dict[DriftTest, dict[WindowLength, Threshold]] = Field(
        description="Test -> messages in the window -> score that clean windows stay under. A window uses the "
        "entry of the greatest length that is not above its own."
    )

    @model_validator(mode="after")
    def _bins_are_bins(self) -> FeatureReference:
        if any(not low < high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("edges must ascend")
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError(
                f"{len(self.edges)} edges make {len(self.edges) + 1} bins, not {len(self.counts)}"
            )
        if not sum(self.counts):
            raise ValueError("counts must hold at least one training value")
        return self

    def threshold(self, test: DriftTest, messages: int) -> float | None:
        """The threshold of a window of so many messages; None where it is too short to judge."""
        table = self.thresholds.get(test, {})
        length = max((length for length in table if length <= messages), default=None)
        return None if length is None else table[length]


class AccuracyReference(BaseModel):
    """Standardised errors ``z = |error| / sigma_t`` in training, and the change test fitted to them.

    z is capped before anything else is done with it: one shock (EUR/CHF on 2015-01-15 had z = 237) is an event
    of the market, not a change of accuracy.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    messages: int = Field(gt=0, description="How many z it was fitted to, all pairs together.")
    cap: float = Field(gt=0, description="Greater z count as this much.")
    mean: float = Field(gt=0, description="Mean of capped z: what each pair's test expects at first.")
    std: float = Field(gt=0, description="Standard deviation of capped z.")
    prior_messages: int = Field(ge=0, description="How many messages' weight `mean` has at first.")
    delta: float = Field(gt=0, description="Page-Hinkley: changes below this share of the mean are let pass.")
    threshold: float = Field(gt=0, description="Page-Hinkley: evidence that tells a change, in means.")


class PairLimits(BaseModel):
    """Limits of one pair."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    equal_rates: int = Field(ge=3, description="So many equal rates in a row are `stuck`.")
    gap_days: int = Field(ge=1, description="More days between two rates are a `gap`.")
    span_days: int = Field(ge=1, description="More days for `SPAN_STEPS` steps are a `gap`, rate by rate.")
    cone_sigmas: float = Field(
        gt=0,
        description="Farther from the last training rate than this many sigma * sqrt(n + n0) is `level_cone`.",
    )


class QualityLimits(BaseModel):
    """Limits of all pairs."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    jump_sigmas: float = Field(gt=0, description="A return beyond this many sigma before it is a `jump`.")
    level_step: float = Field(
        gt=0, description="No clean return is this large: it moves the level (decimal slip, inverted quote)."
    )
    regime_ratio: float = Field(
        gt=0, description="Recent rms return over this times the training sigma is a `volatility_regime`."
    )
    pairs: dict[str, PairLimits]
