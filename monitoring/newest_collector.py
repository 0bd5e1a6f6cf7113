"""What each pair's newest prediction says: the age of its rate, the rate itself, and the range of the next one."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from prometheus_client import CollectorRegistry

    from ratecast.scoring.scored_batch import NewestForecast

_AHEAD_SECONDS = 86_400.0  # it may already be tomorrow in the east


class NewestCollector(Collector):
    """Exposes gauges of each pair's newest prediction. Ages are computed at each scrape.

    A rate of the day after tomorrow or later is a mistake, and its age is ignored, or its pair would look fresh until
    then.

    Args:
        registry: registry to expose the gauges in.
        with_rates: whether to expose the rate and its range, five series a pair.
    """

    def __init__(self, registry: CollectorRegistry, *, with_rates: bool) -> None:
        self._times: dict[str, float] = {}
        self._forecasts: dict[str, NewestForecast] = {}
        self._with_rates = with_rates
        registry.register(self)

    def observe(self, as_of: Mapping[str, str], newest: Mapping[str, NewestForecast]) -> None:
        """Note each pair's newest prediction.

        Args:
            as_of: ``as_of`` of each pair's newest message that has one; a date means its midnight, UTC.
            newest: each pair's newest forecast.
        """
        latest = time.time() + _AHEAD_SECONDS
        for pair, text in as_of.items():
            moment = dt.datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
            if moment.timestamp() <= latest:
                self._times[pair] = max(self._times.get(pair, 0.0), moment.timestamp())
        if self._with_rates:
            self._forecasts.update(newest)

    def keep(self, pairs: Container[str]) -> None:
        """Forget all other pairs, because the model in use does not have them."""
        self._times = {pair: newest for pair, newest in self._times.items() if pair in pairs}
        self._forecasts = {pair: newest for pair, newest in self._forecasts.items() if pair in pairs}

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families without values, so that the registry can check their names."""
        return self._families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the current values."""
        age, *of_rates = self._families()
        now = time.time()
        for pair, moment in self._times.items():
            age.add_metric([pair], now - moment)
        yield age
        if of_rates:
            rate, lower, upper = of_rates
            for pair, newest in self._forecasts.items():
                rate.add_metric([pair], newest.rate)
                for level, low, high in zip(LEVELS, newest.lower, newest.upper, strict=True):
                    lower.add_metric([pair, level], low)
                    upper.add_metric([pair, level], high)
            yield from of_rates

    def _families(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "rate_age_seconds",
            "Age of the newest rate in seconds (now minus the message's `as_of`).",
            labels=["pair"],
        )
        if self._with_rates:
            yield GaugeMetricFamily("last_rate", "Newest rate of the newest scored message.", labels=["pair"])
            for bound in ("lower", "upper"):
                yield GaugeMetricFamily(
                    f"forecast_{bound}",
                    f"{bound.capitalize()} bound of the range of the next rate, in the newest prediction.",
                    labels=["pair", "level"],
                )
