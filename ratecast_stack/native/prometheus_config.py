"""Prometheus's configuration for programs on loopback, with the rules of the compose stack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import monitoring

if TYPE_CHECKING:
    from collections.abc import Sequence

_MONITORING = Path(monitoring.__file__).parent
RULES = tuple(sorted((_MONITORING / "prometheus" / "rules").glob("*.yml")))
ALERTMANAGER = _MONITORING / "alertmanager" / "alertmanager.yml"


def prometheus(port: int, alertmanager_port: int, worker_ports: Sequence[int]) -> dict[str, Any]:
    """Returns the configuration. JSON is valid YAML, so Prometheus reads it as JSON.

    The names of the jobs are those of ``monitoring/prometheus/prometheus.yml``, because the rules use them. So are the
    intervals. A test compares the two files. There is no kminion here, so there is no job ``kafka-lag``.

    >>> [job["job_name"] for job in prometheus(9090, 9093, [8000, 8001])["scrape_configs"]]
    ['prometheus', 'alertmanager', 'ratecast-worker']
    """
    jobs = {
        "prometheus": [port],
        "alertmanager": [alertmanager_port],
        "ratecast-worker": list(worker_ports),
    }
    return {
        "global": {
            "scrape_interval": "10s",
            "scrape_timeout": "5s",
            "evaluation_interval": "10s",
            "external_labels": {"deployment": "ratecast"},
        },
        "rule_files": [str(path) for path in RULES],
        "alerting": {"alertmanagers": [{"static_configs": [_targets([alertmanager_port])]}]},
        "scrape_configs": [
            {"job_name": name, "static_configs": [_targets(ports)]} for name, ports in jobs.items()
        ],
    }


def _targets(ports: Sequence[int]) -> dict[str, list[str]]:
    return {"targets": [f"127.0.0.1:{port}" for port in ports]}
