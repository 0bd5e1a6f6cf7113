"""Pictures of the page's views, in three widths and both themes."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tools.pictures.page import find_chromium

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WIDTHS = {1440: 900, 768: 1024, 390: 844}  # and the height of each
THEMES = ("light", "dark")


class View(NamedTuple):
    """A view and how to bring it into the state that the picture shows."""

    name: str
    address: str
    prepare: Callable[[Page], None]


def _overview(page: Page) -> None:
    expect(page.locator(".tile .rate-line").first).to_be_visible()
    expect(page.locator(".verdict")).to_have_text("Everything works")


def _pair(page: Page) -> None:
    expect(page.locator(".chart .last-dot")).to_be_visible()
    chart = page.get_by_role("slider")
    box = chart.bounding_box() or {}
    chart.hover(position={"x": 0.35 * box["width"], "y": 0.6 * box["height"]})


def _feed(page: Page) -> None:
    page.get_by_role("button", name="Dead letters").click()
    page.locator(".entry summary").first.click()


def _question(page: Page) -> None:
    expect(page.locator("#try-history")).to_have_value(re.compile(".{99}"))
    page.get_by_role("button", name="Ask through Kafka").click()
    expect(page.locator(".answer-rate")).to_be_visible()


VIEWS = (
    View("overview", "#/", _overview),
    View("pair", "#/pair/EUR-USD", _pair),
    View("feed", "#/feed", _feed),
    View("try", "#/try/EUR-USD", _question),
)


def photograph_views(url: str, directory: Path) -> None:
    """Write ``VIEW-WIDTH-THEME.png`` for each view.

    Args:
        url: address of a page that shows EUR/USD and has a dead letter.
        directory: it is created if it does not exist.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which(find_chromium() or ""), args=["--no-sandbox"]
        )
        for theme in THEMES:
            for width, height in WIDTHS.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=theme,  # type: ignore[arg-type]
                    reduced_motion="reduce",
                )
                page = context.new_page()
                for view in VIEWS:
                    page.goto("about:blank")
                    page.goto(url + view.address)
                    expect(page.locator("#connection")).to_have_text("Live")
                    view.prepare(page)
                    picture = directory / f"{view.name}-{width}-{theme}.png"
                    page.screenshot(path=picture)
                    _shrink(picture)
                context.close()
        browser.close()


def _shrink(picture: Path) -> None:
    """Keep 256 colours: the page has fewer, apart from the edges of letters."""
    with Image.open(picture) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(picture, optimize=True)
