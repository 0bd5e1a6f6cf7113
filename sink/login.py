"""Connects to the database, by a connection string or by libpq's own variables, and never shows a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ratecast.errors import DatabaseError, UsageError
from ratecast.secret_files import current_secret

if TYPE_CHECKING:
    from ratecast.settings import Settings

OLDEST_SERVER = 140_000
_DSN = "RATECAST_POSTGRES_DSN"
_ENCODED = "write @, :, / and % in a password as %40, %3A, %2F and %25"

# What a connection gets unless the user's connection string says otherwise. A vanished server is noticed by these.
_DEFAULTS: dict[str, Any] = {
    "application_name": "ratecast sink",
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Limits on the server's side. They also free what a frozen sink holds, so that another one can take over.
_SESSION: dict[str, str] = {
    "search_path": "",  # every name in this package has its schema, so nobody's object can stand in for ours
    "TimeZone": "UTC",
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "idle_session_timeout": "60s",
}


def connection_string(settings: Settings) -> str:
    """Returns the connection string for libpq. libpq's variables fill in what it does not have.

    Raises:
        UsageError: the setting is no connection string. The message quotes no part of it, because a password that is
            not percent-encoded may end up in any part.
    """
    given = current_secret(settings, "postgres_dsn") or ""
    try:
        parts = conninfo_to_dict(given)
    except psycopg.Error:
        raise UsageError(
            f"{_DSN} is not a connection string like postgresql://user:password@host:5432/database: {_ENCODED}"
        ) from None
    if "@" in str(parts.get("host") or ""):
        raise UsageError(f"{_DSN} has two @ signs: {_ENCODED}")
    ports = str(parts.get("port") or "")
    if not all(port.isdecimal() for port in ports.split(",") if port):
        raise UsageError(f"{_DSN} has a port that is not a number: {_ENCODED}")
    return make_conninfo("", **(_DEFAULTS | parts))


def without_passwords(text: str, conninfo: str) -> str:
    """Returns a text in which each password of a connection string is replaced by ``***``.

    >>> without_passwords('no "s3cret" here', "host=db password=s3cret")
    'no "***" here'
    """
    parts = conninfo_to_dict(conninfo)
    for name in ("password", "sslpassword"):
        if parts.get(name):
            text = text.replace(str(parts[name]), "***")
    return text


def address(connection: AsyncConnection[Any]) -> str:
    """Returns where a connection leads, without its user's password."""
    info = connection.info
    return f"database {info.dbname} at {info.host or 'the local socket'}:{info.port} as {info.user}"


async def connect(conninfo: str) -> AsyncConnection[Any]:
    """Returns a connection that commits only what a ``transaction()`` block encloses.

    Raises:
        psycopg.Error: the server does not answer or refuses the login.
        DatabaseError: the server is too old, or the database is not in UTF-8.
    """
    connection = await AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
    try:
        _check_server(connection)
        await connection.execute(
            "SELECT pg_catalog.set_config(name, value, false) "
            "FROM unnest(%s::text[], %s::text[]) AS given (name, value)",
            [list(_SESSION), list(_SESSION.values())],
        )
    except BaseException:
        await connection.close()
        raise
    return connection


def _check_server(connection: AsyncConnection[Any]) -> None:
    info = connection.info
    if info.server_version < OLDEST_SERVER:
        raise DatabaseError(
            f"PostgreSQL {info.server_version // 10_000} is too old: the sink needs version 14 or newer"
        )
    encoding = info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise DatabaseError(
            f"database {info.dbname} is encoded in {encoding}: create one with ENCODING 'UTF8' TEMPLATE template0"
        )
