"""The tables are made and checked by the sink, and never taken from somebody else."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from ratecast.errors import DatabaseError, UsageError
from sink import sink_tables as tables
from sink.database_faults import in_words
from sink.login import connect
from sink.migration import migrate
from tests.postgres import rows, value


async def migrated(dsn: str, schema: str = "ratecast") -> int:
    connection = await connect(dsn)
    try:
        return await migrate(connection, schema)
    finally:
        await connection.close()


async def test_the_tables_have_the_columns_that_rows_are_written_to(dsn):
    assert await migrated(dsn) == len(tables.STEPS)
    assert await migrated(dsn) == len(tables.STEPS)  # a second time changes nothing
    for table in tables.ALL:
        found = rows(
            dsn,
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass "
            "AND attnum > 0 ORDER BY attnum",
            f"ratecast.{table.name}",
        )
        assert tuple(found) == table.columns
    assert rows(dsn, "SELECT version, program FROM ratecast.schema_versions") == [(1, "ratecast 0.3.0")]


async def test_queries_by_pair_and_time_use_an_index(dsn):
    await migrated(dsn)
    plan = rows(
        dsn,
        "EXPLAIN SELECT * FROM ratecast.predictions WHERE pair = 'EUR/USD' AND rate_time >= '2026-01-01' "
        "ORDER BY rate_time DESC LIMIT 10",
    )
    assert "predictions_pair_time" in str(plan)


async def test_sinks_that_start_together_create_the_tables_once(dsn):
    assert await asyncio.gather(*(migrated(dsn) for _ in range(5))) == [len(tables.STEPS)] * 5
    assert value(dsn, "SELECT count(*) FROM ratecast.schema_versions") == len(tables.STEPS)


async def test_a_schema_per_installation(dsn):
    await migrated(dsn, "one")
    await migrated(dsn, "two")
    assert value(dsn, "SELECT count(*) FROM pg_tables WHERE tablename = 'predictions'") == 2


@pytest.mark.parametrize(
    "foreign", ["TABLE ratecast.predictions (id int)", "VIEW ratecast.offsets AS SELECT 1"]
)
async def test_a_table_that_somebody_else_made_is_refused_and_left_alone(dsn, foreign):
    rows(dsn, f"CREATE SCHEMA ratecast; CREATE {foreign}")
    name = foreign.split(".")[1].split(" ")[0]
    with pytest.raises(
        UsageError, match=rf"already has a table {name} that the sink did not create: set RATECAST_"
    ):
        await migrated(dsn)
    assert value(dsn, "SELECT count(*) FROM pg_class WHERE relnamespace = 'ratecast'::regnamespace") == 1


async def test_a_table_of_versions_that_somebody_else_made_is_refused(dsn):
    rows(dsn, "CREATE SCHEMA ratecast; CREATE TABLE ratecast.schema_versions (version text)")
    with pytest.raises(
        UsageError, match=r"is not the sink's: it has the type text for column version \(integer"
    ):
        await migrated(dsn)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DROP TABLE ratecast.dead_letters", "table ratecast.dead_letters is missing: restore it"),
        (
            "ALTER TABLE ratecast.predictions DROP COLUMN lower_95",
            r"it has no column lower_95 \(double precision is needed\)",
        ),
        (
            "ALTER TABLE ratecast.predictions ALTER COLUMN prediction TYPE real",
            "it has the type real for column prediction",
        ),
        (
            "INSERT INTO ratecast.schema_versions VALUES (99, now(), 'ratecast 9')",
            "has version 99, and ratecast .* knows versions up to 1: install a newer ratecast",
        ),
    ],
    ids=["dropped", "column", "type", "newer"],
)
async def test_tables_that_were_changed_are_refused(dsn, change, words):
    await migrated(dsn)
    rows(dsn, change)
    with pytest.raises(UsageError, match=words):
        await migrated(dsn)


async def test_further_columns_and_indexes_are_the_owners_business(dsn):
    await migrated(dsn)
    rows(
        dsn,
        "ALTER TABLE ratecast.predictions ADD COLUMN note text; CREATE INDEX ON ratecast.predictions (message_id)",
    )
    await migrated(dsn)


async def test_a_failed_migration_leaves_nothing_behind(dsn, monkeypatch):
    monkeypatch.setattr(tables, "STEPS", (*tables.STEPS, ("CREATE TABLE {schema}.more (id nonsense)",)))
    with pytest.raises(psycopg.errors.UndefinedObject):
        await migrated(dsn)
    assert value(dsn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'ratecast'") == 0


async def test_a_missing_privilege_is_told_in_words(dsn):
    tag = value(dsn, "SELECT current_database()")
    rows(dsn, f"CREATE ROLE reader_{tag} LOGIN PASSWORD 'x'")
    reader = f"{dsn} user=reader_{tag} password=x"
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as raised:
        await migrated(reader)
    assert in_words(raised.value) == (
        f"permission denied for database {tag} (a privilege is missing: grant it to the sink's role, or let the role own the "
        "schema)"
    )
    rows(dsn, f"CREATE SCHEMA ratecast AUTHORIZATION reader_{tag}")
    await migrated(reader)  # whoever may not create schemas can be given one


async def test_a_database_in_another_encoding_is_refused(postgres_server):
    with pytest.raises(DatabaseError, match=r"is encoded in LATIN1: create one with ENCODING 'UTF8'"):
        await connect(postgres_server.database("LATIN1"))
