"""A worker whose metrics count nothing, to measure what metrics cost. For this benchmark only."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from monitoring.metrics import WorkerMetrics
from ratecast_cli.main import main


def _nothing(*_: Any, **__: Any) -> None:
    return None


for name, _ in inspect.getmembers(WorkerMetrics, inspect.isfunction):
    if not name.startswith("_") and name != "model_loaded":
        setattr(WorkerMetrics, name, _nothing)

sys.argv[1:1] = ["worker", "--http-port", "0"]
main()
