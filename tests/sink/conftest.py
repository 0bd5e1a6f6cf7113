"""A PostgreSQL for the tests of the sink, and settings with a database of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.settings import Settings
    from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for all tests of a process; the first one that asks for it starts it."""
    try:
        server = postgres.PostgresServer()
    except postgres.NotHereError as reason:
        pytest.skip(str(reason))
    yield server
    server.remove()


@pytest.fixture
def dsn(postgres_server: PostgresServer) -> str:
    """The connection string of an empty database."""
    return postgres_server.database()


@pytest.fixture
def sink_settings(settings: Settings, dsn: str) -> Settings:
    """Settings with topics and a database that no other test uses."""
    return settings.model_copy(update={"postgres_dsn": SecretStr(dsn), "give_up_seconds": 60.0})
