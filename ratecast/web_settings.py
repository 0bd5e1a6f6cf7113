"""The settings of ``ratecast web``."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations when it runs

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from ratecast.field_faults import shown

_METRICS_URL = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[^\s?#]*)?")
_ORIGIN = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_SHORTEST_TOKEN = 16


class WebSettings(BaseSettings):
    """The part of `ratecast.settings.Settings` that only ``ratecast web`` uses."""

    web_host: str = Field(
        "127.0.0.1",
        description="Address on which `ratecast web` listens. Any other than loopback needs `RATECAST_WEB_TOKEN`.",
    )
    web_port: int = Field(
        8000, ge=0, le=65535, description="Port on which `ratecast web` listens. 0 picks a free port."
    )
    web_token: SecretStr | None = Field(
        None,
        description="Token that requests to `ratecast web` must send as `Authorization: Bearer TOKEN`, 16 characters or more. "
        "Only `/health` and the files of the page need none. Unset, no request needs a token.",
    )
    web_token_file: Path | None = Field(
        None,
        description="File that contains the token, instead of `RATECAST_WEB_TOKEN`. It is read again when it changes.",
    )
    web_allowed_origins: str = Field(
        "none",
        description="Origins whose pages may call `ratecast web` from a browser, such as `https://desk.example`, separated by "
        "commas, or `none`. The page itself needs no entry.",
    )
    web_metrics_urls: str = Field(
        "none",
        description="Addresses of the workers' metrics, such as `http://127.0.0.1:8000/metrics`, separated by commas, or `none`. "
        "`ratecast web` reads latency, lag and the number of workers there. A host name with several addresses counts as "
        "several workers.",
    )
    web_messages_per_pair: int = Field(
        300, ge=2, le=5_000, description="How many of each pair's newest predictions `ratecast web` keeps."
    )
    web_tail_records: int = Field(
        5_000,
        ge=1,
        le=1_000_000,
        description="How many of the newest records of each partition `ratecast web` reads when it starts.",
    )
    web_timeout_seconds: float = Field(
        10.0,
        gt=0,
        le=300,
        description="How long `POST /predict` waits for the prediction before it answers 202 with the address of the result.",
    )
    web_waiting_requests: int = Field(
        100,
        ge=1,
        le=10_000,
        description="How many `POST /predict` requests may wait at the same time. Further ones get the status 429.",
    )
    web_connections: int = Field(
        256,
        ge=8,
        le=10_000,
        description="How many connections `ratecast web` keeps open. The longest idle one is closed for a new one; if none is "
        "idle, the new one is closed.",
    )
    web_fault_injection: bool = Field(
        default=False,
        description="Let the page publish faulty histories to the input topic. `ratecast demo` sets it.",
    )

    @field_validator("web_token")
    @classmethod
    def _token_is_long_enough(cls, token: SecretStr | None) -> SecretStr | None:
        text = "" if token is None else token.get_secret_value()
        if token is not None and (
            len(text) < _SHORTEST_TOKEN or not text.isascii() or not text.isprintable()
        ):
            # Without the value: it is a secret even if it is too short.
            raise ValueError(f"must have at least {_SHORTEST_TOKEN} printable ASCII characters")
        return token

    @field_validator("web_allowed_origins")
    @classmethod
    def _origins_are_origins(cls, text: str) -> str:
        for origin in listed(text):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"must be origins like https://desk.example separated by commas, or none, got {shown(origin)}"
                )
        return text

    @field_validator("web_metrics_urls")
    @classmethod
    def _metrics_urls_are_urls(cls, text: str) -> str:
        for url in listed(text):
            if not _METRICS_URL.fullmatch(url):
                raise ValueError(
                    "must be addresses like http://127.0.0.1:8000/metrics separated by commas, or none, "
                    f"got {shown(url)}"
                )
        return text


def listed(text: str) -> tuple[str, ...]:
    """Return the entries of a list that is written with commas; ``none`` is the empty list.

    >>> listed("a, b"), listed("none")
    (('a', 'b'), ())
    """
    return () if text.strip() == "none" else tuple(part.strip() for part in text.split(","))
