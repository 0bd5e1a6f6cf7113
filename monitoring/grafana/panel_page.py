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


def page(dashboards: Iterable[Dashboard]) -> str:
    """Returns the page as Markdown, for a file in `docs/runbooks/`."""
    return _HEAD + "".join(part for dashboard in dashboards for part in _section(dashboard))


def _section(dashboard: Dashboard) -> Iterator[str]:
    yield f"\n## {dashboard.title}\n\n{dashboard.description}\n"
    for panel in dashboard.panels or []:
        if isinstance(panel, RowPanel):
            yield f"\n### {panel.title}\n"
        else:
            yield _panel(str(panel.title), str(panel.description))


def _panel(title: str, description: str) -> str:
    shows, normal, otherwise = description.split("\n\n")
    parts = [normal, otherwise]
    if alerts := runbooks.ALERTS.get(title):
        parts.append("**Runbooks:** " + ", ".join(f"[{alert}]({alert}.md)" for alert in alerts))
    return f"\n#### {title}\n\n{shows}\n\n" + "".join(f"- {part}\n" for part in parts)
