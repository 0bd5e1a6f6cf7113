"""Each command works with exactly the rights of the table, and names the one that is missing."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest

from ratecast.kafka.gather import gather
from ratecast.kafka.rights import NEEDED, Operation, Resource, Right
from ratecast.kafka.topics import ensure_topics
from ratecast_stack.children import free_port
from tests.brokers import settings_of_its_own
from tests.forked_commands import Command, Done
from tests.integration.workers import publish, read, running_worker
from tests.secured.secured_kafka import PASSWORD, USERS, allow, names
from tests.web.served import running_web

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.settings import Settings
    from tests.postgres import PostgresServer
    from tests.secured.secured_kafka import SecuredKafka

GOOD = b'{"history": [0.85, 0.86, 0.87], "pair": "EUR/GBP", "as_of": "2025-06-02"}'
# Invented, and as many as a feed needs for a message.
DAYS = np.busday_offset("2025-03-03", np.arange(62)).tolist()
RATES = "date,pair,rate\n" + "".join(
    f"{day},EUR/GBP,0.{850 + number % 5}\n" for number, day in enumerate(DAYS)
)
ARGUMENTS = {
    "topics": ("topics",),
    "worker": ("worker",),
    "replay": ("replay", "--csv", "rates.csv", "--window", "3"),
    "feed": ("feed", "--once", "--source", "csv", "--address", "feed.csv"),
    "predict": ("predict", "0.85", "0.86", "0.87", "--timeout", "20"),
    "tail": ("tail", "--from-beginning", "--no-follow"),
    "verify": ("verify",),
    "retrain": ("retrain", "--dry-run"),
    "drift-report": ("drift-report",),
    "export predictions": ("export", "predictions"),
    "dead-letters list": ("dead-letters", "list"),
    "dead-letters redeliver": ("dead-letters", "redeliver", "--all"),
    "sink postgres": ("sink", "postgres", "--no-follow"),
}
# A prediction may arrive before the client hears that it may not read dead letters. To this there is no prediction.
REJECTED = {"predict without READ dead-letter topic": (*ARGUMENTS["predict"], "--pair", "XXX/YYY")}
STRANGERS = ("tail", "worker", "replay")
AT_ONCE = 4


@dataclass(frozen=True)
class Case:
    """A command with all its rights, or without one of them."""

    command: str
    missing: Right | None
    settings: Settings
    has_rights: bool = True

    @property
    def user(self) -> str:
        return str(self.settings.sasl_username)

    def rights(self) -> list[Right]:
        """Returns all rights but the missing one, instead of which there is only DESCRIBE."""
        if not self.has_rights:
            return []
        rights = [right for right in NEEDED[self.command] if right != self.missing]
        if self.missing is not None and self.missing.operation is not Operation.DESCRIBE:
            rights.append(Right(Operation.DESCRIBE, self.missing.resource))
        return rights


def cell(command: str, missing: Right | None) -> str:
    return command if missing is None else f"{command} without {missing.operation} {missing.resource}"


CELLS = {cell(name, right): (name, right) for name in NEEDED for right in (None, *NEEDED[name])}
# The page answers from memory and never gives up; retraining reads first and then takes minutes.
OTHERWISE_TESTED = {"web", "retrain"}
RUN = [
    name
    for name, (command, right) in CELLS.items()
    if command != "web" and (command, right) != ("retrain", None)
]


@dataclass
class Ground:
    """A secured broker with messages, predictions and dead letters, and a user for each cell."""

    kafka: SecuredKafka
    everything: Settings
    cases: dict[str, Case]
    directory: Path
    dsn: str

    def start(self, name: str) -> Command:
        case = self.cases[name]
        directory = self.directory / name.replace(" ", "-")
        directory.mkdir()
        (directory / "rates.csv").write_text(RATES)
        # A pair of its own, because what another feed has published is not published again.
        number = USERS.index(case.user)
        pair = f"EUR/X{chr(65 + number // 26)}{chr(65 + number % 26)}"
        (directory / "feed.csv").write_text(RATES.replace("EUR/GBP", pair))
        given = {
            key: getattr(case.settings, key)
            for key in case.settings.model_fields_set - {"sasl_password", "models_dir"}
        }
        environment = {f"RATECAST_{key.upper()}": str(value) for key, value in given.items()}
        environment |= {
            "RATECAST_SASL_PASSWORD": PASSWORD,
            "RATECAST_MODELS_DIR": str(case.settings.models_dir),
        }
        if case.command == "sink postgres":
            environment["RATECAST_POSTGRES_DSN"] = self.dsn
        if case.missing is None:
            environment["RATECAST_LOG_LEVEL"] = "DEBUG"  # at which the Kafka client says most
        return Command(directory, REJECTED.get(name, ARGUMENTS[case.command]), environment)

    def run(self, name: str) -> Done:
        return self.start(name).result()


def make_cases(kafka: SecuredKafka, everything: Settings) -> dict[str, Case]:
    cases = {}
    for number, (name, (command, right)) in enumerate(CELLS.items()):
        update = {
            **kafka.login(USERS[number]),
            "give_up_seconds": 2.0,
            "connect_timeout_seconds": 15.0,
            "transaction_timeout_ms": 10_000,
            "http_port": 0,
        }
        if command == "worker":
            update["http_port"] = free_port()
            if right is not None:  # the allowed one goes on where the first worker stopped
                update["group_id"] = f"{everything.group_id}-{number}"
        given = {key: getattr(everything, key) for key in everything.model_fields_set}
        settings = type(everything)(**{**given, **update})
        cases[name] = Case(command, right, settings)
    for command in STRANGERS:
        case = cases[command]
        settings = case.settings.model_copy(update={"sasl_username": USERS[-1], "http_port": 0})
        cases[f"{command} without rights"] = Case(command, NEEDED[command][0], settings, has_rights=False)
    return cases


async def prepare(everything: Settings, cases: dict[str, Case]) -> None:
    await ensure_topics(everything)
    async with running_worker(everything):
        await publish(everything, [(b"EUR/GBP", GOOD, []), (b"x", b"no message", [])])
        await read(everything, everything.output_topic, 1, quiet_seconds=0.1)
        await read(everything, everything.dead_letter_topic, 1, quiet_seconds=0.1)
    await allow(
        everything,
        [
            (case.user, right, names(case.settings, case.command)[right.resource])
            for case in cases.values()
            for right in case.rights()
        ],
    )


@pytest.fixture(scope="module")
def ground(
    kafka: SecuredKafka,
    models_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
) -> Ground:
    everything = settings_of_its_own(kafka.address("PLAINTEXT"), models_dir, topic_partitions=1)
    cases = make_cases(kafka, everything)
    asyncio.run(prepare(everything, cases))
    return Ground(kafka, everything, cases, tmp_path_factory.mktemp("cells"), postgres_server.database())


@pytest.fixture(scope="module")
def worker(ground: Ground) -> Iterator[Command]:
    """The worker with exactly its rights, which the command `predict` needs."""
    command = ground.start("worker")
    deadline = time.monotonic() + 30
    while "assigned partitions: " not in command.err:
        assert command.process.is_alive(), command.err
        assert time.monotonic() < deadline, command.err
        time.sleep(0.02)
    yield command
    command.process.kill()
    command.process.join()


@pytest.fixture(scope="module")
def served(ground: Ground, worker: Command) -> dict[str, str]:
    """What the allowed worker shows of itself while it runs."""
    base = f"http://127.0.0.1:{ground.cases['worker'].settings.http_port}"
    shown = {path: httpx.get(base + path).text for path in ("/metrics", "/ready", "/health")}
    command_line = Path(f"/proc/{worker.process.pid}/cmdline")
    return {**shown, "command line": command_line.read_text() if command_line.exists() else "unknown here"}


@pytest.fixture(scope="module")
def results(ground: Ground, worker: Command, served: dict[str, str]) -> dict[str, Done]:
    """What each command did, with the allowed worker running meanwhile."""
    others = [name for name in (*RUN, *(f"{name} without rights" for name in STRANGERS)) if name != "worker"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = dict(zip(others, pool.map(ground.run, others), strict=True))
    worker.process.terminate()
    return {**done, "worker": worker.result()}


@pytest.mark.parametrize("name", [name for name in RUN if CELLS[name][1] is None])
def test_a_command_works_with_exactly_its_rights_and_prints_no_secret(
    results: dict[str, Done], name: str
) -> None:
    done = results[name]
    assert done.code == 0, done.err[-3000:]
    assert PASSWORD not in done.out + done.err
    assert "SaslAuthenticate" not in done.err


@pytest.mark.parametrize(
    "name",
    [name for name in RUN if CELLS[name][1] is not None] + [f"{name} without rights" for name in STRANGERS],
)
def test_a_missing_right_is_one_line_that_names_it_and_the_user(
    ground: Ground, results: dict[str, Done], name: str
) -> None:
    done, case = results[name], ground.cases[name]
    assert case.missing is not None
    assert done.code == 1, (done.code, done.err[-3000:])
    line = done.err.strip().splitlines()[-1]
    kind = {Resource.GROUP: "group", Resource.TRANSACTIONS: "transactional id"}.get(
        case.missing.resource, "topic"
    )
    resource = names(case.settings, case.command)[case.missing.resource]
    assert f"User:{case.user} lacks the right {case.missing.operation} on the {kind} " in line
    assert resource in line
    if case.command not in {"worker", "sink postgres", "feed"}:  # these log what they do
        assert done.err.count("\n") == 1, done.err


def test_no_secret_is_in_what_a_worker_serves_or_in_the_list_of_processes(
    ground: Ground, served: dict[str, str]
) -> None:
    assert "consumer_lag_records" in served["/metrics"]
    assert served["command line"]
    for place, text in served.items():
        assert PASSWORD not in text, place


async def test_retraining_reads_with_exactly_its_rights(ground: Ground) -> None:
    found = await gather(ground.cases["retrain"].settings, "EUR/GBP")
    assert found.messages > 0


@pytest.mark.parametrize("name", [name for name, (command, _) in CELLS.items() if command == "web"])
async def test_the_page_says_which_right_is_missing(ground: Ground, name: str) -> None:
    case = ground.cases[name]
    settings = case.settings.model_copy(update={"web_timeout_seconds": 0.2})  # no worker runs any more
    async with (
        running_web(settings, ready=case.missing is None) as web,
        httpx.AsyncClient(base_url=web.url) as http,
    ):
        answer: Any = None
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            answer = await http.post("/predict", json={"history": [0.85, 0.86, 0.87]})
            if answer.status_code == 202 or "lacks the right" in answer.text:
                break
    if case.missing is None:
        assert answer.status_code == 202, answer.text
        return
    assert answer.status_code == 503
    topic = names(settings)[case.missing.resource]
    assert f"User:{case.user} lacks the right {case.missing.operation} on the topic {topic}" in answer.text


def test_the_table_has_every_command_that_connects() -> None:
    assert ARGUMENTS.keys() | {"web"} == NEEDED.keys()
