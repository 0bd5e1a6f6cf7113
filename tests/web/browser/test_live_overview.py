from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.web.browser.contract_state import RatesOfPair, alert_of, strip
from tests.web.browser.page_server import PageServer

PAIRS = ("EUR/CHF", "EUR/GBP", "EUR/TRY", "EUR/USD")
REFUSED = ("Failed to load resource", "net::ERR")


@pytest.fixture
def server():
    with PageServer([RatesOfPair.until(pair) for pair in PAIRS]) as server:
        yield server


def tile(page, pair):
    return page.locator(".tile", has=page.get_by_role("link", name=pair, exact=True))


def test_a_tile_shows_what_the_state_says(server, open_page):
    page = open_page(server.url)
    expected = server.pairs["EUR/USD"].tile()
    shown = tile(page, "EUR/USD")
    expect(shown.locator(".tile-rate")).to_have_text(str(expected["rate"]))
    low, high = expected["bands"]["95"]
    expect(shown.locator(".tile-range")).to_have_text(f"{low:.4f} to {high:.4f}")
    expect(shown.locator(".tile-width")).to_have_text(re.compile(f"{expected['band_percent']['95']:.2f}"))
    expect(shown.locator(".held")).to_have_text(f"held {expected['held']['95']['held']} of 100")
    expect(shown.locator(".tile-day")).to_contain_text("2026")
    expect(shown.locator(".chip")).to_be_hidden()
    expect(tile(page, "EUR/TRY").locator(".chip")).to_have_text("drift")
    expect(page.locator(".tile")).to_have_count(len(PAIRS))


def test_the_strip_says_whether_it_all_works_and_a_dead_worker_shows(server, open_page):
    page = open_page(server.url)
    expect(page.locator(".verdict")).to_have_text("Everything works")
    assert page.locator(".figure dd").all_text_contents() == [
        "12",
        "3.1\u202fms · 9.0\u202fms",
        "0",
        "2 of 2",
        "3",
        "9,360",
    ]
    server.strip = strip(workers=1, lag=2500, problems=["1 of 2 workers answers."])
    server.push()
    expect(page.locator(".verdict")).to_have_text("A problem")
    expect(page.locator(".problems")).to_have_text("1 of 2 workers answers.")
    expect(page.locator(".figure.is-bad")).to_have_count(2)


def test_an_event_changes_its_tile_and_no_other(server, open_page):
    page = open_page(server.url)
    expect(tile(page, "EUR/GBP").locator(".tile-rate")).not_to_have_text("")
    page.evaluate("""() => {
        window.touched = new Set();
        new MutationObserver(changes => changes.forEach(({target}) => touched.add(
            (target.closest ?? target.parentElement.closest).call(target.closest ? target : target.parentElement,
            '.tile')?.dataset.key))).observe(
            document.querySelector('.tiles'), {subtree: true, childList: true, characterData: true, attributes: true});
    }""")
    server.pairs["EUR/USD"].rates[-1] = 1.2345
    server.push(["EUR/USD", "EUR/CHF"])  # nothing is new for EUR/CHF
    expect(tile(page, "EUR/USD").locator(".tile-rate")).to_have_text("1.2345")
    assert page.evaluate("[...touched]") == ["EUR/USD"]


def test_an_alert_appears_on_its_tile_in_the_list_and_to_a_screen_reader(server, open_page):
    server.alerts = [alert_of(server.pairs["EUR/CHF"], "stuck", "It repeats.")]
    page = open_page(server.url)
    expect(page.locator(".alert")).to_have_count(1)
    server.alerts.insert(
        0, alert_of(server.pairs["EUR/USD"], "decimal_slip", "The rate is 10 times too high.")
    )
    server.push(["EUR/USD"])
    expect(tile(page, "EUR/USD").locator(".tile-alerts")).to_have_text(
        "decimal slip The rate is 10 times too high."
    )
    expect(page.locator(".alert").first).to_contain_text("EUR/USD")
    expect(page.locator(".alert")).to_have_count(2)
    expect(page.locator("#announcer")).to_have_text("New alert for EUR/USD: The rate is 10 times too high.")


def test_it_says_that_it_is_disconnected_and_comes_back_by_itself(server, open_page):
    page = open_page(server.url, expected=REFUSED)
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#banner")).to_be_hidden()
    server.down = True
    server.cut()
    expect(page.locator("#connection")).to_have_text("Offline")
    expect(page.locator("#banner")).to_contain_text("Disconnected")
    expect(page.locator("#banner")).to_contain_text("The figures below are from before")
    server.pairs["EUR/USD"].rates[-1] = 1.3333
    server.down = False
    expect(page.locator("#connection")).to_have_text("Live", timeout=15_000)
    expect(page.locator("#banner")).to_be_hidden()
    expect(tile(page, "EUR/USD").locator(".tile-rate")).to_have_text("1.3333")


def test_a_silent_server_is_reported_and_a_lasting_silence_ends_the_connection(server, open_page):
    server.pings = False
    page = open_page("about:blank", height=901, expected=REFUSED)  # a window whose clock no other test has
    page.clock.install()
    page.goto(server.url)
    expect(page.locator("#connection")).to_have_text("Live")
    page.clock.fast_forward(10_000)
    expect(page.locator("#banner")).to_contain_text("silent")
    assert len(server.streams) == 1
    page.clock.fast_forward(15_000)
    page.clock.resume()
    expect(page.locator("#connection")).to_have_text("Live")
    assert len(server.streams) == 2  # the old one does not know yet that nobody listens


def test_a_hidden_tab_gives_up_its_connection_and_is_live_again_when_it_is_seen(server, open_page):
    page = open_page("about:blank", height=902)
    page.clock.install()
    page.goto(server.url)
    expect(page.locator("#connection")).to_have_text("Live")
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, arg=True)
    page.clock.run_for(30_000)
    expect(page.locator("#connection")).to_have_text(re.compile("Live|Silent"))
    page.clock.run_for(31_000)
    expect(page.locator("#connection")).to_have_text("Paused")
    server.pairs["EUR/USD"].rates[-1] = 1.5555
    page.evaluate(hide, arg=False)
    expect(page.locator("#connection")).to_have_text("Live")
    page.clock.run_for(1_000)
    expect(tile(page, "EUR/USD").locator(".tile-rate")).to_have_text("1.5555")


def test_an_unreachable_broker_is_reported_although_the_page_is_connected(server, open_page):
    page = open_page(server.url)
    expect(page.locator("#connection")).to_have_text("Live")
    server.strip = strip(broker="unreachable")
    server.push()
    expect(page.locator("#banner")).to_contain_text("Kafka is unreachable")
    expect(page.locator(".verdict")).to_have_text("A problem")


def test_broken_events_do_not_end_it(server, open_page):
    page = open_page(server.url)
    expect(page.locator("#connection")).to_have_text("Live")
    server.send("state", "{not json")
    server.send("state", "null")
    server.send("state", '{"pairs": 7, "strip": null, "alerts": "no"}')
    server.pairs["EUR/USD"].rates[-1] = 1.4444
    server.push(["EUR/USD"])
    expect(tile(page, "EUR/USD").locator(".tile-rate")).to_have_text("1.4444")


def test_text_of_a_topic_is_never_read_as_html(server, open_page):
    evil = '<img src=x onerror="document.title=1">'
    rates = RatesOfPair.until("EUR/SEK")
    rates.pair = evil
    server.pairs[evil] = rates
    server.alerts = [alert_of(rates, "<b>code</b>", f"{evil}<script>1</script>")]
    page = open_page(server.url)
    expect(page.get_by_role("heading", name=evil)).to_be_visible()
    expect(page.locator(".alert-words")).to_have_text(f"{evil}<script>1</script>")
    assert page.locator("main img, main script").count() == 0


def test_the_token_is_asked_for_once(server, open_page):
    server.token = "a secret"  # noqa: S105 - the test's own
    page = open_page(server.url, expected=REFUSED)
    page.get_by_role("textbox", name="Token").fill("a secret")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#connection")).to_have_text("Live")
    expect(tile(page, "EUR/USD")).to_be_visible()
    page.reload()
    expect(page.locator("#connection")).to_have_text("Live")
    assert page.locator("dialog").count() == 0


def test_pairs_can_be_filtered_and_ordered_by_keyboard(server, open_page):
    server.pairs |= {pair: RatesOfPair.until(pair) for pair in ("EUR/PLN", "EUR/CZK", "EUR/SEK")}
    server.alerts = [alert_of(server.pairs["EUR/USD"], "jump", "It jumped.")]
    page = open_page(server.url)
    names = page.locator(".tile-link")
    expect(names.first).to_have_text("EUR/CHF")
    page.keyboard.press("/")
    page.keyboard.type("usd")
    expect(names).to_have_text(["EUR/USD"])
    expect(page.locator(".count")).to_have_text("1 of 7 pairs")
    page.get_by_role("searchbox").fill("")
    page.get_by_label("Order").select_option("alerts")
    expect(names.first).to_have_text("EUR/USD")


def test_the_theme_follows_the_system_until_it_is_chosen_and_is_kept(server, open_page):
    page = open_page(server.url, theme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Use light colours").click()
    light = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == light
    expect(page.get_by_role("button", name="Use dark colours")).to_be_visible()


def test_the_first_paint_takes_less_than_a_second(server, open_page):
    page = open_page(server.url)
    expect(page.locator(".tile").first).to_be_visible()
    paints = page.evaluate(
        "performance.getEntriesByType('paint').map(({name, startTime}) => [name, startTime])"
    )
    assert dict(paints)["first-contentful-paint"] < 1000
