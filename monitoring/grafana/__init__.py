"""Grafana dashboards as code: `python -m monitoring.grafana.build` writes `dashboards/*.json`."""
