"""Writes the dashboards: `python -m monitoring.grafana.build`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from monitoring.grafana import model_dashboard as model
from monitoring.grafana import overview_dashboard as overview

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

DIRECTORY = Path(__file__).parent / "dashboards"


def render(dashboard: Dashboard) -> str:
    """The dashboard as Grafana reads it; keys are sorted so that differences between versions stay small."""
    content = json.loads(json.dumps(dashboard, cls=JSONEncoder))
    of_panels = (link for panel in content["panels"] for link in panel.get("links", ()))
    for shown in (*content["links"], *content["annotations"]["list"], *of_panels):
        # The SDK knows one placement only and gives it to all: a menu, where since Grafana 12 nobody sees them.
        shown.pop("placement", None)
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def rendered() -> dict[str, str]:
    """File name -> content of every dashboard."""
    return {f"{board.uid}.json": render(board) for board in (overview.dashboard(), model.dashboard())}


def main() -> None:
    """Write the files, and remove those that no code makes any more."""
    files = rendered()
    for stale in DIRECTORY.glob("*.json"):
        if stale.name not in files:
            stale.unlink()
    for name, content in files.items():
        (DIRECTORY / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
