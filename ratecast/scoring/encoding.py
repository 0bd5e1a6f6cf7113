"""Turns forecasts and alerts, which are columns, into encoded predictions, one for each record.

Everything stays a column until the last step: `map` builds the rows without a line of Python for each of them, and a few
rows at a time, so that they are encoded while they are in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, repeat
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np

from ratecast.contract import wire
from ratecast.model.features import FEATURE_NAMES
from ratecast.scoring.optional_rows import OptionalRows
from ratecast.scoring.target import target_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ratecast.contract.alerts import Alert
    from ratecast.contract.inputs import Message
    from ratecast.contract.record import Record
    from ratecast.model.forecast import Forecasts

_QUALITIES = np.array(["static", "adaptive", "floored"], dtype=object)
_ROWS = 100  # built at a time
_NOTHING: list[str] = []  # shared by all rows without alerts or drift; nothing changes it


@dataclass(frozen=True, slots=True)
class Messages:
    """The records of a batch that contain a history of a known pair; the fields are parallel, except for the rates."""

    records: list[Record]
    messages: list[Message]
    pairs: list[str]
    rates: NDArray[np.float64]  # of all messages, one message after the other, oldest first
    lengths: NDArray[np.intp]  # (n,), number of rates of each message


def encode_predictions(
    batch: Messages,
    forecasts: Forecasts,
    alerts: Mapping[int, Mapping[Alert, str]],
    scored_at: str,
    topic_ids: Iterable[str | None],
) -> list[bytes]:
    """Return predictions as JSON, in the order given.

    Args:
        batch: the messages.
        forecasts: their forecasts.
        alerts: row -> code -> text.
        scored_at: time of scoring, ISO 8601.
        topic_ids: the broker's id of each message's source topic, if known, ``(n,)``.
    """
    records, messages = batch.records, batch.messages
    topics, partitions = [record.topic for record in records], [record.partition for record in records]
    offsets = [record.offset for record in records]
    baselines, *older = forecasts.features.T.tolist()
    (low_80, low_95), (high_80, high_95) = forecasts.lower.T.tolist(), forecasts.upper.T.tolist()
    drifted = _drifted_features(forecasts)
    scores = map(wire.FeaturesRow, *forecasts.drift_scores.T.tolist())
    named_ids = (msgspec.UNSET if topic_id is None else topic_id for topic_id in topic_ids)
    codes, texts = _alert_columns(alerts, len(messages))
    rows = map(
        wire.PredictionRow,
        _message_ids(messages, topics, partitions, offsets),
        batch.pairs,
        [message.as_of for message in messages],
        forecasts.prediction.tolist(),
        baselines,
        map(wire.IntervalsRow, zip(low_80, high_80, strict=True), zip(low_95, high_95, strict=True)),
        _interval_qualities(forecasts),
        map(wire.FeaturesRow, baselines, *older),
        map(wire.DriftRow, map(bool, drifted), drifted, scores),
        codes,
        repeat(forecasts.model_version),
        repeat(scored_at),
        map(wire.SourceRow, topics, partitions, offsets, named_ids),
        texts,
        map(target_of, messages),
    )
    optional = None if forecasts.optional is None else OptionalRows(forecasts.optional)
    values: list[bytes] = []
    while some := list(islice(rows, _ROWS)):
        if optional is not None:
            for row, prediction in enumerate(some, len(values)):
                optional.fill(prediction, row, messages[row])
        values += wire.encode_predictions(some)
    return values


def _message_ids(
    messages: Sequence[Message], topics: Sequence[str], partitions: Sequence[int], offsets: Sequence[int]
) -> list[str]:
    places = zip(messages, topics, partitions, offsets, strict=True)
    return [
        message.message_id or f"{topic}-{partition}-{offset}" for message, topic, partition, offset in places
    ]


def _alert_columns(
    alerts: Mapping[int, Mapping[Alert, str]], count: int
) -> tuple[list[list[str]], list[dict[str, str] | msgspec.UnsetType]]:
    """Return the fields ``alerts`` and ``alert_messages`` of each prediction."""
    codes = [_NOTHING] * count
    texts: list[dict[str, str] | msgspec.UnsetType] = [msgspec.UNSET] * count
    for row, found in alerts.items():
        codes[row] = list(found)
        texts[row] = {code.value: text for code, text in found.items()}
    return codes, texts


def _interval_qualities(forecasts: Forecasts) -> list[str]:
    """Return the ``interval_quality`` of each forecast."""
    return cast("list[str]", _QUALITIES[np.where(forecasts.adaptive, 1 + forecasts.floored, 0)].tolist())


def _drifted_features(forecasts: Forecasts) -> list[list[str]]:
    """Return the names of the features that drifted, for each forecast."""
    names = [_NOTHING] * len(forecasts.drifted)
    for row in np.flatnonzero(forecasts.drifted.any(axis=1)).tolist():
        names[row] = [
            name for name, is_out in zip(FEATURE_NAMES, forecasts.drifted[row], strict=True) if is_out
        ]
    return names
