"""From records to predictions and dead letters: pure, a batch at a time, one predict a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ratecast import wire
from ratecast.errors import ErrorCode, RecordError
from ratecast.features import FEATURE_NAMES

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.forecast import Forecaster, Forecasts
    from ratecast.wire import History


class Record(Protocol):
    """What scoring reads of a consumed record (aiokafka's ConsumerRecord is one)."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # milliseconds since the epoch
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot be scored, and why."""

    record: Record
    code: ErrorCode
    message: str


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """The outcome of every record of a batch: the first three are parallel, in the records' order."""

    records: list[Record]
    pairs: list[str]
    values: list[bytes]  # encoded predictions
    drifted: NDArray[np.bool_]  # (n,)
    as_of: dict[str, str]  # pair -> as_of of its newest scored message
    dead_letters: list[DeadLetter]


class Scorer:
    """Scores batches of records with one model.

    Args:
        forecaster: the model in use.
        max_message_bytes: longer values become dead letters, unread.
    """

    def __init__(self, forecaster: Forecaster, max_message_bytes: int) -> None:
        self._forecaster = forecaster
        self._max_message_bytes = max_message_bytes

    def score(self, records: Sequence[Record], now: dt.datetime) -> ScoredBatch:
        """Score records of one partition, in order.

        Args:
            records: what was polled, at least one.
            now: what predictions carry as ``scored_at``.
        """
        kept, histories, rows, dead_letters = self._decode(records)
        if not kept:
            return ScoredBatch([], [], [], np.zeros(0, dtype=np.bool_), {}, dead_letters)
        forecasts = self._forecaster.forecast([h.history for h in histories], np.array(rows, dtype=np.intp))
        return self._encode(kept, histories, rows, forecasts, now.isoformat(), dead_letters)

    def _decode(
        self, records: Sequence[Record]
    ) -> tuple[list[Record], list[History], list[int], list[DeadLetter]]:
        kept: list[Record] = []
        histories: list[History] = []
        rows: list[int] = []
        dead_letters: list[DeadLetter] = []
        pair_index, default_pair = self._forecaster.pair_index, self._forecaster.default_pair
        decoded = wire.decode_histories([record.value for record in records], self._max_message_bytes)
        for record, history in zip(records, decoded, strict=True):
            if isinstance(history, RecordError):
                dead_letters.append(DeadLetter(record, history.code, history.message))
                continue
            row = pair_index.get(history.pair or default_pair)
            if row is None:
                message = f"the model does not know {history.pair}"
                dead_letters.append(DeadLetter(record, ErrorCode.UNKNOWN_PAIR, message))
                continue
            kept.append(record)
            histories.append(history)
            rows.append(row)
        return kept, histories, rows, dead_letters

    def _encode(
        self,
        records: list[Record],
        histories: list[History],
        rows: list[int],
        forecasts: Forecasts,
        scored_at: str,
        dead_letters: list[DeadLetter],
    ) -> ScoredBatch:
        finite: NDArray[np.bool_] = np.isfinite(forecasts.prediction) & np.isfinite(forecasts.upper).all(
            axis=1
        )
        any_drift: NDArray[np.bool_] = np.any(forecasts.drifted, axis=1)
        kept: list[Record] = []
        pairs: list[str] = []
        values: list[bytes] = []
        as_of: dict[str, str] = {}
        for record, history, row, forecast in zip(
            records, histories, rows, _rows(forecasts, finite, any_drift), strict=True
        ):
            if forecast is None:
                message = "the forecast leaves the range of a float64"
                dead_letters.append(DeadLetter(record, ErrorCode.SCORING_FAILED, message))
                continue
            pair = self._forecaster.pairs[row]
            kept.append(record)
            pairs.append(pair)
            values.append(self._encode_one(record, history, pair, forecast, scored_at))
            if history.as_of is not None:
                as_of[pair] = history.as_of
        return ScoredBatch(kept, pairs, values, any_drift[finite], as_of, dead_letters)

    def _encode_one(
        self, record: Record, history: History, pair: str, forecast: _Row, scored_at: str
    ) -> bytes:
        features, prediction, lower, upper, adaptive, scores, drifted = forecast
        return wire.encode_prediction(
            wire.PredictionRow(
                history.message_id or f"{record.topic}-{record.partition}-{record.offset}",
                pair,
                history.as_of,
                prediction,
                features[0],
                wire.IntervalsRow((lower[0], upper[0]), (lower[1], upper[1])),
                "adaptive" if adaptive else "static",
                wire.FeaturesRow(*features),
                wire.DriftRow(bool(drifted), drifted, wire.FeaturesRow(*scores)),
                [],
                self._forecaster.version,
                scored_at,
                wire.SourceRow(record.topic, record.partition, record.offset),
            )
        )


# features, prediction, lower, upper, adaptive, drift scores, names of the drifted features
_Row = tuple[list[float], float, list[float], list[float], bool, list[float], list[str]]


def _rows(forecasts: Forecasts, finite: NDArray[np.bool_], any_drift: NDArray[np.bool_]) -> list[_Row | None]:
    """Forecasts as Python values, one row a record; None where a forecast is not finite.

    Whole columns become lists at once: indexing an array element by element costs thirty times as much.
    """
    columns = zip(
        forecasts.features.tolist(),
        forecasts.prediction.tolist(),
        forecasts.lower.tolist(),
        forecasts.upper.tolist(),
        forecasts.adaptive.tolist(),
        forecasts.drift_scores.tolist(),
        strict=True,
    )
    names = {
        row: [name for name, is_out in zip(FEATURE_NAMES, forecasts.drifted[row], strict=True) if is_out]
        for row in np.flatnonzero(any_drift).tolist()
    }
    return [
        (*column, names.get(row, [])) if is_finite else None
        for row, (column, is_finite) in enumerate(zip(columns, finite.tolist(), strict=True))
    ]
