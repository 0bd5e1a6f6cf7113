"""Builds the PromQL of the panels, filtered by the dashboard variables that a metric has labels for."""

from __future__ import annotations

INSTANCE = 'instance=~"$instance"'
PAIR = f'pair=~"$pair",{INSTANCE}'
PARTITION = f'partition=~"$partition",{INSTANCE}'
# These series also cover partitions without an owner (`prometheus/rules/recording-kafka.yml`). They have no worker to select.
LAG = 'ratecast:consumer_lag_records:max{partition=~"$partition"}'
KNOWN_PARTITIONS = "ratecast:input_partition:known"
# The maximum of 30 s, because a single scrape during a backlog may find no uncommitted record.
LAG_SECONDS = f"ratecast:consumer_lag_seconds:max_30s{{{PARTITION}}}"
# An alert may lack these labels. A missing label matches the empty alternative.
FIRING = 'ALERTS{alertstate="firing",pair=~"$pair|",instance=~"$instance|"}'
SENT = FIRING.replace("}", ',severity!="info"}')  # alerts for information are not sent
# Restricts process metrics to workers, because Prometheus and kminion export them too.
OF_WORKERS = " and on (job, instance) assigned_partitions"


def select(metric: str, labels: str = INSTANCE) -> str:
    """A metric with a filter.

    >>> select("data_drift_ratio")
    'data_drift_ratio{instance=~"$instance"}'
    """
    return f"{metric}{{{labels}}}"


def rate(counter: str, labels: str = INSTANCE, by: str = "") -> str:
    """Events per second, over a window of at least four scrapes.

    >>> rate("dead_letters_total", by="code")
    'sum by (code) (rate(dead_letters_total{instance=~"$instance"}[$__rate_interval]))'
    """
    return _sum(f"rate({select(counter, labels)}[$__rate_interval])", by)


def increase(counter: str, labels: str = INSTANCE, by: str = "") -> str:
    """Events between two points of a graph."""
    return _sum(f"increase({select(counter, labels)}[$__rate_interval])", by)


def total(counter: str, labels: str = INSTANCE, by: str = "") -> str:
    """Events in the time range, also across restarts of workers. Rounded, because Prometheus extrapolates."""
    return f"round({_sum(f'increase({select(counter, labels)}[$__range])', by)})"


def quantile(q: float, histogram: str) -> str:
    """A quantile over all selected workers, interpolated within a bucket.

    >>> quantile(0.5, "batch_size_records")[:56]
    'histogram_quantile(0.5, sum by (le) (rate(batch_size_rec'
    """
    return f"histogram_quantile({q}, {rate(f'{histogram}_bucket', by='le')})"


def mean(histogram: str) -> str:
    """The mean of a histogram's observations."""
    return f"{rate(f'{histogram}_sum')} / {rate(f'{histogram}_count')}"


def _sum(inner: str, by: str) -> str:
    return f"sum by ({by}) ({inner})" if by else f"sum({inner})"
