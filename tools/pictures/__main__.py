"""Draw all pictures: ``python -m tools.pictures docs/pictures``. Needs Chromium, and two minutes."""

from __future__ import annotations

import sys
from pathlib import Path

from ratecast.model.bundle import CURRENT, REPORT, current_version
from tools.pictures.page import photograph
from tools.pictures.page_views import photograph_views
from tools.pictures.shown_stack import shown_stack
from tools.pictures.terminal import draw, run

ROOM = Path(".ratecast/pictures")
DEMO = "demo --pair EUR/USD --pair EUR/GBP --pair EUR/CHF --pair USD/JPY --pair EUR/TRY"


def main(directory: Path) -> None:
    """Train a model if there is none, run the demo with it, and draw both and the page."""
    directory.mkdir(parents=True, exist_ok=True)
    models = ROOM / "models"
    ROOM.mkdir(parents=True, exist_ok=True)
    if not (models / CURRENT).is_file():
        run("train --until 2024-12-31", ROOM)
    (directory / "demo.svg").write_text(draw(f"ratecast {DEMO}", run(DEMO, ROOM)), encoding="utf-8")
    report = models / current_version(models) / REPORT
    photograph(report, directory / "report.png", width=1100, height=1000)
    with shown_stack(models) as url:
        photograph_views(url, directory / "page")


main(Path(sys.argv[1]))
