"""The current model of a worker: loaded at start, replaced between two batches, or kept if the new one is rejected."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from consumer.remote_models import RemoteModels
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

    version: str | None  # None if `current` itself cannot be read, or the bundle is not here yet
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
        self._not_fetched: Rejection | None = None
        self._bundle = WatchedBundle(settings, model.current_version, settings.optional_fields)
        self._remote = RemoteModels(settings, self._fetched)

    @property
    def version(self) -> str | None:
        """Version of the current model; None before the first is loaded."""
        return None if self._scorer is None else self._scorer.bundle.version

    @property
    def refused(self) -> dict[str, Any] | None:
        """The bundle that ``current`` names and that was rejected, with the reason; None if there is none."""
        rejected = self._not_fetched or self._rejected
        return None if rejected is None else asdict(rejected)

    def scorer(self) -> Scorer:
        """Return the scorer of the current model."""
        assert self._scorer is not None  # noqa: S101 - loaded first thing at startup
        return self._scorer

    async def start(self) -> None:
        """Fetch the first model, if RATECAST_MODELS_URL says where from, and load it.

        Raises:
            OperationError: There is none, it cannot be fetched, or it was rejected.
        """
        await self._remote.start()
        self.load()

    def load(self) -> None:
        """Load the first model from the directory.

        Raises:
            ModelBundleError: There is none, or it was rejected.
        """
        self._use(self._bundle.read())
        headline = self.scorer().bundle.stats.headline
        log.info("model %s: %s", self.version, headline, extra={"model_version": self.version})

    async def watch(self) -> None:
        """Check for a new model every ``model_check_seconds``, and at the URL as often as it says, until cancelled."""
        await asyncio.gather(self._remote.watch(), self._watch_directory())

    async def _watch_directory(self) -> None:
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

    def _fetched(self, refusal: ModelBundleError | None) -> None:
        """Take note of whether the bundle that RATECAST_MODELS_URL names was refused, so that it did not arrive here."""
        rejection = None if refusal is None else Rejection(None, str(refusal))
        if rejection == self._not_fetched:
            return
        self._not_fetched = rejection
        self._show_refused()
        if rejection is None:
            log.info("RATECAST_MODELS_URL names a sound model again; using %s", self.version)
            return
        self._metrics.model_reload("refused")
        log.error("rejected a model: %s; still using %s", rejection.reason, self.version)

    def _show_refused(self) -> None:
        self._metrics.model_refused.set(self.refused is not None)

    def _exchange(self, found: Scorer) -> None:
        was_rejected, self._rejected = self._rejected, None
        self._show_refused()
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
        self._show_refused()
        self._metrics.model_reload("refused")
        in_use = {"model_version": self.version}
        log.error("rejected a model: %s; still using %s", error, self.version, extra=in_use)


def _is_the_same(one: model.Bundle, other: model.Bundle) -> bool:
    """Return whether two bundles have the same version, model and statistics."""
    return one.version == other.version and all(
        one.digests[name] == other.digests[name] for name in (model.ONNX, model.STATS)
    )
