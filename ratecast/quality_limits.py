"""What a clean feed does and does not do, learnt at training: the thresholds of `monitoring.quality`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


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
