"""``python -m tools.chart`` writes rules, dashboards and the schema of the settings into the chart."""

from __future__ import annotations

from tools.chart.chart_files import DASHBOARDS, rendered

if __name__ == "__main__":
    files = rendered()
    for stale in set(DASHBOARDS.glob("*.json")) - files.keys():
        stale.unlink()
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
