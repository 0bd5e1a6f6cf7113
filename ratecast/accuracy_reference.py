"""What a bundle says of its own accuracy, so that a worker can tell when accuracy changes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


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
