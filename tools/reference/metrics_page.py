"""The page of metrics, from the instruments that each program registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from monitoring.feed_metrics import FeedMetrics
from monitoring.metrics import WorkerMetrics
from monitoring.sink_metrics import SinkMetrics
from monitoring.web_metrics import WebMetrics
from tools.reference.markdown import code, sentences, table
from tools.reference.meanings import METRIC_NOTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HEAD = """# Metrics

Each worker serves its metrics in Prometheus's text format on `/metrics`. Two more paths belong to it:

- `/health` answers 200 while the worker is alive, and 503 when it should read records and does not.
- `/ready` answers 200 when a model is loaded, the consumer group has let the worker in and the broker answers. Otherwise it answers
  503 and says why. It also names a rejected model, and partitions that wait for the brokers to end a transaction (`waiting`).

Labels come from closed sets. A pair that the model does not know is counted as `other`. The series of a partition disappear when
the partition leaves the worker. Python's own process and garbage collector metrics are there too."""


_WEB_HEAD = """## `ratecast web`

`ratecast web` serves metrics of its own on `/metrics`. `endpoint` is the template of a route, such as
`/predictions/{message_id}`, or `static` for a file, or `other`. The duration of a stream ends when its response begins."""

_SINK_HEAD = """## `ratecast sink postgres`

`ratecast sink postgres` serves these on `/metrics`. Its `/ready` answers 200 when it writes, or stands by while another sink writes,
and 503 with the fault in words while the database or the brokers fail. Its `/health` answers 503 when a step hangs."""


_FEED_HEAD = """## `ratecast feed`

`ratecast feed` serves these on `/metrics`. Its `/ready` answers 200 while the last poll and the last publication worked, and 503 with the
fault in words otherwise. It also says up to which day every pair is published, and when the next poll is. Its `/health` answers 503 when a
step hangs. To wait for the next rate is healthy."""


def metrics_page() -> str:
    """Return a table of every metric with its type, labels and meaning, for each program."""
    of_worker, of_web, of_sink = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    FeedMetrics(of_feed := CollectorRegistry(), "ecb", ())
    WorkerMetrics(of_worker, list)
    WebMetrics(of_web)
    SinkMetrics(of_sink, list)
    heads = ("metric", "type", "labels", "meaning")
    parts = [
        _HEAD,
        table(heads, sorted(_rows(of_worker, METRIC_NOTES))),
        _WEB_HEAD,
        table(heads, sorted(_rows(of_web, {}))),
        _SINK_HEAD,
        table(heads, sorted(_rows(of_sink, {}))),
        _FEED_HEAD,
        table(heads, sorted(_rows(of_feed, {}))),
    ]
    return "\n\n".join(parts) + "\n"


def metric_names() -> set[str]:
    """Return the name of every metric as Prometheus shows it."""
    registry = CollectorRegistry()
    WorkerMetrics(registry, list)
    return {row[0].strip("`") for row in _rows(registry, {})}


def _rows(registry: CollectorRegistry, notes: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    labels = _labels(registry)
    for family in registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        shown = ", ".join(code(label) for label in labels.get(family.name, ()))
        yield code(name), family.type, shown, sentences(family.documentation, notes.get(name))


def _labels(registry: CollectorRegistry) -> dict[str, tuple[str, ...]]:
    """Return each family's labels. Samples do not show them before the first event, so the instruments are asked."""
    labels: dict[str, tuple[str, ...]] = {}
    for collector in set(registry._names_to_collectors.values()):  # noqa: SLF001 - no public way lists collectors
        for instrument in [collector, *getattr(collector, "describe", tuple)()]:
            names = tuple(getattr(instrument, "_labelnames", ()))
            if names:
                labels[getattr(instrument, "name", None) or instrument._name] = names  # noqa: SLF001 - see above
    return labels
