"""Reads the bundle that a pointer file names, and reads it again whenever the pointer or the bundle's files change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ratecast.errors import ModelBundleError
from ratecast.model import bundle as model
from ratecast.model.signatures import TrustedKeys
from ratecast.scoring.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ratecast.optional_fields import OptionalFields
    from ratecast.settings import Settings


class WatchedBundle:
    """A bundle that is read and verified in a thread when it changes, so heartbeats and scoring continue.

    A rejected bundle is tried again as soon as its files change, because it may have been read while it was being copied.

    Args:
        settings: Where bundles are, and what a scorer needs.
        version: Returns the version that the pointer in a models directory names, or raises `ModelBundleError`.
        optional: Further fields that its scorer forecasts; the bundle must have their tables.
    """

    def __init__(
        self, settings: Settings, version: Callable[[Path], str], optional: OptionalFields | None = None
    ) -> None:
        self._settings = settings
        self._version = version
        self._optional = optional
        self._keys = TrustedKeys.of(settings)
        self._seen: tuple[object, ...] | None = None

    def read(self) -> Scorer:
        """Read the bundle now.

        Raises:
            ModelBundleError: There is none, or it was rejected.
        """
        self._seen = self._fingerprint()
        return self._read()

    async def changed(self) -> Scorer | ModelBundleError | None:
        """Return a scorer of the bundle, or why it was rejected; None if nothing changed since the last look."""
        seen = await asyncio.to_thread(self._fingerprint)
        if seen == self._seen:
            return None
        found: Scorer | ModelBundleError
        try:
            found = await asyncio.to_thread(self._read)
        except ModelBundleError as error:
            found = error
        if seen != await asyncio.to_thread(self._fingerprint):
            return None  # its files are still changing: decide when they are complete
        self._seen = seen
        return found

    def named(self) -> str | None:
        """Return the version that the pointer names; None if it names none."""
        try:
            return self._version(self._settings.models_dir)
        except ModelBundleError:
            return None

    def _read(self) -> Scorer:
        settings = self._settings
        bundle = model.load(settings.models_dir, self._version(settings.models_dir), self._keys)
        try:
            return Scorer(bundle, settings.max_message_bytes, settings.drift_std_threshold, self._optional)
        except (LookupError, ValueError) as error:
            # The files are intact but do not fit together, for example from another version of ratecast.
            raise ModelBundleError(f"model {bundle.version} cannot be used: {error!r}") from error

    def _fingerprint(self) -> tuple[object, ...]:
        """Return a value that changes when the pointer names another version, or a file of that version or of the keys changes.

        Permissions count: a bundle that was rejected because it was unreadable is tried again once it is readable.
        """
        models_dir = self._settings.models_dir
        try:
            version = self._version(models_dir)
            states = ((path.name, path.stat()) for path in sorted((models_dir / version).iterdir()))
            return (
                version,
                None if self._keys is None else self._keys.state(),
                *(
                    (name, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
                    for name, state in states
                ),
            )
        except (ModelBundleError, OSError) as error:
            return (str(error),)
