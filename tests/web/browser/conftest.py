"""Chromium, and pages of it that must not complain."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, of one module: the loop of a synchronous Playwright must not outlive it into async tests."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed, so the page is not tested in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Opens pages; afterwards none of them may have written an error to the console."""
    contexts, complaints = [], []

    def opened(url, *, width=1440, height=900, theme="light", expected=()):
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)

        def complain(text):
            if not any(part in text for part in expected):
                complaints.append(text)

        page.on("console", lambda message: message.type in {"error", "warning"} and complain(message.text))
        page.on("pageerror", lambda error: complain(str(error)))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
