"""The start scripts of the container stack: the shell script runs against fake programs, the PowerShell script is read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SHELL = (ROOT / "start-monitoring.sh").read_text()
POWER = (ROOT / "start-monitoring.ps1").read_text()
# Syntax that bash 3.2 of macOS does not support.
NEWER_THAN_BASH_3 = re.compile(
    r"\b(mapfile|readarray|coproc)\b"
    r"|\b(declare|local|typeset) -[a-z]*[Anglu]"
    r"|\$\{\w+(\[[^]]*\])?(,|\^|@)"  # ${x,,}, ${x^}, ${x@Q}
    r"|&>>|\|&|;;?&"
    r"|\[\[ -v |\bwait -n|%\([^)]*\)T|\$\{?(BASHPID|EPOCH)"
    r"|\{\w+\}[<>]"  # a descriptor's variable
)
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


def test_scripts_have_the_same_options():
    for name, default in re.findall(r"check_port (?:\w+) (\w+) (\d+)", SHELL):
        assert f"'{name}' '{default}'" in POWER
    assert os.access(ROOT / "start-monitoring.sh", os.X_OK)


def test_scripts_wait_for_all_that_can_be_waited_for():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    checked = {
        name
        for name, service in services.items()
        if "profiles" not in service
        and ("test" in service.get("healthcheck", {}) or name == "worker")  # its check is the image's
    }
    (shell,) = re.findall(r"for service in ([\w ]+); do", SHELL)
    (power,) = re.findall(r"foreach \(\$service in ('\w+'(?:, '\w+')*)\)", POWER)
    assert set(shell.split()) == checked
    assert set(re.findall(r"\w+", power)) == checked


def test_the_windows_script_has_the_checks_of_the_shell_script():
    for words in (
        "Inside a container that is the container itself",
        "GRAFANA_ADMIN_PASSWORD is 'admin'",
        "docker compose version 2 or newer is needed",
        "docker-compose.override.yml",
        "docker-compose.host.yml",
    ):
        assert words in SHELL
        assert words in POWER


@pytest.mark.parametrize(
    "line", ["mapfile -t x", "local -A x", "${x,,}", "${x[@]^^}", "${x@Q}", "a |& b", "[[ -v x ]]"]
)
def test_syntax_that_bash_3_does_not_support_is_found(line):
    assert NEWER_THAN_BASH_3.search(line)


def test_the_script_runs_on_bash_3():
    assert not NEWER_THAN_BASH_3.search(SHELL)
    # Before bash 4.4 an empty array is an unbound variable to `set -u`.
    assert "set -euo pipefail" in SHELL
    empty = re.findall(r"\b(\w+)=\(\)", SHELL)
    assert empty == ["profiles"]
    for name in empty:
        guarded = f'${{{name}[@]+"${{{name}[@]}}"}}'
        assert guarded in SHELL
        assert f"${{{name}[" not in SHELL.replace(guarded, "").replace(f'"${{{name}[@]}}" of an empty', "")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing():
    result = subprocess.run(
        ["shellcheck", ROOT / "start-monitoring.sh"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def start(
    tmp_path: Path, *arguments: str, settings: dict[str, str] | None = None, **programs: str
) -> subprocess.CompletedProcess[str]:
    """Run a copy of the start script with fake programs first in the PATH."""
    for name in ("start-monitoring.sh", "docker-compose.yml", "docker-compose.host.yml"):
        shutil.copy(ROOT / name, tmp_path)
    fakes = tmp_path / "bin"
    fakes.mkdir(exist_ok=True)
    for name, text in programs.items():
        (fakes / name).write_text(f"#!/bin/sh\n{text}\n")
        (fakes / name).chmod(0o755)
    environment = {"PATH": f"{fakes}:{os.environ['PATH']}", "GRAFANA_PORT": "1", **(settings or {})}
    command = [tmp_path / "start-monitoring.sh", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# A docker of version 2 with an engine and without containers, which fails to start anything.
DOCKER = 'case "$*" in *version*) echo 2.40.3 ;; *" up "*) exit 1 ;; esac'
# A docker that starts two containers for each service. One worker is healthy from the third query on. Commands and
# their compose files are recorded.
STARTED = """
echo "$* of $COMPOSE_FILE" >> asked
case "$*" in
  *version*) echo 2.0.0 ;;
  *"ps --quiet --status"*) ;;
  *"ps --quiet "*) for last; do :; done; echo "$last-1"; echo "$last-2" ;;
  inspect*worker*) echo healthy; [ "$(grep -c 'inspect.*worker' asked)" -gt 2 ] && echo healthy || echo starting ;;
  inspect*) echo healthy; echo healthy ;;
esac
"""


@needs_bash
def test_starting_writes_a_random_password_once_for_the_owner_only(tmp_path):
    settings = tmp_path / ".env"
    settings.write_text("LOG_LEVEL=DEBUG\nGRAFANA_ADMIN_PASSWORD=\nLAST=1")  # no newline at its end
    settings.chmod(0o644)
    first = start(tmp_path, docker=DOCKER)
    written = settings.read_text()
    assert first.returncode == 1  # the fake cannot start anything
    assert "a random GRAFANA_ADMIN_PASSWORD was written to .env" in first.stdout
    assert re.fullmatch(r"LOG_LEVEL=DEBUG\nLAST=1\nGRAFANA_ADMIN_PASSWORD=[0-9a-f]{36}\n", written)
    assert mode(settings) == 0o600
    assert "random" not in start(tmp_path, docker=DOCKER).stdout
    assert settings.read_text() == written
    assert {path.name for path in tmp_path.glob(".env*")} == {".env"}


@needs_bash
def test_a_new_file_of_settings_is_for_its_owner_only(tmp_path):
    start(tmp_path, docker=DOCKER)
    assert mode(tmp_path / ".env") == 0o600


@needs_bash
def test_a_password_that_was_written_by_hand_is_for_its_owner_only(tmp_path):
    settings = tmp_path / ".env"
    settings.write_text("GRAFANA_ADMIN_PASSWORD=mine\n")
    settings.chmod(0o644)
    start(tmp_path, docker=DOCKER)
    assert settings.read_text() == "GRAFANA_ADMIN_PASSWORD=mine\n"
    assert mode(settings) == 0o600


@needs_bash
@pytest.mark.parametrize(
    ("arguments", "docker", "words"),
    [
        (["--bogus"], DOCKER, "unknown option --bogus"),
        (["--workers", "0"], DOCKER, "--workers needs a number of 1 or more"),
        ([], "exit 1", "docker compose version 2 or newer is needed"),
        ([], 'case "$*" in *version*) echo 1.29.2 ;; esac', "docker compose version 2 or newer is needed"),
        (
            [],
            'case "$*" in *version*) echo 2.40.3 ;; info) exit 1 ;; esac',
            "the Docker engine does not answer",
        ),
    ],
)
def test_what_is_missing_is_one_line_and_exit_code_2(tmp_path, arguments, docker, words):
    result = start(tmp_path, *arguments, docker=docker)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {words}")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / ".env").exists()


@needs_bash
def test_the_well_known_password_is_refused(tmp_path):
    (tmp_path / ".env").write_text("GRAFANA_ADMIN_PASSWORD=admin\n")
    result = start(tmp_path, docker=DOCKER)
    assert result.returncode == 2
    assert result.stderr.startswith("error: GRAFANA_ADMIN_PASSWORD is 'admin'")


@needs_bash
@pytest.mark.parametrize("brokers", ["127.0.0.1:9092", "localhost:9092", "kafka:9092,localhost:9093"])
def test_brokers_that_containers_cannot_mean_are_refused(tmp_path, brokers):
    """The variable may be exported for `ratecast` on this machine, and the shell has precedence over .env."""
    result = start(tmp_path, docker=DOCKER, settings={"RATECAST_BOOTSTRAP_SERVERS": brokers})
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: RATECAST_BOOTSTRAP_SERVERS is '{brokers}'")
    assert not (tmp_path / ".env").exists()


@needs_bash
def test_it_waits_until_every_container_is_healthy(tmp_path):
    result = start(tmp_path, docker=STARTED, sleep="echo slept >> asked")
    asked = (tmp_path / "asked").read_text()
    assert result.returncode == 0, result.stderr
    assert "Grafana       http://127.0.0.1:1 " in result.stdout
    assert asked.count("slept") == 2
    assert "inspect --format {{.State.Health.Status}} worker-1 worker-2" in asked
    assert not re.search(r"ps .*--format", asked)


@needs_bash
def test_a_service_without_a_container_is_waited_for(tmp_path):
    late = 'case "$*" in *"ps --quiet grafana") grep -q slept asked || exit 0 ;; *.Status}}) exit 1 ;; esac'
    docker = late + STARTED.replace("-gt 2", "-gt 0")
    result = start(tmp_path, docker=f"touch asked\n{docker}", sleep="echo slept >> asked")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "asked").read_text().count("slept") == 1


@needs_bash
def test_options_and_the_override_reach_compose(tmp_path):
    (tmp_path / "docker-compose.override.yml").write_text("services: {}\n")
    start(tmp_path, "--workers", "3", "--replay", "--host", docker=STARTED, sleep=":")
    (up,) = [line for line in (tmp_path / "asked").read_text().splitlines() if " up " in line]
    assert up == (
        "compose --profile replay up --detach --build --scale worker=3 "
        "of docker-compose.yml:docker-compose.override.yml:docker-compose.host.yml"
    )


@needs_bash
@pytest.mark.parametrize("chosen", ["", "docker-compose.yml:mine.yml"])
def test_a_plain_docker_compose_reads_what_was_started(tmp_path, chosen):
    """Otherwise the next `docker compose up` or `run` would restart Kafka without its published port."""
    settings = tmp_path / ".env"
    settings.write_text(f"COMPOSE_FILE={chosen}\n" if chosen else "")

    def remembered() -> list[str]:
        return re.findall(r"^COMPOSE_FILE=(.*)$", settings.read_text(), re.MULTILINE)

    for _ in range(2):
        start(tmp_path, "--host", docker=DOCKER)
        assert remembered() == [f"{chosen or 'docker-compose.yml'}:docker-compose.host.yml"]
    start(tmp_path, docker=DOCKER)
    assert remembered() == ([chosen] if chosen else [])
    assert mode(settings) == 0o600


@needs_bash
def test_the_number_of_workers_is_remembered(tmp_path):
    for arguments in ([], ["--workers", "3"], []):
        start(tmp_path, *arguments, docker=STARTED.replace("-gt 2", "-gt 0"), sleep=":")
    assert re.findall(r"worker=(\d+)", (tmp_path / "asked").read_text()) == ["2", "3", "3"]
    assert re.findall(r"^WORKERS=(.*)$", (tmp_path / ".env").read_text(), re.MULTILINE) == ["3"]


@needs_bash
def test_stopping_needs_no_password(tmp_path):
    result = start(tmp_path, "--stop", docker=STARTED)
    assert result.returncode == 0
    assert "compose --profile replay stop of docker-compose.yml\n" in (tmp_path / "asked").read_text()
    assert not (tmp_path / ".env").exists()
