"""Writes the dashboards, their page in the runbooks, and the links of the rules: `python -m monitoring.grafana.build`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from monitoring.grafana import (
    logs_dashboard,
    model_dashboard,
    overview_dashboard,
    panel_page,
    rates_dashboard,
    runbooks,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

DIRECTORY = Path(__file__).parent / "dashboards"
PANEL_PAGE = Path(__file__).parents[2] / "docs/runbooks/dashboards.md"
PROMETHEUS = Path(__file__).parents[1] / "prometheus"


def render(dashboard: Dashboard) -> str:
    """Returns a dashboard as JSON for Grafana, with sorted keys so that version differences stay small."""
    content = json.loads(json.dumps(dashboard, cls=JSONEncoder))
    panel_links = (link for panel in content["panels"] for link in panel.get("links", ()))
    for shown in (*content["links"], *content.get("annotations", {}).get("list", ()), *panel_links):
        # The SDK sets the placement "controls menu" everywhere, and Grafana 12 and later hide links and annotations there.
        shown.pop("placement", None)
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def rendered() -> dict[Path, str]:
    """Returns the content of every generated file: dashboards, their page in the runbooks, and rules with their links."""
    boards = [overview_dashboard.dashboard(), model_dashboard.dashboard()]
    rates = rates_dashboard.dashboard()
    files = {DIRECTORY / f"{board.uid}.json": render(board) for board in boards}
    # In folders of their own, because they read other data sources.
    logs = logs_dashboard.dashboard()
    files[DIRECTORY / "postgres" / f"{rates.uid}.json"] = render(rates)
    files[DIRECTORY / "logs" / f"{logs.uid}.json"] = render(logs)
    links = {
        path: runbooks.with_urls(path.read_text(encoding="utf-8")) for path in PROMETHEUS.glob("*/*.yml")
    }
    return files | links | {PANEL_PAGE: panel_page.page([*boards, rates, logs])}


def main() -> None:
    """Writes the generated files and removes dashboards that the code no longer makes."""
    files = rendered()
    for path in set(DIRECTORY.rglob("*.json")) - files.keys():
        path.unlink()
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
