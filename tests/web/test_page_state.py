"""What the page gets, with a real broker and a real worker."""

from __future__ import annotations

import datetime as dt
import json
import time

import httpx
import pytest

from tests.web.served import LIMIT_SECONDS

DAYS = [day for n in range(60) if (day := dt.date(2026, 8, 3) + dt.timedelta(n)).weekday() < 5]


def message(stop: int, pair: str = "EUR/USD", last: float | None = None) -> dict:
    """Invented rates up to a working day, as a feed sends them."""
    rates = [1.1 + 0.003 * ((7 * n) % 5 - 2) for n in range(stop)]
    if last is not None:
        rates[-1] = last
    days = [day.isoformat() for day in DAYS[:stop]]
    return {"history": rates, "times": days, "as_of": days[-1], "pair": pair}


@pytest.fixture(scope="module")
def fed(served):
    """Fed with 24 days of one pair, the last of them a spike, and then with 21 quiet days of another."""
    for stop in range(15, 38):
        assert served.predict(**message(stop)).status_code == 200
    assert served.predict(**message(38, last=1.3)).status_code == 200
    for stop in range(17, 38):
        assert served.predict(**message(stop, "EUR/CHF")).status_code == 200
    return served


def events(served):
    """Name and data of each event."""
    with httpx.stream("GET", f"{served.web.url}api/events", timeout=LIMIT_SECONDS) as response:
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def test_a_tile_has_the_newest_rate_its_range_and_how_often_ranges_held(fed):
    (tile,) = [tile for tile in fed.http.get("/api/state").json()["pairs"] if tile["pair"] == "EUR/USD"]
    assert (tile["as_of"], tile["target"], tile["rate"]) == ("2026-09-23", "2026-09-24", 1.3)
    lower, upper = tile["bands"]["95"]
    assert lower < 1.3 < upper
    assert tile["band_percent"]["95"] == pytest.approx(50 * (upper - lower) / 1.3)
    assert tile["held"]["95"] == {"held": 22, "of": 23}
    assert "jump" in [alert["code"] for alert in tile["alerts"]]
    assert all(len(alert["words"]) > len(alert["code"]) for alert in tile["alerts"])
    assert len(tile["spark"]) == 24
    assert tile["spark"][0] == ["2026-08-21", pytest.approx(1.1, abs=0.01), None, None]
    assert tile["spark"][1][2] < tile["spark"][1][3]


def test_the_view_of_a_pair_marks_the_rate_that_its_range_missed(fed):
    view = fed.http.get("/api/pairs/EUR-USD").json()
    assert view == fed.http.get("/api/pairs/EUR%2FUSD").json()
    days = [point["as_of"] for point in view["points"]]
    assert days == sorted(days)
    assert [point["missed95"] for point in view["points"]] == [None] + [False] * 22 + [True]
    assert view["next"]["target"] == "2026-09-24"
    assert [item["steps"] for item in view["horizons"]] == [2, 5]
    assert view["quantiles"] is None
    assert [item["name"] for item in view["features"]] == ["lag_1", "lag_2", "lag_3", "return_1", "return_2"]
    assert {item["name"]: item["share"] for item in view["drift_by_feature"]}["return_1"] == pytest.approx(
        1 / 24
    )
    assert view["model"]["version"] == "test-1"
    assert view["model"]["trained_until"] == "2024-12-31"
    assert all(verdict["words"] for verdict in view["model"]["verdicts"])
    unknown = fed.http.get("/api/pairs/AAA-BBB")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_pair")


def test_the_strip_says_what_the_worker_says(fed):
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        strip = fed.http.get("/api/state").json()["strip"]
        # The worker is asked every two seconds, so the figures may be from before the last messages.
        if (strip["p99_ms"] is not None and strip["lag"] == 0) or time.monotonic() > deadline:
            break
    assert strip["p99_ms"] >= strip["p50_ms"] > 0
    assert (strip["workers"], strip["workers_expected"], strip["lag"]) == (1, 1, 0)
    assert strip["predictions"] >= 24
    assert (strip["broker"], strip["problems"]) == ("ok", [])
    assert dt.datetime.fromisoformat(strip["newest_at"]).tzinfo is not None


def test_events_begin_with_everything_and_go_on_with_what_changed(fed):
    assert fed.predict(history=[1, 1, 1.5], pair="EUR/JPY").status_code == 200
    received = events(fed)
    name, hello = next(received)
    assert name == "hello"
    assert {tile["pair"] for tile in hello["pairs"]} >= {"EUR/USD", "EUR/JPY"}
    assert fed.predict(history=[1, 1, 1.25], pair="EUR/JPY").status_code == 200
    changed = next(data for name, data in received if data["pairs"])
    assert [(tile["pair"], tile["rate"]) for tile in changed["pairs"]] == [("EUR/JPY", 1.25)]
    received.close()


@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        ("stuck", {"stuck"}),
        ("swapped", {"inverted_quote", "jump", "level_cone", "decimal_slip"}),
        ("spike", {"jump"}),
        ("bad_bytes", {"invalid_encoding"}),
    ],
)
def test_a_fault_on_purpose_comes_back_as_an_alert_or_a_dead_letter(fed, fault, codes):
    before = int(fed.http.get("/api/feed").json()["entries"][0]["id"].partition("-")[0])
    response = fed.http.post("/api/demo/fault", json={"fault": fault})
    assert response.status_code == 200, response.text
    assert response.json()["words"].startswith("Published ")
    assert "EUR/CHF" in response.json()["words"]
    found: set[str] = set()
    deadline = time.monotonic() + LIMIT_SECONDS
    while not found & codes:
        assert time.monotonic() < deadline, found
        entries = fed.http.get("/api/feed").json()["entries"]
        found = {entry["code"] for entry in entries if int(entry["id"].partition("-")[0]) > before}


def test_an_unknown_fault_is_refused_with_the_known_ones(fed):
    response = fed.http.post("/api/demo/fault", json={"fault": "earthquake"})
    assert response.status_code == 422
    assert "'stuck'" in response.json()["message"]


def test_the_feed_goes_back_page_by_page(fed):
    entries = fed.http.get("/api/feed").json()["entries"]
    assert len(entries) >= 2
    older = fed.http.get("/api/feed", params={"before": entries[0]["id"]}).json()["entries"]
    number = int(entries[0]["id"].partition("-")[0])
    assert [entry["id"] for entry in older] == [
        entry["id"] for entry in entries if int(entry["id"].partition("-")[0]) < number
    ]
    assert fed.http.get("/api/feed", params={"before": "2000-01-01T00:00:00+00:00"}).json()["entries"] == []
