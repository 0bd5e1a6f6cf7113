"""The model in use, and the watch for the next one: taken into use between two batches, or refused."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ratecast.errors import ModelBundleError
from ratecast.model import bundle as model
from ratecast.scoring.scorer import Scorer

if TYPE_CHECKING:
    from pathlib import Path

    from monitoring.metrics import WorkerMetrics
    from ratecast.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refusal:
    """A bundle that is not taken into use."""

    version: str | None  # None: `current` itself cannot be read
    reason: str


class CurrentModel:
    """Loads what ``models/current`` names, and exchanges it while the worker runs.

    A new bundle is read, verified and made ready in a thread, so heartbeats and scoring go on. It goes into use
    by one assignment on the event loop: a batch asks once for its scorer and keeps it to its end. A bundle that
    fails stays out, the one in use stays in, and it is tried again as soon as its files change, since it may
    only have been caught half copied.

    Args:
        settings: where models are, and what a scorer needs.
        metrics: where the model in use is shown and reloads are counted.
    """

    def __init__(self, settings: Settings, metrics: WorkerMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._scorer: Scorer | None = None
        self._refused: Refusal | None = None
        self._seen: tuple[object, ...] | None = None

    @property
    def version(self) -> str | None:
        """The version in use; None before the first is loaded."""
        return None if self._scorer is None else self._scorer.bundle.version

    @property
    def refused(self) -> dict[str, Any] | None:
        """What ``current`` names and is not taken into use, and why; None when it is in use."""
        return None if self._refused is None else asdict(self._refused)

    def scorer(self) -> Scorer:
        """The scorer of the model in use."""
        assert self._scorer is not None  # noqa: S101 - loaded first thing at startup
        return self._scorer

    def load(self) -> None:
        """Load the first model.

        Raises:
            ModelBundleError: there is none, or it is not sound.
        """
        self._seen = _fingerprint(self._settings.models_dir)
        self._use(self._read())
        log.info("model %s: %s", self.version, self.scorer().bundle.stats.headline)

    async def watch(self) -> None:
        """Look for another model every ``model_check_seconds``, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.model_check_seconds)
            await self.check()

    async def check(self) -> None:
        """Look once; load what is new, and take it into use unless it has to be refused."""
        seen = await asyncio.to_thread(_fingerprint, self._settings.models_dir)
        if seen == self._seen:
            return
        found: Scorer | ModelBundleError
        try:
            found = await asyncio.to_thread(self._read)
        except ModelBundleError as error:
            found = error
        if seen != await asyncio.to_thread(_fingerprint, self._settings.models_dir):
            return  # it is being written this very moment: neither good nor bad before it stands still
        self._seen = seen
        if isinstance(found, ModelBundleError):
            self._refuse(found)
        else:
            self._exchange(found)

    def _read(self) -> Scorer:
        settings = self._settings
        bundle = model.load(settings.models_dir)
        try:
            return Scorer(bundle, settings.max_message_bytes, settings.drift_std_threshold)
        except (LookupError, ValueError) as error:
            # Sound files whose parts do not fit together, say of another ratecast.
            raise ModelBundleError(f"model {bundle.version} cannot be made ready: {error!r}") from error

    def _exchange(self, found: Scorer) -> None:
        was_refused, self._refused = self._refused, None
        self._metrics.model_refused.set(0)
        if self._scorer is not None and _is_the_same(found.bundle, self._scorer.bundle):
            if was_refused is not None:
                log.info("model %s, in use, is what `current` names again", self.version)
            return
        log.info(
            "model %s instead of %s: %s", found.bundle.version, self.version, found.bundle.stats.headline
        )
        self._use(found)
        self._metrics.model_reload("loaded")

    def _use(self, scorer: Scorer) -> None:
        self._metrics.model_loaded(scorer.bundle.stats)
        self._scorer = scorer

    def _refuse(self, error: ModelBundleError) -> None:
        try:
            version = model.current_version(self._settings.models_dir)
        except ModelBundleError:
            version = None
        refusal = Refusal(version, str(error))
        if refusal == self._refused:
            return  # its files changed, its fault did not
        self._refused = refusal
        self._metrics.model_refused.set(1)
        self._metrics.model_reload("refused")
        log.error("model %s stays in use, another is refused: %s", self.version, error)


def _fingerprint(models_dir: Path) -> tuple[object, ...]:
    """What changes whenever ``current`` names another version or a file of that version is replaced.

    Or made readable: what was refused for its permissions is looked at again when they are mended.
    """
    try:
        version = model.current_version(models_dir)
        states = ((path.name, path.stat()) for path in sorted((models_dir / version).iterdir()))
        return (
            version,
            *(
                (name, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
                for name, state in states
            ),
        )
    except (ModelBundleError, OSError) as error:
        return (str(error),)


def _is_the_same(one: model.Bundle, other: model.Bundle) -> bool:
    """Whether two bundles are one version with one content, whatever lies beside it."""
    return one.version == other.version and all(
        one.digests[name] == other.digests[name] for name in (model.ONNX, model.STATS)
    )
