"""The option that signs the model that a command trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast.errors import UsageError

if TYPE_CHECKING:
    from ratecast.model.signing_key import SigningKey
    from ratecast.settings import Settings

SignKey = Annotated[
    str | None,
    typer.Option(
        "--sign-key",
        metavar="FILE",
        help=r"Sign the model with this private key, which `ratecast models keygen` makes. \[default: not signed]",
    ),
]


def signing_key(settings: Settings, file: str | None) -> SigningKey | None:
    """Returns the key to sign with, before the long work; None if the model is not signed.

    Raises:
        UsageError: the key cannot be used, or the settings trust keys of which it is none: workers would refuse the model.
    """
    from ratecast.model.signatures import TrustedKeys
    from ratecast.model.signing_key import SigningKey

    trusted = TrustedKeys.of(settings)
    if file is None:
        if trusted is not None:
            raise UsageError(
                "RATECAST_MODEL_KEY is set, and an unsigned model would be refused: add --sign-key FILE"
            )
        return None
    key = SigningKey.load(Path(file))
    if trusted is not None and key.id not in (known := trusted.by_id()):
        raise UsageError(
            f"--sign-key: the key {key.id} is not trusted, and its model would be refused: RATECAST_MODEL_KEY has "
            f"{', '.join(known)}"
        )
    return key
