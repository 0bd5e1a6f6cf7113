"""Prediction rows for tests."""

from __future__ import annotations

from ratecast import wire


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
