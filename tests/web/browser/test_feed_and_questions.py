from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.web.browser.contract_state import RatesOfPair, dead_letter, strip
from tests.web.browser.page_server import PageServer

RAW = '{"history": [0.85, "0.86"], "note": "<img src=x onerror=alert(1)>\\xff"}'


@pytest.fixture
def server():
    with PageServer([RatesOfPair.until("EUR/USD"), RatesOfPair.until("EUR/GBP")]) as server:
        server.entries = [dead_letter(7, RAW), dead_letter(6, "", "the value is empty", "empty_value")]
        yield server


def test_a_dead_letter_shows_its_bytes_its_place_and_how_to_deliver_it_again(server, open_page):
    page = open_page(f"{server.url}#/feed")
    entry = page.locator(".entry").first
    entry.locator("summary").click()
    expect(entry.locator("pre")).to_have_text(RAW)
    expect(entry.locator("img")).to_have_count(0)
    expect(entry.get_by_role("link", name="rate-dead-letters, partition 1, offset 7")).to_be_visible()
    expect(entry.locator(".command code")).to_have_text(server.entries[0]["remedy"])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    entry.get_by_role("button", name="Copy the command").click()
    expect(entry.locator(".command button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == server.entries[0]["remedy"]


def test_the_address_of_an_entry_opens_it(server, open_page):
    page = open_page(f"{server.url}#/feed/rate-dead-letters/1/6")
    opened = page.locator(".entry details[open]")
    expect(opened).to_have_count(1)
    expect(opened.locator(".entry-words")).to_have_text("The value is empty")
    expect(opened.locator("summary")).to_be_focused()


def test_new_entries_arrive_and_an_open_one_stays_open(server, open_page):
    page = open_page(f"{server.url}#/feed")
    page.locator(".entry summary").first.click()
    server.entries.insert(0, dead_letter(8, "[]", "the value must be an object"))
    server.strip = strip(dead_letters=4)
    server.push()
    expect(page.locator(".entry")).to_have_count(3)
    expect(page.locator(".entry").first).to_contain_text("must be an object")
    expect(page.locator(".entry").nth(1).locator("details")).to_have_attribute("open", "")


def test_the_feed_can_be_filtered(server, open_page):
    page = open_page(f"{server.url}#/feed")
    page.get_by_role("searchbox").fill("empty value")
    expect(page.locator(".entry")).to_have_count(1)
    page.get_by_role("button", name="Alerts").click()
    kinds = page.get_by_role("group", name="Which entries")
    expect(kinds.get_by_role("button", pressed=True)).to_have_text(["Alerts"])
    expect(page.locator(".empty")).to_have_text("No entry matches.")


def answer(server):
    tile = server.pairs["EUR/USD"].tile()
    return {
        "message_id": "web-1",
        "pair": "EUR/USD",
        "as_of": tile["as_of"],
        "target": tile["target"],
        "prediction": tile["rate"],
        "baseline": tile["rate"],
        "intervals": tile["bands"],
        "interval_quality": "adaptive",
        "drift": {"is_drift": False, "features": [], "scores": {}},
        "alerts": ["jump"],
        "alert_messages": {"jump": "It rose by 4 % in one step."},
        "model_version": tile["model_version"],
    }


def test_the_newest_rates_of_a_pair_are_answered_through_kafka_with_their_time(server, open_page):
    server.answers = (200, answer(server), {"Server-Timing": "other;dur=1, kafka;dur=12.3"})
    page = open_page(f"{server.url}#/try/EUR-USD")
    expect(page.locator("#try-count")).to_have_text("61 rates")
    page.get_by_role("button", name="Ask through Kafka").click()
    expect(page.locator(".took")).to_have_text(re.compile(r"12\sms through Kafka, \d+.* in all"))
    expect(page.locator(".answer-rate b")).to_have_text(str(answer(server)["prediction"]))
    expect(page.locator(".answer")).to_contain_text("It rose by 4 % in one step.")
    [(path, body)] = server.posted
    sent = json.loads(body)
    rates = server.pairs["EUR/USD"]
    assert path == "/predict"
    assert sent == {"history": rates.rates[-61:], "pair": "EUR/USD", "as_of": rates.days[-1]}


PASTED = (
    ("0.85 0.86\n0.87;", {"history": [0.85, 0.86, 0.87]}),
    ("[1, 2e0, 3]", {"history": [1, 2, 3]}),
    ('{"history": [1, 2, 3], "pair": "EUR/CHF"}', {"history": [1, 2, 3], "pair": "EUR/CHF"}),
)


def test_a_pasted_history_is_sent_as_a_message(server, open_page):
    page = open_page(f"{server.url}#/try")
    for pasted, sent in PASTED:
        server.answers = (200, answer(server) | {"message_id": pasted}, {})
        page.get_by_label("Rates, oldest first").fill(pasted)
        expect(page.locator("#try-count")).to_have_text("3 rates")
        page.get_by_role("button", name="Ask through Kafka").click()
        expect(page.locator(".answer dd code").last).to_have_text(pasted)
        assert json.loads(server.posted[-1][1]) == sent


def test_what_is_no_number_is_named_and_not_sent(server, open_page):
    page = open_page(f"{server.url}#/try")
    page.get_by_label("Rates, oldest first").fill("0.85, zero, 0.87")
    expect(page.locator("#try-count")).to_have_text("Number 2 is not a number: zero")
    page.get_by_role("button", name="Ask through Kafka").click()
    expect(page.get_by_label("Rates, oldest first")).to_be_focused()
    assert server.posted == []


REFUSALS = (
    (
        422,
        {"code": "unknown_pair", "message": "not trained on it"},
        {"Server-Timing": "kafka;dur=3"},
        "not trained on it",
    ),
    (429, {}, {"Retry-After": "3"}, "Too many requests wait for an answer. Try again in 3 s."),
    (503, {}, {}, "Kafka is unreachable."),
)


def test_every_refusal_is_a_sentence(server, open_page):
    page = open_page(f"{server.url}#/try", expected=("422", "429", "503"))
    page.get_by_label("Rates, oldest first").fill("1 2 3")
    for status, body, headers, shown in REFUSALS:
        server.answers = (status, body, headers)
        page.get_by_role("button", name="Ask through Kafka").click()
        expect(page.locator(".answer-words")).to_have_text(shown)


def test_faults_are_injected_in_the_demo_only(server, open_page):
    page = open_page(f"{server.url}#/try")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator(".faults")).to_be_hidden()
    server.demo = True
    server.push()
    page.get_by_role("button", name="A spike").click()
    expect(page.locator(".faults [role=status]")).to_have_text("published spike")
