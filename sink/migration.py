"""Creates the sink's tables and brings them to this program's version; refuses tables that somebody else made."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ratecast.errors import UsageError
from ratecast.release import __version__
from sink import sink_tables as tables

if TYPE_CHECKING:
    from psycopg import AsyncConnection

log = logging.getLogger(__name__)

_CREATE_VERSIONS = """CREATE TABLE {schema}.schema_versions (
    version integer PRIMARY KEY,
    applied_at timestamp with time zone NOT NULL DEFAULT now(),
    program text NOT NULL
)"""


async def migrate(connection: AsyncConnection[Any], schema: str) -> int:
    """Create or update the tables in one transaction, and return the schema's version.

    Several sinks may start at once: one of them migrates, the others wait for it.

    Raises:
        UsageError: a table with one of our names is not ours or was changed, or the schema is newer than this program.
        psycopg.Error: the database failed or refused.
    """
    async with connection.transaction():
        await connection.execute(
            "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(%s, 0))",
            [f"ratecast migration of {schema}"],
        )
        found = await _columns(connection, schema)
        version = await _version(connection, schema, found)
        for number, step in enumerate(tables.STEPS[version:], start=version + 1):
            await _apply(connection, schema, number, step)
        if version < len(tables.STEPS):
            found = await _columns(connection, schema)
    _check_columns(schema, found)
    return len(tables.STEPS)


async def _version(connection: AsyncConnection[Any], schema: str, found: dict[str, dict[str, str]]) -> int:
    """Return how many steps were applied; 0 for a schema without our tables."""
    if tables.VERSIONS.name not in found:
        if foreign := sorted(found.keys() & {table.name for table in tables.ALL}):
            raise UsageError(
                f"schema {schema} of database {connection.info.dbname} already has a table {foreign[0]} that the sink did not "
                "create: set RATECAST_POSTGRES_SCHEMA to another schema"
            )
        return 0
    _check_table(schema, tables.VERSIONS, found)
    result = await connection.execute(
        sql.SQL("SELECT coalesce(max(version), 0) FROM {}.schema_versions").format(sql.Identifier(schema))
    )
    row = await result.fetchone()
    version = int(row[0]) if row else 0
    if version > len(tables.STEPS):
        raise UsageError(
            f"schema {schema} has version {version}, and ratecast {__version__} knows versions up to {len(tables.STEPS)}: "
            "install a newer ratecast, or name another schema in RATECAST_POSTGRES_SCHEMA"
        )
    return version


async def _apply(
    connection: AsyncConnection[Any], schema: str, number: int, statements: tuple[str, ...]
) -> None:
    name = sql.Identifier(schema)
    timescale = await _timescale_schema(connection) if number == 1 else None
    key = tables.PLACE_KEY if timescale is None else tables.TIMED_PLACE_KEY
    if number == 1:
        exists = await connection.execute(
            "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", [schema]
        )
        if await exists.fetchone() is None:  # whoever may not create schemas can be given one
            await connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        await connection.execute(sql.SQL(_CREATE_VERSIONS).format(schema=name))
    for statement in statements:
        await connection.execute(_composed(statement).format(schema=name, key=sql.SQL(key)))
    if timescale is not None:
        for statement in tables.HYPERTABLES:
            await connection.execute(
                _composed(statement).format(schema=name, timescale=sql.Identifier(timescale))
            )
    await connection.execute(
        sql.SQL("INSERT INTO {}.schema_versions (version, program) VALUES (%s, %s)").format(name),
        [number, f"ratecast {__version__}"],
    )
    kind = "" if timescale is None else ", with hypertables"
    log.info("schema %s is at version %d now%s", schema, number, kind)


def _composed(statement: str) -> sql.SQL:
    return sql.SQL(statement)


async def _timescale_schema(connection: AsyncConnection[Any]) -> str | None:
    """Return the schema that has TimescaleDB's functions; None if the extension is not installed in this database."""
    found = await connection.execute(
        "SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
        "WHERE e.extname = 'timescaledb'"
    )
    row = await found.fetchone()
    return None if row is None else str(row[0])


async def _columns(connection: AsyncConnection[Any], schema: str) -> dict[str, dict[str, str]]:
    """Return name and type of each column of each table, view and sequence in a schema."""
    found: dict[str, dict[str, str]] = {}
    rows = await connection.execute(
        "SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')",
        [schema],
    )
    async for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def _check_columns(schema: str, found: dict[str, dict[str, str]]) -> None:
    for table in tables.ALL:
        _check_table(schema, table, found)


def _check_table(schema: str, table: tables.Table, found: dict[str, dict[str, str]]) -> None:
    """Fail if a table lacks a column or has it with another type. Further columns are its owner's business."""
    name = f"{schema}.{table.name}"
    if table.name not in found:
        raise UsageError(
            f"table {name} is missing: restore it, or set RATECAST_POSTGRES_SCHEMA to another schema"
        )
    for column, kind in table.columns:
        actual = found[table.name].get(column)
        if actual != kind:
            has = "has no column" if actual is None else f"has the type {actual} for column"
            raise UsageError(
                f"table {name} is not the sink's: it {has} {column} ({kind} is needed). "
                "Set RATECAST_POSTGRES_SCHEMA to another schema"
            )
