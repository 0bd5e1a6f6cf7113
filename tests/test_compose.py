"""The files of the compose stack, checked without a Docker engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ratecast import __version__
from ratecast.feed_settings import FeedSettings
from ratecast.group_settings import GroupSettings
from ratecast.rates_settings import RatesSettings
from ratecast.settings import ENV_PREFIX, Settings
from ratecast.web_settings import WebSettings
from ratecast_stack.jvm.jars import KAFKA_VERSION

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STACK: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
HOST: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.host.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
ONE_SHOT = {"topics", "train"}
# They have no server, or no program in the image for a check. Comments in the file explain each.
UNCHECKED = {"replay", "kafka-lag", "log-collector"}
PINNED = re.compile(
    r"^([\w./-]+:v?\d+\.\d+\.\d+[\w.-]*|postgres:\d+\.\d+)(@sha256:[0-9a-f]{64})?$"
)  # PostgreSQL's versions have two numbers
# The one folder of the machine that is mounted.
CONTAINERS = "${DOCKER_CONTAINERS:-/var/lib/docker/containers}"
# Only the sink gets settings of the database; its connection comes from libpq's variables.
OF_THE_SINK = {"RATECAST_POSTGRES_DSN", "RATECAST_POSTGRES_DSN_FILE", "RATECAST_POSTGRES_SCHEMA"}
# And only the feed gets its own.
OF_THE_FEED = {ENV_PREFIX + field.upper() for field in FeedSettings.model_fields}
# The stack trains on the rates of the package: its file systems are read-only, so nothing would keep newer ones.
OF_THE_RATES = {ENV_PREFIX + field.upper() for field in RatesSettings.model_fields}
# Compose gives the containers of a service the same environment, and two workers with one name end each other.
OF_ONE_WORKER = {ENV_PREFIX + field.upper() for field in GroupSettings.model_fields}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)")

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


@every_service
def test_images_are_pinned_to_a_whole_version(name):
    assert PINNED.match(SERVICES[name]["image"])


def test_no_file_names_a_registry_host():
    for service in SERVICES.values():
        assert "." not in service["image"].split("/")[0].split(":")[0]


def test_images_of_ratecast_and_kafka_have_the_tested_versions():
    built = [service["image"] for service in SERVICES.values() if "build" in service]
    assert built
    assert all(image.endswith(f":{__version__}") for image in built)
    assert SERVICES["kafka"]["image"].partition("@")[0] == f"apache/kafka:{KAFKA_VERSION}"


def test_only_what_asks_for_a_secret_is_published_and_only_on_loopback():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"grafana", "web"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_the_host_file_publishes_on_loopback_only():
    ports = [port for service in HOST["services"].values() for port in service["ports"]]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_clients_on_the_host_are_sent_to_the_published_port():
    environment = SERVICES["kafka"]["environment"]
    (port,) = HOST["services"]["kafka"]["ports"]
    published, inside = port.removeprefix("127.0.0.1:").rsplit(":", 1)
    assert f"HOST://localhost:{published}" in environment["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"HOST://:{inside}" in environment["KAFKA_LISTENERS"].split(",")


def test_what_the_host_file_publishes_is_in_a_network_that_can_be_published():
    assert STACK["networks"]["stream"]["internal"]
    assert STACK["networks"]["scrape"]["internal"]
    for name in HOST["services"]:
        networks = HOST["services"][name].get("networks", SERVICES[name]["networks"])
        assert "edge" in networks
        assert set(SERVICES[name]["networks"]) <= set(networks)


def test_workers_can_be_scaled():
    assert not {"container_name", "hostname", "ports"} & SERVICES["worker"].keys()
    assert SERVICES["worker"]["deploy"] == {"replicas": "${WORKERS:-2}"}
    assert "setting WORKERS 2" in (ROOT / "start-monitoring.sh").read_text()
    assert "'WORKERS' '2'" in (ROOT / "start-monitoring.ps1").read_text()


@every_service
def test_every_service_is_limited(name):
    service = SERVICES[name]
    assert {"mem_limit", "cpus", "pids_limit"} <= service.keys()
    assert service["logging"]["options"]["max-size"]


@every_service
def test_no_service_can_gain_rights(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & service.keys()


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "build" in service])
def test_programs_of_ratecast_run_on_a_read_only_file_system(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp:size=64m"]  # noqa: S108 - inside the container
    assert service["init"] is True


@every_service
def test_services_restart_and_one_shots_do_not(name):
    assert SERVICES[name]["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")


@every_service
def test_services_have_a_health_check(name):
    service = SERVICES[name]
    if name in ONE_SHOT | UNCHECKED:
        assert service.get("healthcheck", {"disable": True}) == {"disable": True}
    elif name in {"worker", "feed"}:
        assert "healthcheck" not in service  # the image's
        assert re.search(r'^HEALTHCHECK .*\\\n  CMD \["python", .*/health', DOCKERFILE, re.MULTILINE)
    else:
        assert service["healthcheck"]["test"][0] == "CMD"


def test_workers_wait_for_broker_topics_and_model():
    assert SERVICES["worker"]["depends_on"] == {
        "kafka": {"condition": "service_healthy"},
        "topics": {"condition": "service_completed_successfully"},
        "train": {"condition": "service_completed_successfully"},
    }


def test_prometheus_is_stopped_before_what_it_sends_alerts_to():
    assert "alertmanager" in SERVICES["prometheus"]["depends_on"]


def test_only_train_writes_models():
    mounts = {name: service.get("volumes", []) for name, service in SERVICES.items()}
    assert [name for name, volumes in mounts.items() if "models:/models" in volumes] == ["train"]
    assert "models:/models:ro" in mounts["worker"]


@every_service
def test_mounts_exist_and_files_of_the_project_are_mounted_read_only(name):
    for mount in SERVICES[name].get("volumes", []):
        source, rest = re.fullmatch(r"(\$\{[^}]*\}|[^:]*):(.*)", mount).groups()
        if source == CONTAINERS:
            assert rest.endswith(":ro"), mount
        if source.startswith("./"):
            assert (ROOT / source).is_dir(), mount
            assert rest.endswith(":ro"), mount
        elif source != CONTAINERS or name != "log-collector":
            assert source in STACK["volumes"], mount


def test_grafana_requires_a_password():
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_ADMIN_PASSWORD:?")
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert "\nGRAFANA_ADMIN_PASSWORD=\n" in (ROOT / ".env.example").read_text()


def test_the_page_requires_a_token_and_knows_the_workers():
    environment = SERVICES["web"]["environment"]
    assert environment["RATECAST_WEB_TOKEN"].startswith("${RATECAST_WEB_TOKEN:?")
    assert "\nRATECAST_WEB_TOKEN=\n" in (ROOT / ".env.example").read_text()
    assert environment["RATECAST_WEB_METRICS_URLS"].endswith(":-http://worker:8000/metrics}")
    assert {"stream", "scrape", "edge"} == set(SERVICES["web"]["networks"])


def test_only_the_page_gets_its_token():
    assert [name for name in SERVICES if "WEB_TOKEN" in str(SERVICES[name].get("environment"))] == ["web"]


def test_prometheus_keeps_thirty_days_and_has_no_admin_interface():
    command = SERVICES["prometheus"]["command"]
    assert "--storage.tsdb.retention.time=${PROMETHEUS_RETENTION:-30d}" in command
    assert not [flag for flag in command if "lifecycle" in flag or "admin-api" in flag]


def test_targets_of_prometheus_are_services_in_its_network():
    config = yaml.safe_load((ROOT / "monitoring/prometheus/prometheus.yml").read_text())
    named = []
    for job in config["scrape_configs"]:
        for static in job.get("static_configs", []):
            named += [target.split(":")[0] for target in static["targets"]]
        for dns in job.get("dns_sd_configs", []):
            named += dns["names"]
    assert {"worker", "kafka-lag", "alertmanager"} <= set(named)
    for name in set(named) - {"localhost"}:
        assert "scrape" in SERVICES[name]["networks"]


def as_written(default: object) -> str:
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_example_of_settings_names_every_variable_and_its_default():
    text = "".join((ROOT / name).read_text() for name in ("docker-compose.yml", "docker-compose.host.yml"))
    example = dict(re.findall(r"^#?(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    known = set(VARIABLE.findall(text)) - {
        "KAFKA_CLUSTER_ID"
    }  # written into the volume once and never changed
    passed_on = {
        name
        for service in ("worker", "web", "sink", "feed")
        for name, value in SERVICES[service]["environment"].items()
        if value is None
    }
    passwords = {"POSTGRES_PASSWORD", "POSTGRES_READER_PASSWORD"}
    assert set(example) == known | passed_on | passwords
    for name, default in re.findall(r"(?<!\$)\$\{(\w+):?-([^}]*)\}", text):
        assert example.get(name, default) == default, name
    for name in passed_on:
        assert example[name] == as_written(
            Settings.model_fields[name.removeprefix(ENV_PREFIX).lower()].default
        )


@pytest.mark.parametrize("name", ["topics", "train", "worker", "replay", "web"])
def test_every_setting_can_be_set_in_the_stack_but_those_of_the_image(name):
    fixed = set(re.findall(rf"\b({ENV_PREFIX}\w+)=", DOCKERFILE))
    # The volume is mounted at the first. Prometheus and the health check use the others.
    of_web = {ENV_PREFIX + field.upper() for field in WebSettings.model_fields}
    assert fixed - of_web == {"RATECAST_MODELS_DIR", "RATECAST_HTTP_HOST", "RATECAST_HTTP_PORT"}
    assert fixed & of_web == {"RATECAST_WEB_HOST", "RATECAST_WEB_PORT"}
    known = {ENV_PREFIX + field.upper() for field in Settings.model_fields}
    environment = {key: value for key, value in SERVICES[name]["environment"].items() if ENV_PREFIX in key}
    known -= (
        OF_THE_SINK | OF_THE_FEED | OF_THE_RATES | OF_ONE_WORKER | {"RATECAST_WEB_TOKEN_FILE"}
    )  # the stack insists on the token itself
    assert environment.keys() | fixed == (known if name == "web" else known - of_web | (fixed & of_web))
    assert environment.keys().isdisjoint(fixed)
    for key, value in environment.items():  # passed on, or with a default for the stack
        assert value is None or value.startswith((f"${{{key}:-", f"${{{key}:?")), key


def test_the_sink_gets_the_settings_of_the_workers_and_the_schema():
    sink, worker = SERVICES["sink"]["environment"], SERVICES["worker"]["environment"]
    of_sink, of_worker = ({key for key in each if key.startswith(ENV_PREFIX)} for each in (sink, worker))
    assert of_sink == {*of_worker, "RATECAST_POSTGRES_SCHEMA"}
    assert (sink["PGHOST"], sink["PGDATABASE"]) == (
        "postgres",
        SERVICES["postgres"]["environment"]["POSTGRES_DB"],
    )
    assert sink["PGUSER"] == SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    assert sink["PGPASSWORD"] == "${POSTGRES_PASSWORD-}"


def test_the_feed_gets_the_settings_of_the_workers_and_its_own_and_reaches_its_source():
    feed, worker = SERVICES["feed"], SERVICES["worker"]["environment"]
    assert set(feed["environment"]) == {*worker, *OF_THE_FEED} - {"OTEL_EXPORTER_OTLP_ENDPOINT"}
    assert feed["profiles"] == ["feed"]
    assert set(feed["networks"]) == {"stream", "scrape", "edge"}


def test_the_database_is_a_profile_that_nothing_else_waits_for():
    assert SERVICES["postgres"]["profiles"] == SERVICES["sink"]["profiles"] == ["postgres"]
    for name, service in SERVICES.items():
        if "profiles" not in service:
            assert not {"postgres", "sink"} & set(service.get("depends_on", {})), name


def test_only_the_sink_and_grafana_reach_the_database():
    assert STACK["networks"]["store"]["internal"]
    reach = {name for name, service in SERVICES.items() if "store" in service["networks"]}
    assert reach == {"postgres", "sink", "grafana"}


def test_passwords_of_the_database_have_no_default():
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"] is None
    assert SERVICES["grafana"]["environment"]["POSTGRES_READER_PASSWORD"] is None
    script = (ROOT / "monitoring/postgres/reader.sh").read_text()
    assert ': "${POSTGRES_READER_PASSWORD:?' in script
    assert "IN ROLE pg_read_all_data" in script


def test_kminion_watches_the_brokers_that_the_workers_read():
    brokers = SERVICES["worker"]["environment"]["RATECAST_BOOTSTRAP_SERVERS"]
    assert SERVICES["kafka-lag"]["environment"]["KAFKA_BROKERS"] == brokers


def test_grafana_keeps_the_folders_of_its_image():
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert "/etc/grafana/provisioning" not in mounted
    provided = {path.name for path in (ROOT / "monitoring/grafana/provisioning").iterdir()}
    assert {f"/etc/grafana/provisioning/{name}" for name in provided} <= set(mounted)


def test_the_password_file_is_not_committed():
    assert "/.env" in (ROOT / ".gitignore").read_text().splitlines()
