"""Encodes and decodes predictions, fast; the contract is `ratecast.contract.messages`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class IntervalsRow(msgspec.Struct, gc=False, rename={"level_80": "80", "level_95": "95"}):
    """`ratecast.contract.messages.Intervals`, fast to build and to encode."""

    level_80: tuple[float, float]
    level_95: tuple[float, float]


class FeaturesRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Features`, and also a drift score for each of them."""

    lag_1: float
    lag_2: float
    lag_3: float
    return_1: float
    return_2: float


class DriftRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Drift`, fast to build and to encode."""

    is_drift: bool
    features: list[str]
    scores: FeaturesRow


class SourceRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Source`, fast to build and to encode."""

    topic: str
    partition: int
    offset: int
    topic_id: str | msgspec.UnsetType = msgspec.UNSET  # absent when the broker gives topics no ids


class HorizonRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Horizon`, fast to build and to encode."""

    steps: int
    intervals: IntervalsRow
    target: str | msgspec.UnsetType = msgspec.UNSET  # absent when the newest rate has no date


class PredictionRow(msgspec.Struct, gc=False):
    """`ratecast.contract.messages.Prediction`, fast to build and to encode."""

    message_id: str
    pair: str
    as_of: str | None
    prediction: float
    baseline: float
    intervals: IntervalsRow
    interval_quality: str
    features: FeaturesRow
    drift: DriftRow
    alerts: list[str]
    model_version: str
    scored_at: str
    source: SourceRow
    alert_messages: dict[str, str] | msgspec.UnsetType = msgspec.UNSET  # absent when there is no alert
    target: str | msgspec.UnsetType = msgspec.UNSET  # absent when the newest rate has no date
    horizons: list[HorizonRow] | msgspec.UnsetType = msgspec.UNSET  # absent unless a setting asks for it
    quantiles: dict[str, float] | msgspec.UnsetType = msgspec.UNSET  # absent unless a setting asks for it


_encoder = msgspec.json.Encoder()
_prediction_decoder = msgspec.json.Decoder(PredictionRow)


def encode_prediction(row: PredictionRow) -> bytes:
    """Encode a prediction as JSON in UTF-8; the same floats always give the same bytes (shortest round trip)."""
    return _encoder.encode(row)


def encode_predictions(rows: Sequence[PredictionRow]) -> list[bytes]:
    """Encode predictions as `encode_prediction` does, in one call."""
    # JSON escapes line breaks inside texts.
    return _encoder.encode_lines(rows).split(b"\n")[:-1]


def decode_prediction(value: bytes) -> PredictionRow:
    """Decode a prediction that a worker wrote.

    Raises:
        msgspec.DecodeError: the value is no prediction.
    """
    return _prediction_decoder.decode(value)


def to_builtins(row: msgspec.Struct) -> Any:
    """Return a row as plain dicts and lists, for printing."""
    return msgspec.to_builtins(row)
