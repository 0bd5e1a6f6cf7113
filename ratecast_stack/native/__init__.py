"""Prometheus and Alertmanager from this machine's own packages, with workers to watch: no containers."""
