from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from monitoring.batch_histogram import BatchHistogram

BUCKETS = (0.001, 0.01, 0.5, 5.0)


def test_it_exposes_exemplars_as_the_client_library_does(monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1_760_000_000.0)
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    batch = BatchHistogram("seconds", "Help.", BUCKETS, ours)
    reference = Histogram("seconds", "Help.", buckets=BUCKETS, registry=theirs)
    one, other = {"trace_id": "1" * 32}, {"trace_id": 'with "quotes"'}
    batch.observe(0.25, times=2, example=one)
    batch.observe_all(np.array([0.002, 7.0, 0.25]), other)
    for value, example in ((0.25, one), (0.25, None), (0.002, None), (7.0, other), (0.25, None)):
        reference.observe(value, example)
    mine, client = (
        [line for line in openmetrics.generate_latest(each).decode().splitlines() if "_created" not in line]
        for each in (ours, theirs)
    )
    assert mine == client
    assert sum("trace_id" in line for line in mine) == 2


def exposed(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@given(st.lists(st.sampled_from([0.0, 0.001, 0.0011, 0.01, 0.25, 0.5, 4.0, 5.0, 100.0]), max_size=30))
def test_it_exposes_what_the_histogram_of_the_client_library_does(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    batch = BatchHistogram("seconds", "Help.", BUCKETS, ours)
    batch.observe_all(np.array(values, dtype=np.float64))
    batch.observe(0.25, times=3)
    reference = Histogram("seconds", "Help.", buckets=BUCKETS, registry=theirs)
    for value in [*values, 0.25, 0.25, 0.25]:
        reference.observe(value)
    mine, client = exposed(ours), exposed(theirs)
    assert [line for line in mine if "_sum" not in line] == [line for line in client if "_sum" not in line]
    total = float(next(line for line in mine if "_sum" in line).split()[1])
    np.testing.assert_allclose(total, sum(values) + 0.75)
