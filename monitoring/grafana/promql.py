"""Builds the PromQL of the panels, filtered by the dashboard variables that a metric has labels for."""

from __future__ import annotations

# Another program on the same Prometheus may have metrics of these names. The rules select workers in the same way.
WORKERS = 'job=~"ratecast-worker.*"'
# "All" is `.*`, which a missing label matches: few have a cluster.
CLUSTER = 'cluster=~"$cluster"'
JOB = f'{CLUSTER},{WORKERS},job=~"$job"'
SINK = f'{CLUSTER},job=~"ratecast-sink.*"'
FEED = f'{CLUSTER},job=~"ratecast-feed.*"'
INSTANCE = f'{JOB},instance=~"$instance"'
PAIR = f'pair=~"$pair",{INSTANCE}'
PARTITION = f'partition=~"$partition",{INSTANCE}'
# These series also cover partitions without an owner (`prometheus/rules/recording-kafka.yml`). They have no worker to select.
LAG = f'ratecast:consumer_lag_records:max{{{CLUSTER},partition=~"$partition"}}'
KNOWN_PARTITIONS = "ratecast:input_partition:known"
# The maximum of 30 s, because a single scrape during a backlog may find no uncommitted record.
LAG_SECONDS = f"ratecast:consumer_lag_seconds:max_30s{{{PARTITION}}}"
# An alert may lack these labels. A missing label matches the empty alternative. Alerts on the other programs of the stack
# are shown for every job of the workers.
FIRING = (
    'ALERTS{alertstate="firing",alertname=~"Ratecast.+",cluster=~"$cluster|",'
    'job=~"$job|ratecast-sink.*|ratecast-feed.*|kafka-lag|prometheus|alertmanager|",pair=~"$pair|",instance=~"$instance|"}'
)
SENT = FIRING.replace("}", ',severity!="info"}')  # alerts for information are not sent


def select(metric: str, labels: str = INSTANCE) -> str:
    """A metric with a filter.

    >>> select("ratecast:model_age_seconds", CLUSTER)
    'ratecast:model_age_seconds{cluster=~"$cluster"}'
    """
    return f"{metric}{{{labels}}}"


def budget(name: str) -> str:
    """The threshold of an alert. It has no labels to choose by; `max`, as several servers may record it.

    >>> budget("forecast_error_ratio")
    'scalar(max(ratecast:budget:forecast_error_ratio))'
    """
    return f"scalar(max(ratecast:budget:{name}))"


def newest(values: str) -> str:
    """Each pair's value from the worker with its newest rate, of an expression with the labels of a worker and a pair.

    A worker that lost a partition still reports what it scored last. Neither the maximum nor the mean over workers would
    therefore be a rate that anybody sent, and a range could be made of the bounds of two. The outer `max` only drops
    labels, because one worker has the lowest age.
    """
    age = select("rate_age_seconds", PAIR)
    by_newest = f"{age} == on (pair) group_left () min by (pair) ({age})"
    return f"max by (pair) ({values} and on (cluster, job, instance, pair) ({by_newest}))"


def rate(counter: str, labels: str = INSTANCE, by: str = "") -> str:
    """Events per second, over a window of at least four scrapes.

    >>> rate("dead_letters_total", CLUSTER, by="code")
    'sum by (code) (rate(dead_letters_total{cluster=~"$cluster"}[$__rate_interval]))'
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
