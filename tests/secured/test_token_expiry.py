"""Connections whose token expires: the broker closes them, and nothing is lost."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from ratecast.kafka.oauth_tokens import token_source
from ratecast.kafka.reader import open_reader
from ratecast.kafka.rights import Operation, Resource, Right
from ratecast.kafka.topics import ensure_topics
from tests.brokers import settings_of_its_own
from tests.integration.workers import publish, until
from tests.secured.secured_kafka import allow
from tests.secured.test_connections import with_tokens

if TYPE_CHECKING:
    from pathlib import Path

    from tests.secured.secured_kafka import SecuredKafka

LIFETIME_SECONDS = 2.0


async def test_a_reader_goes_on_when_its_token_has_expired(kafka: SecuredKafka, models_dir: Path) -> None:
    token_source.cache_clear()
    everything = settings_of_its_own(kafka.address("PLAINTEXT"), models_dir, topic_partitions=1)
    given = {name: getattr(everything, name) for name in everything.model_fields_set}
    settings = type(everything)(**{**given, **with_tokens(kafka)})
    await ensure_topics(everything)
    await allow(everything, [("desk", Right(Operation.READ, Resource.INPUT), settings.input_topic)])
    await publish(everything, [(b"k", b"before", [])])
    kafka.tokens.lifetime_seconds, before = LIFETIME_SECONDS, kafka.tokens.lifetime_seconds
    tokens = len(kafka.tokens.forms)
    read: list[bytes | None] = []
    try:
        async with (
            open_reader(settings, [settings.input_topic], from_beginning=True) as reader,
            aclosing(reader.batches(follow=True)) as batches,
        ):
            read += [record.value for record in await anext(batches)]
            # Only a new connection asks for a new token; a request still waiting on the old one would be answered.
            await until(lambda: len(kafka.tokens.forms) - tokens > 1)
            await publish(everything, [(b"k", b"after", [])])
            read += [record.value for record in await anext(batches)]
    finally:
        kafka.tokens.lifetime_seconds = before
        token_source.cache_clear()
    assert read == [b"before", b"after"]
