"""A whole local stack from child processes: brokers, workers, the demo, Prometheus and Alertmanager."""
