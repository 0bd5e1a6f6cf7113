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
    pairs = [RatesOfPair.until(pair) for pair in ("EUR/CHF", "EUR/GBP", "EUR/TRY", "EUR/USD")]
    with PageServer(pairs) as server:
        server.demo = True
        long_words = "The rate is 10 times too high, and " * 8
        server.alerts = [alert_of(pair, "decimal_slip", long_words) for pair in pairs]
        server.entries = [dead_letter(number, "x" * 2000, long_words) for number in range(5)]
        yield server


def shown(page, server, view):
    page.goto("about:blank")
    page.goto(server.url + view)
    expect(page.locator(READY[view]).first).to_be_visible()
    if view == "#/pair/EUR-TRY":
        page.get_by_role("button", name="60 rates").click()
        page.get_by_text("Show as a table").click()
    if view == "#/feed":
        page.locator(".entry summary").first.click()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_violation(server, open_page, theme):
    page = open_page(server.url, theme=theme)
    rules = {} if theme == "light" else {"runOnly": ["color-contrast"]}  # the rest does not depend on the theme
    for view in READY:
        shown(page, server, view)
        results = Axe().run(page, options={"resultTypes": ["violations"], **rules})
        assert results.violations_count == 0, f"{view}\n{results.generate_report()}"


@pytest.mark.parametrize("width", [390, 768])
def test_no_view_scrolls_sideways(server, open_page, width):
    page = open_page(server.url, width=width, height=844)
    for view in READY:
        shown(page, server, view)
        assert page.evaluate("document.documentElement.scrollWidth") == width, view


def test_the_views_are_reached_by_keyboard_and_the_heading_gets_the_focus(server, open_page):
    page = open_page(server.url)
    expect(page.locator(".tile").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(page.locator(".tile")).to_have_count(4)  # the link leads to no other view
    page.get_by_role("link", name="EUR/TRY").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="EUR/TRY")).to_be_focused()
    assert page.title() == "EUR/TRY · ratecast"
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Overview")).to_be_focused()
