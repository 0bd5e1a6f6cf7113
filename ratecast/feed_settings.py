"""The settings of ``ratecast feed``."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from ratecast.field_faults import shown

_PAIR = re.compile(r"([A-Z]{3})/(?!\1)[A-Z]{3}")


class FeedSettings(BaseSettings):
    """The part of `ratecast.settings.Settings` that only ``ratecast feed`` uses."""

    feed_source: Literal["ecb", "ecb-sdmx", "frankfurter", "bank-of-england", "csv"] = Field(
        "ecb",
        description="What `ratecast feed` polls: the European Central Bank's files or its data interface (`ecb-sdmx`), a "
        "Frankfurter server, the Bank of England, or CSV files that grow.",
    )
    feed_address: str | None = Field(
        None,
        description="Address of the source: a URL, or a file or folder for `csv`. Without it the source's public address.",
    )
    feed_pairs: str | None = Field(
        None,
        description="Pairs that `ratecast feed` publishes, such as `EUR/USD,GBP/USD`. Without it 20 pairs of the euro's "
        "reference rates, or all pairs that the Bank of England or the CSV quotes.",
    )
    feed_ca_file: Path | None = Field(
        None,
        description="File of CA certificates to trust besides the system's when the source is polled, and by "
        "`ratecast rates update`.",
    )
    feed_poll_seconds: float = Field(
        300.0,
        ge=10,
        le=86_400,
        description="How often to poll while a rate is due, or a source without due times. A fifth of it is random.",
    )
    feed_late_at: str = Field(
        "16:30",
        pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="Time in Frankfurt from which a missing rate of the day is late. The ECB publishes around 16:00.",
    )

    @field_validator("feed_pairs")
    @classmethod
    def _pairs_are_pairs(cls, text: str | None) -> str | None:
        for pair in () if text is None else text.split(","):
            if _PAIR.fullmatch(pair.strip()) is None:
                raise ValueError(f"must be pairs like EUR/USD separated by commas, got {shown(pair)}")
        return text

    @property
    def pairs_of_feed(self) -> tuple[str, ...]:
        """The pairs to publish, each once; none if they are not set."""
        texts = () if self.feed_pairs is None else self.feed_pairs.split(",")
        return tuple(dict.fromkeys(text.strip() for text in texts))
