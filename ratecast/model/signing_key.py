"""The private key that signs bundles: a PEM file that only its owner can read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratecast.errors import ModelBundleError, OperationError, UsageError
from ratecast.model import bundle_files, signatures
from ratecast.model.signatures import SIGNATURE, TrustedKeys
from ratecast.model_settings import encode_public_key

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_MOST_BYTES = 2**14


@dataclass(frozen=True, repr=False)
class SigningKey:
    """A private key. It has no text form, so that no log and no error can show it."""

    _key: Ed25519PrivateKey

    @classmethod
    def make(cls, file: Path) -> SigningKey:
        """Make a key and write it to a new file of mode 0600.

        Raises:
            UsageError: the file exists.
            OperationError: it cannot be written.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = signatures.ed25519_module().Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            raise UsageError(f"{file} exists: choose another name, because a key is never replaced") from None
        except OSError as error:
            raise OperationError(f"{file} cannot be written: {error.strerror}") from None
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(pem)
        return cls(key)

    @classmethod
    def load(cls, file: Path) -> SigningKey:
        """Read a key.

        Raises:
            UsageError: the file cannot be read, or is not an unencrypted private Ed25519 key in PEM.
        """
        module = signatures.ed25519_module()
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(bundle_files.read_regular(file, _MOST_BYTES), password=None)
        except (OSError, ModelBundleError) as error:
            raise UsageError(f"the signing key {file} cannot be read: {error}") from None
        except TypeError:  # what cryptography raises for a key with a password
            raise UsageError(f"the signing key {file} has a password: give a file without one") from None
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, module.Ed25519PrivateKey):
            raise UsageError(
                f"{file} is not a private Ed25519 key in PEM, such as `ratecast models keygen` makes"
            )
        return cls(key)

    @property
    def public_key(self) -> str:
        """The public key, as RATECAST_MODEL_KEY takes it."""
        return encode_public_key(self._public_bytes())

    @property
    def id(self) -> str:
        """Short name of the public key."""
        return signatures.key_id(self._public_bytes())

    @property
    def trusted(self) -> TrustedKeys:
        """This key as the only one that is trusted."""
        return TrustedKeys(self.public_key)

    def sign(self, directory: Path, version: str, manifest: bytes) -> None:
        """Write the signature of a manifest into a bundle's directory, atomically.

        Args:
            directory: the bundle's directory.
            version: the version that the bundle may be used as.
            manifest: the manifest's bytes, as they were verified.

        Raises:
            OSError: it cannot be written.
        """
        value = self._key.sign(signatures.signed_bytes(version, manifest))
        scratch = directory / f".{SIGNATURE}.{os.getpid()}"
        scratch.write_bytes(signatures.signature_line(self.id, value))
        scratch.replace(directory / SIGNATURE)

    def _public_bytes(self) -> bytes:
        return self._key.public_key().public_bytes_raw()
