"""The tree at the top of the module is the tree of classes."""

from __future__ import annotations

import importlib
import pkgutil
import re

import consumer
import monitoring
import producer
import ratecast
import sink
import training
from ratecast import errors

PROGRAMS = (consumer, monitoring, producer, ratecast, sink, training)
LINE = re.compile(r"^(?P<depth>[│├└─ ]*)(?P<name>[A-Z]\w+Error)\b", re.MULTILINE)


def drawn() -> dict[str, str | None]:
    """Return error -> base class as drawn in the docstring."""
    found: dict[str, str | None] = {}
    parents: list[str] = []
    for line in LINE.finditer(errors.__doc__ or ""):
        depth = len(line["depth"]) // 4
        del parents[depth:]
        found[line["name"]] = parents[-1] if parents else None
        parents.append(line["name"])
    return found


def defined(error: type[Exception] = errors.RatecastError) -> dict[str, str | None]:
    """Return error -> base class for all classes but those that tests define."""
    found: dict[str, str | None] = {}
    if error.__module__.partition(".")[0] in {program.__name__ for program in PROGRAMS}:
        found[error.__name__] = error.__base__.__name__ if error is not errors.RatecastError else None
    for child in error.__subclasses__():
        found |= defined(child)
    return found


def test_every_error_is_drawn_where_it_hangs() -> None:
    for program in PROGRAMS:
        for module in pkgutil.walk_packages(program.__path__, f"{program.__name__}."):
            # Dashboards as code are a development tool: no error is raised there on purpose.
            if not module.name.startswith("monitoring.grafana") and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    assert len(drawn()) > 5
    assert drawn() == defined()
