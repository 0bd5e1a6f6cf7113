"""Signatures of bundles: Ed25519 (RFC 8032) over the manifest, which holds the SHA-256 of every file.

``manifest.sig`` is a line of three words: ``ratecast-ed25519``, the id of the key, and the signature in base64. What is
signed is a fixed text, the version and the manifest's bytes. The text keeps a signature of another program from counting
here, and the version keeps a bundle from being used under another name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratecast.errors import ModelBundleError, UsageError
from ratecast.model.bundle_files import read_regular
from ratecast.model_settings import decode_public_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from ratecast.settings import Settings

SIGNATURE = "manifest.sig"
MOST_SIGNATURE_BYTES = 2**10
_MOST_KEY_FILE_BYTES = 2**16
_WORD = "ratecast-ed25519"
_DOMAIN = b"ratecast model bundle, version 1"


@dataclass(frozen=True)
class TrustedKeys:
    """The public keys of which one must have signed a bundle.

    Attributes:
        key: the value of RATECAST_MODEL_KEY.
        file: the file of RATECAST_MODEL_KEY_FILE. It is read at each use, so that keys can be exchanged while a worker runs.
    """

    key: str | None = None
    file: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> TrustedKeys | None:
        """Return the keys that the settings name; None if signatures are not checked.

        Raises:
            UsageError: there are keys, and the package cryptography is missing.
        """
        if settings.model_key is None and settings.model_key_file is None:
            return None
        ed25519_module()  # a program reports what is missing when it starts, not with its first model
        return cls(settings.model_key, settings.model_key_file)

    def by_id(self) -> dict[str, bytes]:
        """Return each key's 32 bytes by its id.

        Raises:
            ModelBundleError: the file cannot be read or has no key. No model is accepted then.
        """
        keys = [] if self.key is None else [decode_public_key(self.key)]
        if self.file is not None:
            keys += _keys_in(self.file)
        return {key_id(key): key for key in keys}

    def state(self) -> tuple[int, ...] | None:
        """Return a value that changes when the file of keys does; None without a file.

        Raises:
            OSError: there is no such file.
        """
        if self.file is None:
            return None
        state = self.file.stat()
        return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns

    def check(self, version: str, manifest: bytes, signature: bytes, path: Path) -> None:
        """Check the signature of a manifest.

        Args:
            version: the version that the bundle is used as.
            manifest: the bytes of its manifest.
            signature: the bytes of its signature file.
            path: the path of that file, for messages.

        Raises:
            ModelBundleError: none of the keys signed this manifest for this version.
        """
        name, value = _parsed(signature, path)
        keys = self.by_id()
        if name not in keys:
            raise ModelBundleError(
                f"model {version} is signed with the key {name}, which is not trusted: {_names(keys)}"
            )
        public_key = ed25519_module().Ed25519PublicKey.from_public_bytes(keys[name])
        from cryptography.exceptions import InvalidSignature

        try:
            public_key.verify(value, signed_bytes(version, manifest))
        except InvalidSignature:
            raise ModelBundleError(
                f"the signature of model {version} does not match its manifest: one of them was changed, "
                "or was made for another model"
            ) from None


def key_id(public_key: bytes) -> str:
    """Return the short name of a public key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def signed_bytes(version: str, manifest: bytes) -> bytes:
    """Return what is signed. A version has no zero byte, so no two pairs of version and manifest give the same bytes."""
    return b"\0".join((_DOMAIN, version.encode(), manifest))


def signature_line(name: str, value: bytes) -> bytes:
    """Return the content of the signature file: the id of the key and the signature's 64 bytes."""
    return f"{_WORD} {name} {base64.b64encode(value).decode()}\n".encode()


def signer(signature: bytes, path: Path) -> str:
    """Return the id of the key that a signature file names. Nothing is checked."""
    return _parsed(signature, path)[0]


def ed25519_module() -> ModuleType:
    """Return cryptography's module for Ed25519, which is imported only where signatures are used.

    Raises:
        UsageError: the package is missing.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise UsageError(
            "signatures of models need the package cryptography: run `pip install cryptography`"
        ) from None
    return ed25519


def _parsed(signature: bytes, path: Path) -> tuple[str, bytes]:
    try:
        word, name, encoded = signature.decode("ascii").split()
        value = base64.b64decode(encoded, validate=True)
    except (UnicodeDecodeError, binascii.Error, ValueError):
        word, name, value = "", "", b""
    if word != _WORD or len(value) != 64 or len(name) != 16 or not name.isalnum():
        raise ModelBundleError(f"{path} is not a signature")
    return name, value


def _keys_in(file: Path) -> list[bytes]:
    try:
        lines = read_regular(file, _MOST_KEY_FILE_BYTES).decode().splitlines()
        keys = [
            decode_public_key(line) for line in lines if line.strip() and not line.lstrip().startswith("#")
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelBundleError(f"RATECAST_MODEL_KEY_FILE {file} cannot be read: {error}") from None
    except ValueError as error:
        raise ModelBundleError(f"RATECAST_MODEL_KEY_FILE {file}: each line {error}") from None
    if not keys:
        raise ModelBundleError(f"RATECAST_MODEL_KEY_FILE {file} has no key, so no model can be accepted")
    return keys


def _names(keys: Mapping[str, bytes]) -> str:
    return f"the trusted {'key is' if len(keys) == 1 else 'keys are'} {', '.join(keys)}"
