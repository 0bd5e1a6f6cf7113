"""What many, slow and hostile clients do to the others: nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from ratecast.kafka.topics import ensure_topics
from tests.integration.workers import until
from tests.rows import prediction_row
from tests.web.served import running_web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from web.serving import Web

BODY = {"history": [0.85, 0.86, 0.87]}


@pytest.fixture
async def unanswered(settings) -> AsyncIterator[Web]:
    """A program without a worker: nothing is ever scored."""
    settings = settings.model_copy(
        update={
            "topic_partitions": 1,
            "web_timeout_seconds": 0.4,
            "web_waiting_requests": 2,
            "web_connections": 600,
        }
    )
    await ensure_topics(settings)
    async with running_web(settings, header_seconds=1.0, write_seconds=1.0) as web:
        yield web


@contextlib.asynccontextmanager
async def client(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=web.url, timeout=20) as http:
        yield http


async def test_without_a_worker_the_answer_is_where_the_prediction_will_be(unanswered):
    async with client(unanswered) as http:
        response = await http.post("/predict", json={**BODY, "message_id": "desk/1"})
        assert response.status_code == 202
        assert response.headers["Location"] == "/predictions/desk%2F1"
        assert int(response.headers["Retry-After"]) > 0
        again = await http.get(response.headers["Location"])
        assert (again.status_code, again.json()) == (202, response.json())


async def test_too_many_waiting_requests_are_told_when_to_ask_again_and_leave_room_when_they_go(unanswered):
    async with client(unanswered) as http:
        responses = await asyncio.gather(*(http.post("/predict", json=BODY) for _ in range(6)))
        statuses = sorted(response.status_code for response in responses)
        assert statuses == [202, 202, 429, 429, 429, 429]
        refused = next(response for response in responses if response.status_code == 429)
        assert (int(refused.headers["Retry-After"]), refused.json()["code"]) == (2, "too_many_waiting")
        assert (await http.post("/predict", json=BODY)).status_code == 202


async def test_a_client_that_goes_away_gives_its_place_to_others(settings):
    settings = settings.model_copy(update={"web_timeout_seconds": 60, "web_waiting_requests": 1})
    await ensure_topics(settings)
    async with running_web(settings) as web, client(web) as http:
        asking = asyncio.create_task(http.post("/predict", json=BODY))
        await until(lambda: web.parts.answers.count == 1)
        assert (await http.post("/predict", json=BODY)).status_code == 429
        asking.cancel()
        await until(lambda: web.parts.answers.count == 0)


async def test_five_hundred_idle_connections_hold_nobody_up_and_are_closed(unanswered):
    idle = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", unanswered.port) for _ in range(500)))
    for number, (_, writer) in enumerate(idle):
        if number % 2:  # half of them have begun a request that never ends
            writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    async with client(unanswered) as http:
        async with asyncio.timeout(5):
            assert (await http.get("/health")).status_code == 200
        rest = await asyncio.wait_for(asyncio.gather(*(reader.read() for reader, _ in idle)), 15)
        assert set(rest) == {b""}
        closed = "web_connections_closed_total 500.0"
        assert closed in (await http.get("/metrics")).text
    for _, writer in idle:
        writer.close()


async def test_a_drop_now_and_then_does_not_keep_a_connection_open(unanswered):
    reader, writer = await asyncio.open_connection("127.0.0.1", unanswered.port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
    ended = asyncio.create_task(reader.read())
    async with asyncio.timeout(10):
        while not ended.done():
            with contextlib.suppress(ConnectionError):
                writer.write(b"X-Slow: 1\r\n")
                await writer.drain()
            await asyncio.wait([ended], timeout=0.1)
    writer.close()


async def test_one_connection_too_many_costs_the_longest_idle_one(settings):
    settings = settings.model_copy(update={"web_connections": 8})
    async with running_web(settings, ready=False) as web:
        idle = [await asyncio.open_connection("127.0.0.1", web.port) for _ in range(8)]
        async with client(web) as http:
            assert (await http.get("/health")).status_code == 200
            assert await asyncio.wait_for(idle[0][0].read(), 5) == b""
            assert not idle[-1][0].at_eof()
        for _, writer in idle:
            writer.close()


async def test_a_client_that_never_reads_its_stream_is_cut_and_the_others_get_everything(unanswered):
    streams = unanswered.parts.streams
    lazy = socket.create_connection(("127.0.0.1", unanswered.port))
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with client(unanswered) as http, http.stream("GET", "/stream") as response:
        lines = response.aiter_lines()
        assert await anext(lines) == ": ping"
        await until(lambda: len(streams) == 2)
        seen = sent = 0
        while unanswered.parts.open_streams.count == 2:
            assert sent < 200_000, "the lazy client was not cut"
            for _ in range(200):
                streams.prediction(prediction_row(1.0))
            sent += 200
            while seen < sent:
                seen += (await anext(lines)).startswith("data: ")
        assert seen == sent
        assert len(streams) == 1
    lazy.close()


async def test_too_many_streams_are_refused(unanswered):
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(client(unanswered))
        unanswered.parts.open_streams.count += 64
        response = await http.get("/stream")
        unanswered.parts.open_streams.count -= 64
        assert (response.status_code, response.json()["code"]) == (503, "too_many_streams")


async def test_streams_end_when_the_program_stops(unanswered):
    async with client(unanswered) as http, http.stream("GET", "/api/events") as response:
        lines = response.aiter_lines()
        await anext(lines)
        async with http.stream("GET", "/stream") as other:
            unanswered.stop()
            async with asyncio.timeout(5):
                await other.aread()
        async with asyncio.timeout(5):
            async for _ in lines:
                pass


async def test_a_body_that_never_comes_is_given_up(unanswered, monkeypatch):
    monkeypatch.setattr("web.body.BODY_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", unanswered.port)
    writer.write(
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    )
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 408 ")
    writer.close()
