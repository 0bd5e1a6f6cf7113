"""Every statement of the dashboard of rates and ranges, run on a real PostgreSQL with rows of the sink."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from monitoring.grafana import build, rates_dashboard
from monitoring.grafana.sql_query import POSTGRES
from ratecast.contract import wire
from ratecast.kafka.topics import ensure_topics
from tests import rows as invented
from tests.monitoring.test_dashboards import UNITS
from tests.postgres import rows
from tests.sink.sinks import letters, send, write_all

ROOT = Path(__file__).parents[2]
BOARD: dict[str, Any] = json.loads((build.DIRECTORY / "postgres" / f"{rates_dashboard.UID}.json").read_text())
PANELS = {panel["title"]: panel for panel in BOARD["panels"] if panel["type"] != "row"}
FIRST = dt.date(2026, 1, 1)
DAYS = 60


def expanded(statement: str, pairs: str = "'EUR/GBP','EUR/USD'") -> str:
    """Does what Grafana does: macros and variables become SQL."""
    statement = statement.replace("${pair:sqlstring}", pairs).replace("$__interval", "'1d'")
    statement = re.sub(
        r"\$__timeGroupAlias\((\w+), '1d'\)",
        r'floor(extract(epoch FROM \1) / 86400) * 86400 AS "time"',
        statement,
    )
    statement = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN '2025-01-01' AND '2100-01-01'", statement)
    assert "$" not in statement, statement
    return statement


def prediction(number: int, pair: str, *, half: float = 0.02) -> bytes:
    """A prediction of a rate that moves by one percent a day, up and down."""
    row = invented.prediction_row(
        1.0 + 0.01 * (number % 2), half=half, place=("histories", int(pair == "EUR/USD"), number)
    )
    day = FIRST + dt.timedelta(days=number)
    row.pair, row.as_of, row.target = pair, day.isoformat(), (day + dt.timedelta(days=1)).isoformat()
    if number % 10 == 0:
        row.alerts, row.alert_messages = ["jump"], {"jump": "The rate moved by 1 %."}
    return wire.encode_prediction(row)


@pytest.fixture
async def filled(sink_settings, dsn):
    """Sixty days of two pairs; the range of the second is too narrow for every move."""
    await ensure_topics(sink_settings)
    topic = sink_settings.output_topic
    records = [
        (topic, 0, prediction(number, pair, half=half), [])
        for pair, half in (("EUR/GBP", 0.02), ("EUR/USD", 0.001))
        for number in range(DAYS)
    ]
    repeated = [(topic, 0, prediction(3, "EUR/GBP"), [])]  # as after a replay
    await send(sink_settings, records + repeated + letters(sink_settings, 3))
    await write_all(sink_settings)
    return dsn


def result(dsn: str, title: str) -> list[tuple[Any, ...]]:
    return [row for target in PANELS[title]["targets"] for row in rows(dsn, expanded(target["rawSql"]))]


async def test_every_statement_finds_rows_and_the_right_ones(filled):
    for title in PANELS:
        assert result(filled, title), title
    assert len(result(filled, "Rate and 95 % range")) == 2 * DAYS + 4 * DAYS
    newest = {row[0]: row[1:] for row in result(filled, "Newest rate and forecast")}
    assert newest["EUR/GBP"][0] == "2026-03-01"
    assert newest["EUR/GBP"][2] == dt.date(2026, 3, 2)
    assert newest["EUR/GBP"][5] == pytest.approx(100 * 0.04 / 1.01)
    held = {row[0]: (row[1], float(row[2]), float(row[3])) for row in result(filled, "Held, by pair")}
    assert held == {"EUR/GBP": (DAYS - 1, 100.0, 100.0), "EUR/USD": (DAYS - 1, 0.0, 0.0)}
    misses = result(filled, "Largest misses")
    assert {row[1] for row in misses} == {"EUR/USD"}
    assert abs(float(misses[0][5])) == pytest.approx(4.5)
    months = {
        (row[0].month, row[1]): float(row[2])
        for row in result(filled, "Share of rates inside their range, by month")
    }
    assert months[1, "95 % range"] == pytest.approx(0.5)
    assert result(filled, "Data-quality alerts")[0][3:] == ("jump", "The rate moved by 1 %.")
    assert sum(row[2] for row in result(filled, "Dead letters by code")) == 3
    ((age,),) = result(filled, "Age of the newest row")
    assert 0 <= age < 120
    (variable,) = BOARD["templating"]["list"]
    assert rows(filled, variable["query"]) == [("EUR/GBP",), ("EUR/USD",)]


async def test_series_have_a_time_a_name_and_a_number(filled):
    with psycopg.connect(filled) as connection:
        for title, panel in PANELS.items():
            for target in panel["targets"]:
                if target["format"] == "time_series":
                    found = connection.execute(expanded(target["rawSql"]).encode())
                    assert [column.name for column in found.description or ()] == [
                        "time",
                        "metric",
                        "value",
                    ], title


async def test_a_chosen_pair_and_no_row_are_no_errors(dsn, filled):
    for panel in PANELS.values():
        for target in panel["targets"]:
            rows(filled, expanded(target["rawSql"], pairs="'EUR/USD'"))
            rows(filled, expanded(target["rawSql"], pairs="'XXX/YYY'"))


@pytest.mark.parametrize("panel", PANELS.values(), ids=list(PANELS))
def test_a_panel_says_what_it_shows_and_reads_the_database(panel):
    shows, normal, otherwise = panel["description"].split("\n\n")
    assert len(shows) > 20
    assert normal.startswith("**Normal:** ")
    assert otherwise.startswith("**Otherwise:** ")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    for part in (panel, *panel["targets"]):
        assert part["datasource"] == {"type": POSTGRES.type_val, "uid": POSTGRES.uid}


def test_panels_fill_the_grid_and_do_not_overlap():
    boxes = [panel["gridPos"] for panel in BOARD["panels"]]
    for a, b in itertools.combinations(boxes, 2):
        apart_x = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        apart_y = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart_x or apart_y
    assert sum(box["w"] * box["h"] for box in boxes) == 24 * max(box["y"] + box["h"] for box in boxes)


def test_the_data_source_is_the_database_of_the_stack():
    provided = yaml.safe_load((ROOT / "monitoring/grafana/provisioning/datasources/postgres.yml").read_text())
    (source,) = provided["datasources"]
    assert (source["type"], source["uid"]) == (POSTGRES.type_val, POSTGRES.uid)
    assert source["url"] == "postgres:5432"
    assert source["secureJsonData"] == {"password": "$POSTGRES_READER_PASSWORD"}


async def test_grafanas_role_reads_everything_and_writes_nothing(filled, postgres_server):
    parts = psycopg.conninfo.conninfo_to_dict(filled)
    script = ROOT / "monitoring/postgres/reader.sh"
    environment = {
        **os.environ,
        "PGHOST": str(parts["host"]),
        "PGPORT": str(parts["port"]),
        "PGPASSWORD": str(parts["password"]),
        "POSTGRES_USER": "owner",
        "POSTGRES_DB": str(parts["dbname"]),
    }
    environment.pop("POSTGRES_READER_PASSWORD", None)
    refused = subprocess.run(["sh", str(script)], env=environment, capture_output=True, check=False)
    assert refused.returncode != 0
    assert b"set POSTGRES_READER_PASSWORD in .env" in refused.stderr
    password = 'it\'s \\ a "password"'  # noqa: S105 - invented
    subprocess.run(["sh", str(script)], env={**environment, "POSTGRES_READER_PASSWORD": password}, check=True)
    reader = psycopg.conninfo.make_conninfo(filled, user="grafana", password=password)
    assert rows(reader, "SELECT count(*) FROM ratecast.predictions") == [(2 * DAYS + 1,)]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        rows(reader, "DELETE FROM ratecast.predictions")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(reader, "SET transaction_read_only = off; DELETE FROM ratecast.predictions")
