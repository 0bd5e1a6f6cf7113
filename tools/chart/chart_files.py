"""The generated files of the Helm chart: rules, dashboards, and the schema of the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tools.chart.settings_schema import settings_schema

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "ratecast"
DASHBOARDS = CHART / "files" / "dashboards"
PROMETHEUS = ROOT / "monitoring" / "prometheus"
SCHEMA = CHART / "values.schema.json"


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as they are written in the sources."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def rendered() -> dict[Path, str]:
    """Returns the content of every generated file of the chart."""
    sources = sorted((ROOT / "monitoring" / "grafana" / "dashboards").rglob("*.json"))
    boards = {DASHBOARDS / path.name: path.read_text(encoding="utf-8") for path in sources}
    return {CHART / "files" / "rules.yaml": _rules(), SCHEMA: _schema(), **boards}


def rule_groups() -> list[dict[str, Any]]:
    """Returns all groups of rules as the resource PrometheusRule takes them.

    Each has the interval of ``prometheus.yml``, because the Prometheus of a cluster may evaluate less often, and some rules
    have windows of 30 s. Its type for an expression is a text or a whole number, so 0.15 becomes a text.
    """
    interval = _load(PROMETHEUS / "prometheus.yml")["global"]["evaluation_interval"]
    groups = [
        group for path in sorted((PROMETHEUS / "rules").glob("*.yml")) for group in _load(path)["groups"]
    ]
    return [
        {
            "name": group["name"],
            "interval": group.get("interval", interval),
            "rules": [{**rule, "expr": str(rule["expr"])} for rule in group["rules"]],
        }
        for group in groups
    ]


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _rules() -> str:
    text = yaml.dump(
        {"groups": rule_groups()}, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True
    )
    return "# Written by `python -m tools.chart` from monitoring/prometheus/rules.\n" + text


def _schema() -> str:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    schema["definitions"]["settings"] = settings_schema()
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
