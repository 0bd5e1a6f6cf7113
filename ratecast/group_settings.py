"""The settings of a worker's place in its consumer group."""

from __future__ import annotations

import re

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from ratecast.field_faults import shown

_INSTANCE_ID = re.compile(r"(?!\.\.?$)[A-Za-z0-9._-]{1,249}")


class GroupSettings(BaseSettings):
    """The part of `ratecast.settings.Settings` that says how a worker is known to its group."""

    group_instance_id: str | None = Field(
        None,
        description="Fixed name of this worker in its group (static membership), different for each worker. A worker that "
        "is restarted under its name within `RATECAST_SESSION_TIMEOUT_MS` keeps its partitions, and no other worker is "
        "interrupted. A worker that is stopped for good leaves its partitions unread for that long. A second worker "
        "with the same name ends the first with exit code 1.",
    )

    @field_validator("group_instance_id")
    @classmethod
    def _name_is_one_that_kafka_accepts(cls, name: str | None) -> str | None:
        if name is not None and not _INSTANCE_ID.fullmatch(name):
            raise ValueError(
                f"must be 1 to 249 letters, digits, dots, hyphens or underscores, and not . or .., got {shown(name)}"
            )
        return name
