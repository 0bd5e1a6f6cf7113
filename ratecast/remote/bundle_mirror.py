"""Brings the bundles that a URL names into the models directory, where programs load them as any other.

Below the URL is what is in a models directory: ``current``, perhaps ``shadow``, and a directory for each version. An HTTP
server lists no directories and need not: the pointer names the version, and the manifest names its files. A bundle is
fetched into a private directory, verified there as a worker verifies it, and renamed. So no reader finds half of it, and
a bundle that a worker would refuse never arrives.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from ratecast.errors import ModelBundleError, OperationError
from ratecast.model import bundle, bundle_files
from ratecast.model.bundle import CURRENT, MANIFEST, MOST_BYTES, MOST_MANIFEST_BYTES
from ratecast.model.shadow_pointer import SHADOW, remove_shadow
from ratecast.model.signatures import MOST_SIGNATURE_BYTES, SIGNATURE, TrustedKeys
from ratecast.remote.remote_files import RemoteFiles

if TYPE_CHECKING:
    from ratecast.settings import Settings

_REMEDY = "set RATECAST_MODELS_DIR to a directory in which models can be kept"
_PREFIX = ".fetch."
_ABANDONED_SECONDS = 3600.0  # after which a private directory was left behind by a program that was killed


class BundleMirror:
    """Makes a models directory name what a URL names.

    Args:
        remote: the files below the URL.
        models_dir: the models directory. It is made if it is missing.
        keys: keys of which one must have signed a bundle; None if signatures are not checked.
    """

    def __init__(self, remote: RemoteFiles, models_dir: Path, keys: TrustedKeys | None) -> None:
        self.shown = remote.shown
        self._remote = remote
        self._models_dir = models_dir
        self._keys = keys

    @classmethod
    def of(cls, settings: Settings) -> BundleMirror | None:
        """Return the mirror that the settings name; None without RATECAST_MODELS_URL.

        Raises:
            UsageError: a package is missing, or the protocol of the URL is unknown.
        """
        if settings.models_url is None:
            return None
        remote = RemoteFiles(settings.models_url.get_secret_value())
        return cls(remote, settings.models_dir, TrustedKeys.of(settings))

    def fetch_current(self) -> str:
        """Bring the bundle that ``current`` names, and put it into use here. Return its version.

        Raises:
            ModelBundleError: there is none, or it is refused. Nothing changed here.
            OperationError: the URL cannot be read, or the directory cannot be written. Nothing changed here.
        """
        version = self.named(CURRENT)
        if version is None:
            raise ModelBundleError(f"there is no {self.shown}/{CURRENT}")
        self._bring(version)
        self._point(CURRENT, version)
        return version

    def fetch_shadow(self) -> str | None:
        """Do the same for ``shadow``. Without that file there is no shadow model, and none remains here.

        Raises what `fetch_current` raises.
        """
        version = self.named(SHADOW)
        if version is None:
            remove_shadow(self._models_dir)
        else:
            self._bring(version)
            self._point(SHADOW, version)
        return version

    def named(self, pointer: str) -> str | None:
        """Return the version that a pointer below the URL names; None if there is no such file.

        Raises:
            ModelBundleError: it does not name a version.
            OperationError: it cannot be read.
        """
        content = self._remote.read(pointer, bundle.MOST_POINTER_BYTES)
        if content is None:
            return None
        version = content.decode(errors="replace").strip()
        if not bundle.is_version(version):
            raise ModelBundleError(f"{self.shown}/{pointer} does not name a model version: {version[:60]!r}")
        return version

    def _point(self, pointer: str, version: str) -> None:
        path = self._models_dir / pointer
        try:
            same = bundle.read_pointer(path) == version
        except ModelBundleError:
            same = False
        if not same:
            try:
                bundle.write_pointer(path, version)
            except OSError as error:
                raise OperationError(f"{path} cannot be written: {error.strerror}") from None

    def _bring(self, version: str) -> None:
        """Have a version here, as it is below the URL."""
        manifest = self._required(version, MANIFEST, MOST_MANIFEST_BYTES)
        signature = self._remote.read(f"{version}/{SIGNATURE}", MOST_SIGNATURE_BYTES)
        try:
            with bundle_files.opened(self._models_dir / version) as here:
                same = here.read(MANIFEST, MOST_MANIFEST_BYTES) == manifest
                signed = here.read(SIGNATURE, MOST_SIGNATURE_BYTES) if here.has(SIGNATURE) else None
        except FileNotFoundError:
            self._fetch(version, manifest, signature)
            return
        except OSError as error:
            raise OperationError(f"model {version} cannot be read: {error}; {_REMEDY}") from None
        if not same:
            raise ModelBundleError(
                f"model {version} at {self.shown} is not the one in {self._models_dir}, and a version never changes: "
                "publish it as another version, or remove the one here"
            )
        if signature is not None and signature != signed:  # signed later, or with another key
            self._sign(version, manifest, signature)

    def _sign(self, version: str, manifest: bytes, signature: bytes) -> None:
        path = self._models_dir / version / SIGNATURE
        if self._keys is not None:
            self._keys.check(version, manifest, signature, path)
        scratch = Path(self._private()) / SIGNATURE
        try:
            scratch.write_bytes(signature)
            scratch.replace(path)
        except OSError as error:
            raise OperationError(f"{path} cannot be written: {error.strerror}") from None
        finally:
            shutil.rmtree(scratch.parent, ignore_errors=True)

    def _fetch(self, version: str, manifest: bytes, signature: bytes | None) -> None:
        private = self._private()
        try:
            directory = private / version
            directory.mkdir()
            (directory / MANIFEST).write_bytes(manifest)
            if signature is not None:
                (directory / SIGNATURE).write_bytes(signature)
            with bundle_files.opened(directory) as opened:  # before more than these two is fetched
                files = bundle.read_manifest(opened, version, self._keys)[0].files
            for name, digest in files.items():
                self._fetch_file(directory, name, digest)
            bundle.load(private, version, self._keys)
            self._move(directory)
        except OSError as error:
            raise OperationError(
                f"model {version} cannot be written to {self._models_dir}: {error.strerror}"
            ) from None
        finally:
            shutil.rmtree(private, ignore_errors=True)

    def _fetch_file(self, directory: Path, name: str, digest: str) -> None:
        found = hashlib.sha256()
        try:
            with (directory / name).open("xb") as file:
                for chunk in self._remote.chunks(f"{directory.name}/{name}", MOST_BYTES[name]):
                    found.update(chunk)
                    file.write(chunk)
        except FileNotFoundError:
            raise self._incomplete(directory.name, name) from None
        if found.hexdigest() != digest:
            raise ModelBundleError(
                f"{self.shown}/{directory.name}/{name} does not match its SHA-256 checksum in {MANIFEST}"
            )

    def _move(self, directory: Path) -> None:
        target = self._models_dir / directory.name
        try:
            directory.rename(target)
        except OSError:
            if not target.exists():  # otherwise another worker with this directory was faster
                raise

    def _required(self, version: str, name: str, most_bytes: int) -> bytes:
        content = self._remote.read(f"{version}/{name}", most_bytes)
        if content is None:
            raise self._incomplete(version, name)
        return content

    def _incomplete(self, version: str, name: str) -> ModelBundleError:
        return ModelBundleError(f"model {version} at {self.shown} is incomplete: {name} is missing")

    def _private(self) -> Path:
        """Return a new directory in the models directory that only this user can read."""
        try:
            self._models_dir.mkdir(parents=True, exist_ok=True)
            for left in self._models_dir.glob(f"{_PREFIX}*"):
                if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)
            return Path(mkdtemp(prefix=_PREFIX, dir=self._models_dir))
        except OSError as error:
            raise OperationError(
                f"{self._models_dir} cannot be written: {error.strerror}; {_REMEDY}"
            ) from None
