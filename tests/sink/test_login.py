"""How the database is named, and that no password is ever shown."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from ratecast.errors import UsageError
from ratecast.settings import Settings, load_settings
from sink.login import address, connect, connection_string, without_passwords
from tests.postgres import PASSWORD

SECRET = "tr0ub4dor"  # noqa: S105 - invented


def string_of(dsn: str | None) -> str:
    return connection_string(Settings(postgres_dsn=None if dsn is None else SecretStr(dsn)))


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://user:{SECRET}@@db/rates",
        f"postgresql://user:x@{SECRET}@db/rates",
        f"postgresql://user:{SECRET}/x@db/rates",
        f"postgresql://user:%zz{SECRET}@db/rates",
        f"host=db password='{SECRET}",
        f"host=db {SECRET}",
        f"host=db pass={SECRET}",
        SECRET,
    ],
)
def test_a_connection_string_that_is_none_is_not_quoted(dsn):
    with pytest.raises(UsageError, match="RATECAST_POSTGRES_DSN") as raised:
        string_of(dsn)
    assert SECRET not in str(raised.value)
    assert "%40" in str(raised.value)
    assert raised.value.__cause__ is None


def test_the_users_own_parameters_win_and_the_rest_is_added():
    parts = conninfo_to_dict(
        string_of("postgresql://user:p%40ss@db:6432/rates?connect_timeout=3&sslmode=require")
    )
    assert parts["password"] == "p@ss"  # noqa: S105 - invented
    assert (parts["host"], parts["port"], parts["dbname"]) == ("db", "6432", "rates")
    assert (parts["connect_timeout"], parts["sslmode"]) == ("3", "require")
    assert parts["application_name"] == "ratecast sink"
    assert "keepalives_idle" in parts


async def test_without_a_connection_string_libpqs_variables_count(dsn, monkeypatch):
    parts = conninfo_to_dict(dsn)
    for variable, name in (
        ("PGHOST", "host"),
        ("PGPORT", "port"),
        ("PGUSER", "user"),
        ("PGPASSWORD", "password"),
        ("PGDATABASE", "dbname"),
    ):
        monkeypatch.setenv(variable, str(parts[name]))
    connection = await connect(string_of(None))
    assert address(connection) == f"database {parts['dbname']} at 127.0.0.1:{parts['port']} as owner"
    await connection.close()


async def test_a_session_cannot_be_fooled_by_objects_of_others_and_cannot_hang(dsn):
    connection = await connect(dsn)
    shown = await connection.execute(
        "SELECT name, setting FROM pg_settings WHERE name IN "
        "('search_path', 'lock_timeout', 'idle_session_timeout', 'idle_in_transaction_session_timeout')"
    )
    assert dict(await shown.fetchall()) == {
        "search_path": "",
        "lock_timeout": "10000",
        "idle_session_timeout": "60000",
        "idle_in_transaction_session_timeout": "60000",
    }
    await connection.close()


def test_settings_do_not_show_the_connection_string(monkeypatch):
    monkeypatch.setenv("RATECAST_POSTGRES_DSN", f"host=db password={SECRET}")
    settings = load_settings()
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.postgres_dsn is not None


@pytest.mark.parametrize("schema", ["Rates", "rates; DROP", "1st", "a" * 64, ""])
def test_a_schemas_name_is_plain(schema):
    with pytest.raises(UsageError, match=r"--postgres-schema|RATECAST_POSTGRES_SCHEMA"):
        load_settings(postgres_schema=schema)


def test_passwords_are_taken_out_of_texts():
    text = without_passwords(f"{PASSWORD} and {SECRET}", f"host=db password={PASSWORD} sslpassword={SECRET}")
    assert text == "*** and ***"


def test_a_connection_string_from_a_file_is_the_one_that_the_file_has_now(tmp_path):
    path = tmp_path / "dsn"
    path.write_text("host=db password=first\n")
    settings = Settings(postgres_dsn_file=path)
    assert "password=first" in connection_string(settings)
    path.write_text("host=db password=second\n")
    assert "password=second" in connection_string(settings)
