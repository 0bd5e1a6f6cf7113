from __future__ import annotations

import asyncio
import json
from collections import Counter

import aiohttp
import pytest

from consumer.worker import Worker
from ratecast.contract.messages import Prediction
from ratecast.errors import BrokerUnavailableError, ModelBundleError, UsageError
from ratecast.kafka.topics import ensure_topics
from tests.bad_records import BAD, GOOD
from tests.batches import altered, batch_of, publish_batch
from tests.bundles import LEVELS
from tests.integration.workers import publish, read, running_worker, until


def history(number: int, pair: str = "EUR/GBP") -> tuple[bytes, bytes, list]:
    level = LEVELS[pair]
    rates = [level * (1 + 0.001 * ((number + k) % 7)) for k in range(61)]
    body = {"message_id": f"{pair}#{number}", "pair": pair, "history": rates}
    return pair.encode(), json.dumps(body).encode(), []


async def test_every_kind_of_bad_record_is_a_dead_letter_and_its_neighbours_are_scored(settings):
    async with running_worker(settings):
        messages = []
        for name, (value, _) in BAD.items():
            key = name.encode()
            messages += [
                (key, GOOD, []),
                (key, value, [("trace", b"t-" + key), ("null", None)]),
                (key, GOOD, []),
            ]
        await publish(settings, messages)
        letters = await read(settings, settings.dead_letter_topic, len(BAD))
        predictions = await read(settings, settings.output_topic, 2 * len(BAD))
    assert len(letters) == len(BAD)
    assert Counter(record.key for record in predictions) == dict.fromkeys((name.encode() for name in BAD), 2)
    for letter in letters:
        value, code = BAD[letter.key.decode()]
        headers = dict(letter.headers)
        assert letter.value == value
        assert headers["ratecast.error.code"].decode() == code
        assert headers["ratecast.error.message"]
        assert headers["ratecast.source.topic"].decode() == settings.input_topic
        assert headers["ratecast.source.offset"].isdigit()
        assert headers["trace"] == b"t-" + letter.key
        assert headers["null"] is None


async def test_odd_but_good_records_are_scored_and_their_headers_carried_over(settings):
    headers = [("traceparent", b"00-abc-def-01"), ("nothing", None)]
    async with running_worker(settings):
        await publish(settings, [(b"\xff\xfe", GOOD, []), (None, GOOD, []), (b"k", GOOD, headers)])
        predictions = await read(settings, settings.output_topic, 3)
    assert {record.key: list(record.headers) for record in predictions} == {
        b"\xff\xfe": [],
        b"EUR/GBP": [],  # a prediction without a key is keyed by its pair
        b"k": headers,
    }


async def test_a_dead_letter_too_large_for_its_topic_is_cut_and_says_so(settings):
    small = settings.model_copy(update={"topic_max_message_bytes": 2**17})
    await ensure_topics(small)
    wide = settings.model_copy(update={"input_topic": settings.input_topic + "-wide"})
    async with running_worker(wide):
        await publish(wide, [(b"k", BAD["2 MB of JSON"][0], []), (b"k", GOOD, [])])
        (letter,) = await read(wide, wide.dead_letter_topic, 1)
        assert len(await read(wide, wide.output_topic, 1)) == 1
    headers = dict(letter.headers)
    assert headers["ratecast.error.code"] == b"too_large"
    assert int(headers["ratecast.value.truncated"]) == len(BAD["2 MB of JSON"][0])
    assert BAD["2 MB of JSON"][0].startswith(letter.value)


async def test_two_workers_share_four_partitions_and_every_message_comes_out_once(settings):
    messages = [history(number, pair) for number in range(300) for pair in LEVELS]
    async with running_worker(settings) as first, running_worker(settings) as second:

        def assigned() -> list[list[int]]:
            return [worker.readiness()["assigned"] or [] for worker in (first, second)]

        await until(lambda: sorted(map(len, assigned())) == [2, 2])
        await publish(settings, messages)
        records = await read(settings, settings.output_topic, len(messages))
    identifiers = Counter(Prediction.model_validate_json(record.value).message_id for record in records)
    assert identifiers == {json.loads(value)["message_id"]: 1 for _, value, _ in messages}
    by_pair: dict[str, list[int]] = {}
    for record in sorted(records, key=lambda record: (record.partition, record.offset)):
        pair, number = Prediction.model_validate_json(record.value).message_id.split("#")
        by_pair.setdefault(pair, []).append(int(number))
    assert all(numbers == sorted(numbers) for numbers in by_pair.values()), "a pair keeps its order"


async def test_stopping_and_starting_workers_in_the_middle_loses_and_repeats_nothing(settings):
    messages = [history(number, pair) for number in range(400) for pair in LEVELS]
    publishing = None
    await ensure_topics(settings)
    for start in range(0, len(messages), 400):
        async with running_worker(settings):
            publishing = asyncio.create_task(publish(settings, messages[start : start + 400]))
            # Leave while the messages are still arriving.
            await asyncio.sleep(0)
        await publishing
    async with running_worker(settings):
        records = await read(settings, settings.output_topic, len(messages))
    identifiers = Counter(Prediction.model_validate_json(record.value).message_id for record in records)
    assert set(identifiers.values()) == {1}
    assert len(identifiers) == len(messages)


async def test_a_lone_message_is_scored_at_once(settings):
    async with running_worker(settings):
        loop = asyncio.get_running_loop()
        started = loop.time()
        await publish(settings, [history(1)])
        await read(settings, settings.output_topic, 1, quiet_seconds=0.1)
        assert loop.time() - started < 5, "a lone message waited for company"


async def test_metrics_and_health_are_served_and_count_what_happened(settings):
    async with running_worker(settings) as worker, aiohttp.ClientSession() as session:
        await publish(settings, [history(1), history(2, "EUR/JPY"), (b"k", b"{", [])])
        await publish(settings, [(b"k", b'{"history": [10, 20, 30]}', [])])
        await read(settings, settings.output_topic, 3)
        base = f"http://127.0.0.1:{worker.http.port}"
        async with session.get(f"{base}/health") as response:
            assert response.status == 200
        async with session.get(f"{base}/ready") as response:
            state = await response.json()
            assert (response.status, state["ready"], state["model"]) == (200, True, "test-1")
            assert state["assigned"] == [0, 1, 2, 3]
        async with session.get(f"{base}/nowhere/{'x' * 50}") as response:
            assert response.status == 404
        async with session.get(f"{base}/metrics") as response:
            text = await response.text()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['prediction_requests_total{pair="EUR/GBP"}'] == "2.0"
    assert lines['prediction_requests_total{pair="EUR/JPY"}'] == "1.0"
    assert lines['data_drift_requests_total{pair="EUR/GBP"}'] == "1.0"
    assert float(lines["data_drift_ratio"]) == pytest.approx(1 / 3)
    assert lines['dead_letters_total{code="invalid_json"}'] == "1.0"
    assert lines['dead_letters_total{code="too_large"}'] == "0.0"
    assert lines["predictions_published_total"] == "3.0"
    assert lines["inference_latency_seconds_count"] == "4.0"
    assert lines["message_latency_seconds_count"] == "4.0"
    assert lines['http_requests_total{endpoint="/health",method="GET",status="200"}'] == "1.0"
    assert lines['http_requests_total{endpoint="other",method="GET",status="404"}'] == "1.0"
    assert float(lines['transactions_total{outcome="committed"}']) >= 1
    assert lines["assigned_partitions"] == "4.0"
    assert lines['model_info{runtime="onnx",trained_until="2024-12-31",version="test-1"}'] == "1.0"
    lags = {name: value for name, value in lines.items() if name.startswith("consumer_lag")}
    assert len(lags) == 8
    assert set(lags.values()) == {"0.0"}
    consumed = [float(value) for name, value in lines.items() if name.startswith("messages_consumed_total{")]
    assert sum(consumed) == 4


async def test_an_absent_broker_ends_the_worker_with_one_clear_error(settings):
    absent = settings.model_copy(update={"bootstrap_servers": "127.0.0.1:1", "connect_timeout_seconds": 0.5})
    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1 answered within 0\.5 s"):
        await Worker(absent).run()


async def test_a_missing_model_ends_the_worker_with_the_command_that_makes_one(settings, tmp_path, caplog):
    caplog.set_level("INFO", "consumer.worker")
    with pytest.raises(ModelBundleError, match="ratecast train"):
        await Worker(settings.model_copy(update={"models_dir": tmp_path})).run()
    assert caplog.messages == [], "what never started has not stopped"


async def test_a_taken_http_port_is_a_usage_error(settings):
    async with running_worker(settings) as worker:
        taken = settings.model_copy(update={"http_port": worker.http.port})
        with pytest.raises(UsageError, match="RATECAST_HTTP_PORT"):
            await Worker(taken).run()


async def test_an_existing_topic_with_other_partitions_is_used_and_named(settings, caplog):
    await ensure_topics(settings.model_copy(update={"topic_partitions": 2}))
    async with running_worker(settings) as worker:
        assert worker.readiness()["assigned"] == [0, 1]
    assert "has 2 partitions, not the configured 4" in caplog.text


async def test_a_header_key_that_is_not_utf8_does_not_stop_its_partition(settings, monkeypatch):
    from aiokafka.consumer import fetcher
    from aiokafka.record.memory_records import MemoryRecords

    # The client's own, which raises: other tests of this process may have made it tolerant. Put back after the test.
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    await ensure_topics(settings)
    odd = batch_of(GOOD, GOOD, GOOD, headers=(("key", b"v"),))
    await publish_batch(settings, 0, altered(odd, odd.index(b"key"), 0xFF))  # the first record's
    async with running_worker(settings):
        predictions = await read(settings, settings.output_topic, 3)
    assert [record.headers for record in predictions] == [
        (("\\xffey", b"v"),),
        (("key", b"v"),),
        (("key", b"v"),),
    ]
    assert fetcher.MemoryRecords is not MemoryRecords  # the worker met it, and reads tolerantly from then on
