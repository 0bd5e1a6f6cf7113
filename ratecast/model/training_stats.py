"""``training_stats.json``: everything beside the forest that a forecast needs."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ratecast.contract.messages import MIN_HISTORY
from ratecast.model.features import FEATURE_NAMES
from ratecast.model.ranges import LEVELS
from ratecast.model.references import (  # noqa: TC001 - pydantic reads annotations at run time
    AccuracyReference,
    FeatureReference,
    QualityLimits,
)


def _day(text: str) -> str:
    dt.date.fromisoformat(text)
    return text


Day = Annotated[str, AfterValidator(_day), Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class FeatureStats(BaseModel):
    """Distribution of one feature of one pair over the training rows."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    min: float
    max: float
    mean: float
    std: float = Field(ge=0)


class PairStats(BaseModel):
    """What training saw of one pair."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    n: int = Field(gt=0, description="Training rows.")
    first_date: Day
    last_date: Day
    last_rate: float = Field(gt=0)
    sigma: float = Field(gt=0, description="Standard deviation of one-step log returns.")
    longest_run: int = Field(ge=1, description="Longest run of equal rates.")
    features: dict[str, FeatureStats]


class Shrinkage(BaseModel):
    """How far the forecast may leave the last rate: 0 is not at all."""

    model_config = ConfigDict(frozen=True)

    lambda_: float = Field(alias="lambda", ge=0, le=1, allow_inf_nan=False)
    t_statistic: float
    gate: float = Field(description="lambda is 0 unless the t statistic exceeds this.")


# 0 is a peg's: of a rate that stood still on four days of five, the 80 % range is that rate.
Quantile = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Quantiles = Annotated[dict[int, Quantile], Field(min_length=1)]


class TrainingStats(BaseModel):
    """``training_stats.json``: everything beside the forest that a forecast needs."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    model_version: str
    trained_until: Day = Field(description="Date of the newest rate the model saw.")
    default_pair: str
    shrinkage: Shrinkage
    intervals: dict[str, Quantiles] = Field(
        description='Level ("80", "95") -> history length -> conformal quantile of |error| / scale. A history '
        "uses the entry of the greatest length that is not above its own."
    )
    drift_std_threshold: float = Field(3.0, gt=0, allow_inf_nan=False)
    quality: QualityLimits = Field(description="Thresholds of the data-quality checks.")
    feature_drift: dict[str, dict[str, FeatureReference]] = Field(
        default={},
        description="Pair -> feature -> what windowed drift compares with; none for a short history.",
    )
    accuracy: AccuracyReference | None = Field(
        None, description="What changes of accuracy are told by; none when there was too little to fit it to."
    )
    headline: str = Field(description="Whether the model beats the last rate, in plain words.")
    pairs: dict[str, PairStats]

    @model_validator(mode="after")
    def _holds_what_a_forecast_needs(self) -> TrainingStats:
        tables = [self.intervals.get(level, {}) for level in LEVELS]
        if any(
            set(table) != set(tables[0]) or min(table, default=MIN_HISTORY + 1) > MIN_HISTORY
            for table in tables
        ):
            raise ValueError(f"intervals need levels {LEVELS} of the same lengths, from {MIN_HISTORY} on")
        if self.default_pair not in self.pairs:
            raise ValueError(f"the default pair {self.default_pair} is not among the pairs")
        for name, pair in self.pairs.items():
            if missing := [feature for feature in FEATURE_NAMES if feature not in pair.features]:
                raise ValueError(f"{name} lacks {missing[0]}")
        return self
