"""Looks for models at RATECAST_MODELS_URL while a worker runs, and says once when it cannot."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from ratecast.errors import ModelBundleError, OperationError
from ratecast.model import bundle
from ratecast.remote.bundle_mirror import BundleMirror

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratecast.settings import Settings

log = logging.getLogger(__name__)


class RemoteModels:
    """Copies what the URL names into the models directory, where the worker finds it as any other change.

    A bundle that is refused never arrives there. The refusal is passed on, because nothing else shows it.

    Args:
        settings: where models come from and go to, and how often to look.
        refused: takes the refusal of the bundle that the URL names, or None when there is none.
    """

    def __init__(self, settings: Settings, refused: Callable[[ModelBundleError | None], None]) -> None:
        self._settings = settings
        self._mirror = BundleMirror.of(settings)
        self._refused = refused
        self._fault: str | None = None  # why the URL could not be read the last time
        self._shadow_fault: str | None = None

    async def start(self) -> None:
        """Bring the first model. If that fails and there is one from before, start with that one.

        Raises:
            OperationError: the URL cannot be read, or its model is refused, and there is no other.
        """
        if self._mirror is None:
            return
        try:
            await asyncio.to_thread(self._mirror.fetch_current)
        except OperationError as error:
            try:
                version = bundle.current_version(self._settings.models_dir)
            except ModelBundleError:
                raise error from None
            log.warning("%s; starting with model %s, which is here from before", error, version)
            # A refusal is reported by the first `check`, when the worker has its model.
            self._fault = None if isinstance(error, ModelBundleError) else str(error)

    async def watch(self) -> None:
        """Look for other models every ``models_url_seconds``, until cancelled."""
        while self._mirror is not None:
            await self.check()
            await asyncio.sleep(self._settings.models_url_seconds)
        await asyncio.Event().wait()  # without a URL there is nothing to do, and this task must not end

    async def check(self) -> None:
        """Look once. Nothing is raised: the models here stay in use."""
        if self._mirror is None:
            return
        try:
            await asyncio.to_thread(self._mirror.fetch_current)
        except ModelBundleError as error:
            self._readable(self._mirror)
            self._refused(error)
        except OperationError as error:
            if str(error) != self._fault:
                log.warning("%s; the models in %s stay in use", error, self._settings.models_dir)
            self._fault = str(error)
        else:
            self._readable(self._mirror)
            self._refused(None)
        await self._check_shadow(self._mirror)

    async def _check_shadow(self, mirror: BundleMirror) -> None:
        fault = None
        try:
            await asyncio.to_thread(mirror.fetch_shadow)
        except OperationError as error:
            fault = str(error)
            # While the URL cannot be read at all, one line is enough.
            if self._fault is None and fault != self._shadow_fault:
                log.error("no other shadow model: %s; the model in use is not affected", error)  # noqa: TRY400
        self._shadow_fault = fault

    def _readable(self, mirror: BundleMirror) -> None:
        if self._fault is not None:
            log.info("%s can be read again", mirror.shown)
        self._fault = None
