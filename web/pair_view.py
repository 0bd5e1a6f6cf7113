"""What the page shows of one pair: its tile in the overview, and its own view. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from web.series import held, points

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ratecast.contract.wire import IntervalsRow, PredictionRow
    from web.series import Point

SPARK_POINTS = 60
MOST_POINTS = 250
_RECENT = 100  # messages over which shares of drift are counted


def tile(pair: str, series: Sequence[Point]) -> dict[str, Any]:
    """Return the tile of a pair with at least one point."""
    newest = series[-1].row
    return {
        "pair": pair,
        "as_of": series[-1].as_of,
        "target": None if newest.target is UNSET else newest.target,
        "rate": newest.baseline,
        "prediction": newest.prediction,
        "bands": bands(newest.intervals),
        "band_percent": {
            level: _half_width_percent(band, newest.baseline)
            for level, band in bands(newest.intervals).items()
        },
        "held": {level: held(series, level) for level in ("80", "95")},
        "drift": newest.drift.is_drift,
        "drift_features": newest.drift.features,
        "alerts": _alerts(newest),
        "interval_quality": newest.interval_quality,
        "model_version": newest.model_version,
        "spark": [
            [point.as_of, point.row.baseline, *(point.band95 or (None, None))]
            for point in series[-SPARK_POINTS:]
        ],
    }


def pair_view(pair: str, rows: Iterable[PredictionRow], model: dict[str, Any] | None) -> dict[str, Any]:
    """Return everything that the view of one pair shows.

    Args:
        pair: the pair.
        rows: its predictions in the order of arrival, at least one of them with a date or a time of scoring.
        model: the card of its model, if the bundle is at hand.
    """
    series = points(rows)
    newest = series[-1].row
    shares = _drift_shares(series)
    return {
        "pair": pair,
        "points": [_point(point) for point in series[-MOST_POINTS:]],
        "next": {
            "target": None if newest.target is UNSET else newest.target,
            "prediction": newest.prediction,
            "bands": bands(newest.intervals),
        },
        "horizons": _horizons(newest),
        "quantiles": None if newest.quantiles is UNSET else newest.quantiles,
        "features": [
            {
                "name": name,
                "value": value,
                "share_outside": shares.get(name, 0.0),
                "drift": name in newest.drift.features,
            }
            for name, value in msgspec.structs.asdict(newest.features).items()
        ],
        "drift_by_feature": [
            {"name": name, "share": share}
            for name, share in sorted(shares.items(), key=lambda item: (-item[1], item[0]))
        ],
        "model": model,
        "tile": tile(pair, series),
    }


def bands(intervals: IntervalsRow) -> dict[str, tuple[float, float]]:
    """Return the ranges by level, as messages have them."""
    return {"80": intervals.level_80, "95": intervals.level_95}


def _half_width_percent(band: tuple[float, float], rate: float) -> float | None:
    return None if rate == 0 else 50 * (band[1] - band[0]) / rate


def _alerts(row: PredictionRow) -> list[dict[str, str]]:
    words = {} if row.alert_messages is UNSET else row.alert_messages
    return [{"code": code, "words": words.get(code, code)} for code in row.alerts]


def _point(point: Point) -> dict[str, Any]:
    return {
        "as_of": point.as_of,
        "rate": point.row.baseline,
        "prediction": point.row.prediction,
        "band80": point.band80,
        "band95": point.band95,
        "missed80": point.missed80,
        "missed95": point.missed95,
        "alerts": point.row.alerts,
    }


def _horizons(row: PredictionRow) -> list[dict[str, Any]]:
    if row.horizons is UNSET:
        return []
    return [
        {
            "steps": item.steps,
            "target": None if item.target is UNSET else item.target,
            "bands": bands(item.intervals),
        }
        for item in row.horizons
    ]


def _drift_shares(series: Sequence[Point]) -> dict[str, float]:
    """Return for each feature the share of the newest messages in which it drifted."""
    recent = series[-_RECENT:]
    drifted = Counter(name for point in recent for name in set(point.row.drift.features))
    names = msgspec.structs.fields(recent[-1].row.features)
    return {item.name: drifted[item.name] / len(recent) for item in names}
