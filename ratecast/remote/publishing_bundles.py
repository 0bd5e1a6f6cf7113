"""Copies a bundle to a URL, and names it there last."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ratecast.errors import ModelBundleError
from ratecast.model import bundle, bundle_files
from ratecast.model.bundle import CURRENT, MANIFEST, MOST_BYTES, MOST_MANIFEST_BYTES
from ratecast.model.signatures import MOST_SIGNATURE_BYTES, SIGNATURE

if TYPE_CHECKING:
    from pathlib import Path

    from ratecast.model.signatures import TrustedKeys
    from ratecast.remote.remote_files import RemoteFiles


def publish(models_dir: Path, version: str | None, keys: TrustedKeys | None, remote: RemoteFiles) -> str:
    """Copy a bundle, by default the current one, then put it into use at the URL. Return its version.

    Args:
        models_dir: the models directory.
        version: the version; None for the current one.
        keys: keys of which one must have signed it; None if signatures are not checked.
        remote: the files below the URL.

    Raises:
        ModelBundleError: a worker would refuse it, or there is another bundle of this version at the URL.
        OperationError: the URL cannot be read or written.
    """
    sound = bundle.load(models_dir, version, keys)
    there = remote.read(f"{sound.version}/{MANIFEST}", MOST_MANIFEST_BYTES)
    if there is not None and there != sound.manifest:
        raise ModelBundleError(
            f"{remote.shown} has another model {sound.version}, and a version never changes: train or name it anew"
        )
    with bundle_files.opened(sound.directory) as directory:
        for name, digest in sound.digests.items():
            content = directory.read(name, MOST_BYTES[name])
            if hashlib.sha256(content).hexdigest() != digest:
                raise ModelBundleError(f"{sound.directory / name} changed while it was copied")
            remote.write(f"{sound.version}/{name}", content)
        if directory.has(SIGNATURE):
            remote.write(f"{sound.version}/{SIGNATURE}", directory.read(SIGNATURE, MOST_SIGNATURE_BYTES))
    remote.write(f"{sound.version}/{MANIFEST}", sound.manifest)
    remote.write(CURRENT, f"{sound.version}\n".encode())
    return sound.version
