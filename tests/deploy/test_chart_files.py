"""The chart agrees with the programs, the image and the sources of its generated files. No Helm is needed."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
import typer.main
import yaml

from ratecast import __version__
from ratecast.settings import ENV_PREFIX, Settings
from ratecast_cli import app as cli
from tests.test_compose import DOCKERFILE
from tools.chart.chart_files import CHART, DASHBOARDS, PROMETHEUS, rendered, rule_groups
from tools.chart.manifests import VALUES
from tools.chart.settings_schema import OF_THE_CHART, is_secret, settings_schema

TEMPLATES = {path.name: path.read_text() for path in sorted((CHART / "templates").iterdir())}
CHART_YAML: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text())
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


def with_defaults(values: dict[str, Any], defaults: dict[str, Any] = DEFAULTS) -> dict[str, Any]:
    """Returns the values as Helm merges them: maps by key, everything else replaced."""
    merged = dict(defaults)
    for key, value in values.items():
        below = defaults.get(key)
        is_map = isinstance(value, dict) and isinstance(below, dict)
        merged[key] = with_defaults(value, below) if is_map else value
    return merged


def test_generated_files_of_the_chart_are_up_to_date() -> None:
    files = rendered()
    assert {path: path.read_text() for path in files} == files, "run `python -m tools.chart`"
    assert set(DASHBOARDS.iterdir()) <= files.keys()


def test_the_chart_has_every_rule_as_the_stack_has_it() -> None:
    source = [
        group
        for path in sorted((PROMETHEUS / "rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    chart = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())["groups"]
    assert chart == rule_groups()
    assert [group["name"] for group in chart] == [group["name"] for group in source]
    for ours, theirs in zip(chart, source, strict=True):
        assert ours["interval"] == theirs.get("interval", "10s")
        assert [{**rule, "expr": str(rule["expr"])} for rule in theirs["rules"]] == ours["rules"]


def test_names_that_the_chart_replaces_in_the_rules_are_in_them() -> None:
    text = (CHART / "files" / "rules.yaml").read_text()
    for replaced in re.findall(r"replace [`\"]([^`]+?)[`\"] \(", TEMPLATES["prometheus-rule.yaml"]):
        assert replaced in text, replaced
    assert "topic_name=" in TEMPLATES["prometheus-rule.yaml"]


def test_version_port_user_and_folder_are_those_of_the_image() -> None:
    assert CHART_YAML["appVersion"] == __version__
    image = dict(re.findall(r"\b(RATECAST_\w+)=(\S+)", DOCKERFILE))
    ports = {int(port) for text in TEMPLATES.values() for port in re.findall(r"containerPort: (\d+)", text)}
    assert (
        ports
        == {int(image["RATECAST_HTTP_PORT"])}
        == {int(image["RATECAST_WEB_PORT"])}
        == {DEFAULTS["web"]["service"]["port"]}
    )
    assert image["RATECAST_MODELS_DIR"] == "/models"
    user = re.search(r"--uid (\d+) --gid (\d+)", DOCKERFILE)
    assert user is not None
    security = DEFAULTS["pods"]["securityContext"]
    assert user.groups() == (str(security["runAsUser"]), str(security["runAsGroup"]))
    assert security["fsGroup"] == security["runAsGroup"]
    stages = set(re.findall(r"^FROM \S+ AS (\w+)", DOCKERFILE, re.MULTILINE))
    used = {
        image
        for text in TEMPLATES.values()
        for image in re.findall(r'(?:"image"|ternary) "(worker|web|training)"', text)
    }
    assert used == {"worker", "web", "training"}
    assert used <= stages


def test_every_variable_of_the_chart_is_a_setting() -> None:
    named = {
        name for text in TEMPLATES.values() for name in re.findall(rf"\b{ENV_PREFIX}([A-Z_]*[A-Z])\b", text)
    }
    secrets = {name for name, field in Settings.model_fields.items() if is_secret(field)}
    known = Settings.model_fields.keys()
    assert {"BOOTSTRAP_SERVERS", "SASL_PASSWORD", "WEB_TOKEN", "POSTGRES_DSN"} <= named
    assert {name for name in named if name.lower() not in known} == set()
    # These are also read from the file that NAME_FILE names.
    through = re.findall(r'"variable" "RATECAST_(\w+)"', "".join(TEMPLATES.values()))
    assert {name.lower() for name in through} <= secrets


def test_every_program_that_the_chart_starts_is_a_command() -> None:
    commands = typer.main.get_command(cli.app)
    if not getattr(commands, "commands", {}):
        cli.register()
        commands = typer.main.get_command(cli.app)
    known = set(commands.commands)  # type: ignore[attr-defined]
    started = {
        word
        for text in TEMPLATES.values()
        for found in re.findall(r"args: \[(\w[\w-]*)|exec ratecast ([\w-]+)|list \"(retrain)\"", text)
        for word in found
        if word
    }
    assert started == {"worker", "web", "feed", "sink", "topics", "train", "retrain"}
    assert started - known <= {"feed"}  # awaited


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft7Validator:
    content = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(content)
    return jsonschema.Draft7Validator(content)


@pytest.mark.parametrize("path", VALUES, ids=lambda path: path.stem)
def test_the_sets_of_values_fit_the_schema(schema: jsonschema.Draft7Validator, path: Any) -> None:
    schema.validate(with_defaults(yaml.safe_load(path.read_text())))


@pytest.mark.parametrize(
    "wrong",
    [
        {"worker": {"replcas": 3}},
        {"settings": {"max_pol_records": 5}},
        {"settings": {"max_poll_records": "many"}},
        {"settings": {"sasl_password": "secret"}},  # by reference only
        {"web": {"settings": {"web_token": "sixteen letters.."}}},
        {"settings": {"http_port": 9000}},  # the chart's ports would not fit
        {"settings": {"log_level": "loud"}},
        {"kafka": {"securityProtocol": "TLS"}},
        {"images": {"worker": {"digest": "latest"}}},
        {"networkPolicy": {"kafkaPorts": [0]}},
        {"feed": {"pairs": ["eur/usd"]}},
        {"models": {"url": "models.example"}},
        {"worker": {"autoscaling": {"minReplicas": 0}}},  # none to say what waits
    ],
    ids=json.dumps,
)
def test_values_that_are_misspelt_or_would_hold_a_secret_are_refused(
    schema: jsonschema.Draft7Validator, wrong: dict[str, Any]
) -> None:
    assert not schema.is_valid(with_defaults({"kafka": {"bootstrapServers": "kafka:9092"}, **wrong}))


def test_the_schema_knows_every_value_and_every_setting(schema: jsonschema.Draft7Validator) -> None:
    def known(values: Any, properties: dict[str, Any]) -> None:
        assert set(values) == set(properties) - {"global"}
        for key, below in properties.items():
            if "properties" in below:
                known(values[key], below["properties"])

    known(DEFAULTS, schema.schema["properties"])
    secrets = {name for name, field in Settings.model_fields.items() if is_secret(field)}
    assert settings_schema()["properties"].keys() == Settings.model_fields.keys() - OF_THE_CHART - secrets
    assert {"sasl_password", "ssl_password", "web_token", "postgres_dsn"} <= secrets
