"""The current model of a worker: loaded at start, replaced between two batches, or kept if the new one is rejected."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from consumer.watched_bundle import WatchedBundle
from ratecast.errors import ModelBundleError
from ratecast.model import bundle as model

if TYPE_CHECKING:
    from monitoring.metrics import WorkerMetrics
    from ratecast.scoring.scorer import Scorer
    from ratecast.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rejection:
    """A bundle that was rejected."""

    version: str | None  # None if `current` itself cannot be read
    reason: str


class CurrentModel:
    """Loads the bundle that ``models/current`` names, and replaces it while the worker runs.

    Replacing the current one is a single assignment on the event loop: a batch asks for its scorer once and keeps it.

    Args:
        settings: Where bundles are, and what a scorer needs.
        metrics: Shows the current model and counts reloads.
    """

    def __init__(self, settings: Settings, metrics: WorkerMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._scorer: Scorer | None = None
        self._rejected: Rejection | None = None
        self._bundle = WatchedBundle(settings, model.current_version, settings.optional_fields)

    @property
    def version(self) -> str | None:
        """Version of the current model; None before the first is loaded."""
        return None if self._scorer is None else self._scorer.bundle.version

    @property
    def refused(self) -> dict[str, Any] | None:
        """The bundle that ``current`` names and that was rejected, with the reason; None if there is none."""
        return None if self._rejected is None else asdict(self._rejected)

    def scorer(self) -> Scorer:
        """Return the scorer of the current model."""
        assert self._scorer is not None  # noqa: S101 - loaded first thing at startup
        return self._scorer

    def load(self) -> None:
        """Load the first model.

        Raises:
            ModelBundleError: There is none, or it was rejected.
        """
        self._use(self._bundle.read())
        headline = self.scorer().bundle.stats.headline
        log.info("model %s: %s", self.version, headline, extra={"model_version": self.version})

    async def watch(self) -> None:
        """Check for a new model every ``model_check_seconds``, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.model_check_seconds)
            await self.check()

    async def check(self) -> None:
        """Check once. Load a new bundle and switch to it, or reject it."""
        found = await self._bundle.changed()
        if isinstance(found, ModelBundleError):
            self._reject(found)
        elif found is not None:
            self._exchange(found)

    def _exchange(self, found: Scorer) -> None:
        was_rejected, self._rejected = self._rejected, None
        self._metrics.model_refused.set(0)
        if self._scorer is not None and _is_the_same(found.bundle, self._scorer.bundle):
            if was_rejected is not None:
                log.info("`current` names model %s again, which is in use", self.version)
            return
        log.info(
            "switched to model %s from %s: %s",
            found.bundle.version,
            self.version,
            found.bundle.stats.headline,
            extra={"model_version": found.bundle.version},
        )
        self._use(found)
        self._metrics.model_reload("loaded")

    def _use(self, scorer: Scorer) -> None:
        self._metrics.model_loaded(scorer.bundle.stats)
        self._scorer = scorer

    def _reject(self, error: ModelBundleError) -> None:
        rejection = Rejection(self._bundle.named(), str(error))
        if rejection == self._rejected:
            return  # its files changed, but the error is the same
        self._rejected = rejection
        self._metrics.model_refused.set(1)
        self._metrics.model_reload("refused")
        in_use = {"model_version": self.version}
        log.error("rejected a model: %s; still using %s", error, self.version, extra=in_use)


def _is_the_same(one: model.Bundle, other: model.Bundle) -> bool:
    """Return whether two bundles have the same version, model and statistics."""
    return one.version == other.version and all(
        one.digests[name] == other.digests[name] for name in (model.ONNX, model.STATS)
    )
