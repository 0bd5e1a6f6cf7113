"""Chromium, and pages of it that must not complain."""

from __future__ import annotations

import shutil
from typing import NamedTuple

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium")


class Windows(NamedTuple):
    """A browser, its windows of each size and theme, and what these complain about."""

    browser: object
    pages: dict
    complaints: list


# Of one module: the loop of a synchronous Playwright must not outlive it into async tests.
@pytest.fixture(scope="module")
def windows():
    """Debian's Chromium. A window is opened once: that takes longer than most tests."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed, so the page is not tested in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield Windows(browser, {}, [])
        browser.close()


@pytest.fixture
def open_page(windows):
    """Opens an address; at the end of the test no page may have written an error to the console."""
    allowed = []
    windows.complaints.clear()

    def opened(url, *, width=1440, height=900, theme="light", expected=()):
        allowed.extend(expected)
        page = windows.pages.get((width, height, theme)) or _window(windows, width, height, theme)
        page.goto("about:blank")
        page.goto(url)
        return page

    yield opened
    for page in windows.pages.values():
        page.goto("about:blank")
    assert [text for text in windows.complaints if not any(part in text for part in allowed)] == []


def _window(windows, width, height, theme):
    context = windows.browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    page = windows.pages[width, height, theme] = context.new_page()
    page.set_default_timeout(10_000)
    complain = windows.complaints.append
    page.on("console", lambda message: message.type in {"error", "warning"} and complain(message.text))
    page.on("pageerror", lambda error: complain(str(error)))
    return page
