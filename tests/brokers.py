"""Which Apache Kafka this machine can offer to the suite: one that is given, Docker's, or one on the JVM."""

from __future__ import annotations

import os
import shutil
import socket
import time
import uuid
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ratecast.errors import RatecastError, UsageError
from ratecast.settings import Settings
from ratecast_stack.children import free_port
from ratecast_stack.embedded import EmbeddedBroker
from ratecast_stack.jvm.cluster import JvmCluster
from ratecast_stack.jvm.jars import KAFKA_VERSION, are_cached, class_path, java
from ratecast_stack.jvm.probe import cluster_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

GIVEN = "RATECAST_TEST_BOOTSTRAP_SERVERS"
BOTH = "RATECAST_TEST_BOTH_ENGINES"  # set: tests marked `one_engine` run on Apache Kafka too
IMAGE = f"apache/kafka:{KAFKA_VERSION}"
_CONTAINER_LIMIT_SECONDS = 60


class NotHereError(Exception):
    """This machine cannot offer that broker; the message says why."""


def settings_of_its_own(bootstrap_servers: str, models_dir: Path, **others: object) -> Settings:
    """Settings with topics and a group that no other test uses.

    Args:
        bootstrap_servers: the brokers.
        models_dir: directory of the model.
        others: further settings.
    """
    tag = uuid.uuid4().hex[:12]
    names = {
        "input_topic": f"histories-{tag}",
        "output_topic": f"predictions-{tag}",
        "dead_letter_topic": f"dead-letters-{tag}",
        "group_id": f"workers-{tag}",
    }
    return Settings(
        **{
            "bootstrap_servers": bootstrap_servers,
            "models_dir": models_dir,
            "http_port": 0,
            **names,
            **others,
        }
    )


def outlook() -> str:
    """What the integration suite will try, told without trying it."""
    if given := os.environ.get(GIVEN):
        return f"embedded, and {given} ({GIVEN})"
    chances = []
    if _docker_socket_is_there():
        chances.append(f"Docker ({IMAGE})")
    reason = jvm_is_missing()
    if reason is None:
        chances.append(f"the JVM (Apache Kafka {KAFKA_VERSION})")
    if not chances:
        return f"embedded only: no {GIVEN}, no Docker; {reason}"
    return f"embedded, and Apache Kafka by {', else '.join(chances)}"


def jvm_is_missing() -> str | None:
    """Why Apache Kafka cannot run on the JVM here; None when it can, its jars perhaps still to be fetched."""
    try:
        java()
    except UsageError as error:
        return str(error)
    if not are_cached() and shutil.which("mvn") is None:
        return "Apache Kafka's jars are not cached, and `mvn` is not installed"
    return None


@contextmanager
def embedded(directory: Path) -> Iterator[tuple[str, str]]:
    """The bootstrap servers of the embedded broker, and what to call it in the report."""
    with EmbeddedBroker(directory) as broker:
        yield broker.bootstrap_servers, "the embedded broker"


@contextmanager
def apache_kafka(directory: Path) -> Iterator[tuple[str, str]]:
    """The bootstrap servers of the first Apache Kafka that can be had, and what to call it in the report.

    Raises:
        NotHereError: there is none; the message says why for each.
    """
    if given := os.environ.get(GIVEN):
        yield given, f"{given} ({GIVEN})"
        return
    ways: tuple[Callable[[Path], AbstractContextManager[tuple[str, str]]], ...] = (_docker, _jvm)
    reasons = []
    for way in ways:
        broker = way(directory)
        try:
            answer = broker.__enter__()
        except NotHereError as reason:
            reasons.append(str(reason))
            continue
        servers, name = answer
        try:
            yield servers, f"{name} ({'; '.join(reasons)})" if reasons else name
        finally:
            broker.__exit__(None, None, None)
        return
    raise NotHereError("; ".join([f"{GIVEN} is not set", *reasons]))


@contextmanager
def three_brokers(directory: Path, proxied: tuple[int, ...] | None = None) -> Iterator[JvmCluster]:
    """Three brokers on the JVM that a test may kill.

    Raises:
        NotHereError: Java, Maven or the jars are missing.
    """
    if reason := jvm_is_missing():
        raise NotHereError(reason)
    cluster = JvmCluster(directory, 3, proxied=proxied)
    try:
        cluster.start()
    except RatecastError as error:
        raise NotHereError(str(error)) from error
    try:
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def _jvm(directory: Path) -> Iterator[tuple[str, str]]:
    if reason := jvm_is_missing():
        raise NotHereError(reason)
    try:
        class_path()
    except RatecastError as error:  # Maven reaches no repository; a start that fails afterwards is a failure
        raise NotHereError(str(error)) from error
    with JvmCluster(directory) as cluster:
        yield cluster.bootstrap_servers, f"Apache Kafka {KAFKA_VERSION} on the JVM"


@contextmanager
def _docker(_: Path) -> Iterator[tuple[str, str]]:
    if not _docker_socket_is_there():
        raise NotHereError("no Docker engine")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the Docker clients' own
        from docker.errors import DockerException
        from testcontainers.core.container import DockerContainer

        port = free_port()
        container = DockerContainer(IMAGE).with_bind_ports(9092, port)
        for name, value in _container_settings(port).items():
            container.with_env(name, value)
        try:
            container.get_docker_client().client.ping()
            container.start()  # pulls the image when it is not there
        except (DockerException, OSError) as error:
            raise NotHereError(f"Docker: {error}") from error
        try:
            deadline = time.monotonic() + _CONTAINER_LIMIT_SECONDS
            while cluster_state(port) is None:
                if time.monotonic() > deadline:
                    raise NotHereError(f"Docker: {IMAGE} did not serve in {_CONTAINER_LIMIT_SECONDS} s")
                time.sleep(0.1)
            yield f"127.0.0.1:{port}", f"{IMAGE} by Docker"
        finally:
            container.stop()


def _container_settings(port: int) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }


def _docker_socket_is_there() -> bool:
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        return True  # asked when it is needed
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(host.removeprefix("unix://")) == 0
