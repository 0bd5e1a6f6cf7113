"""The override files of the monitoring guide, and how Docker Compose reads all files where it is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from ratecast.settings import ENV_PREFIX
from tests.test_compose import ROOT, SERVICES, STACK, VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = ("GRAFANA_ADMIN_PASSWORD", "RATECAST_WEB_TOKEN")
OVERRIDES = re.findall(
    r"^```yaml\n(.*?)^```", (ROOT / "docs/how-to/monitoring.md").read_text(), re.MULTILINE | re.DOTALL
)


def test_the_guide_has_two_overrides():
    assert len(OVERRIDES) == 2


@pytest.mark.parametrize("text", OVERRIDES)
def test_overrides_of_the_guide_fit_the_stack(text):
    override = yaml.safe_load(text)
    secrets = override.get("secrets", {})
    assert override["services"].keys() <= SERVICES.keys()
    for service in override["services"].values():
        assert service.keys() <= {"environment", "networks", "secrets"}
        assert set(service.get("networks", [])) <= STACK["networks"].keys()
        assert set(service.get("secrets", [])) <= secrets.keys()
    for secret in secrets.values():
        assert secret["file"].startswith("./secrets/")  # ignored by git


def test_the_override_for_another_cluster_lets_every_client_of_kafka_out():
    (override,) = [yaml.safe_load(text) for text in OVERRIDES if "KAFKA_" in text]
    clients = {
        name
        for name, service in SERVICES.items()
        if {"RATECAST_BOOTSTRAP_SERVERS", "KAFKA_BROKERS"} & service.get("environment", {}).keys()
    }
    assert len(clients) == 8
    assert override["services"].keys() == clients
    assert all("edge" in service["networks"] for service in override["services"].values())


def compose() -> list[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and not subprocess.run([*command, "version"], capture_output=True, check=False).returncode
        ):
            return command
    pytest.skip("docker compose is not installed")


def config(*files: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [
        *compose(),
        *(word for file in files for word in ("-f", str(file))),
        "--profile",
        "replay",
        "config",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    return subprocess.run(
        command, env={**environment, **variables}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("names", [["docker-compose.yml"], ["docker-compose.yml", "docker-compose.host.yml"]])
def test_compose_accepts_the_files_and_asks_for_the_secrets(names):
    files = [ROOT / name for name in names]
    given = dict.fromkeys(SECRETS, "given")
    assert config(*files, **given).returncode == 0
    for missing in SECRETS:
        refused = config(*files, **{**given, missing: ""})
        assert refused.returncode != 0
        assert missing in refused.stderr


def test_compose_passes_on_what_is_set_and_nothing_else(tmp_path):
    stack = shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    (tmp_path / ".env").write_text(
        "GRAFANA_ADMIN_PASSWORD=given\nRATECAST_WEB_TOKEN=given\nRATECAST_MAX_POLL_RECORDS=500\n"
    )
    result = config(stack, RATECAST_GIVE_UP_SECONDS="60")
    worker = yaml.safe_load(result.stdout)["services"]["worker"]["environment"]
    assert {name: value for name, value in worker.items() if value} == {
        "RATECAST_BOOTSTRAP_SERVERS": "kafka:9092",
        "RATECAST_LOG_FORMAT": "json",
        "RATECAST_MAX_POLL_RECORDS": "500",
        "RATECAST_GIVE_UP_SECONDS": "60",
    }


@pytest.mark.parametrize("text", OVERRIDES)
def test_compose_accepts_the_overrides_of_the_guide(tmp_path, text):
    stack = shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    (tmp_path / "docker-compose.override.yml").write_text(text)
    variables = dict.fromkeys([*VARIABLE.findall(text), *SECRETS], "given")
    result = config(stack, tmp_path / "docker-compose.override.yml", **variables)
    assert result.returncode == 0, result.stderr
    merged = yaml.safe_load(result.stdout)["services"]
    for name, service in yaml.safe_load(text)["services"].items():
        assert set(merged[name]["networks"]) == {*SERVICES[name]["networks"], *service.get("networks", [])}
