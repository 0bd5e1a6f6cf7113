"""A loaded model that forecasts rates in memory exactly as a worker forecasts messages."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ratecast.ask.answers import Answers, Held, PairForecast, Range
from ratecast.ask.dated_history import dated_history
from ratecast.ask.remarks import remarks
from ratecast.contract.wire import decode_prediction
from ratecast.errors import UsageError
from ratecast.model import bundle as bundles
from ratecast.scoring.scorer import Scorer

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from ratecast.ask.dated_history import DatedHistory, Rates
    from ratecast.contract.wire import PredictionRow
    from ratecast.model.bundle import Bundle

_NO_LIMIT = 2**30  # bytes of a message; a history of the most rates has 40 kB


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
        self._scorer = Scorer(bundle, _NO_LIMIT, std_threshold)

    def __repr__(self) -> str:
        return f"<ForecastModel {self.version}, {len(self.pairs)} pairs>"

    def forecast(self, rates: Mapping[str, Rates], *, today: dt.date | None = None) -> Answers:
        """Forecast the next rate of each pair.

        Args:
            rates: for each pair its newest rates, 3 or more: a list or array, the oldest rate first, or a dict or pandas
                Series of rates by date, in any order. From 21 rates on the ranges adapt to them; 61 are enough. Only
                with dates does a forecast say for which day it is, and are gaps and old rates noticed.
            today: day by which rates are old; the current day if None.

        Raises:
            UsageError: a pair is unknown, or its rates cannot be forecast from. The message names both.
        """
        self.check_known(*rates)
        now = dt.datetime.now(dt.UTC)
        histories = {pair: dated_history(pair, given) for pair, given in rates.items()}
        predictions = self._predictions(histories, now)
        today = now.date() if today is None else today
        return Answers(
            {
                pair: self._answer(prediction, histories[pair], today)
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

    def _answer(self, prediction: PredictionRow, history: DatedHistory, today: dt.date) -> PairForecast:
        target = prediction.target
        day = None if isinstance(target, msgspec.UnsetType) else dt.date.fromisoformat(target)
        last, intervals = prediction.baseline, prediction.intervals
        dates = (history.last_date, day)
        return PairForecast(
            pair=prediction.pair,
            last_rate=last,
            last_date=history.last_date,
            target=day,
            forecast=prediction.prediction,
            range_80=Range.around(last, *intervals.level_80),
            range_95=Range.around(last, *intervals.level_95),
            interval_quality=prediction.interval_quality,
            held=self._held(prediction.pair),
            alerts=tuple(prediction.alerts),
            remarks=tuple(remarks(prediction, len(history.rates), dates, self.trained_until, today)),
            model_version=self.version,
        )

    def _held(self, pair: str) -> Held | None:
        found = self._stats.pairs[pair].ranges_held
        if found is None or not {"80", "95"} <= found.shares.keys():
            return None
        first, last = map(dt.date.fromisoformat, (found.first_date, found.last_date))
        return Held(found.n, first, last, found.shares["80"], found.shares["95"])


def _record(offset: int, pair: str, history: DatedHistory) -> _Record:
    message = {"history": history.rates, "pair": pair}
    times = {} if history.days is None else {"times": history.days}
    return _Record(msgspec.json.encode(message | times), offset)


def load_model(models_dir: str | os.PathLike[str], version: str | None = None) -> ForecastModel:
    """Load a model to ask for forecasts, by default the current one.

    Raises:
        ModelBundleError: there is no such model, or its files are damaged.
    """
    return ForecastModel(bundles.load(Path(models_dir), version))
