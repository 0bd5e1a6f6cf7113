"""Turns forecasts and alerts, which are columns, into encoded predictions, one for each record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ratecast.contract import wire
from ratecast.model.features import FEATURE_NAMES
from ratecast.scoring.optional_rows import OptionalRows
from ratecast.scoring.target import target_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ratecast.contract.alerts import Alert
    from ratecast.contract.wire import History
    from ratecast.model.forecast import Forecasts

_QUALITIES = np.array(["static", "adaptive", "floored"], dtype=object)
# Topic, partition and offset of a record.
Source = tuple[str, int, int]


def encode_predictions(
    scored: Iterator[tuple[int, Source, History, str]],
    forecasts: Forecasts,
    alerts: Mapping[int, Mapping[Alert, str]],
    model_version: str,
    scored_at: str,
    topic_id: str | None = None,
) -> list[bytes]:
    """Return predictions as JSON, in the order given.

    Args:
        scored: for each prediction its row in ``forecasts``, its source, its history and its pair.
        forecasts: forecasts of the whole batch.
        alerts: row -> code -> text.
        model_version: version of the model that made the forecasts.
        scored_at: time of scoring, ISO 8601.
        topic_id: the broker's id of the source topic, if known.
    """
    # Whole columns become lists first: indexing an array element by element takes thirty times as long.
    features, prediction = forecasts.features.tolist(), forecasts.prediction.tolist()
    lower, upper = forecasts.lower.tolist(), forecasts.upper.tolist()
    quality, scores = _interval_qualities(forecasts), forecasts.drift_scores.tolist()
    drifted, named_id = _drifted_features(forecasts), msgspec.UNSET if topic_id is None else topic_id
    optional = None if forecasts.optional is None else OptionalRows(forecasts.optional)
    values = []
    for row, (topic, partition, offset), history, pair in scored:
        (low_80, low_95), (high_80, high_95) = lower[row], upper[row]
        found, names = alerts.get(row), drifted.get(row, [])
        prediction_row = wire.PredictionRow(
            history.message_id or f"{topic}-{partition}-{offset}",
            pair,
            history.as_of,
            prediction[row],
            features[row][0],
            wire.IntervalsRow((low_80, high_80), (low_95, high_95)),
            quality[row],
            wire.FeaturesRow(*features[row]),
            wire.DriftRow(bool(names), names, wire.FeaturesRow(*scores[row])),
            [] if found is None else list(found),
            model_version,
            scored_at,
            wire.SourceRow(topic, partition, offset, named_id),
            msgspec.UNSET if found is None else {code.value: text for code, text in found.items()},
            target_of(history),
        )
        if optional is not None:
            optional.fill(prediction_row, row, history)
        values.append(wire.encode_prediction(prediction_row))
    return values


def _interval_qualities(forecasts: Forecasts) -> list[str]:
    """Return the ``interval_quality`` of each forecast."""
    qualities: list[str] = _QUALITIES[np.where(forecasts.adaptive, 1 + forecasts.floored, 0)].tolist()
    return qualities


def _drifted_features(forecasts: Forecasts) -> dict[int, list[str]]:
    """Return row -> names of the features that drifted, for the rows that have any."""
    return {
        row: [name for name, is_out in zip(FEATURE_NAMES, forecasts.drifted[row], strict=True) if is_out]
        for row in np.flatnonzero(forecasts.drifted.any(axis=1)).tolist()
    }
