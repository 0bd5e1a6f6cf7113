"""Renders the page on the dashboards: each panel with its description and its runbooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.dashboard import RowPanel

from monitoring.grafana import runbooks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grafana_foundation_sdk.models.dashboard import Dashboard

_HEAD = """\
<!-- Generated from the code by `python -m monitoring.grafana.build`. Do not edit. -->

# Dashboards

This page lists each panel with what it shows, what is normal, and what to do otherwise. Grafana shows the same text at the icon
beside a panel's title.
"""
_TABLE = "\n| panel | shows | normal | otherwise | runbooks |\n|---|---|---|---|---|\n"


def page(dashboards: Iterable[Dashboard]) -> str:
    """Returns the page as Markdown, for a file in `docs/runbooks/`."""
    return _HEAD + "".join(part for dashboard in dashboards for part in _section(dashboard))


def _section(dashboard: Dashboard) -> Iterator[str]:
    yield f"\n## {dashboard.title}\n\n{dashboard.description}\n"
    for panel in dashboard.panels or []:
        if isinstance(panel, RowPanel):
            yield f"\n### {panel.title}\n{_TABLE}"
        else:
            yield _line(str(panel.title), str(panel.description))


def _line(title: str, description: str) -> str:
    parts = [part.rpartition(":** ")[2] for part in description.split("\n\n")]
    links = " ".join(f"[{alert}]({alert}.md)" for alert in runbooks.ALERTS.get(title, ()))
    return f"| {' | '.join([title, *parts, links])} |\n"
