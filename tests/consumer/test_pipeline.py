"""The pipeline's loop without a broker: what it publishes, commits and counts, and how it starts over."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import CorruptRecordException, KafkaError, MessageSizeTooLargeError

from consumer import pipeline as module
from consumer.publishing import Outgoing, OutputRejectedError
from ratecast.contract import commit_note
from ratecast.errors import FencedError, OperationError
from tests.consumer.pipeline_bench import NOTE, Bench, batch


async def test_a_batch_is_published_with_its_outcomes_and_its_offset_in_one_go():
    bench = Bench(batch(0, b"a", b"bad", b"c"))
    await bench.run_until_committed(3)
    assert bench.topics.published == [("rate-predictions", [b"a", b"c"]), ("rate-dead-letters", [b"bad"])]
    assert commit_note.decode(bench.topics.notes[0]) == NOTE
    assert (bench.topics.started, bench.topics.stopped) == (1, 1)
    assert bench.count("predictions_published_total") == 2
    assert bench.count("dead_letters_total", code="invalid_json") == 1


async def test_a_batch_of_nothing_but_dead_letters_moves_the_offset_too():
    bench = Bench(batch(0, b"bad"), batch(1, b"b"))
    await bench.run_until_committed(2)
    assert [topic for topic, _ in bench.topics.published] == ["rate-dead-letters", "rate-predictions"]


async def test_a_failed_transaction_starts_over_at_the_committed_offset_and_counts_nothing_twice():
    first, second = batch(0, b"a"), batch(1, b"b")
    bench = Bench(first, second, second, faults=[None, KafkaError("coordinator gone")])
    await bench.run_until_committed(2)
    assert bench.consumer.sought == [0, 1]
    assert (bench.topics.started, bench.topics.stopped) == (2, 2)
    assert bench.count("predictions_published_total") == 2
    assert bench.count("transactions_total", outcome="aborted") == 1
    assert bench.count("transactions_total", outcome="committed") == 2


async def test_the_shadow_model_gets_what_was_committed_and_nothing_twice():
    first, second = batch(0, b"a", b"bad"), batch(2, b"c")
    bench = Bench(first, first, second, second, faults=[KafkaError("gone"), None, KafkaError("gone")])
    await bench.run_until_committed(3)
    assert bench.for_the_shadow == [b"a", b"c"]


async def test_a_topic_that_changed_meanwhile_commits_nothing():
    bench = Bench(batch(0, b"a"), batch(0, b"a"))
    bench.identity.fault = KafkaError("made anew")
    await bench.run_until_committed(1)
    assert bench.topics.published == [("rate-predictions", [b"a"])]
    assert bench.topics.started == 2


async def test_a_fenced_pipeline_waits_for_a_session_timeout_before_it_takes_over_again():
    bench = Bench(batch(0, b"a"), batch(0, b"a"), faults=[FencedError("another owner")])
    await bench.run_until(lambda: bench.count("transactions_total", outcome="fenced") == 1)
    assert bench.topics.started == 1
    assert bench.topics.published == []


async def test_cancellations_that_the_client_lets_out_do_not_end_a_pipeline():
    bench = Bench(asyncio.CancelledError(), batch(0, b"a"))
    await bench.run_until_committed(1)
    assert bench.topics.started == 2


async def test_a_cancelled_pipeline_ends_and_releases_its_publisher():
    bench = Bench()
    running = asyncio.create_task(bench.pipeline.run())
    while not bench.topics.started:
        await asyncio.sleep(0.002)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bench.topics.stopped == 1


async def test_failing_for_longer_than_the_limit_ends_the_worker():
    faults = [KafkaError("no coordinator")] * 10_000
    bench = Bench(*[batch(0, b"a")] * 10_000, faults=faults, give_up_seconds=0.05)
    with pytest.raises(OperationError, match=r"failed for 0\.05 s"):
        await bench.run_until(lambda: False)


async def test_an_idle_partition_forgets_its_failures():
    bench = Bench(KafkaError("a broker restarted"))
    bench.consumer.at = 0
    await bench.run_until(lambda: bench.pipeline.recovery._since is None and bench.topics.started == 2)
    assert bench.topics.started == 2


async def test_a_batch_that_a_topic_refuses_as_too_large_goes_out_fitted():
    out = Outgoing("rate-predictions", 0, [])
    refusal = OutputRejectedError(out, MessageSizeTooLargeError())
    whole = batch(0, b"small", b"x" * 200)
    bench = Bench(whole, whole, faults=[refusal])
    await bench.run_until_committed(2)
    assert bench.limits.asked == ["rate-predictions"]
    assert bench.topics.published[0] == ("rate-predictions", [b"small"])
    assert bench.topics.published[1][0] == "rate-dead-letters"
    assert bench.count("dead_letters_total", code="too_large") == 1


async def test_a_batch_with_a_wrong_checksum_blocks_its_partition_and_nothing_else(monkeypatch):
    monkeypatch.setattr(module.tolerant_records, "install", lambda: False)
    bench = Bench(*[CorruptRecordException("crc")] * 5, batch(0, b"a"), give_up_seconds=0.001)
    seen = []

    def blocked_then_done() -> bool:
        seen.append(bench.pipeline.recovery.blocked)
        return bench.topics.committed == 1

    await bench.run_until(blocked_then_done)
    assert any("checksum is wrong" in (text or "") for text in seen)
    assert bench.pipeline.recovery.blocked is None


async def test_a_batch_that_tolerant_reading_gets_past_is_read_again_from_its_offset(monkeypatch):
    monkeypatch.setattr(module.tolerant_records, "install", lambda: True)
    bench = Bench(ValueError("odd bytes"), batch(0, b"a"))
    await bench.run_until_committed(1)
    assert bench.consumer.sought == [0, 0]
    assert bench.topics.started == 1
