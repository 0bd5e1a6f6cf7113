"""The messages on the wire, as pydantic models: the contract that JSON Schemas and AsyncAPI are made from.

The worker's fast path (`ratecast.contract.wire`) accepts and writes exactly what these models describe; a property
test holds the two together.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from ratecast.contract.alerts import Alert  # noqa: TC001 - pydantic reads the annotation when it runs

MIN_HISTORY = 3
MAX_HISTORY = 1024
PAIR_PATTERN = r"^[A-Z]{3}/[A-Z]{3}$"

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NO_SUCH_DAY = "there is no such day"
_NO_TIME = "not an ISO 8601 date or date-time"


def _iso_date(text: str) -> str:
    if not _DATE.fullmatch(text):
        raise ValueError("not an ISO 8601 date (YYYY-MM-DD)")
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(_NO_SUCH_DAY) from None
    return text


def check_iso_date_or_time(text: str) -> str:
    """Return the text when it is an ISO 8601 date or date-time, else raise ValueError."""
    if not _DATE.match(text):
        raise ValueError(_NO_TIME)
    try:
        dt.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(_NO_SUCH_DAY if _DATE.fullmatch(text) else _NO_TIME) from None
    # Python takes any character between date and time, and stops reading at a zero character.
    if text[10:11] not in {"", "T", " "} or "\0" in text:
        raise ValueError(_NO_TIME)
    return text


IsoDate = Annotated[str, AfterValidator(_iso_date), Field(json_schema_extra={"format": "date"})]
IsoDateOrTime = Annotated[str, AfterValidator(check_iso_date_or_time)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Pair = Annotated[str, Field(pattern=PAIR_PATTERN, examples=["EUR/GBP"])]


class RateHistory(BaseModel):
    """Input: the recent rates of one currency pair, to be scored."""

    # Strict: a number is a number, never "0.85" or true. Unknown fields are ignored.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, title="RateHistory")

    history: Annotated[
        list[Rate],
        Field(
            min_length=MIN_HISTORY,
            max_length=MAX_HISTORY,
            fail_fast=True,
            description="Rates, oldest first. 21 or more give a range that adapts to volatility.",
            examples=[[0.85, 0.86, 0.87]],
        ),
    ]
    pair: Pair | None = Field(None, description="Base/quote; the model's default pair when absent.")
    as_of: IsoDateOrTime | None = Field(None, description="ISO 8601 date or date-time of the last rate.")
    # Fail fast: a message of 1 MB has room for 330,000 wrong dates, and an error for each takes 500 MB and seconds.
    times: Annotated[list[IsoDate], Field(fail_fast=True)] | None = Field(
        None, description="ISO 8601 dates, as many as rates."
    )
    message_id: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="Identifies the message; `topic-partition-offset` when absent."
    )

    @model_validator(mode="after")
    def _one_time_a_rate(self) -> RateHistory:
        if self.times is not None and len(self.times) != len(self.history):
            raise ValueError(f"history has {len(self.history)} rates, times has {len(self.times)}")
        return self


class Intervals(BaseModel):
    """Ranges expected to hold the next rate in 80 and in 95 of 100 cases, each ``[lower, upper]``."""

    model_config = ConfigDict(populate_by_name=True)

    level_80: tuple[float, float] = Field(alias="80")
    level_95: tuple[float, float] = Field(alias="95")


class Features(BaseModel):
    """What the drift check looks at: the last three rates and the two log returns between them."""

    lag_1: float = Field(description="The newest rate.")
    lag_2: float
    lag_3: float
    return_1: float = Field(description="ln(lag_1 / lag_2)")
    return_2: float = Field(description="ln(lag_2 / lag_3)")


class Drift(BaseModel):
    """The classic rule: outside the pair's training min/max, or beyond 3 standard deviations."""

    is_drift: bool
    features: list[str] = Field(description="The features that drifted.")
    scores: dict[str, float] = Field(description="Per feature, distance from the training mean in std.")


class Source(BaseModel):
    """Where the scored record lies on the input topic."""

    topic: str
    partition: int
    offset: int
    topic_id: str | None = Field(
        None,
        description="The broker's id of the topic; absent when it gives none. A topic that was deleted and created again "
        "has another, and its offsets start anew.",
    )


class Prediction(BaseModel):
    """Output: the forecast of the next rate, with honest ranges and what was odd about the input."""

    model_config = ConfigDict(extra="forbid", title="Prediction")

    message_id: str
    pair: str
    as_of: str | None
    prediction: float = Field(description="The forecast of the next rate.")
    baseline: float = Field(description="The last rate: what a random walk would forecast.")
    intervals: Intervals
    interval_quality: Literal["adaptive", "static", "floored"] = Field(
        description="adaptive: from the message's own volatility (21 rates or more). static: leans on training's "
        "volatility. floored: the message's volatility is below a tenth of training's, so the range is that of a tenth "
        "and too wide for such steps; a model of daily rates says so of ticks by the minute."
    )
    features: Features
    drift: Drift
    alerts: list[Alert] = Field(description="Data-quality codes; empty when nothing is odd.")
    alert_messages: dict[Alert, str] | None = Field(
        None, description="Code -> what it looks like, in words; absent when nothing is odd."
    )
    model_version: str
    scored_at: AwareDatetime
    source: Source


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one message model, with its dialect named."""
    schema = model.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
