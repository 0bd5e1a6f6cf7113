"""The columns of predictions: flat, typed, with the unit in the name. Every table has all of them, whatever the settings."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import msgspec

from ratecast.contract import wire
from ratecast.contract.messages import PAIR_PATTERN, check_iso_date_or_time
from ratecast.contract.unreadable import Unreadable
from ratecast.data.column_types import (
    DATE,
    FLAG,
    INPUT_PLACE,
    MICROSECONDS,
    NUMBER,
    PLACE,
    TEXT,
    Column,
    LeftOutError,
    input_place,
    place,
)
from ratecast.optional_fields import HORIZONS, QUANTILES

if TYPE_CHECKING:
    from ratecast.contract.record import Record

_PAIR = re.compile(PAIR_PATTERN)
_FEATURES = ("lag_1", "lag_2", "lag_3", "return_1", "return_2")
_LEVELS = ("80", "95")
_BOUNDS = ("lower", "upper")


def _horizon_columns(steps: int) -> tuple[Column, ...]:
    about = f"of the rate {steps} steps ahead; null without RATECAST_HORIZONS"
    ranges = (
        Column(
            f"horizon_{steps}_range_{level}_{bound}_rate",
            NUMBER,
            f"{bound} bound of the {level} % range {about}",
        )
        for level in _LEVELS
        for bound in _BOUNDS
    )
    return (*ranges, Column(f"horizon_{steps}_target_day", DATE, f"the day {about}"))


COLUMNS: tuple[Column, ...] = (
    *PLACE,
    Column("message_id", TEXT, "identifies the message that was scored"),
    Column("pair", TEXT, "base and quote currency"),
    Column("as_of", TEXT, "date or date-time of the last rate, as the message gave it"),
    Column(
        "rate_time_utc", MICROSECONDS, "`as_of` as a time; midnight for a date, and UTC if it names no zone"
    ),
    Column("target_day", DATE, "the day that the forecast is for; null if the message has no date"),
    Column("forecast_rate", NUMBER, "the forecast of the next rate (`prediction`)"),
    Column("last_rate", NUMBER, "the newest rate (`baseline`)"),
    *(
        Column(
            f"range_{level}_{bound}_rate", NUMBER, f"{bound} bound of the {level} % range of the next rate"
        )
        for level in _LEVELS
        for bound in _BOUNDS
    ),
    Column("range_quality", TEXT, "adaptive, static or floored (`interval_quality`)"),
    *(Column(f"lag_{n}_rate", NUMBER, f"rate {n} from the end of the history") for n in (1, 2, 3)),
    *(Column(f"return_{n}_log", NUMBER, f"log return {n} from the end") for n in (1, 2)),
    Column("is_drift", FLAG, "whether a feature drifted"),
    Column("drift_features", TEXT, "the features that drifted, separated by commas; empty if none"),
    *(
        Column(f"drift_score_{name}_std", NUMBER, f"distance of {name} from training, in standard deviations")
        for name in _FEATURES
    ),
    Column("alerts", TEXT, "codes of data-quality alerts, separated by commas; empty if none"),
    Column("alert_text", TEXT, "the alerts in words, one on each line; empty if none"),
    Column("model_version", TEXT, "the model that scored it"),
    Column("scored_at_utc", MICROSECONDS, "when it was scored"),
    *INPUT_PLACE,
    *(column for steps in HORIZONS for column in _horizon_columns(steps)),
    *(
        Column(
            f"quantile_{percent.replace('.', '_')}_percent_rate",
            NUMBER,
            f"the next rate is below it in {percent} of 100 cases; null without RATECAST_QUANTILES",
        )
        for percent in QUANTILES
    ),
)


def prediction_values(record: Record) -> tuple[Any, ...]:
    """Return a value for each column.

    Raises:
        LeftOutError: the record is no prediction; the message says why.
    """
    value = record.value
    if isinstance(value, Unreadable):
        raise LeftOutError(value.reason)
    if not value:
        raise LeftOutError("not a prediction: the value is null or empty")
    try:
        row = wire.decode_prediction(value)
        return (*place(record), *_values(row), *_further(row))
    # Numbers and times of others may be anything that JSON can say, beyond what a calendar or a column holds.
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise LeftOutError(f"not a prediction: {error}") from None


def _values(row: wire.PredictionRow) -> tuple[Any, ...]:
    if not _PAIR.fullmatch(row.pair):
        raise ValueError(f"pair is not like EUR/USD: {row.pair[:40]!r}")
    features, scores = row.features, row.drift.scores
    messages = {} if isinstance(row.alert_messages, msgspec.UnsetType) else row.alert_messages
    return (
        *(row.message_id, row.pair, row.as_of, _rate_time(row.as_of), _day(row.target)),
        *(row.prediction, row.baseline, *row.intervals.level_80, *row.intervals.level_95),
        row.interval_quality,
        *(getattr(features, name) for name in _FEATURES),
        *(row.drift.is_drift, ",".join(row.drift.features)),
        *(getattr(scores, name) for name in _FEATURES),
        *(",".join(row.alerts), "\n".join(messages.get(code, code) for code in row.alerts)),
        *(row.model_version, _utc(row.scored_at, "scored_at")),
        *input_place(
            row.source.topic,
            None if isinstance(row.source.topic_id, msgspec.UnsetType) else row.source.topic_id,
            row.source.partition,
            row.source.offset,
        ),
    )


def _further(row: wire.PredictionRow) -> list[Any]:
    """Return the values of horizons and quantiles; null where the prediction has none."""
    horizons: dict[int, wire.HorizonRow] = {}
    if not isinstance(row.horizons, msgspec.UnsetType):
        horizons = {horizon.steps: horizon for horizon in row.horizons}
    quantiles = {} if isinstance(row.quantiles, msgspec.UnsetType) else row.quantiles
    if unknown := [
        str(key) for key in (horizons.keys() - set(HORIZONS)) | (quantiles.keys() - set(QUANTILES))
    ]:
        raise ValueError(f"there is no column for the horizon or quantile {min(unknown)[:40]!r}")
    values: list[Any] = []
    for steps in HORIZONS:
        if (found := horizons.get(steps)) is None:
            values += [None] * 5
        else:
            values += [*found.intervals.level_80, *found.intervals.level_95, _day(found.target)]
    return [*values, *(quantiles.get(percent) for percent in QUANTILES)]


def _rate_time(as_of: str | None) -> dt.datetime | None:
    return None if as_of is None else _utc(check_iso_date_or_time(as_of), "as_of", default=dt.UTC)


def _utc(text: str, name: str, default: dt.tzinfo | None = None) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        if default is None:
            raise ValueError(f"{name} has no time zone")
        moment = moment.replace(tzinfo=default)
    return moment.astimezone(dt.UTC)


def _day(target: str | msgspec.UnsetType) -> dt.date | None:
    return None if isinstance(target, msgspec.UnsetType) else dt.date.fromisoformat(target)
