"""Input and output messages as pydantic models: the contract that JSON Schemas and AsyncAPI are generated from.

The worker's fast path (`ratecast.contract.wire`) accepts and writes exactly what these models describe; property
tests compare the two.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from ratecast.contract.alerts import Alert  # noqa: TC001 - pydantic reads the annotation at run time
from ratecast.field_faults import shown

MIN_HISTORY = 3
MAX_HISTORY = 1024
PAIR_PATTERN = r"^[A-Z]{3}/[A-Z]{3}$"

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_A_DAY = "must be a day of the calendar"
_A_TIME = "must be an ISO 8601 date or date-time"


def _iso_date(text: str) -> str:
    if not _DATE.fullmatch(text):
        raise ValueError(f"must be an ISO 8601 date (YYYY-MM-DD), got {shown(text)}")
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{_A_DAY}, got {shown(text)}") from None
    return text


def check_iso_date_or_time(text: str) -> str:
    """Return the text if it is an ISO 8601 date or date-time.

    Raises:
        ValueError: it is not; the message says what it must be.
    """
    fault = _A_TIME
    if _DATE.match(text):
        try:
            dt.datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            fault = _A_DAY if _DATE.fullmatch(text) else _A_TIME
        else:
            # Python accepts any character between date and time, and stops reading at a NUL character.
            if text[10:11] in {"", "T", " "} and "\0" not in text:
                return text
    raise ValueError(f"{fault}, got {shown(text)}")


IsoDate = Annotated[str, AfterValidator(_iso_date), Field(json_schema_extra={"format": "date"})]
IsoDateOrTime = Annotated[str, AfterValidator(check_iso_date_or_time)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Percent = Annotated[str, Field(pattern=r"^\d{1,2}(\.\d)?$")]
Pair = Annotated[str, Field(pattern=PAIR_PATTERN, examples=["EUR/GBP"])]


class RateHistory(BaseModel):
    """Input: the recent rates of one currency pair, to be scored."""

    # Strict: a number must be a JSON number, never "0.85" or true. Unknown fields are ignored.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, title="RateHistory")

    history: Annotated[
        list[Rate],
        Field(
            min_length=MIN_HISTORY,
            max_length=MAX_HISTORY,
            fail_fast=True,
            description="Rates, oldest first. With 21 or more, the range adapts to the history's volatility.",
            examples=[[0.85, 0.86, 0.87]],
        ),
    ]
    pair: Pair | None = Field(
        None, description="Base and quote currency. The model's default pair when absent."
    )
    as_of: IsoDateOrTime | None = Field(None, description="ISO 8601 date or date-time of the last rate.")
    # Fail fast: a message of 1 MB has room for 330,000 wrong dates, and an error for each takes 500 MB and seconds.
    times: Annotated[list[IsoDate], Field(fail_fast=True)] | None = Field(
        None, description="ISO 8601 dates, one for each rate."
    )
    message_id: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="Identifies the message. `topic-partition-offset` when absent."
    )

    @model_validator(mode="after")
    def _has_one_time_for_each_rate(self) -> RateHistory:
        if self.times is not None and len(self.times) != len(self.history):
            raise ValueError(
                f"times must have one date for each rate, got {len(self.times)} for {len(self.history)} rates"
            )
        return self


class Intervals(BaseModel):
    """Ranges expected to contain the next rate in 80 and in 95 of 100 cases, each ``[lower, upper]``."""

    model_config = ConfigDict(populate_by_name=True)

    level_80: tuple[float, float] = Field(alias="80")
    level_95: tuple[float, float] = Field(alias="95")


class Horizon(BaseModel):
    """Ranges expected to contain the rate some steps ahead."""

    steps: int = Field(ge=2, description="How many rates ahead: 2, 5, 10 or 21.")
    intervals: Intervals = Field(
        description="Ranges expected to contain that rate in 80 and in 95 of 100 cases, each `[lower, upper]`."
    )
    target: IsoDate | None = Field(
        None,
        description="The day of that rate, counted like `target` of the prediction. It is absent if that is.",
    )


class Features(BaseModel):
    """The values that the drift check looks at: the last three rates and the two log returns between them."""

    lag_1: float = Field(description="The newest rate.")
    lag_2: float
    lag_3: float
    return_1: float = Field(description="ln(lag_1 / lag_2)")
    return_2: float = Field(description="ln(lag_2 / lag_3)")


class Drift(BaseModel):
    """The classic rule: a feature outside its training min/max, or more than 3 standard deviations from its mean."""

    is_drift: bool
    features: list[str] = Field(description="The features that drifted.")
    scores: dict[str, float] = Field(
        description="For each feature, its distance from the training mean in standard deviations."
    )


class Source(BaseModel):
    """Position of the scored record on the input topic."""

    topic: str
    partition: int
    offset: int
    topic_id: str | None = Field(
        None,
        description="The broker's id of the topic. Absent when the broker gives none. A topic that was deleted and "
        "created again has a new id, and its offsets start again at 0.",
    )


class Prediction(BaseModel):
    """Output: the forecast of the next rate with calibrated ranges, drift, and data-quality alerts."""

    model_config = ConfigDict(extra="forbid", title="Prediction")

    message_id: str
    pair: str
    as_of: str | None
    target: IsoDate | None = Field(
        None,
        description="The day that the forecast is for: the first day after that of the newest rate on which the ECB "
        "publishes rates. It is absent if the newest rate has no date; an `as_of` with a time is none.",
    )
    prediction: float = Field(description="The forecast of the next rate.")
    baseline: float = Field(description="The last rate, which is the forecast of a random walk.")
    intervals: Intervals
    interval_quality: Literal["adaptive", "static", "floored"] = Field(
        description="adaptive: the range uses the history's own volatility (21 rates or more). static: the history is "
        "shorter, or too few of its rates are left when those of a stuck feed, of closed days and of past faults are left "
        "out, so the range also uses the volatility from training. floored: the history's volatility is below a "
        "tenth of training's, so the range uses that tenth and is too wide for such small steps. This happens when a "
        "model of daily rates scores rates by the minute."
    )
    features: Features
    drift: Drift
    alerts: list[Alert] = Field(description="Data-quality codes. Empty when nothing is unusual.")
    alert_messages: dict[Alert, str] | None = Field(
        None, description="For each code, a sentence that explains it. Absent when nothing is unusual."
    )
    model_version: str
    scored_at: AwareDatetime
    source: Source
    horizons: list[Horizon] | None = Field(
        None,
        description="Ranges for several steps ahead, nearest first, if the worker's setting `RATECAST_HORIZONS` names steps. "
        "They are around the same forecast, and none is narrower than that of fewer steps. The field is absent without the "
        "setting, and if a bound does not fit a 64-bit floating-point number.",
    )
    quantiles: dict[Percent, float] | None = Field(
        None,
        description="Quantiles of the next rate, ascending, if the worker's setting `RATECAST_QUANTILES` names percents: the "
        "next rate is below the value of `5` in 5 of 100 cases. Those of `10` and `90` are the bounds of the 80 % range, "
        "those of `2.5` and `97.5` the bounds of the 95 % range. The field is absent without the setting, and if a quantile "
        "does not fit a 64-bit floating-point number.",
    )


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a message model, with its ``$schema`` entry."""
    schema = model.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
