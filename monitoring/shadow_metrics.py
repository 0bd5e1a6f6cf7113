"""Metrics of a shadow model beside the champion (the model in use), on the forecasts that both made.

All figures are counters of sums, so they can be added over workers and pairs: the mean Winkler score of a model is
``shadow_winkler_score_total`` over ``shadow_compared_forecasts_total``. They start again when either model changes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

from prometheus_client import Counter, Gauge

from monitoring.windows.shadow_comparison import compare
from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client import CollectorRegistry

    from monitoring.windows.shadow_comparison import PairSums
    from ratecast.model.training_stats import TrainingStats
    from ratecast.scoring.observations import Observations

LeftOut = Literal["busy", "failed", "rejected"]
MODELS = ("champion", "shadow")


class ShadowMetrics:
    """Sums over all forecasts that both models made since they have been used together. Memory: a few numbers a pair.

    Args:
        registry: registry to expose the metrics in.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        self._champion: TrainingStats | None = None
        self._shadow: TrainingStats | None = None
        self._info = gauge(
            "shadow_model_info",
            "Version of the shadow model and of the model in use that it is compared with; the value is always 1.",
            ["version", "champion"],
        )
        self.refused = gauge(
            "shadow_model_refused", "1 while `models/shadow` names a model that this worker rejects."
        )
        self._forecasts = counter(
            "shadow_compared_forecasts_total",
            "Forecasts that both the shadow model and the model in use made, and whose answer is known.",
            ["pair"],
        )
        self._last_rate_error = counter(
            "shadow_last_rate_error_total",
            "Sum of the absolute errors that repeating the last rate had on the compared forecasts, in units of the pair's sigma.",
            ["pair"],
        )
        self._error = counter(
            "shadow_absolute_error_total",
            "Sum of the absolute errors of the compared forecasts, in units of the pair's sigma.",
            ["pair", "model"],
        )
        self._winkler = counter(
            "shadow_winkler_score_total",
            "Sum of the Winkler scores of the ranges of the compared forecasts, in units of the pair's sigma.",
            ["pair", "model", "level"],
        )
        self._inside = counter(
            "shadow_rates_inside_total",
            "Rates that were inside the range that was forecast for them.",
            ["pair", "model", "level"],
        )
        self._left_out = counter(
            "shadow_left_out_messages_total",
            "Published predictions that the shadow model did not score, by reason.",
            ["reason"],
        )
        for reason in get_args(LeftOut):
            self._left_out.labels(reason)

    def champion_loaded(self, stats: TrainingStats) -> None:
        """Note that a model was put into use, and start again."""
        self._champion = stats
        self._restart()

    def shadow_loaded(self, stats: TrainingStats | None) -> None:
        """Note that there is a new shadow model, or none any more, and start again."""
        self._shadow = stats
        self._restart()

    def left_out(self, reason: LeftOut, messages: int) -> None:
        """Count messages that the shadow model did not score."""
        self._left_out.labels(reason).inc(messages)

    def add(self, champion: Sequence[Observations], shadow: Sequence[Observations]) -> None:
        """Add what both models say of a committed batch; ignore what another model said.

        Args:
            champion: observations of the model that was in use.
            shadow: observations of the shadow model, of the same messages or some of them.
        """
        ours, theirs = self._champion, self._shadow
        if ours is None or theirs is None:
            return
        for one in champion:
            for other in shadow:
                if (one.model_version, other.model_version) == (ours.model_version, theirs.model_version):
                    for pair, sums in compare(one.hindcasts, other.hindcasts, ours, theirs).items():
                        self._count(pair, sums)

    def _count(self, pair: str, sums: PairSums) -> None:
        self._forecasts.labels(pair).inc(sums.forecasts)
        self._last_rate_error.labels(pair).inc(sums.last_rate_error)
        for model, found in zip(MODELS, (sums.champion, sums.shadow), strict=True):
            self._error.labels(pair, model).inc(found.error)
            for level, winkler, inside in zip(LEVELS, found.winkler, found.inside, strict=True):
                self._winkler.labels(pair, model, level).inc(winkler)
                self._inside.labels(pair, model, level).inc(inside)

    def _restart(self) -> None:
        sums = (self._forecasts, self._last_rate_error, self._error, self._winkler, self._inside)
        for metric in (self._info, *sums):
            metric.clear()
        if self._champion is None or self._shadow is None:
            return
        self._info.labels(self._shadow.model_version, self._champion.model_version).set(1)
        for pair in self._champion.pairs.keys() & self._shadow.pairs.keys():
            self._forecasts.labels(pair)
            self._last_rate_error.labels(pair)
            for model in MODELS:
                self._error.labels(pair, model)
                for level in LEVELS:
                    self._winkler.labels(pair, model, level)
                    self._inside.labels(pair, model, level)
