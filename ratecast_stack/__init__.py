"""A local stack of child processes: brokers, workers, the demo, Prometheus and Alertmanager."""
