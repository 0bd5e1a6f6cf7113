"""A loaded model that forecasts rates in memory exactly as a worker forecasts messages."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import UnsetType

from ratecast.ask.answers import Answers, Held, HorizonForecast, PairForecast, Range
from ratecast.ask.dated_history import dated_history
from ratecast.ask.remarks import remarks
from ratecast.contract.wire import decode_prediction
from ratecast.errors import UsageError
from ratecast.model import bundle as bundles
from ratecast.model.optional_forecasts import available, require
from ratecast.model.signatures import TrustedKeys
from ratecast.optional_fields import HORIZONS, OptionalFields, chosen_horizons, chosen_quantiles
from ratecast.scoring.scorer import Scorer
from ratecast.settings import load_settings

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from ratecast.ask.dated_history import DatedHistory, Rates
    from ratecast.contract.wire import PredictionRow
    from ratecast.model.bundle import Bundle
    from ratecast.model.training_stats import RangesHeld

_NO_LIMIT = 2**30  # bytes of a message; a history of the most rates has 40 kB
_FAR_AHEAD = (
    f"The ranges in {HORIZONS[-1]} steps hold as often as they claim over all pairs together. Those of a pair that drifts hold "
    "less often."
)


@dataclass(slots=True)
class _Record:
    """A history as a consumed record."""

    value: bytes | None
    offset: int
    topic: str = "memory"
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()


class ForecastModel:
    """A trained model to ask for forecasts.

    Args:
        bundle: the model, verified.
        std_threshold: bound of the classic drift rule in standard deviations; None for the bundle's.

    Attributes:
        version: version of the model.
        pairs: the pairs that it knows.
        trained_until: day of the newest rate that it was trained on.
    """

    def __init__(self, bundle: Bundle, std_threshold: float | None = None) -> None:
        self.version = bundle.version
        self.pairs = tuple(bundle.stats.pairs)
        self.trained_until = dt.date.fromisoformat(bundle.stats.trained_until)
        self._stats = bundle.stats
        self._scorer = Scorer(bundle, _NO_LIMIT, std_threshold, available(bundle.stats))

    def __repr__(self) -> str:
        return f"<ForecastModel {self.version}, {len(self.pairs)} pairs>"

    def forecast(
        self,
        rates: Mapping[str, Rates],
        *,
        today: dt.date | None = None,
        horizons: Iterable[int] = (),
        quantiles: Iterable[float] = (),
    ) -> Answers:
        """Forecast the next rate of each pair.

        Args:
            rates: for each pair its newest rates, 3 or more: a list or array, the oldest rate first, or a dict or pandas
                Series of rates by date, in any order. From 21 rates on the ranges adapt to them; 61 are enough. Only
                with dates does a forecast say for which day it is, and are gaps and old rates noticed.
            today: day by which rates are old; the current day if None.
            horizons: steps ahead to forecast ranges for as well, of 2, 5, 10 and 21.
            quantiles: quantiles of the next rate in percent, of 1, 2.5, 5, 10, 25, 50, 75, 90, 95, 97.5 and 99.

        Raises:
            UsageError: a pair is unknown, its rates cannot be forecast from, or there is no such horizon or quantile. The
                message names it.
            ModelBundleError: the model has no table for a horizon or for quantiles.
        """
        self.check_known(*rates)
        wanted = OptionalFields(chosen_horizons(horizons), chosen_quantiles(quantiles))
        require(self._stats, wanted)
        now = dt.datetime.now(dt.UTC)
        histories = {pair: dated_history(pair, given) for pair, given in rates.items()}
        predictions = self._predictions(histories, now)
        today = now.date() if today is None else today
        return Answers(
            {
                pair: self._answer(prediction, histories[pair], today, wanted)
                for pair, prediction in predictions.items()
            }
        )

    def check_known(self, *pairs: str) -> None:
        """Check that the model knows some pairs.

        Raises:
            UsageError: it does not know one; the message lists the pairs that it knows.
        """
        unknown = [pair for pair in pairs if pair not in self.pairs]
        if not unknown:
            return
        inverses = ["/".join(reversed(pair.split("/"))) for pair in unknown]
        near = [pair for pair in inverses if pair in self.pairs]
        hint = f" (ask for {', '.join(near)}, the inverse)" if near else ""
        raise UsageError(
            f"model {self.version} does not know {', '.join(unknown)}{hint}; it knows {', '.join(self.pairs)}"
        )

    def _predictions(
        self, histories: Mapping[str, DatedHistory], now: dt.datetime
    ) -> dict[str, PredictionRow]:
        """Return the predictions that a worker makes from messages with these histories."""
        if not histories:
            return {}
        records = [_record(offset, *item) for offset, item in enumerate(histories.items())]
        batch = self._scorer.score(records, now)
        names = list(histories)
        for letter in batch.dead_letters:
            raise UsageError(f"{names[letter.record.offset]}: {letter.message}")
        rows = map(decode_prediction, batch.values)
        return {row.pair: row for row in rows}

    def _answer(
        self, prediction: PredictionRow, history: DatedHistory, today: dt.date, wanted: OptionalFields
    ) -> PairForecast:
        day = _day(prediction.target)
        last, intervals = prediction.baseline, prediction.intervals
        dates = (history.last_date, day)
        training = self._stats.pairs[prediction.pair]
        rows = [] if isinstance(prediction.horizons, UnsetType) else prediction.horizons
        quantiles = {} if isinstance(prediction.quantiles, UnsetType) else prediction.quantiles
        return PairForecast(
            pair=prediction.pair,
            last_rate=last,
            last_date=history.last_date,
            target=day,
            forecast=prediction.prediction,
            range_80=Range.around(last, *intervals.level_80),
            range_95=Range.around(last, *intervals.level_95),
            interval_quality=prediction.interval_quality,
            held=_held(training.ranges_held),
            alerts=tuple(prediction.alerts),
            remarks=(
                *remarks(prediction, len(history.rates), dates, self.trained_until, today),
                *((_FAR_AHEAD,) if max(wanted.horizons, default=0) == HORIZONS[-1] else ()),
            ),
            model_version=self.version,
            horizons={
                row.steps: HorizonForecast(
                    row.steps,
                    _day(row.target),
                    Range.around(last, *row.intervals.level_80),
                    Range.around(last, *row.intervals.level_95),
                    _held(training.horizons_held.get(row.steps)),
                )
                for row in rows
                if row.steps in wanted.horizons
            },
            quantiles={
                float(percent): rate for percent, rate in quantiles.items() if percent in wanted.quantiles
            },
        )


def _day(text: str | UnsetType) -> dt.date | None:
    return None if isinstance(text, UnsetType) else dt.date.fromisoformat(text)


def _held(found: RangesHeld | None) -> Held | None:
    if found is None or not {"80", "95"} <= found.shares.keys():
        return None
    first, last = map(dt.date.fromisoformat, (found.first_date, found.last_date))
    return Held(found.n, first, last, found.shares["80"], found.shares["95"])


def _record(offset: int, pair: str, history: DatedHistory) -> _Record:
    message = {"history": history.rates, "pair": pair}
    times = {} if history.days is None else {"times": history.days}
    return _Record(msgspec.json.encode(message | times), offset)


def load_model(models_dir: str | os.PathLike[str], version: str | None = None) -> ForecastModel:
    """Load a model to ask for forecasts, by default the current one. RATECAST_MODEL_KEY applies.

    Raises:
        ModelBundleError: there is no such model, its files are damaged, or it is not signed with a trusted key.
        UsageError: a setting in the environment is not valid.
    """
    return ForecastModel(bundles.load(Path(models_dir), version, TrustedKeys.of(load_settings())))
