"""The shadow model of a worker: loaded while the worker runs, exchanged when ``models/shadow`` changes, or absent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from consumer.watched_bundle import WatchedBundle
from ratecast.errors import ModelBundleError
from ratecast.model.shadow_pointer import SHADOW, shadow_version

if TYPE_CHECKING:
    from pathlib import Path

    from monitoring.shadow_metrics import ShadowMetrics
    from ratecast.scoring.scorer import Scorer
    from ratecast.settings import Settings

log = logging.getLogger(__name__)


class ShadowModel:
    """Loads the bundle that ``models/shadow`` names. A missing or rejected one leaves the worker without a shadow model.

    Args:
        settings: Where bundles are, and what a scorer needs.
        metrics: Shows the shadow model.
    """

    def __init__(self, settings: Settings, metrics: ShadowMetrics) -> None:
        self._metrics = metrics
        self._pointer = settings.models_dir / SHADOW
        self._bundle = WatchedBundle(settings, _named)
        self.scorer: Scorer | None = None
        self._rejection: str | None = None

    async def check(self) -> None:
        """Check once. Load a new bundle, or be without one."""
        found = await self._bundle.changed()
        if found is None:
            return
        if isinstance(found, ModelBundleError):
            self._without(found)
            return
        self._rejection = None
        self._metrics.refused.set(0)
        self._use(found)
        version, headline = found.bundle.version, found.bundle.stats.headline
        log.info("shadow model %s: %s", version, headline, extra={"model_version": version})

    def _without(self, error: ModelBundleError) -> None:
        absent = not self._pointer.exists()
        rejection = None if absent else str(error)
        if self.scorer is not None and absent:
            log.info("no shadow model any more")
        if (
            rejection is not None and rejection != self._rejection
        ):  # files may change and the error stay the same
            log.error("rejected the shadow model: %s; the model in use is not affected", error)
        self._rejection = rejection
        self._metrics.refused.set(rejection is not None)
        self._use(None)

    def _use(self, scorer: Scorer | None) -> None:
        if self.scorer is not scorer:
            self.scorer = scorer
            self._metrics.shadow_loaded(None if scorer is None else scorer.bundle.stats)


def _named(models_dir: Path) -> str:
    version = shadow_version(models_dir)
    if version is None:
        raise ModelBundleError(f"there is no {models_dir / SHADOW}")
    return version
