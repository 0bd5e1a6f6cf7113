"""``python -m tests.chaos.sink_kills``: kill the sink and PostgreSQL, then compare the tables with ``ratecast verify``.

Apache Kafka where it can be had, one worker, 200,000 inputs by default. The sink's process is killed three times and
PostgreSQL crashes twice while rows are written. The exit code is 1 if a count differs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from ratecast.kafka.client import client_options
from ratecast.kafka.topics import ensure_topics
from ratecast.settings import Settings
from tests import brokers, postgres
from tests.bundles import LEVELS, write_bundle

# At which share of the rows, and what happens.
PLAN = ((0.15, "sink"), (0.3, "postgres"), (0.45, "sink"), (0.6, "postgres"), (0.8, "sink"))
_EVERY_BROKEN = 400  # one input in so many is no valid message and becomes a dead letter
_LIMIT_SECONDS = 1800.0

COUNTS = """
SELECT count(*) AS rows,
       count(DISTINCT (topic_key, kafka_partition, kafka_offset)) AS records,
       count(DISTINCT (source_topic, source_topic_id, source_partition, source_offset)) AS inputs
FROM ratecast."""


class Programs:
    """The processes of ratecast, with their logs in one directory."""

    def __init__(self, settings: Settings, dsn: str, home: Path) -> None:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("RATECAST_", "PG"))}
        self._environment = {
            **kept,
            "RATECAST_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "RATECAST_MODELS_DIR": str(settings.models_dir),
            "RATECAST_POSTGRES_DSN": dsn,
            "RATECAST_HTTP_PORT": "0",
            "RATECAST_LOG_FORMAT": "text",
        }
        self._home = home

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command that runs on."""
        with (self._home / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "ratecast_cli", *arguments],
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def result(self, *arguments: str) -> dict[str, Any]:
        """Run a command with ``--json`` to its end, and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "ratecast_cli", *arguments, "--json"],
            env=self._environment,
            capture_output=True,
            check=False,
        )
        if not done.stdout:
            raise RuntimeError(done.stderr.decode())
        found: dict[str, Any] = json.loads(done.stdout)
        return found


async def publish(settings: Settings, messages: int) -> None:
    """Publish random walks of 21 rates, and among them inputs that are no messages."""
    draw = random.Random(7)
    producer = AIOKafkaProducer(**client_options(settings), linger_ms=20)
    await producer.start()
    pairs = list(LEVELS.items())
    try:
        for number in range(messages):
            pair, level = pairs[number % len(pairs)]
            rates = [level * (1 + draw.gauss(0, 0.005)) for _ in range(21)]
            document = {
                "pair": pair,
                "history": rates,
                "as_of": f"2026-{1 + number % 12:02}-{1 + number % 28:02}",
            }
            value = b"{" if number % _EVERY_BROKEN == 0 else json.dumps(document).encode()
            await producer.send(settings.input_topic, value, key=pair.encode(), partition=number % 4)
        await producer.flush()
    finally:
        await producer.stop()


def written(dsn: str) -> int:
    """Return how many predictions are in the database; -1 while nobody can tell."""
    with contextlib.suppress(postgres.psycopg.Error):
        return int(postgres.value(dsn, "SELECT count(*) FROM ratecast.predictions"))
    return -1


def wait_for(dsn: str, rows: int, sink: subprocess.Popen[bytes]) -> int:
    """Wait until there are so many rows; the sink must not have given up."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while (found := written(dsn)) < rows:
        if sink.poll() is not None:
            raise RuntimeError(f"the sink ended with exit code {sink.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{found:,} of {rows:,} rows after {_LIMIT_SECONDS:.0f} s")
        time.sleep(0.1)
    return found


def kill_and_count(programs: Programs, server: postgres.PostgresServer, dsn: str, expected: int) -> None:
    """Go through the plan while the sink writes."""
    sink = programs.start("sink", "postgres")
    try:
        for share, victim in PLAN:
            found = wait_for(dsn, int(share * expected), sink)
            print(
                f"{found:>9,} rows: {'kill -9 of the sink' if victim == 'sink' else 'PostgreSQL crashes'}",
                flush=True,
            )
            if victim == "sink":
                sink.kill()
                sink.wait()
                sink = programs.start("sink", "postgres")
            else:
                server.stop(crash=True)
                server.start()
        wait_for(dsn, expected, sink)
        deadline = time.monotonic() + 60
        while postgres.value(dsn, "SELECT count(*) FROM ratecast.dead_letters") == 0:
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
    finally:
        sink.terminate()
        print(f"the sink was stopped: exit code {sink.wait(30)}", flush=True)
    # Whatever may be left, and a proof that nothing is written twice at another start.
    rest = programs.start("sink", "postgres", "--no-follow")
    print(f"a last run to the ends of the topics: exit code {rest.wait(300)}", flush=True)


def compare(programs: Programs, dsn: str) -> bool:
    """Print the counts of both sides, and return whether they agree."""
    verified = programs.result("verify")
    shown = (
        "published",
        "scored",
        "dead_lettered",
        "exactly_one",
        "lost",
        "duplicated",
        "unreadable",
        "exactly_once",
    )
    print("ratecast verify:", json.dumps({name: verified[name] for name in shown}))
    agree = bool(verified["exactly_once"])
    for table, name in (("predictions", "scored"), ("dead_letters", "dead_lettered")):
        (counts,) = postgres.rows(dsn, f"{COUNTS}{table}")
        print(f"{table}: rows, records, inputs = {counts}")
        agree = agree and set(counts) == {verified[name]}
    rejected = postgres.value(dsn, "SELECT count(*) FROM ratecast.rejected_records")
    print(f"rejected_records: {rejected}")
    return agree and rejected == verified["unreadable"]


def run(messages: int) -> bool:
    """Set everything up, kill, count."""
    home = Path(tempfile.mkdtemp(prefix="ratecast-sink-kills-"))
    server = postgres.PostgresServer()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        stack.callback(server.remove)
        try:
            servers, name = stack.enter_context(brokers.apache_kafka(home / "kafka"))
        except brokers.NotHereError:
            servers, name = stack.enter_context(brokers.embedded(home / "broker"))
        dsn = server.database()
        version = postgres.value(dsn, "SHOW server_version")
        print(f"{name}; PostgreSQL {version}; {messages:,} inputs", flush=True)
        write_bundle(home / "models")
        settings = Settings(bootstrap_servers=servers, models_dir=home / "models")
        asyncio.run(ensure_topics(settings))
        programs = Programs(settings, dsn, home)
        worker = programs.start("worker")
        stack.callback(worker.wait, 30)
        stack.callback(worker.terminate)
        asyncio.run(publish(settings, messages))
        began = time.monotonic()
        try:
            kill_and_count(programs, server, dsn, messages - -(-messages // _EVERY_BROKEN))
        except RuntimeError:
            print((home / "sink.log").read_text()[-3000:])
            raise
        print(f"{time.monotonic() - began:.0f} s with all kills", flush=True)
        agree = compare(programs, dsn)
        for line in (home / "sink.log").read_text().splitlines():
            if "WARNING" in line or "ERROR" in line:
                print(f"  sink: {line}")
        print("equal" if agree else "NOT EQUAL")
        return agree


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    sys.exit(0 if run(parser.parse_args().messages) else 1)
