"""``training_stats.json``: everything besides the forest that a forecast needs."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ratecast.contract.messages import MIN_HISTORY, IsoDate
from ratecast.model.features import FEATURE_NAMES
from ratecast.model.model_drift_reference import ModelDriftReference  # noqa: TC001 - pydantic reads it at run time
from ratecast.model.ranges import LEVELS
from ratecast.model.references import (  # noqa: TC001 - pydantic reads annotations at run time
    AccuracyReference,
    FeatureReference,
    QualityLimits,
)


class FeatureStats(BaseModel):
    """Distribution of one feature of one pair over the training rows."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    min: float
    max: float
    mean: float
    std: float = Field(ge=0)


class RangesHeld(BaseModel):
    """How often the ranges of a pair held the next rate, on test days of the report that no fit had seen."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    n: int = Field(gt=0, description="Number of rates forecast.")
    first_date: IsoDate
    last_date: IsoDate
    shares: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        description='Level ("80", "95") -> share of these rates inside the range.'
    )


Steps = Annotated[int, Field(ge=2)]


class PairStats(BaseModel):
    """Training statistics of one pair."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    n: int = Field(gt=0, description="Training rows.")
    first_date: IsoDate
    last_date: IsoDate
    last_rate: float = Field(gt=0)
    sigma: float = Field(gt=0, description="Standard deviation of one-step log returns.")
    recent_sigma: float = Field(gt=0, description="Root mean square of the last 500 one-step log returns.")
    longest_run: int = Field(ge=1, description="Longest run of equal rates.")
    features: dict[str, FeatureStats]
    ranges_held: RangesHeld | None = Field(
        None,
        description="Number of rates forecast on the test days of the report, the first and the last of these days, and "
        "for each level the share of these rates that the range held. Absent for a pair without test days.",
    )
    horizons_held: dict[Steps, RangesHeld] = Field(
        default={},
        description="Steps ahead -> the same figures for the ranges so many steps ahead. Dates are those of the next rates.",
    )


class Shrinkage(BaseModel):
    """How far the forecast may be from the last rate; with 0 it is the last rate."""

    model_config = ConfigDict(frozen=True)

    lambda_: float = Field(alias="lambda", ge=0, le=1, allow_inf_nan=False)
    t_statistic: float
    gate: float = Field(description="lambda is 0 unless the t statistic exceeds this value.")


class RangeFactor(BaseModel):
    """How far the forest may change the width of the ranges: scales are multiplied by ``factor ** exponent``."""

    model_config = ConfigDict(frozen=True)

    exponent: float = Field(ge=0, le=1, allow_inf_nan=False)
    t_statistic: float
    gate: float = Field(description="The exponent is 0 unless the t statistic exceeds this value.")


# A peg can have 0: if a rate does not move on four days of five, its 80 % range is the rate itself.
Quantile = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Quantiles = Annotated[dict[int, Quantile], Field(min_length=1)]


class TrainingStats(BaseModel):
    """Content of ``training_stats.json``."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    model_version: str
    trained_until: IsoDate = Field(description="Date of the newest rate that the model was trained on.")
    default_pair: str
    shrinkage: Shrinkage
    range_factor: RangeFactor
    intervals: dict[str, Quantiles] = Field(
        description='Level ("80", "95") -> history length -> conformal quantile of |error| / scale. A history '
        "uses the entry of the greatest length that is not above its number of rates."
    )
    horizons: dict[Steps, dict[str, Quantiles]] = Field(
        default={},
        description="Steps ahead -> level -> history length -> conformal quantile of |error of the forecast so many steps "
        "ahead| / scale. Absent for steps that had too little data.",
    )
    central_ranges: dict[str, Quantiles] = Field(
        default={},
        description='Level ("50", "90", "98") -> history length -> conformal quantile of |error| / scale, for the quantiles '
        "of the next rate. Absent when there was too little data.",
    )
    drift_std_threshold: float = Field(3.0, gt=0, allow_inf_nan=False)
    quality: QualityLimits = Field(description="Thresholds of the data-quality checks.")
    feature_drift: dict[str, dict[str, FeatureReference]] = Field(
        default={},
        description="Pair -> feature -> distribution that windowed drift compares with. Absent for short histories.",
    )
    model_drift: ModelDriftReference | None = Field(
        None,
        description="Inputs of the range forest in training and the importance of each, for the score of model drift. "
        "Absent when the forest does not change the ranges, or when there was too little data to learn a threshold.",
    )
    accuracy: AccuracyReference | None = Field(
        None, description="Change test for the accuracy. Absent when there was too little data to fit it."
    )
    headline: str = Field(description="Sentence on whether the model beats the last rate.")
    range_estimator: str | None = Field(
        None, description="Estimator of the ranges' widths, as --estimator named it. Absent for the forest."
    )
    centre_estimator: str | None = Field(
        None,
        description="Estimator of the next return, as --centre-estimator named it. Absent for the forest.",
    )
    pairs: dict[str, PairStats]

    @model_validator(mode="after")
    def _holds_what_a_forecast_needs(self) -> TrainingStats:
        tables = [self.intervals.get(level, {}) for level in LEVELS]
        if any(
            set(table) != set(tables[0]) or min(table, default=MIN_HISTORY + 1) > MIN_HISTORY
            for table in tables
        ):
            raise ValueError(
                f"intervals must have the levels {' and '.join(LEVELS)} with equal lengths, from {MIN_HISTORY} on"
            )
        self._has_equal_lengths(set(tables[0]))
        if self.default_pair not in self.pairs:
            raise ValueError(f"the default pair {self.default_pair} is not among the pairs")
        for name, pair in self.pairs.items():
            if missing := [feature for feature in FEATURE_NAMES if feature not in pair.features]:
                raise ValueError(f"the pair {name} lacks the feature {missing[0]}")
        return self

    def _has_equal_lengths(self, lengths: set[int]) -> None:
        """Check that the tables of the optional fields have the history lengths of ``intervals``."""
        for steps, by_level in self.horizons.items():
            if any(set(by_level.get(level, ())) != lengths for level in LEVELS):
                raise ValueError(
                    f"horizons: {steps} steps must have the levels {' and '.join(LEVELS)} with the lengths of intervals"
                )
        if any(set(table) != lengths for table in self.central_ranges.values()):
            raise ValueError("central_ranges must have the lengths of intervals")
