"""The HTTP interface with a real broker and a real worker."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import threading
import uuid

import aiohttp
import httpx
import pytest

from ratecast.contract.messages import Prediction
from ratecast.kafka.committed import topic_ends

HISTORY = [0.85, 0.86, 0.87]


async def end_of_inputs(settings) -> int:
    return sum((await topic_ends(settings, settings.input_topic, 2)).ends.values())


def test_the_original_service_s_curl_commands_work_as_written(served):
    def curl(*arguments):
        result = subprocess.run(
            ["curl", "--silent", "--fail-with-body", *arguments], capture_output=True, text=True, check=True
        )
        return result.stdout

    body = curl(
        *("-X", "POST", f"{served.web.url}predict"),
        *("-H", "Content-Type: application/json", "-d", '{"history": [0.85, 0.86, 0.87]}'),
    )
    prediction = Prediction.model_validate_json(body)
    assert (prediction.prediction, prediction.baseline, prediction.pair) == (0.87, 0.87, "EUR/GBP")
    assert json.loads(curl(f"{served.web.url}health")) == {"status": "alive"}
    assert "# TYPE http_requests_total counter" in curl(f"{served.web.url}metrics")


def test_the_fields_of_the_contract_reach_the_worker(served):
    message_id = uuid.uuid4().hex
    response = served.predict(
        history=HISTORY,
        pair="EUR/USD",
        message_id=message_id,
        times=["2026-10-28", "2026-10-29", "2026-10-30"],
        as_of="2026-10-30",
        unknown="ignored",
    )
    assert response.status_code == 200
    prediction = Prediction.model_validate_json(response.content)
    assert prediction.message_id == message_id
    assert (prediction.pair, prediction.as_of, prediction.target) == ("EUR/USD", "2026-10-30", "2026-11-02")
    assert [item.steps for item in prediction.horizons or []] == [2, 5]
    assert re.fullmatch(r"kafka;dur=\d+\.\d", response.headers["Server-Timing"])


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"{", "invalid_json", "not valid JSON"),
        (b"\xff\xfe{\0}\0", "invalid_encoding", "UTF-16"),
        (b"[1, 2, 3]", "schema_violation", "must be a JSON object"),
        (b'{"history": [1, 2]}', "history_too_short", "at least 3 rates"),
        (b'{"history": [1, 2, -3]}', "invalid_rate", "must be greater than 0"),
        (b'{"history": [1, 2, "3"]}', "schema_violation", "history[2] must be a number"),
        (b'{"history": [1, 2, NaN]}', "invalid_json", "not valid JSON"),
        (b'{"history": [1, 2, 3], "pair": "eurusd"}', "schema_violation", "pair"),
        (b"", "empty_value", "empty"),
    ],
)
def test_a_message_against_the_contract_is_refused_with_the_dead_letter_s_code_and_not_published(
    served, body, code, words
):
    before = served.run(lambda: end_of_inputs(served.settings))
    response = served.http.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert words in response.json()["message"]
    assert served.run(lambda: end_of_inputs(served.settings)) == before


def test_a_message_that_the_worker_refuses_gets_the_code_and_the_words_of_its_dead_letter(served):
    message_id = uuid.uuid4().hex
    response = served.predict(history=HISTORY, pair="XXX/YYY", message_id=message_id)
    assert response.status_code == 422
    assert response.json()["code"] == "unknown_pair"
    assert "XXX/YYY" in response.json()["message"]
    again = served.http.get(f"/predictions/{message_id}")
    assert (again.status_code, again.json()) == (422, response.json())
    entry = served.http.get("/api/feed").json()["entries"][0]
    assert (entry["kind"], entry["code"], entry["message_id"]) == ("dead_letter", "unknown_pair", message_id)
    assert f'"message_id":"{message_id}"' in entry["raw"]
    assert entry["remedy"] == (
        f"ratecast dead-letters redeliver --partition {entry['partition']} "
        f"--from-offset {entry['offset']} --to-offset {entry['offset']}"
    )


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"history": [1, 2, 3]}', "text/plain", 415),
        (b'{"history": [1, 2, 3]}', "application/x-www-form-urlencoded", 415),
        (b'{"history": [' + b"1.0," * 3_000_000 + b"1]}", "application/json", 413),
    ],
)
def test_a_body_of_another_type_or_of_ten_megabytes_is_refused(served, body, content_type, status):
    response = served.http.post("/predict", content=body, headers={"Content-Type": content_type})
    assert response.status_code == status
    assert set(response.json()) == {"code", "message"}


def test_a_body_in_pieces_without_a_length_is_bounded_too(served):
    pieces = (b"[" * 10_000 for _ in range(1_000))
    response = served.http.post("/predict", content=pieces, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_each_of_a_hundred_requests_gets_its_own_answer_even_with_one_id(served):
    async def ask(session: aiohttp.ClientSession, number: int) -> float:
        message = {
            "history": [1.0, 1.0, 1 + number / 1000],
            "pair": "EUR/USD",
            "message_id": f"same-{number % 10}",
        }
        async with session.post("/predict", json=message) as response:
            assert response.status == 200
            return (await response.json())["baseline"]

    async def ask_all() -> list[float]:
        async with aiohttp.ClientSession(served.web.url) as session:
            return await asyncio.gather(*(ask(session, number) for number in range(100)))

    assert asyncio.run(ask_all()) == [1 + number / 1000 for number in range(100)]


def test_predictions_are_listed_newest_first_and_found_by_their_id(served):
    ids = [f"desk/{uuid.uuid4().hex} ä" for _ in range(3)]
    for number, message_id in enumerate(ids, 1):
        served.predict(history=[1, 1, number], pair="EUR/CHF", message_id=message_id)
    listed = served.http.get("/predictions", params={"pair": "eur-chf", "limit": 2}).json()
    assert [item["message_id"] for item in listed] == ids[:0:-1]
    everything = served.http.get("/predictions").json()
    assert [item["message_id"] for item in everything[:2]] == ids[:0:-1]
    found = served.http.get(
        f"/predictions/{httpx.URL('', params={'q': ids[0]}).query.decode()[2:].replace('+', '%20')}"
    )
    assert (found.status_code, found.json()["baseline"]) == (200, 1.0)
    missing = served.http.get("/predictions/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_message")


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "pair=EURUSD"])
def test_a_wrong_parameter_is_named(served, query):
    response = served.http.get(f"/predictions?{query}")
    assert response.status_code == 422
    assert response.json()["message"].startswith(query.partition("=")[0])


def test_the_stream_has_the_predictions_of_one_pair(served):
    with served.http.stream("GET", "/stream?pair=EUR/JPY") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        lines = response.iter_lines()
        assert next(lines) == ": ping"
        asking = threading.Thread(
            target=lambda: [
                httpx.post(f"{served.web.url}predict", json={"history": [1, 2, 3], "pair": pair})
                for pair in ("EUR/USD", "EUR/JPY")
            ]
        )
        asking.start()
        data = next(line for line in lines if line.startswith("data: "))
        asking.join()
    assert Prediction.model_validate_json(data.removeprefix("data: ")).pair == "EUR/JPY"


def test_the_description_is_openapi_3_1_and_its_page_needs_no_other_host(served):
    document = served.http.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {
        "/predict",
        "/predictions",
        "/predictions/{message_id}",
        "/stream",
        "/health",
        "/ready",
        "/metrics",
    } <= set(document["paths"])
    predict = document["paths"]["/predict"]["post"]
    assert set(predict["responses"]) >= {"200", "202", "413", "415", "422", "429", "503"}
    schema = predict["requestBody"]["content"]["application/json"]["schema"]
    assert set(schema["properties"]) == {"history", "pair", "as_of", "times", "message_id"}
    page = served.http.get("/docs")
    assert page.status_code == 200
    files = re.findall(r'(?:src|href)="(/docs/[^"]+)"', page.text)
    assert len(files) == 2
    for text in [page.text, *(served.http.get(path).raise_for_status().text for path in files)]:
        assert "://" not in text


def test_requests_are_counted_by_the_template_of_their_route(served):
    line = 'http_requests_total{endpoint="/predictions/{message_id}",method="GET",status="404"}'
    before = served.metric(line)
    served.http.get("/predictions/not-there")
    assert served.metric(line) == before + 1
    served.http.get("/wp-admin.php")
    served.http.request("BREW", "/health")
    metrics = served.http.get("/metrics").text
    assert "wp-admin" not in metrics
    assert "BREW" not in metrics
    assert 'http_requests_total{endpoint="static",method="GET",status="404"}' in metrics
    assert served.metric('http_request_duration_seconds_count{endpoint="/predict",method="POST"}') > 0


def test_a_foreign_page_can_neither_read_nor_send(served):
    rebound = served.http.get("/api/state", headers={"Host": "evil.example"})
    assert (rebound.status_code, rebound.json()["code"]) == (421, "wrong_host")
    foreign = served.http.post(
        "/predict", json={"history": HISTORY}, headers={"Origin": "https://evil.example"}
    )
    assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_origin")
    own = served.http.post(
        "/predict", json={"history": HISTORY}, headers={"Origin": served.web.url.removesuffix("/")}
    )
    assert own.status_code == 200


def test_every_answer_has_the_strict_policy(served):
    for path in ("/", "/docs", "/api/state", "/nothing", "/metrics"):
        headers = served.http.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_files_are_asked_for_again_and_sent_only_if_they_changed(served):
    first = served.http.get("/")
    assert first.headers["Cache-Control"] == "no-cache"
    again = served.http.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert served.http.get("/../serving.py").status_code == 404
    assert served.http.get("/%2e%2e/serving.py").status_code == 404


def test_it_is_ready_while_the_topics_can_be_read(served):
    assert served.http.get("/ready").json() == {"ready": True, "problems": []}
