from __future__ import annotations

from ratecast.kafka.reader import open_reader
from ratecast.kafka.topics import ensure_topics
from tests.integration.workers import publish


def messages(*values: bytes) -> list[tuple[bytes, bytes, list]]:
    return [(b"k", value, []) for value in values]


async def test_what_comes_while_it_reads_to_the_end_is_there_at_the_next_time(settings, monkeypatch) -> None:
    """It was polled with the rest, left out for lying beyond the end, and never seen again."""
    await ensure_topics(settings)
    await publish(settings, messages(b"0", b"1"), partition=0)
    async with open_reader(settings, [settings.input_topic], from_beginning=True) as reader:
        end_offsets = reader._consumer.end_offsets

        async def then_more_comes(partitions):
            ends = await end_offsets(partitions)
            await publish(settings, messages(b"2", b"3"), partition=0)
            return ends

        monkeypatch.setattr(reader._consumer, "end_offsets", then_more_comes)
        first = [record.value async for batch in reader.batches(follow=False) for record in batch]
        monkeypatch.setattr(reader._consumer, "end_offsets", end_offsets)
        second = [record.value async for batch in reader.batches(follow=False) for record in batch]
    assert (first, second) == ([b"0", b"1"], [b"2", b"3"])
