"""Fixtures shared by the suite: real brokers, and settings whose topics no other test sees."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from ratecast_stack.jvm.jars import KAFKA_VERSION
from tests import brokers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ratecast.settings import Settings
    from ratecast_stack.jvm.cluster import JvmCluster


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own RATECAST_* must not change what the suite proves."""
    for name in list(os.environ):
        if name.startswith("RATECAST_") and not name.startswith("RATECAST_TEST_"):
            monkeypatch.delenv(name)
    # Nor must the file that `ratecast rates update` keeps in a developer's checkout.
    monkeypatch.setenv("RATECAST_RATES_FILE", "no-such-directory/eurofxref-hist.zip")


@pytest.fixture(autouse=True)
def _no_handler_of_another_test() -> Iterator[None]:
    """A command that runs inside the test process sends all log records to a stream that is closed afterwards."""
    import logging

    root, client = logging.getLogger(), logging.getLogger("aiokafka")
    before = list(root.handlers), root.level, client.level
    yield
    root.handlers[:], level, client_level = before
    root.setLevel(level)
    client.setLevel(client_level)


def pytest_report_header() -> str:
    return f"brokers of the integration tests: {brokers.outlook()}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Integration tests run on both engines, or on the embedded one where the broker makes no difference."""
    if "bootstrap_servers" in metafunc.fixturenames:
        one = metafunc.definition.get_closest_marker("one_engine") and brokers.BOTH not in os.environ
        both = "integration" in metafunc.definition.path.parts and not one
        engines = ["embedded", "kafka"] if both else ["embedded"]
        if metafunc.definition.get_closest_marker("apache_kafka"):
            engines = ["kafka"]
        metafunc.parametrize("bootstrap_servers", engines, indirect=True, scope="session")


_used: list[str] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report to the process that prints the summary, where tests run in several processes."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["used_brokers"] = _used


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _used.extend(getattr(node, "workeroutput", {}).get("used_brokers", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in dict.fromkeys(_used):
        terminalreporter.write_line(f"ran on {line}")


@pytest.fixture(scope="session")
def bootstrap_servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The broker of one engine; the first test of a session that asks for it starts it."""
    engine = {"embedded": brokers.embedded, "kafka": brokers.apache_kafka}[request.param]
    with contextlib.ExitStack() as stack:
        try:
            servers, name = stack.enter_context(engine(tmp_path_factory.mktemp(request.param)))
        except brokers.NotHereError as reason:
            pytest.skip(f"no Apache Kafka: {reason}")
        _used.append(name)
        yield servers


@pytest.fixture(scope="session")
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JvmCluster]:
    """Three Apache Kafka brokers on the JVM, replication 3, for tests that kill them and bring them back."""
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(brokers.three_brokers(tmp_path_factory.mktemp("cluster")))
        except brokers.NotHereError as reason:
            pytest.skip(f"no cluster of Apache Kafka: {reason}")
        _used.append(f"three brokers of Apache Kafka {KAFKA_VERSION} on the JVM")
        yield cluster


@pytest.fixture
def settings(bootstrap_servers: str, models_dir: Path) -> Settings:
    """Settings with topics and a group of their own."""
    return brokers.settings_of_its_own(bootstrap_servers, models_dir)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models directory with one small bundle, `tests.bundles`."""
    from tests.bundles import write_bundle

    directory = tmp_path_factory.mktemp("models")
    write_bundle(directory)
    return directory
