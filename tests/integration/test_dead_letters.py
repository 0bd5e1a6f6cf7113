from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections import Counter

import pytest
from aiokafka import AIOKafkaProducer
from typer import Typer
from typer.testing import CliRunner

from producer.delivery import Outbox
from producer.redelivery import redeliver
from producer.redelivery_rules import RejectReason, Selection
from ratecast.contract.dead_letter_json import dead_letter_as_json
from ratecast.errors import OperationError, UsageError
from ratecast.kafka.client import client_options
from ratecast.kafka.reader import read_topic
from ratecast_cli import dead_letters_command as command
from tests.bad_records import GOOD
from tests.bundles import LEVELS, write_bundle
from tests.integration.test_audit import create_topics
from tests.integration.workers import publish, read, running_worker
from tests.producer import commands
from tests.rows import dead_letter

LONG = json.dumps({"history": [0.85, 0.86, 0.87], "padding": "x" * 2_000_000}).encode()


@pytest.fixture(autouse=True)
def _environment(settings, monkeypatch) -> None:
    for name, value in commands.variables(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("ratecast_cli.logs.configure_logging", lambda _: None)
    monkeypatch.setattr("ratecast_cli.logs.quiet_client", lambda _: None)
    # Signal handlers belong to the main thread, which runs the test's own loop.
    monkeypatch.setattr(command, "on_stop_signal", lambda _: contextlib.nullcontext())


async def run(*arguments: str):
    app = Typer()
    command.register(app)
    return await asyncio.to_thread(CliRunner().invoke, app, ["dead-letters", *arguments])


async def put(settings, letters, topic: str | None = None) -> None:
    """Dead letters as a worker writes them: (key, value, headers beside ours, code), all on partition 1."""
    await create_topics(settings)
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    try:
        for offset, (key, value, headers, code) in enumerate(letters):
            _, ours = dead_letter((topic or settings.input_topic, 0, offset), code)
            batch = producer.create_batch()  # send() refuses a record without key and value
            batch.append(timestamp=None, key=key, value=value, headers=[*headers, *ours])
            await (await producer.send_batch(batch, settings.dead_letter_topic, partition=1))
    finally:
        await producer.stop()


async def inputs(settings) -> list:
    reading = read_topic(settings, settings.input_topic, from_beginning=True, follow=False)
    return [record async for record in reading]


async def test_letters_are_listed_by_code_with_their_newest_and_where_they_lie(settings):
    letters = [(b"k", b"%d" % number, [], "invalid_json") for number in range(3)]
    await put(settings, [*letters, (b"\xff", b"\xff" * 500, [("ratecast.hops", b"2")], "invalid_encoding")])
    result = await run("list", "--json", "--limit", "2")
    assert result.exit_code == 0, result.exception
    first, second = json.loads(result.stdout)
    assert (first["code"], first["count"]) == ("invalid_json", 3)
    assert [(sample["partition"], sample["offset"]) for sample in first["samples"]] == [(1, 2), (1, 1)]
    assert first["samples"][0]["source"] == {
        "topic": settings.input_topic,
        "partition": 0,
        "offset": 2,
        "timestamp": 0,
    }
    assert (second["count"], second["samples"][0]["hops"]) == (1, 2)
    assert second["samples"][0]["value"] == {"base64": base64.b64encode(b"\xff" * 500).decode()}
    one = await run("list", "--code", "invalid_encoding")
    assert "invalid_encoding" in one.stdout
    assert "invalid_json" not in one.stdout
    assert f"at partition 1 offset 3, from {settings.input_topic}-0@3, redelivered 2 times" in one.stdout
    assert max(map(len, one.stdout.splitlines())) < 200


async def test_a_listed_value_is_whole_in_json(settings):
    whole = json.dumps({"history": [0.85, 0.86, 0.87], "pair": "EUR/DKK", "padding": "ü" * 2000})
    await put(settings, [(b"k", whole.encode(), [], "unknown_pair"), (b"k", None, [], "empty_value")])
    groups = json.loads((await run("list", "--json")).stdout)
    values = {group["code"]: group["samples"][0]["value"] for group in groups}
    assert values == {"unknown_pair": whole, "empty_value": None}


async def test_alone_the_command_shows_what_there_is(settings):
    result = await run()
    assert result.exit_code == 0
    assert "Missing command" not in result.output
    assert all(f" {name} " in result.stdout for name in ("list", "redeliver"))


async def test_a_topic_without_letters_is_said_to_be_empty(settings):
    await create_topics(settings)
    listed = await run("list")
    assert listed.exit_code == 0, repr(listed.exception)
    assert listed.stdout.strip() == f"no dead letters on {settings.dead_letter_topic}"
    assert json.loads((await run("list", "--json")).stdout) == []
    assert json.loads((await run("redeliver", "--all", "--json")).stdout)["chosen"] == 0


async def test_once_the_cause_is_mended_a_replayed_letter_is_scored_with_its_own_key_and_headers(
    settings, tmp_path, monkeypatch
):
    headers = [("trace", b"t"), ("null", None)]
    unknown = json.dumps({"history": [7.4, 7.5, 7.6], "pair": "EUR/DKK", "message_id": "m"}).encode()
    async with running_worker(settings):
        await publish(settings, [(b"EUR/DKK", unknown, headers), (None, LONG, []), (b"k", b"{", [])])
        await read(settings, settings.dead_letter_topic, 3, quiet_seconds=0.1)
    result = await run("redeliver", "--code", "unknown_pair", "--code", "too_large", "--json")
    assert result.exit_code == 0, result.exception
    summary = json.loads(result.stdout)
    assert (summary["chosen"], summary["published"], summary["refused"]) == (2, 2, {})
    assert summary["by_code"] == {"unknown_pair": 1, "too_large": 1}
    monkeypatch.setitem(LEVELS, "EUR/DKK", 7.5)
    write_bundle(tmp_path, "test-2")
    mended = settings.model_copy(update={"models_dir": tmp_path, "max_message_bytes": 3 * 2**20})
    async with running_worker(mended):
        records = await read(settings, settings.output_topic, 2, quiet_seconds=0.1)
    predictions = {record.key: record for record in records}
    assert set(predictions) == {b"EUR/DKK", b"EUR/GBP"}  # the message without a key gets its pair
    assert json.loads(predictions[b"EUR/DKK"].value)["message_id"] == "m"
    name, place = predictions[b"EUR/DKK"].headers[-1]
    assert list(predictions[b"EUR/DKK"].headers) == [*headers, ("ratecast.hops", b"1"), (name, place)]
    assert name == "ratecast.replayed.from"
    assert place in {f"{settings.dead_letter_topic}/{part}/0".encode() for part in range(4)}
    (again,) = [record for record in await inputs(settings) if dict(record.headers).get("trace") and
                dict(record.headers).get("ratecast.hops")]  # fmt: skip
    assert (again.key, again.value) == (b"EUR/DKK", unknown)


async def test_a_poison_record_is_refused_after_the_most_hops(settings):
    """Replayed whenever it comes back; workers carry the hops on."""
    async with running_worker(settings):
        await publish(settings, [(b"k", b"{", [("trace", b"t")])], partition=0)
        for hops in range(3):
            letters = await read(settings, settings.dead_letter_topic, hops + 1, quiet_seconds=0.1)
            newest = max(letters, key=lambda letter: int(dict(letter.headers).get("ratecast.hops", b"0")))
            assert dict(newest.headers).get("ratecast.hops", b"0") == b"%d" % hops
            only = Selection(partition=newest.partition, first=newest.offset, last=newest.offset)
            result = await redeliver(settings, only, max_hops=2)
            assert (result.chosen, result.published) == (1, int(hops < 2))
    assert len(letters) == 3
    place = json.loads((await run("list", "--json", "--limit", "9")).stdout)[0]["samples"]
    assert sorted(sample["hops"] for sample in place) == [0, 1, 2]
    source = dead_letter_as_json(newest)["source"]
    assert result.refused == {
        RejectReason.MAX_HOPS: [f"{settings.input_topic}-{source['partition']}@{source['offset']}"]
    }


async def test_what_cannot_be_replayed_is_refused_and_named(settings):
    await put(
        settings,
        [
            (b"k", b"cut", [("ratecast.value.truncated", b"99999")], "too_large"),
            (b"k", b"round", [("ratecast.hops", b"3")], "invalid_json"),
            (b"k", b"garbled hops", [("ratecast.hops", b"many")], "invalid_json"),
        ],
    )
    await put(settings, [(b"k", b"elsewhere", [], "invalid_json")], topic="another-topic")
    summary = json.loads((await run("redeliver", "--all", "--json")).stdout)
    topic = settings.input_topic
    assert summary["refused"] == {
        "cut": [f"{topic}-0@0"],
        "max_hops": [f"{topic}-0@1"],
        "elsewhere": ["another-topic-0@0"],
    }
    assert (summary["chosen"], summary["published"]) == (4, 1)
    (record,) = await inputs(settings)
    came_from = ("ratecast.replayed.from", f"{settings.dead_letter_topic}/1/2".encode())
    assert (record.value, list(record.headers)) == (b"garbled hops", [("ratecast.hops", b"1"), came_from])
    shown = await run("redeliver", "--all", "--max-hops", "9")
    assert f"{topic}-0@0" in shown.stdout
    assert f"{topic}-0@1" not in shown.stdout


async def test_an_offset_range_chooses_both_its_ends_and_a_code_narrows_it(settings):
    codes = ["invalid_json", "invalid_json", "invalid_rate", "invalid_json", "invalid_json"]
    await put(settings, [(b"k", b"%d" % number, [], code) for number, code in enumerate(codes)])
    arguments = ("--partition", "1", "--from-offset", "1", "--to-offset", "3", "--code", "invalid_json")
    result = await run("redeliver", *arguments)
    assert result.exit_code == 0, result.exception
    assert [record.value for record in await inputs(settings)] == [b"1", b"3"]
    assert (await run("redeliver", "--partition", "0")).exit_code == 0
    assert isinstance((await run("redeliver", "--partition", "4")).exception, UsageError)


async def test_a_key_goes_where_every_client_puts_it_and_keeps_its_order(settings):
    letters = [(b"%d" % (number % 7), b"%d" % number, [], "invalid_json") for number in range(70)]
    await put(settings, letters)
    await run("redeliver", "--all")
    replayed = await inputs(settings)
    await publish(settings, [(b"%d" % key, GOOD, []) for key in range(7)])
    partitions = {record.key: record.partition for record in await inputs(settings) if record.value == GOOD}
    assert len(replayed) == 70
    assert all(record.partition == partitions[record.key] for record in replayed)
    for key in partitions:
        numbers = [int(record.value) for record in replayed if record.key == key]
        assert numbers == sorted(numbers)


async def test_a_dry_run_publishes_nothing_and_replaying_twice_publishes_once(settings):
    await put(settings, [(b"k", b"{", [], "invalid_json"), (None, None, [], "empty_value")])
    dry = await run("redeliver", "--all", "--dry-run", "--json")
    assert await inputs(settings) == []
    summary = json.loads(dry.stdout)
    assert (summary["accepted"], summary["published"], summary["dry_run"]) == (2, 0, True)
    assert "would be published" in (await run("redeliver", "--all", "--dry-run")).stdout
    once = {(b"k", b"{"): 1, (None, None): 1}
    await run("redeliver", "--code", "empty_value")
    assert json.loads((await run("redeliver", "--all", "--dry-run", "--json")).stdout)["accepted"] == 1
    await run("redeliver", "--all")
    result = await run("redeliver", "--all", "--json")
    assert Counter((record.key, record.value) for record in await inputs(settings)) == once
    summary, topic = json.loads(result.stdout), settings.input_topic
    assert (result.exit_code, summary["published"]) == (0, 0)
    assert summary["refused"] == {"replayed": [f"{topic}-0@0", f"{topic}-0@1"]}
    shown = (await run("redeliver", "--all")).stdout
    assert (
        f"rejected, already redelivered; --again redelivers it once more: {topic}-0@0, {topic}-0@1\n" in shown
    )
    assert (await run("redeliver", "--all", "--again")).exit_code == 0
    assert Counter((record.key, record.value) for record in await inputs(settings)) == {
        key: 2 * count for key, count in once.items()
    }


async def test_a_record_that_fails_again_is_a_new_letter_and_replayed_once(settings):
    unknown = json.dumps({"history": [7.4, 7.5, 7.6], "pair": "EUR/DKK"}).encode()
    async with running_worker(settings):
        await publish(settings, [(b"EUR/DKK", unknown, [])] * 3)
        await read(settings, settings.dead_letter_topic, 3, quiet_seconds=0.1)
        for hops in (1, 2, 3):
            summary = json.loads((await run("redeliver", "--code", "unknown_pair", "--json")).stdout)
            assert (summary["chosen"], summary["published"]) == (3 * hops, 3)
            assert list(summary["refused"]) == (["replayed"] if hops > 1 else [])
            letters = await read(settings, settings.dead_letter_topic, 3 * (hops + 1), quiet_seconds=0.1)
            assert len(letters) == 3 * (hops + 1)
        summary = json.loads((await run("redeliver", "--code", "unknown_pair", "--json")).stdout)
    assert {reason: len(places) for reason, places in summary["refused"].items()} == {
        "replayed": 9,
        "max_hops": 3,
    }
    assert len(await inputs(settings)) == 3 + 9


async def test_a_replay_that_was_cut_off_in_the_middle_is_completed_by_the_next(settings, monkeypatch):
    count, send = 5, Outbox.send

    async def break_down(self, records, first):
        await send(self, records[:2], first)
        await self.settle()
        raise TimeoutError("some records were not acknowledged")

    await put(settings, [(b"k", b"%d" % number, [], "invalid_json") for number in range(count)])
    with monkeypatch.context() as broken:
        broken.setattr(Outbox, "send", break_down)
        result = await run("redeliver", "--all")
    assert isinstance(result.exception, OperationError)
    assert "skips what was already published" in str(result.exception)
    cut_off = len(await inputs(settings))
    assert 0 < cut_off < count
    assert json.loads((await run("redeliver", "--all", "--json")).stdout)["published"] == count - cut_off
    values = [record.value for record in await inputs(settings)]
    assert values == [b"%d" % number for number in range(count)]


async def test_replayed_records_are_found_behind_an_open_transaction_and_beside_odd_headers(settings):
    """A feed may publish in transactions; headers may say anything, or name another topic's letters."""
    await put(settings, [(b"k", b"{", [], "invalid_json")])
    place = (settings.input_topic, 0, 0)
    _, ours = dead_letter(place, "invalid_json")
    foreign = [(None, b"f", [("ratecast.replayed.from", b"elsewhere/1/0"), *ours])]
    await publish(settings, foreign)
    odd = [(None, b"o", [("ratecast.replayed.from", value)]) for value in (b"", b"a/b", None, b"\xff/1/0")]
    await publish(settings, odd)
    feed = AIOKafkaProducer(**client_options(settings), transactional_id=f"feed-{settings.input_topic}")
    await feed.start()
    try:
        await feed.begin_transaction()
        for partition in range(4):
            await feed.send_and_wait(settings.input_topic, GOOD, partition=partition)
        published = [
            json.loads((await run("redeliver", "--all", "--json")).stdout)["published"] for _ in range(2)
        ]
        await feed.abort_transaction()
    finally:
        await feed.stop()
    assert published == [1, 0]
    assert [record.value for record in await inputs(settings)].count(b"{") == 1


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ((), "nothing is chosen"),
        (("--from-offset", "1"), "need --partition"),
        (("--partition", "0", "--from-offset", "2", "--to-offset", "1"), "is after"),
        (("--all", "--code", "invalid_json"), "contradicts"),
        (("--all", "--pair", "EUR/USD"), "contradicts"),
    ],
)
async def test_without_a_clear_choice_nothing_is_replayed(arguments, fault):
    result = await run("redeliver", *arguments)
    assert isinstance(result.exception, UsageError)
    assert fault in str(result.exception)


async def test_an_interrupted_replay_says_how_to_go_on(settings, monkeypatch):
    def stop_at_once(react):
        react()
        return contextlib.nullcontext()

    monkeypatch.setattr(command, "on_stop_signal", stop_at_once)
    await put(settings, [(b"k", b"{", [], "invalid_json")])
    result = await run("redeliver", "--all", "--again")
    assert result.exit_code == 130
    assert "continue with --partition 1 --from-offset 1;" in result.stderr
    assert len(await inputs(settings)) == 1
    result = await run("redeliver", "--all")
    assert result.exit_code == 130
    assert result.stderr == "interrupted: run the command again: it skips what was already published\n"
    assert len(await inputs(settings)) == 1


async def test_a_refused_delivery_is_one_clear_error_that_says_how_to_go_on(settings):
    narrow = settings.model_copy(update={"topic_max_message_bytes": 2**16})
    await create_topics(narrow)
    await put(settings, [(b"k", b"x" * 100_000, [], "invalid_json")])
    with pytest.raises(
        OperationError,
        match=r"0 dead letters were redelivered, then an error occurred: .*run the command again",
    ):
        await redeliver(settings, Selection(), max_hops=3)
