"""Reads the committed dashboards: panels, queries, and the metrics in a query."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitoring.grafana.build import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILES = sorted(DIRECTORY.glob("*.json"))
SELECTOR = re.compile(r"\b([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}")
_AGGREGATION = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_WORDS = {"and", "or", "unless", "offset", "bool", "group_left", "group_right", "inf", "nan"}


@dataclass(frozen=True)
class Query:
    """One query of a panel or of an annotation."""

    where: str
    expr: str
    instant: bool = False

    @property
    def selective(self) -> bool:
        """Whether the query depends on the chosen worker, pair or partition."""
        return any(f"${variable}" in self.expr for variable in ("instance", "pair", "partition"))


def load(name: str) -> dict[str, Any]:
    """Returns a dashboard by its uid."""
    content: dict[str, Any] = json.loads((DIRECTORY / f"{name}.json").read_text())
    return content


def dashboards() -> list[dict[str, Any]]:
    """Returns every dashboard."""
    return [load(path.stem) for path in FILES]


def panels(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the panels of a dashboard without its rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def panel_of(title: str) -> dict[str, Any]:
    """Returns the one panel of this title."""
    (panel,) = [panel for board in dashboards() for panel in panels(board) if panel["title"] == title]
    return panel


def queries(dashboard: Mapping[str, Any]) -> Iterator[Query]:
    """Yields every query of the panels and annotations of a dashboard."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            where = f"{dashboard['uid']} / {panel['title']} / {target['refId']}"
            yield Query(where, target["expr"], target["instant"])
    for annotation in dashboard["annotations"]["list"]:
        yield Query(f"{dashboard['uid']} / annotation {annotation['name']}", annotation["expr"])


def steps(panel: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    """Returns the colours of a panel or of its one coloured column by value, or nothing for a single colour."""
    fields = panel["fieldConfig"]
    levels = [fields["defaults"].get("thresholds", {"steps": []})["steps"]]
    levels += [
        changed["value"]["steps"]
        for override in fields["overrides"]
        for changed in override["properties"]
        if changed["id"] == "thresholds"
    ]
    (several,) = [level for level in levels if len(level) > 1] or [[]]
    return [(step["color"], step["value"]) for step in several]


def metric_names(expr: str) -> set[str]:
    """Returns the metrics in an expression.

    >>> sorted(metric_names('sum by (pair) (rate(a_total{x="b{c}"}[5m])) / on (pair) group_left () b offset 1m'))
    ['a_total', 'b']
    """
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", expr)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    bare = re.sub(r"\boffset\s+\S+", "", _AGGREGATION.sub("", bare))
    names = re.findall(r"(?<![\w:.$])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return {name for name in names if name.lower() not in _WORDS}
