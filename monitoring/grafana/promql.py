"""The few shapes of PromQL that the panels are made of, each filtered by the variables its labels allow."""

from __future__ import annotations

INSTANCE = 'instance=~"$instance"'
PAIR = f'pair=~"$pair",{INSTANCE}'
PARTITION = f'partition=~"$partition",{INSTANCE}'
# What the brokers know too, whoever owns a partition or nobody: rules of `prometheus/rules/recording.yml`. There is no
# worker to choose in them.
LAG = 'ratecast:consumer_lag_records:max{partition=~"$partition"}'
KNOWN_PARTITIONS = "ratecast:input_partition:known"
# The most of half a minute: a single scrape may find nothing in hand in the middle of a backlog.
LAG_SECONDS = f"ratecast:consumer_lag_seconds:max_30s{{{PARTITION}}}"
# An alert may have neither label; a label that is missing matches the empty alternative.
FIRING = 'ALERTS{alertstate="firing",pair=~"$pair|",instance=~"$instance|"}'
SENT = FIRING.replace("}", ',severity!="info"}')  # what is for information is not
# Prometheus and the brokers' exporters have process metrics too: only those of workers are meant.
OF_WORKERS = " and on (job, instance) assigned_partitions"


def select(metric: str, labels: str = INSTANCE) -> str:
    """A metric, filtered.

    >>> select("data_drift_ratio")
    'data_drift_ratio{instance=~"$instance"}'
    """
    return f"{metric}{{{labels}}}"


def rate(counter: str, labels: str = INSTANCE, by: str = "") -> str:
    """Events a second, over a window of at least four scrapes.

    >>> rate("dead_letters_total", by="code")
    'sum by (code) (rate(dead_letters_total{instance=~"$instance"}[$__rate_interval]))'
    """
    return _sum(f"rate({select(counter, labels)}[$__rate_interval])", by)


def increase(counter: str, labels: str = INSTANCE, by: str = "") -> str:
    """Events between two points of a graph."""
    return _sum(f"increase({select(counter, labels)}[$__rate_interval])", by)


def total(counter: str, labels: str = INSTANCE, by: str = "") -> str:
    """Events in the time shown, restarts of workers included; rounded, as Prometheus extrapolates."""
    return f"round({_sum(f'increase({select(counter, labels)}[$__range])', by)})"


def quantile(q: float, histogram: str) -> str:
    """A quantile over all selected workers, as exact as the buckets are wide.

    >>> quantile(0.5, "batch_size_records")[:56]
    'histogram_quantile(0.5, sum by (le) (rate(batch_size_rec'
    """
    return f"histogram_quantile({q}, {rate(f'{histogram}_bucket', by='le')})"


def mean(histogram: str) -> str:
    """The mean observation."""
    return f"{rate(f'{histogram}_sum')} / {rate(f'{histogram}_count')}"


def _sum(inner: str, by: str) -> str:
    return f"sum by ({by}) ({inner})" if by else f"sum({inner})"
