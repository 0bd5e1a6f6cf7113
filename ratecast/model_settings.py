"""The settings of where models come from and who signed them."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation at run time

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s?#]+")
_KEY_PREFIX = "ed25519:"
_KEY_BYTES = 32


class ModelSettings(BaseSettings):
    """The part of `ratecast.settings.Settings` that whoever loads a model uses."""

    model_key: str | None = Field(
        None,
        description="Public key, as `ratecast models keygen` prints it. With a key, a model that was not signed with it is "
        "refused.",
    )
    model_key_file: Path | None = Field(
        None,
        description="File with public keys, one on a line. A model may be signed with any of them. The file is read again "
        "for each new model.",
    )

    models_url: SecretStr | None = Field(
        None,
        description="Where the models are, such as `s3://bucket/models` or `https://host/models`. A worker copies what "
        "`current` and `shadow` name there to `RATECAST_MODELS_DIR`.",
    )
    models_url_file: Path | None = Field(
        None,
        description="File that contains the URL, instead of `RATECAST_MODELS_URL`. It is read at the start.",
    )
    models_url_seconds: float = Field(
        60.0, ge=1, description="How often a worker looks for another model at `RATECAST_MODELS_URL`."
    )

    @field_validator("models_url")
    @classmethod
    def _url_has_a_protocol(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _URL.fullmatch(url.get_secret_value()):
            raise ValueError("must be a URL like s3://bucket/models, without a question mark")
        return url

    @field_validator("model_key")
    @classmethod
    def _key_is_one(cls, text: str | None) -> str | None:
        if text is not None:
            decode_public_key(text)
        return text


def decode_public_key(text: str) -> bytes:
    """Return the 32 bytes of an Ed25519 public key (RFC 8032) that is written as ``ed25519:`` and base64.

    Raises:
        ValueError: it is not written so. The message does not repeat the text, which may be a secret in a wrong place.
    """
    kind, encoded = text.strip()[: len(_KEY_PREFIX)], text.strip()[len(_KEY_PREFIX) :]
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if kind != _KEY_PREFIX or len(key) != _KEY_BYTES:
        raise ValueError(
            f"must be a public key as `ratecast models keygen` prints it, {_KEY_PREFIX} and 44 characters"
        )
    return key


def encode_public_key(key: bytes) -> str:
    """Return a public key as `decode_public_key` reads it.

    >>> decode_public_key(encode_public_key(bytes(32))) == bytes(32)
    True
    """
    return _KEY_PREFIX + base64.b64encode(key).decode()
