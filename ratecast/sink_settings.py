"""The settings of ``ratecast sink``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads the annotations when it runs

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class SinkSettings(BaseSettings):
    """Settings that only the sink reads."""

    postgres_dsn: SecretStr | None = Field(
        None,
        description="Connection string of the database for `ratecast sink postgres`. Without it libpq's variables apply "
        "(`PGHOST`, `PGUSER`, `PGPASSWORD`, ...).",
    )
    postgres_dsn_file: Path | None = Field(
        None,
        description="File that contains the connection string, instead of `RATECAST_POSTGRES_DSN`. It is read again for each "
        "new connection.",
    )
    postgres_schema: str = Field(
        "ratecast",
        pattern="^[a-z_][a-z0-9_]{0,62}$",
        description="Schema of the tables that the sink writes.",
    )
