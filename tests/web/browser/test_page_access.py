from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.web.browser.contract_state import RatesOfPair, alert_of, dead_letter
from tests.web.browser.page_server import PageServer

READY = {
    "#/": ".tile .rate-line",
    "#/pair/EUR-TRY": ".chart .rate-line",
    "#/feed": ".entry",
    "#/try/EUR-USD": ".faults",
}


@pytest.fixture(scope="module")
def server():
    pairs = [RatesOfPair.until(pair) for pair in ("EUR/TRY", "EUR/USD")]
    with PageServer(pairs) as server:
        server.demo = True
        long_words = "The rate is 10 times too high, and " * 8
        server.alerts = [alert_of(pair, "decimal_slip", long_words) for pair in pairs]
        server.entries = [dead_letter(number, "x" * 2000, long_words) for number in range(2)]
        yield server


CONTRAST = {"runOnly": ["color-contrast"]}  # the other rules do not depend on the theme


def violations(page, **rules):
    results = Axe().run(page, options={"resultTypes": ["violations"], **rules})
    return results.generate_report() if results.violations_count else ""


# One test and not four: to load a view takes longer than to look at it.
@pytest.mark.parametrize("view", READY)
def test_a_view_is_accessible_in_both_themes_and_never_scrolls_sideways(server, open_page, view):
    page = open_page(server.url + view)
    expect(page.locator(READY[view]).first).to_be_visible()
    if view == "#/pair/EUR-TRY":
        page.get_by_role("button", name="60 rates").click()
    if view == "#/feed":
        page.locator(".entry summary").first.click()
    try:
        assert violations(page) == ""
        page.emulate_media(color_scheme="dark")
        assert violations(page, **CONTRAST) == ""
        if "pair" in view:
            page.get_by_text("Show as a table").click()
        for width in (768, 390):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") == width
    finally:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1440, "height": 900})


def test_the_views_are_reached_by_keyboard_and_the_heading_gets_the_focus(server, open_page):
    page = open_page(server.url)
    expect(page.locator(".tile").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(page.locator(".tile")).to_have_count(2)  # the link leads to no other view
    page.get_by_role("link", name="EUR/TRY").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="EUR/TRY")).to_be_focused()
    assert page.title() == "EUR/TRY · ratecast"
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Overview")).to_be_focused()
