from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.web.browser.contract_state import RatesOfPair
from tests.web.browser.page_server import PageServer

SPIKE = 20  # days before the newest


@pytest.fixture
def server():
    rates = RatesOfPair.until("EUR/USD")
    place = len(rates.rates) - SPIKE
    rates.rates[place] *= 10
    rates.alerts[place] = [{"code": "decimal_slip", "words": ""}]
    with PageServer([rates, RatesOfPair.until("EUR/TRY")]) as server:
        yield server


@pytest.fixture
def page(server, open_page):
    page = open_page(f"{server.url}#/pair/EUR-USD")
    expect(page.locator(".chart .rate-line")).to_have_attribute("d", re.compile("M.+L"))
    return page


def test_misses_alerts_and_the_fan_are_drawn_where_they_belong(server, page):
    shown = server.pairs["EUR/USD"].detail()["points"][-120:]
    outside = [point for point in shown if point["missed95"]]
    expect(page.locator(".chart .miss-95")).to_have_count(len(outside))
    expect(page.locator(".chart .miss-80")).to_have_count(
        sum(point["missed80"] and not point["missed95"] for point in shown)
    )
    expect(page.locator(".chart .alert-mark")).to_have_count(1)
    expect(page.locator(".chart .whisker")).to_have_count(5)
    expect(page.locator(".caption")).to_contain_text(
        f"{len(outside)} are outside the 95 % range (6 expected)"
    )


def test_one_faulty_rate_does_not_flatten_the_drawing(page):
    expect(page.locator(".chart .off-scale")).to_have_text(re.compile("↑ 11"))
    box = page.locator(".chart .band-95.ahead").bounding_box()
    assert box["height"] > 60


def test_arrow_keys_move_the_crosshair_and_say_what_is_there(server, page):
    slider = page.get_by_role("slider")
    slider.focus()
    newest = server.pairs["EUR/USD"].rates[-1]
    expect(slider).to_have_attribute("aria-valuetext", re.compile(f"30 Oct 2026: rate {newest}"))
    for _ in range(2):
        page.keyboard.press("PageDown")
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute(
        "aria-valuetext", re.compile("outside the 95 % range, alerts: decimal slip")
    )
    expect(page.locator(".tip")).to_contain_text("decimal slip")
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("21 rates ahead: 95 % range"))
    expect(slider).to_have_attribute("aria-valuenow", "124")
    page.keyboard.press("Escape")
    expect(page.locator(".tip")).to_be_hidden()


def test_the_mouse_shows_the_nearest_day(page):
    page.locator(".explorer").hover(position={"x": 200, "y": 100})
    expect(page.locator(".tip")).to_contain_text("95 %")
    expect(page.locator(".cross-line")).to_have_count(1)


def test_the_table_has_every_rate_that_is_drawn(server, page):
    page.get_by_text("Show as a table").click()
    rows = page.get_by_role("region", name="Rates and ranges").locator("tbody tr")
    expect(rows).to_have_count(120)
    expect(rows.nth(SPIKE - 1)).to_contain_text("decimal slip")
    page.get_by_role("button", name="All").click()
    expect(rows).to_have_count(len(server.pairs["EUR/USD"].rates))


def test_a_new_rate_is_drawn_without_a_reload(server, page):
    server.pairs["EUR/USD"].rates[-1] = 1.1666
    server.push(["EUR/USD"])
    expect(page.locator(".pair-rate")).to_have_text("1.1666")
    expect(page.locator(".chart .last-text")).to_have_text("1.1666")


def test_drift_and_the_model_are_in_words(server, open_page):
    page = open_page(f"{server.url}#/pair/EUR-TRY")
    expect(page.locator(".pair-title .chip")).to_have_text("drift: lag 1, lag 2, lag 3")
    drift = page.get_by_role("region", name="Drift by feature").locator("tbody tr")
    expect(drift.first).to_have_text(re.compile(r"lag 1.*outside.*100\s%"))
    expect(page.locator(".verdicts li")).to_have_count(2)
    expect(page.locator(".headline")).to_contain_text("nothing in the data beats it")


def test_a_pair_that_nobody_knows_is_a_sentence(server, open_page):
    page = open_page(f"{server.url}#/pair/AAA-BBB", expected=("404",))
    expect(page.locator(".empty")).to_have_text("No prediction of AAA/BBB is in memory.")


def test_messages_without_days_are_drawn_in_their_order(server, open_page):
    rates = server.pairs["EUR/TRY"]
    rates.days = [None] * len(rates.days)
    rates.target = lambda steps=1: None
    page = open_page(f"{server.url}#/pair/EUR-TRY")
    expect(page.locator(".chart .axis-text").last).to_be_visible()
    expect(page.locator(".chart")).to_contain_text("in the order of arrival")
