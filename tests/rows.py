"""Prediction rows for tests."""

from __future__ import annotations

from ratecast.contract import wire
from ratecast.contract.dead_letter import DeadLetterHeaders


def prediction_row(
    last: float,
    *,
    forecast: float | None = None,
    half: float = 0.01,
    place: tuple[str, int, int] = ("t", 0, 0),
) -> wire.PredictionRow:
    centre = last if forecast is None else forecast
    features = wire.FeaturesRow(last, last, last, 0.0, 0.0)
    bounds = (centre - half, centre + half)
    return wire.PredictionRow(
        f"{place[0]}-{place[1]}-{place[2]}",
        "EUR/GBP",
        None,
        centre,
        last,
        wire.IntervalsRow(bounds, bounds),
        "static",
        features,
        wire.DriftRow(False, [], features),
        [],
        "v",
        "2025-01-01T00:00:00+00:00",
        wire.SourceRow(*place),
    )


def prediction(place: tuple[str, int, int]) -> bytes:
    """An encoded prediction made from the input at this topic, partition and offset."""
    return wire.encode_prediction(prediction_row(1.0, place=place))


def dead_letter(
    place: tuple[str, int, int], code: str = "invalid_json"
) -> tuple[bytes, list[tuple[str, bytes | None]]]:
    """Value and headers of a dead letter made from the input at this topic, partition and offset."""
    topic, partition, offset = place
    return b"x", DeadLetterHeaders(
        code=code,
        message="invented for tests",
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=0,
    ).written()
