"""The page on real programs: a broker, and a worker and ``ratecast web`` that end and come back."""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import httpx
import pytest
from playwright.sync_api import expect

from ratecast.kafka.topics import ensure_topics
from ratecast_stack.children import answers, free_port, running
from ratecast_stack.shadowing import child_environment, ratecast_command
from tests.integration.workers import read
from tests.web.browser.contract_state import RatesOfPair

LIMIT_MS = 30_000
DAYS = 10
REFUSED = ("Failed to load resource", "net::ERR")


def in_a_thread(work):
    """Runs a coroutine function: this thread's loop belongs to Playwright."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work()).result()


class Programs:
    """A worker and ``ratecast web`` as processes; each can end and start again."""

    def __init__(self, settings, home):
        self.settings = settings
        self.worker_port, self.web_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.web_port}/"
        self._home = home
        self._started = ExitStack()
        fields = (
            "bootstrap_servers",
            "input_topic",
            "output_topic",
            "dead_letter_topic",
            "group_id",
            "models_dir",
        )
        own = {f"RATECAST_{name.upper()}": str(getattr(settings, name)) for name in fields}
        self._environment = {**child_environment(), **own, "RATECAST_HORIZONS": "2,5"}

    def start_worker(self):
        self.worker = self._start("worker", "--http-port", str(self.worker_port))

    def start_web(self):
        metrics = f"http://127.0.0.1:{self.worker_port}/metrics"
        self.web = self._start("web", "--web-port", str(self.web_port), "--web-metrics-urls", metrics)

    def wait(self):
        """Waits until both are ready; each takes seconds to start, so they start side by side."""
        self.worker.wait_until(partial(answers, self.worker_port, "/ready"))
        self.web.wait_until(partial(answers, self.web_port, "/ready"))

    def _start(self, name, *options):
        command = ratecast_command(name, *options, "--log-level", "WARNING")
        return self._started.enter_context(running(name, command, self._home, self._environment))

    def close(self):
        self._started.close()


@pytest.fixture(scope="module")
def programs(windows, web_settings, tmp_path_factory):
    in_a_thread(lambda: ensure_topics(web_settings))
    programs = Programs(web_settings, tmp_path_factory.mktemp("programs"))
    try:
        programs.start_worker()
        programs.start_web()
        programs.wait()
        yield programs
    finally:
        programs.close()


@pytest.fixture(scope="module")
def rates():
    return RatesOfPair.until("EUR/USD")


@pytest.fixture(scope="module")
def fed(programs, rates):
    """The programs with the last days of EUR/USD."""
    with httpx.Client(base_url=programs.url, timeout=30) as client:
        for stop in range(len(rates.rates) - DAYS + 1, len(rates.rates) + 1):
            answer = client.post("/predict", json=message(rates, stop))
            assert answer.status_code == 200, answer.text
    return programs


def message(rates, stop, **changes):
    days = rates.days[stop - 61 : stop]
    history = rates.rates[stop - 61 : stop]
    return {"history": history, "pair": rates.pair, "as_of": days[-1], "times": days, **changes}


def tile(page, pair):
    return page.locator(".tile", has=page.get_by_role("link", name=pair, exact=True))


def test_the_page_shows_what_the_topic_says(fed, rates, open_page):
    topic = fed.settings.output_topic
    records = in_a_thread(lambda: read(fed.settings, topic, DAYS))
    newest = max((json.loads(record.value) for record in records), key=lambda found: found["as_of"])
    assert newest["as_of"] == rates.days[-1]
    page = open_page(fed.url)
    shown = tile(page, "EUR/USD")
    expect(shown.locator(".tile-rate")).to_have_text(str(newest["baseline"]))
    low, high = newest["intervals"]["95"]
    expect(shown.locator(".tile-range")).to_have_text(f"{low:.4f} to {high:.4f}")
    expect(shown.locator(".held-words")).to_have_text(re.compile(rf"held \d+ of {DAYS - 1}"))
    expect(page.locator(".verdict")).to_have_text("Everything works")
    expect(page.locator(".figure", has_text="Workers")).to_contain_text("1 of 1")
    page.goto(f"{fed.url}#/pair/EUR-USD")
    expect(page.locator(".chart .whisker")).to_have_count(3)
    page.get_by_text("Show as a table").click()
    expect(page.get_by_role("region", name="Rates and ranges").locator("tbody tr")).to_have_count(DAYS)


def test_a_question_goes_through_kafka_and_its_alert_appears(fed, rates, open_page):
    overview = open_page(fed.url)
    expect(tile(overview, "EUR/USD")).to_be_visible()
    page = open_page(f"{fed.url}#/try", width=1000)
    stop = len(rates.rates)
    jumped = [*rates.rates[stop - 60 : stop], 1.1 * rates.rates[-1]]
    page.get_by_label("Rates, oldest first").fill(
        json.dumps({"history": jumped, "pair": "EUR/USD", "as_of": rates.target()})
    )
    page.get_by_role("button", name="Ask through Kafka").click()
    expect(page.locator(".took")).to_have_text(re.compile("ms through Kafka"))
    expect(page.locator(".answer")).to_contain_text("in one step")
    expect(tile(overview, "EUR/USD").locator(".tile-alerts")).to_contain_text("in one step")
    expect(overview.locator(".alert").first).to_contain_text("jump")


def test_what_cannot_be_scored_arrives_in_the_feed(fed, open_page):
    page = open_page(f"{fed.url}#/try", expected=("422",))
    message = {"history": [1.1, 1.2, 1.3], "pair": "EUR/XXX", "message_id": "<b>mine</b>"}
    page.get_by_label("Rates, oldest first").fill(json.dumps(message))
    page.get_by_role("button", name="Ask through Kafka").click()
    expect(page.locator(".took")).to_contain_text("Dead letter")
    expect(page.locator(".answer-words")).to_contain_text("was not trained on the pair EUR/XXX")
    page.get_by_role("link", name="See it in the feed").click()
    entry = page.locator(".entry", has_text="unknown pair")
    entry.locator("summary").click()
    expect(entry.locator("pre")).to_contain_text('"<b>mine</b>"')
    expect(entry.locator(".command code")).to_contain_text("ratecast dead-letters redeliver --partition")


def test_what_no_worker_could_score_is_refused_at_the_door(fed, open_page):
    page = open_page(f"{fed.url}#/try", expected=("422",))
    page.get_by_label("Rates, oldest first").fill('{"history": [1.1, "1.2", 1.3]}')
    page.get_by_role("button", name="Ask through Kafka").click()
    expect(page.locator(".took")).to_contain_text("Not published")
    expect(page.locator(".answer-words")).to_contain_text("history[1] must be a number")


def test_the_end_of_a_worker_shows_and_so_does_its_return(fed, open_page):
    page = open_page(fed.url)
    workers = page.locator(".figure", has_text="Workers")
    expect(workers).to_contain_text("1 of 1")
    fed.worker.stop()  # not killed: the embedded broker keeps the partitions of a killed member for minutes
    expect(workers).to_contain_text("0 of 1", timeout=LIMIT_MS)
    expect(page.locator(".verdict")).not_to_have_text("Everything works")
    expect(page.locator(".problems li").first).to_be_visible()
    fed.start_worker()
    fed.wait()
    expect(workers).to_contain_text("1 of 1", timeout=LIMIT_MS)
    expect(page.locator(".verdict")).to_have_text("Everything works", timeout=LIMIT_MS)


def test_the_page_survives_the_death_of_its_server(fed, open_page):
    page = open_page(fed.url, expected=REFUSED)
    expect(page.locator("#connection")).to_have_text("Live")
    shown = tile(page, "EUR/USD").locator(".tile-rate")
    before = shown.text_content()
    fed.web.process.kill()
    expect(page.locator("#banner")).to_contain_text("Disconnected", timeout=LIMIT_MS)
    expect(shown).to_have_text(before)
    fed.start_web()
    fed.wait()
    expect(page.locator("#connection")).to_have_text("Live", timeout=LIMIT_MS)
    expect(page.locator("#banner")).to_be_hidden()
    expect(shown).to_have_text(before)  # the new server has read the topic
