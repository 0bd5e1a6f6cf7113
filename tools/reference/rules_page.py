"""The page of Prometheus's alert rules, from the rule files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tools.reference.markdown import code, table

_RULES = Path(__file__).parents[2] / "monitoring" / "prometheus" / "rules"
_HEAD = """# Alerts

Prometheus evaluates these rules. Each links to a runbook, which says what the alert means and what to do. `critical` means that
forecasts stop, or that most of them rest on data that the model was not made for. `warning` means to look at it today. `info` is
shown and not sent. [The runbooks](../runbooks/README.md) say when each alert fires. `for` is how long Prometheus waits until a true condition becomes an alert."""

_SEVERITIES = ("critical", "warning", "info")


def rules_page() -> str:
    """Return a table of every alert with its severity, its delay and its runbook."""
    rules = _alerts()
    names = sorted({rule["alert"] for rule in rules}, key=lambda name: (_most_severe(rules, name), name))
    rows = [_row(name, [rule for rule in rules if rule["alert"] == name]) for name in names]
    return f"{_HEAD}\n\n{table(('alert', 'severity', '`for`', 'defined in'), rows)}\n"


def _alerts() -> list[dict[str, Any]]:
    return [
        {**rule, "file": path.name}
        for path in sorted(_RULES.glob("*.yml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


def _most_severe(rules: list[dict[str, Any]], name: str) -> int:
    return min(_SEVERITIES.index(rule["labels"]["severity"]) for rule in rules if rule["alert"] == name)


def _row(name: str, rules: list[dict[str, Any]]) -> tuple[str, str, str, str]:
    severities = sorted({rule["labels"]["severity"] for rule in rules}, key=_SEVERITIES.index)
    delays = dict.fromkeys(rule.get("for", "0") for rule in rules)
    files = dict.fromkeys(code(rule["file"]) for rule in rules)
    return f"[{name}](../runbooks/{name}.md)", ", ".join(severities), ", ".join(delays), ", ".join(files)
