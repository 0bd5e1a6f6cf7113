"""Scores one record at a time in the plainest way: what the fast path of `ratecast.scoring` must equal, bit for bit.

It decodes with the contract's models, compares dates one by one, and builds each prediction field by field. The checks and
the model's numbers are those of the code under test, on a batch of one.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ratecast.contract import wire
from ratecast.contract.wire import FeaturesRow, IntervalsRow
from ratecast.model.features import FEATURE_NAMES, WINDOW
from ratecast.model.forecast import Forecaster
from ratecast.rates.target_days import next_target_day
from ratecast.scoring.quality import SPAN_STEPS, Days, QualityChecker
from tests.contract_oracle import accepted

if TYPE_CHECKING:
    from ratecast.contract.inputs import History
    from ratecast.contract.messages import RateHistory
    from ratecast.contract.record import Record
    from ratecast.model.bundle import Bundle

EPOCH = dt.date(1970, 1, 1)


class ReferenceScorer:
    """Scores single records with one model.

    Args:
        bundle: the model.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._forecaster = Forecaster.from_bundle(bundle)
        self._checker = QualityChecker.from_stats(bundle.stats)

    def score(self, record: Record, now: dt.datetime) -> tuple[bytes, list[str]] | None:
        """Return the encoded prediction and the codes of its alerts; None if the record is a dead letter."""
        message = None if record.value is None else accepted(record.value)
        if message is None:
            return None
        pair = message.pair or self._forecaster.default_pair
        if pair not in self._forecaster.pair_index:
            return None
        windows = self._forecaster.windows(
            [message.history], np.array([self._forecaster.pair_index[pair]], dtype=np.intp)
        )
        quality = self._checker.check(windows, reference_days(message))
        forecasts = self._forecaster.forecast(windows.without(quality.ignored_returns))
        prediction, lower, upper = forecasts.prediction[0], forecasts.lower[0], forecasts.upper[0]
        if not (np.isfinite(prediction) and np.isfinite(upper).all() and (lower > 0).all()):
            return None
        found = quality.alerts.get(0, {})
        drifted = [name for name, out in zip(FEATURE_NAMES, forecasts.drifted[0], strict=True) if out]
        row = wire.PredictionRow(
            message_id=message.message_id or f"{record.topic}-{record.partition}-{record.offset}",
            pair=pair,
            as_of=message.as_of,
            prediction=float(prediction),
            baseline=message.history[-1],
            intervals=IntervalsRow((float(lower[0]), float(upper[0])), (float(lower[1]), float(upper[1]))),
            interval_quality="static"
            if not forecasts.adaptive[0]
            else ("floored" if forecasts.floored[0] else "adaptive"),
            features=FeaturesRow(*map(float, forecasts.features[0])),
            drift=wire.DriftRow(bool(drifted), drifted, FeaturesRow(*map(float, forecasts.drift_scores[0]))),
            alerts=[code.value for code in found],
            model_version=self._forecaster.version,
            scored_at=now.isoformat(),
            source=wire.SourceRow(record.topic, record.partition, record.offset),
            alert_messages={code.value: text for code, text in found.items()} or msgspec.UNSET,
            target=_target(message),
        )
        return wire.encode_prediction(row), row.alerts


def _target(message: RateHistory) -> str | msgspec.UnsetType:
    dated_by_as_of = message.as_of is not None and len(message.as_of) == len("2026-10-30")
    newest = message.as_of if dated_by_as_of else message.times and message.times[-1]
    following = next_target_day(dt.date.fromisoformat(newest)) if newest else None
    return msgspec.UNSET if following is None else following.isoformat()


def reference_days(message: RateHistory | History) -> Days:
    """Return the days of one message, from the definitions in `Days`."""
    days = Days.unknown(1)
    if message.times is not None:
        times = [dt.date.fromisoformat(str(day)) for day in message.times]
        steps = [(later - day).days for day, later in itertools.pairwise(times)]
        days.newest[0], days.gap[0] = (times[-1] - EPOCH).days, steps[-1]
        recent = steps[-SPAN_STEPS:]
        if len(recent) == SPAN_STEPS:
            days.span[0] = sum(recent)
            days.longest[0] = max(recent)
        # Working days up to and with each of the two dates.
        working = np.diff(np.busday_count("0001-01-01", np.array([times[0], times[-1]], dtype="M8[D]") + 1))[
            0
        ]
        if len(steps) > working or (len(recent) == SPAN_STEPS and sum(recent) < SPAN_STEPS / 5 * 7):
            weekdays = [day.weekday() for day in times]
            days.weekdays[0] = np.array(([-1] * WINDOW + weekdays)[1 - WINDOW :])
    if message.as_of is not None:
        as_of = (dt.date.fromisoformat(message.as_of[:10]) - EPOCH).days
        if days.newest[0] != as_of:
            days.gap[0] = np.fmax(days.gap[0], as_of - days.newest[0])
            days.newest[0] = as_of
    return days
