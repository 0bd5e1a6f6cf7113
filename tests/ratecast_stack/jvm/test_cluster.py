from __future__ import annotations

import hashlib
import signal
import sys
import uuid
from typing import TYPE_CHECKING

import pytest
from aiokafka.client import AIOKafkaClient

from ratecast.errors import OperationError, RatecastError, UsageError
from ratecast.kafka.topics import ensure_topics
from ratecast.settings import Settings
from ratecast_stack.jvm import jars as kafka_jars
from ratecast_stack.jvm.cluster import JvmCluster
from ratecast_stack.jvm.node import free_ports
from tests import brokers
from tests.integration.workers import publish, read, until
from tests.ratecast_stack.test_embedded import child_of, start_command, wait_gone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JAR = b"a jar"
CACHE = f"kafka-{kafka_jars.KAFKA_VERSION}"


@pytest.fixture(scope="module")
def _jvm() -> None:
    reason = brokers.jvm_is_missing()
    if reason is None:
        try:
            kafka_jars.class_path()
        except RatecastError as error:
            reason = str(error)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def one_broker(_jvm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JvmCluster]:
    with JvmCluster(tmp_path_factory.mktemp("one"), proxied=free_ports(1)) as cluster:
        yield cluster


@pytest.fixture
def programs(monkeypatch, tmp_path: Path):
    """A PATH that holds only the programs put there."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))

    def put(name: str, script: str) -> None:
        (directory / name).write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        (directory / name).chmod(0o755)

    return put


@pytest.fixture
def _one_jar(monkeypatch) -> None:
    monkeypatch.setattr(kafka_jars, "expected_digests", lambda: {"a.jar": hashlib.sha256(JAR).hexdigest()})


def settings_for(cluster: JvmCluster, models_dir: Path, replicas: int = 1) -> Settings:
    tag = uuid.uuid4().hex[:12]
    return Settings(
        bootstrap_servers=cluster.bootstrap_servers,
        input_topic=f"histories-{tag}",
        output_topic=f"predictions-{tag}",
        dead_letter_topic=f"dead-letters-{tag}",
        models_dir=models_dir,
        topic_replication_factor=replicas,
    )


def test_without_java_the_message_names_what_to_install_and_the_alternatives(
    programs, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"`java` is not installed: .*embedded engine, or Docker"):
        JvmCluster(tmp_path).start()


def test_a_java_that_is_too_old_is_named_with_its_version(programs) -> None:
    programs("java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    with pytest.raises(UsageError, match=r"Java 17 or newer, and .*/java is Java 11: .*Docker"):
        kafka_jars.java()
    programs("java", """echo 'java version "1.8.0_392"' >&2""")
    with pytest.raises(UsageError, match="is Java 8"):
        kafka_jars.java()


def test_a_stub_that_only_prints_where_to_get_java_is_no_java(programs) -> None:
    programs("java", "echo 'Unable to locate a Java Runtime.' >&2; exit 1")
    with pytest.raises(UsageError, match="does not run: install a JRE"):
        kafka_jars.java()


def test_without_maven_the_first_use_names_what_to_install_and_leaves_nothing(
    programs, tmp_path: Path
) -> None:
    with pytest.raises(
        UsageError, match=r"`mvn` is not installed: install Maven, .*embedded engine, or Docker"
    ):
        kafka_jars.class_path(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.usefixtures("_one_jar")
def test_jars_are_counted_as_they_come_and_kept(programs, tmp_path: Path) -> None:
    programs(
        "mvn",
        'for option; do case $option in -DoutputDirectory=*) to=${option#*=};; esac; done\n'
        'mkdir "$to"; printf "a jar" > "$to/a.jar"\n'
        'echo "Downloaded from central: x://y/z/a.pom (1 kB at 2 MB/s)"\n'
        'echo "Downloaded from central: x://y/z/a.jar (5 B at 2 MB/s)"',
    )  # fmt: skip
    calls: list[tuple[int, int]] = []
    cache = tmp_path / "cache"
    path = kafka_jars.class_path(cache, lambda stage, done, total: calls.append((done, total)))
    assert path == str(cache / CACHE / "a.jar")
    assert calls == [(0, 1), (1, 1), (1, 1)]
    assert [entry.name for entry in cache.iterdir()] == [CACHE]
    programs("mvn", "exit 1")
    assert kafka_jars.class_path(cache) == path


@pytest.mark.usefixtures("_one_jar")
def test_another_process_that_was_quicker_does_no_harm(programs, tmp_path: Path) -> None:
    home = tmp_path / "cache" / CACHE
    programs(
        "mvn",
        'for option; do case $option in -DoutputDirectory=*) to=${option#*=};; esac; done\n'
        f'mkdir -p "$to" "{home}"; printf "a jar" | tee "$to/a.jar" > "{home}/a.jar"',
    )  # fmt: skip
    assert kafka_jars.class_path(tmp_path / "cache") == str(home / "a.jar")


@pytest.mark.usefixtures("_one_jar")
def test_a_failing_maven_is_quoted_and_leaves_nothing(programs, tmp_path: Path) -> None:
    programs("mvn", "echo '[INFO] Scanning'; echo '[ERROR] Could not resolve it'; exit 1")
    with pytest.raises(OperationError, match=r"could not download Apache Kafka [\d.]+: Could not resolve it"):
        kafka_jars.class_path(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.usefixtures("_one_jar")
def test_a_jar_that_was_changed_or_is_missing_is_rejected_with_what_to_delete(
    tmp_path: Path,
) -> None:
    home = tmp_path / CACHE
    home.mkdir()
    with pytest.raises(OperationError, match=rf"a\.jar is missing: delete {home} "):
        kafka_jars.class_path(tmp_path)
    (home / "a.jar").write_bytes(b"another jar")
    with pytest.raises(OperationError, match=rf"a\.jar has another checksum .*: delete {home} "):
        kafka_jars.class_path(tmp_path)
    (home / "a.jar").write_bytes(JAR)
    assert kafka_jars.class_path(tmp_path) == str(home / "a.jar")


@pytest.mark.usefixtures("_one_jar")
def test_a_fetched_jar_that_is_not_the_one_committed_never_reaches_the_cache(
    programs, tmp_path: Path
) -> None:
    programs(
        "mvn",
        'for option; do case $option in -DoutputDirectory=*) to=${option#*=};; esac; done\n'
        'mkdir "$to"; echo evil > "$to/a.jar"',
    )  # fmt: skip
    with pytest.raises(OperationError, match=r"a\.jar has another checksum"):
        kafka_jars.class_path(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_every_committed_digest_is_one() -> None:
    digests = kafka_jars.expected_digests()
    assert f"kafka_2.13-{kafka_jars.KAFKA_VERSION}.jar" in digests
    assert all(len(bytes.fromhex(digest)) == 32 for digest in digests.values())


async def test_the_proxied_listener_advertises_the_address_of_the_proxy(
    one_broker: JvmCluster,
) -> None:
    proxied = f"127.0.0.1:{one_broker.proxied_backend(1)}"
    advertised = {}
    for address in (one_broker.address(1), proxied):
        client = AIOKafkaClient(bootstrap_servers=address)
        await client.bootstrap()
        advertised[address] = [broker.port for broker in client.cluster.brokers()]
        await client.close()
    proxy = one_broker._nodes[1].proxy_port
    assert advertised == {one_broker.address(1): [one_broker._nodes[1].port], proxied: [proxy]}


def test_a_taken_port_is_named(one_broker: JvmCluster, tmp_path: Path) -> None:
    port = int(one_broker.address(1).split(":")[1])
    with pytest.raises(UsageError, match=f"port {port} is taken"):
        JvmCluster(tmp_path, port=port).start()


def test_a_directory_in_use_is_rejected_before_kafka_can_damage_it(one_broker: JvmCluster) -> None:
    with pytest.raises(UsageError, match=f"{one_broker.data_dir} is in use by another broker"):
        JvmCluster(one_broker.data_dir).start()
    assert one_broker.in_sync()


async def test_data_survives_a_restart(one_broker: JvmCluster, models_dir: Path) -> None:
    settings = settings_for(one_broker, models_dir)
    await ensure_topics(settings)
    await publish(settings, [(b"k", b"kept", [])])
    pid = one_broker.pid(1)
    one_broker.stop()
    wait_gone(pid)
    one_broker.start()
    (record,) = await read(settings, settings.input_topic, 1, quiet_seconds=0.1)
    assert record.value == b"kept"


async def test_a_killed_broker_of_three_is_done_without_and_catches_up_when_it_is_back(
    kafka_cluster: JvmCluster, models_dir: Path
) -> None:
    settings = settings_for(kafka_cluster, models_dir, replicas=3)
    await ensure_topics(settings)
    for number in (2, 3):
        pid = kafka_cluster.pid(number)
        kafka_cluster.kill(number)
        wait_gone(pid)
        assert not kafka_cluster.in_sync()
        await publish(settings, [(b"k", b"without %d" % number, [])], partition=0)
        kafka_cluster.start_broker(number)
        assert kafka_cluster.pid(number) != pid
        await until(kafka_cluster.in_sync)
    records = await read(settings, settings.input_topic, 2, quiet_seconds=0.1)
    assert [record.value for record in records] == [b"without 2", b"without 3"]


def test_a_frozen_broker_stays_and_goes_on(kafka_cluster: JvmCluster) -> None:
    pid = kafka_cluster.pid(1)
    kafka_cluster.pause(1)
    try:
        assert not kafka_cluster.in_sync()
    finally:
        kafka_cluster.resume(1)
    kafka_cluster.wait_until_serving()
    assert kafka_cluster.pid(1) == pid


@pytest.mark.usefixtures("_jvm")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_command_leaves_no_broker_behind(tmp_path: Path) -> None:
    endings = {signal.SIGTERM: (0, "stopped\n"), signal.SIGKILL: (-signal.SIGKILL, "")}
    for number, ending in endings.items():
        process = start_command(tmp_path, "--engine", "kafka")
        pid = child_of(process.pid)
        process.send_signal(number)
        out, _ = process.communicate(timeout=20)
        assert (process.returncode, out) == ending
        wait_gone(pid)


@pytest.mark.usefixtures("_jvm")
def test_a_broker_that_does_not_start_is_an_error_that_quotes_its_log(tmp_path: Path) -> None:
    data = tmp_path / "broker-1" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=somebodys\n")
    cluster = JvmCluster(tmp_path)
    with pytest.raises(OperationError, match=r"did not start: \S+Exception: .*7.* \(see .*broker\.log\)"):
        cluster.start()
    assert cluster.exit_code() is None
