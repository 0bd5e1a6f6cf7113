"""Prometheus and Alertmanager as installed programs that monitor local workers, without containers."""
