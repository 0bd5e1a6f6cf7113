"""Scores committed batches a second time with the shadow model, and measures both models on the same forecasts.

Nothing of it is published, and the champion (the model in use) never waits for it. A batch is scored after its commit,
so a batch that is aborted and scored again counts once. Scoring runs in a thread, one batch at a time. Batches wait in a
bounded queue; while it is full, further ones are counted as left out.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from typing import TYPE_CHECKING

from consumer.shadow_model import ShadowModel

if TYPE_CHECKING:
    from monitoring.shadow_metrics import ShadowMetrics
    from ratecast.scoring.scored_batch import ScoredBatch
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

WAITING_BATCHES = 4  # with the default settings about 10 MB of messages and predictions at most


class ShadowScoring:
    """Compares the shadow model with the champion on what a worker committed.

    Args:
        settings: Where bundles are, what a scorer needs, and how often to look for a new model.
        metrics: Counts both models' figures.
    """

    def __init__(self, settings: Settings, metrics: ShadowMetrics) -> None:
        self._check_seconds = settings.model_check_seconds
        self._metrics = metrics
        self._model = ShadowModel(settings, metrics)
        self._waiting: asyncio.Queue[ScoredBatch] = asyncio.Queue(WAITING_BATCHES)
        self._failed: str | None = None  # version of the shadow model whose failure is already in the log

    def committed(self, batch: ScoredBatch) -> None:
        """Take note of a committed batch. Returns at once.

        Args:
            batch: The outcomes that were published.
        """
        if self._model.scorer is None or not batch.records:
            return
        try:
            self._waiting.put_nowait(batch)
        except asyncio.QueueFull:
            self._metrics.left_out("busy", len(batch.records))

    async def run(self) -> None:
        """Look for shadow models and score what is committed, until cancelled. No failure of either ends it."""
        await asyncio.gather(self._watch(), self._score_all())

    async def _watch(self) -> None:
        while True:
            try:
                await self._model.check()
            except Exception:  # a shadow model must not stop a worker, whatever its files are
                log.exception("checking for a shadow model failed")
            await asyncio.sleep(self._check_seconds)

    async def _score_all(self) -> None:
        while True:
            batch = await self._waiting.get()
            if (scorer := self._model.scorer) is None:
                continue
            try:
                scored = await asyncio.to_thread(scorer.score, batch.records, dt.datetime.now(dt.UTC))
                self._metrics.left_out("rejected", len(scored.dead_letters))
                self._metrics.add(batch.observations, scored.observations)
            except Exception as error:
                self._metrics.left_out("failed", len(batch.records))
                first, version = batch.records[0], scorer.bundle.version
                # One traceback a model: the others are probably the same, and the counter shows how many there are.
                level, self._failed = logging.DEBUG if version == self._failed else logging.ERROR, version
                log.log(
                    level,
                    "shadow model %s failed on the batch at %s-%d@%d; the model in use is not affected",
                    *(version, first.topic, first.partition, first.offset),
                    exc_info=error,
                )
